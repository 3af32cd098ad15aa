//! 命令: what can be asked of a case's file.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::{
    CaseFacts, CaseId, ConsultationId, Duty, HandlingMode, OperationId, PersonCode, PostCode, PowerItemCode, Role,
    SupervisionOrderId, Track, UnitCode, WorkOrderId,
};

use crate::case::{Conclusion, EndedBecause, EscalationGround, SettlingReason};
use crate::consultation::Stance;
use crate::deadline::Deadline;
use crate::evidence::Evidence;
use crate::list::Lists;
use crate::order::{DeadlineState, Outcome, Pressed};
use crate::refusal::Refusal;
use crate::share::Ground;

/// 引用: what a unit rests on, by the item's code or by the article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cited {
    /// An item of the lists; its article is the list's to say.
    Item(PowerItemCode),
    /// An article.
    Article(vocab::Citation),
}

/// A share of a ruling as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedShare {
    /// Who.
    pub unit: UnitCode,
    /// Which part.
    pub role: Role,
    /// Which duty.
    pub duty: Duty,
    /// On what it rests; at least one.
    pub cited: Vec<Cited>,
}

/// 先例范围: how far a ruling reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// 本镇（街道）.
    Town,
    /// 全县.
    County,
}

/// 后续处置: what one body does after an operation, in its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// Who.
    pub unit: UnitCode,
    /// What.
    pub duty: Duty,
    /// On which items.
    pub items: Vec<PowerItemCode>,
}

/// 接办单位: who takes a follow-up that was meant for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taker {
    /// Who.
    pub unit: UnitCode,
    /// On which items; none where it goes on with those the follow-up rests on.
    pub items: BTreeSet<PowerItemCode>,
}

/// What can be asked of a case's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// 门诊答复.
    AnswerDiagnosis {
        /// Who.
        unit: UnitCode,
        /// What it says.
        stance: Stance,
        /// What it cites.
        cited: Cited,
    },
    /// 作出诊断, by a coordinator or because the time is over.
    MakeDiagnosis,
    /// 受理.
    Accept {
        /// Its number.
        case_no: String,
        /// The facts as they stand.
        facts: CaseFacts,
        /// When.
        accepted_at: Timestamp,
        /// How it is handled.
        mode: Option<HandlingMode>,
        /// On which track.
        track: Option<Track>,
    },
    /// 补充事实. A consultation ends with them where the lists give an answer now; one that an upheld objection asked for
    /// only where that answer is another one than was objected to, and not at all where a ruling had bound the order.
    AddFacts {
        /// All facts as they stand.
        facts: CaseFacts,
    },
    /// 并案.
    Link {
        /// The case that is handled for both.
        head: CaseId,
    },
    /// 不予受理、移送、撤回、结案.
    End {
        /// Why.
        because: EndedBecause,
    },
    /// 移送退回: registered again.
    ReturnFromRoute {
        /// All facts as they stand.
        facts: CaseFacts,
    },
    /// 二次办理.
    Reopen {
        /// The round that begins.
        round: u32,
        /// All facts as they stand.
        facts: Option<CaseFacts>,
    },
    /// 会商表态.
    TakePosition {
        /// In which consultation.
        consultation: ConsultationId,
        /// Who.
        unit: UnitCode,
        /// What it says.
        stance: Stance,
        /// What it cites.
        cited: Cited,
    },
    /// 表态期满.
    EndAnswers {
        /// Of which consultation.
        consultation: ConsultationId,
    },
    /// 裁定逾期.
    RemindOfRuling {
        /// In which consultation.
        consultation: ConsultationId,
    },
    /// 裁定.
    Rule {
        /// Which consultation it ends.
        consultation: ConsultationId,
        /// Who owes what.
        shares: Vec<AskedShare>,
        /// How far it reaches.
        reach: Reach,
    },
    /// 签收.
    Acknowledge {
        /// Which order.
        order: WorkOrderId,
    },
    /// 异议.
    Object {
        /// To which order.
        order: WorkOrderId,
        /// What the unit cites.
        cited: Cited,
    },
    /// 异议审查.
    DecideObjection {
        /// Of which order.
        order: WorkOrderId,
        /// True where the unit is right.
        upheld: bool,
    },
    /// 进展报告.
    Report {
        /// On which order.
        order: WorkOrderId,
    },
    /// 办结工单.
    CompleteOrder {
        /// Which order.
        order: WorkOrderId,
        /// What came of it.
        outcome: Outcome,
        /// The proof.
        evidence: Evidence,
    },
    /// 改派.
    Reassign {
        /// Which order.
        order: WorkOrderId,
        /// To whom.
        person: PersonCode,
        /// In which post.
        post: Option<PostCode>,
    },
    /// 期限变更.
    ChangeDeadline {
        /// Of which order.
        order: WorkOrderId,
        /// The new one.
        to: Deadline,
    },
    /// 期限状态变化.
    SeeDeadline {
        /// Of which order.
        order: WorkOrderId,
        /// How it stands now.
        state: DeadlineState,
    },
    /// 督办.
    Press {
        /// Which order.
        order: WorkOrderId,
        /// How.
        pressed: Pressed,
    },
    /// 督办回复.
    PressAnswered {
        /// Which supervision order.
        order: SupervisionOrderId,
        /// When.
        at: Timestamp,
    },
    /// 提请联合执法.
    Escalate {
        /// Who asks.
        unit: UnitCode,
        /// The legal situation.
        ground: EscalationGround,
        /// Units to take part beside those with a share.
        invited: Vec<UnitCode>,
    },
    /// 联合行动已立: scheduling gave it an id.
    OperationNamed {
        /// The id.
        operation: OperationId,
    },
    /// 联合行动未成: rejected or cancelled.
    OperationFailed {
        /// Which.
        operation: OperationId,
        /// Why, a code.
        reason: String,
    },
    /// 联合行动结束.
    OperationConcluded {
        /// Which.
        operation: OperationId,
        /// Each body's own follow-up.
        follow_ups: Vec<FollowUp>,
    },
    /// 离任交接: a publication may have changed who is there and what is on the lists. What waits for a unit is tried again, and
    /// open orders go from whoever has left to whoever answers for the unit now.
    HandOver,
    /// 后续处置了结: one that waits goes to a unit that can take it, or is ended.
    SettleFollowUp {
        /// Of which operation.
        operation: OperationId,
        /// For whom it was meant.
        unit: UnitCode,
        /// Who takes it; nobody where it is ended.
        to: Option<Taker>,
        /// Why.
        reason: SettlingReason,
    },
    /// 办理完毕.
    CompleteCase {
        /// Who says so.
        unit: UnitCode,
        /// What it came to.
        conclusion: Conclusion,
        /// The lead's own order, where it is completed with this.
        own: Option<(Outcome, Evidence)>,
    },
    /// 结案审核退回: a share goes back to its holder.
    RefuseClosing {
        /// Which order; none means the lead's.
        order: Option<WorkOrderId>,
    },
}

