//! Why an operation refuses a command, so that a clerk can say it.

use jiff::Timestamp;
use vocab::{Duty, PowerItemCode, UnitCode};

use crate::words::{minute_en, minute_zh};
use crate::{Breach, Words};

/// 不予办理的理由.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not in this stage.
    #[error("an operation that is {} cannot be {}", stage.1, verb.1)]
    OutOfTurn {
        /// The stage, Chinese and English.
        stage: (&'static str, &'static str),
        /// The command, Chinese and English.
        verb: (&'static str, &'static str),
    },
    /// The unit has no part in it.
    #[error("{unit} takes no part in it")]
    NotParticipant {
        /// The unit.
        unit: UnitCode,
    },
    /// Only the lead or the centre may.
    #[error("only the lead {lead} or the centre may do this")]
    LeadOnly {
        /// The lead.
        lead: UnitCode,
    },
    /// A unit writes down what itself found.
    #[error("a supporting unit writes down its own findings only")]
    OwnFindingsOnly,
    /// People break hard rules; all of them at once.
    #[error("{} hard rules are broken", .0.len())]
    HardRules(Vec<Breach>),
    /// A plan that leaves out the lead, or names a stranger.
    #[error("the plan does not fit the participants: {unit}")]
    PlanDoesNotFit {
        /// The unit that is missing or strange.
        unit: UnitCode,
    },
    /// Check-in opens later.
    #[error("check-in opens at {opens_at}")]
    TooEarly {
        /// When.
        opens_at: Timestamp,
    },
    /// The slot has passed.
    #[error("the slot ended at {ended_at}")]
    SlotOver {
        /// When.
        ended_at: Timestamp,
    },
    /// Already on the spot.
    #[error("{unit} has checked in already")]
    AlreadyHere {
        /// The unit.
        unit: UnitCode,
    },
    /// Not every enforcing body is there.
    #[error("{} enforcing bodies are not there yet", .missing.len())]
    NotAllHere {
        /// Who is missing.
        missing: Vec<UnitCode>,
    },
    /// The law forbids it at this hour.
    #[error("{}", .0.en)]
    ForbiddenNow(Words),
    /// Nothing was recorded.
    #[error("nothing has been recorded")]
    NoRecord,
    /// Two follow-ups of one unit and duty.
    #[error("{unit} is given the same duty twice")]
    FollowUpTwice {
        /// The unit.
        unit: UnitCode,
    },
    /// A duty the unit has no part in.
    #[error("{unit} does not owe this duty here")]
    DutyNotOwed {
        /// The unit.
        unit: UnitCode,
        /// The duty.
        duty: Duty,
    },
    /// An item the unit did not come with.
    #[error("{unit} does not act on {item} here")]
    ItemNotOwed {
        /// The unit.
        unit: UnitCode,
        /// The item.
        item: PowerItemCode,
    },
    /// Neither the record nor the follow-up says what the unit found.
    #[error("no finding of {unit} is recorded")]
    FindingMissing {
        /// The unit.
        unit: UnitCode,
    },
    /// The follow-up contradicts the record.
    #[error("the finding of {unit} differs from the record")]
    FindingDiffers {
        /// The unit.
        unit: UnitCode,
    },
}