impl Command {
    /// The verb, for a refusal.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::AnswerDiagnosis { .. } => "answered",
            Self::MakeDiagnosis => "diagnosed",
            Self::Accept { .. } => "accepted",
            Self::AddFacts { .. } => "given facts",
            Self::Link { .. } => "linked",
            Self::End { .. } => "ended",
            Self::ReturnFromRoute { .. } => "returned",
            Self::Reopen { .. } => "reopened",
            Self::TakePosition { .. } => "answered",
            Self::EndAnswers { .. } | Self::RemindOfRuling { .. } => "timed out",
            Self::Rule { .. } => "ruled",
            Self::Acknowledge { .. } => "acknowledged",
            Self::Object { .. } => "objected to",
            Self::DecideObjection { .. } => "decided upon",
            Self::Report { .. } => "reported on",
            Self::CompleteOrder { .. } | Self::CompleteCase { .. } => "completed",
            Self::Reassign { .. } => "reassigned",
            Self::ChangeDeadline { .. } => "given another deadline",
            Self::SeeDeadline { .. } => "watched",
            Self::Press { .. } | Self::PressAnswered { .. } => "pressed",
            Self::Escalate { .. } => "escalated",
            Self::OperationNamed { .. } | Self::OperationFailed { .. } | Self::OperationConcluded { .. } => {
                "joined with an operation"
            }
            Self::HandOver => "handed over",
            Self::SettleFollowUp { .. } => "relieved of a follow-up",
            Self::RefuseClosing { .. } => "refused",
        }
    }
}

impl Cited {
    /// The ground it stands for, where the lists know the item.
    pub fn ground(&self, lists: &Lists) -> Result<Ground, Refusal> {
        match self {
            Self::Article(citation) => Ok(Ground { item: None, citation: citation.clone() }),
            Self::Item(code) => lists
                .rows_of(code)
                .next()
                .map(|row| Ground { item: Some(code.clone()), citation: row.citation.clone() })
                .ok_or_else(|| Refusal::UnknownItem { item: code.clone() }),
        }
    }
}