impl Refusal {
    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::OutOfTurn { .. } => "scheduling.out_of_turn",
            Self::NotParticipant { .. } => "scheduling.not_participant",
            Self::LeadOnly { .. } => "scheduling.lead_only",
            Self::OwnFindingsOnly => "scheduling.own_findings_only",
            Self::HardRules(breaches) => hard_rule_reason(breaches),
            Self::PlanDoesNotFit { .. } => "scheduling.plan_does_not_fit",
            Self::TooEarly { .. } => "scheduling.too_early",
            Self::SlotOver { .. } => "scheduling.slot_over",
            Self::AlreadyHere { .. } => "scheduling.already_checked_in",
            Self::NotAllHere { .. } => "scheduling.not_all_here",
            Self::ForbiddenNow(_) => "scheduling.forbidden_slot",
            Self::NoRecord => "scheduling.no_record",
            Self::FollowUpTwice { .. } => "scheduling.follow_up_twice",
            Self::DutyNotOwed { .. } => "scheduling.duty_not_owed",
            Self::ItemNotOwed { .. } => "scheduling.item_not_owed",
            Self::FindingMissing { .. } => "scheduling.finding_missing",
            Self::FindingDiffers { .. } => "scheduling.finding_differs",
        }
    }

    /// What a clerk can say.
    #[must_use]
    pub fn say(&self) -> Words {
        match self {
            Self::OutOfTurn { stage, verb } => Words::new(
                format!("联合行动{}, 不能{}", stage.0, verb.0),
                format!("an operation that is {} cannot be {}", stage.1, verb.1),
            ),
            Self::HardRules(breaches) => Words::joined(breaches.iter().map(Breach::say).collect::<Vec<_>>().iter()),
            Self::TooEarly { opens_at } => Words::new(
                format!("到场登记自 {} 起开放", minute_zh(*opens_at)),
                format!("check-in opens at {}", minute_en(*opens_at)),
            ),
            Self::SlotOver { ended_at } => Words::new(
                format!("行动时段已于 {} 结束, 请改期", minute_zh(*ended_at)),
                format!("the slot ended at {}; reschedule the operation", minute_en(*ended_at)),
            ),
            Self::NotAllHere { missing } => {
                let missing = missing.iter().map(UnitCode::as_str).collect::<Vec<_>>().join(", ");
                Words::new(format!("执法单位尚未全部到场: {missing}"), format!("not there yet: {missing}"))
            }
            Self::ForbiddenNow(words) => words.clone(),
            other => Words::new(other.short_zh(), other.to_string()),
        }
    }

    fn short_zh(&self) -> String {
        match self {
            Self::NotParticipant { unit } => format!("{unit} 不是参与单位"),
            Self::LeadOnly { lead } => format!("只有牵头单位 {lead} 或联合执法中心可以办理"),
            Self::OwnFindingsOnly => "协办单位只能记录本单位的认定".to_owned(),
            Self::PlanDoesNotFit { unit } => format!("方案与参与单位不符: {unit}"),
            Self::AlreadyHere { unit } => format!("{unit} 已到场登记"),
            Self::NoRecord => "尚无现场记录, 不能结束".to_owned(),
            Self::FollowUpTwice { unit } => format!("{unit} 的同一职责重复列出"),
            Self::DutyNotOwed { unit, duty } => format!("{unit} 在本次行动中不承担“{}”职责", duty.zh()),
            Self::ItemNotOwed { unit, item } => format!("{unit} 在本次行动中不行使事项 {item}"),
            Self::FindingMissing { unit } => format!("没有 {unit} 的现场认定"),
            Self::FindingDiffers { unit } => format!("{unit} 的认定与现场记录不一致"),
            other => other.to_string(),
        }
    }
}

/// A certificate that does not count has a reason of its own: journeys and clients look for it.
fn hard_rule_reason(breaches: &[Breach]) -> &'static str {
    use crate::Bar;
    let bars = || {
        breaches.iter().filter_map(|breach| match breach {
            Breach::Person { bar, .. } => Some(bar),
            Breach::TooFew { .. } => None,
        })
    };
    let certificate =
        |bar: &Bar| matches!(bar, Bar::NoCertificate | Bar::NotYetValid { .. } | Bar::Expired { .. } | Bar::Suspended);
    if bars().any(certificate) {
        "scheduling.certificate_invalid"
    } else if bars().any(|bar| *bar == Bar::Recused) {
        "scheduling.recused"
    } else if bars().any(|bar| *bar == Bar::Booked) {
        "scheduling.double_booked"
    } else if bars().next().is_some() {
        "scheduling.officer_not_eligible"
    } else {
        "scheduling.too_few_officers"
    }
}
