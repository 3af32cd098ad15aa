//! 回访: one call to one complainant about one round of handling, from the draw to the last word on it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vocab::CallbackId;

use crate::event::Event;
use crate::refusal::Refusal;
use crate::scheme::Deadline;

/// 意见: what a complainant who was reached said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Opinion {
    /// 响应: the handling unit was in touch.
    pub responded: bool,
    /// 解决: the problem is solved.
    pub resolved: bool,
    /// 满意: the complainant is satisfied.
    pub satisfied: bool,
}

/// 回访结果: an opinion, or that nobody answered; who was not reached has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 未接通.
    NotReached,
    /// 已接通.
    Reached(Opinion),
}

/// 经办人: who did something here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Official {
    /// The account.
    pub account: String,
    /// The unit.
    pub unit: String,
    /// The person of the unit, a code; empty for a machine.
    #[serde(default)]
    pub person: String,
}

impl Official {
    /// True of one person, whatever the account.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let same_person = !self.person.is_empty() && self.unit == other.unit && self.person == other.person;
        self.account == other.account || same_person
    }
}

/// 未接通的一次: a call that nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// Who called.
    pub by: Official,
}

/// 通话: a call in which the complainant was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What was said.
    pub opinion: Opinion,
    /// When.
    pub at: Timestamp,
    /// Who called.
    pub by: Official,
}

/// 甄别决定: when and by whom; the panel's words are kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// When.
    pub at: Timestamp,
    /// Who decided.
    pub by: Official,
}

/// Where a call-back stands, with the facts that are true there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// 待回访.
    Drawn,
    /// 已回访.
    Recorded {
        /// The call.
        call: Call,
    },
    /// 未接通: tried as often as the scheme asks.
    Unreached {
        /// When the last call failed.
        at: Timestamp,
    },
    /// 待甄别: dissatisfied again.
    Adjudication {
        /// The call.
        call: Call,
    },
    /// 甄别成立.
    Upheld {
        /// The call.
        call: Call,
        /// The decision.
        verdict: Verdict,
    },
    /// 甄别不成立: openly left out of the scores.
    Excluded {
        /// The call.
        call: Call,
        /// The decision.
        verdict: Verdict,
    },
    /// 已失效: the case was taken up again before the call was made.
    Lapsed {
        /// When.
        at: Timestamp,
    },
}

/// 状态: the name of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// 待回访.
    Drawn,
    /// 已回访.
    Recorded,
    /// 未接通.
    Unreached,
    /// 待甄别.
    Adjudication,
    /// 甄别成立.
    Upheld,
    /// 甄别不成立.
    Excluded,
    /// 已失效.
    Lapsed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Drawn, Self::Recorded, Self::Unreached, Self::Adjudication, Self::Upheld, Self::Excluded, Self::Lapsed];

    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drawn => "drawn",
            Self::Recorded => "recorded",
            Self::Unreached => "unreached",
            Self::Adjudication => "adjudication",
            Self::Upheld => "upheld",
            Self::Excluded => "excluded",
            Self::Lapsed => "lapsed",
        }
    }

    /// The state of a code.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == code)
    }

    /// In Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Drawn => "待回访",
            Self::Recorded => "已回访",
            Self::Unreached => "未接通",
            Self::Adjudication => "待甄别",
            Self::Upheld => "甄别成立",
            Self::Excluded => "甄别不成立",
            Self::Lapsed => "已失效",
        }
    }

    /// In English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Drawn => "waiting",
            Self::Recorded => "recorded",
            Self::Unreached => "closed without an answer",
            Self::Adjudication => "before the panel",
            Self::Upheld => "upheld by the panel",
            Self::Excluded => "left out by the panel",
            Self::Lapsed => "lapsed",
        }
    }
}

/// What can be done with a call-back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// 登记: a call was made.
    Record {
        /// What came of it.
        answer: Answer,
        /// Who called.
        by: Official,
    },
    /// 甄别.
    Decide {
        /// True where the complainant is right.
        upheld: bool,
        /// Who decides.
        by: Official,
    },
}

/// 办理动作: the name of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// 登记.
    Record,
    /// 甄别.
    Decide,
}

impl Verb {
    /// In Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Record => "登记",
            Self::Decide => "甄别",
        }
    }

    /// In English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Record => "recorded",
            Self::Decide => "adjudicated",
        }
    }
}

/// What a decision about a call-back must know beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// How often a complainant is tried.
    pub attempts: u32,
    /// True where the case was rated dissatisfied in an earlier call-back.
    pub dissatisfied_before: bool,
}

/// 回访. It does not say who handled the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Its id.
    pub id: CallbackId,
    /// The round that is rated.
    pub round: u32,
    /// When it was drawn.
    pub drawn_at: Timestamp,
    /// Until when it should be made.
    pub deadline: Deadline,
    /// True where it was not made in time.
    #[serde(default)]
    pub overdue: bool,
    /// Calls that nobody answered.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Where it stands.
    #[serde(flatten)]
    pub stage: Stage,
}

impl Callback {
    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.stage {
            Stage::Drawn => State::Drawn,
            Stage::Recorded { .. } => State::Recorded,
            Stage::Unreached { .. } => State::Unreached,
            Stage::Adjudication { .. } => State::Adjudication,
            Stage::Upheld { .. } => State::Upheld,
            Stage::Excluded { .. } => State::Excluded,
            Stage::Lapsed { .. } => State::Lapsed,
        }
    }

    /// The call in which the complainant was reached, if there was one.
    #[must_use]
    pub const fn call(&self) -> Option<&Call> {
        match &self.stage {
            Stage::Recorded { call }
            | Stage::Adjudication { call }
            | Stage::Upheld { call, .. }
            | Stage::Excluded { call, .. } => Some(call),
            Stage::Drawn | Stage::Unreached { .. } | Stage::Lapsed { .. } => None,
        }
    }

    /// The panel's decision, if there is one.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        match &self.stage {
            Stage::Upheld { verdict, .. } | Stage::Excluded { verdict, .. } => Some(verdict),
            _ => None,
        }
    }

    /// True where the complainant said so, whatever a panel made of it.
    #[must_use]
    pub fn is_dissatisfied(&self) -> bool {
        self.call().is_some_and(|call| !call.opinion.satisfied)
    }

    /// Since when a person must act on it; none where nobody must.
    #[must_use]
    pub const fn waits_since(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Drawn => Some(self.drawn_at),
            Stage::Adjudication { call } => Some(call.at),
            _ => None,
        }
    }

    /// When the call-back ended: with an opinion, with the last call that failed, or because it lapsed.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Drawn => None,
            Stage::Unreached { at } | Stage::Lapsed { at } => Some(*at),
            Stage::Recorded { call }
            | Stage::Adjudication { call }
            | Stage::Upheld { call, .. }
            | Stage::Excluded { call, .. } => Some(call.at),
        }
    }

    /// Every legal move, in one table. What is not listed is refused and changes nothing.
    pub fn decide(
        &mut self,
        command: Command,
        circumstances: Circumstances,
        at: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        match (&self.stage, command) {
            (Stage::Drawn, Command::Record { answer: Answer::NotReached, by }) => {
                Ok(self.not_reached(by, circumstances, at))
            }
            (Stage::Drawn, Command::Record { answer: Answer::Reached(opinion), by }) => {
                Ok(self.reached(Call { opinion, at, by }, circumstances))
            }
            (Stage::Adjudication { call }, Command::Decide { by, .. }) if call.by.is_same_as(&by) => {
                Err(Refusal::MadeTheCall)
            }
            (Stage::Adjudication { call }, Command::Decide { upheld, by }) => {
                let (call, verdict) = (call.clone(), Verdict { at, by });
                self.stage = if upheld { Stage::Upheld { call, verdict } } else { Stage::Excluded { call, verdict } };
                Ok(vec![Event::AdjudicationDecided { callback: self.id, upheld, at }])
            }
            (_, command) => Err(Refusal::OutOfTurn { state: self.state(), verb: command.verb() }),
        }
    }

    fn not_reached(&mut self, by: Official, circumstances: Circumstances, at: Timestamp) -> Vec<Event> {
        self.overdue |= at > self.deadline.due_at;
        self.attempts.push(Attempt { at, by });
        let (callback, round) = (self.id, self.round);
        let attempt = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let mut events = vec![Event::CallbackAttempted { callback, round, attempt, at }];
        if attempt >= circumstances.attempts {
            self.stage = Stage::Unreached { at };
            events.push(Event::RatingGiven { callback, round, answer: Answer::NotReached, at });
        }
        events
    }

    fn reached(&mut self, call: Call, circumstances: Circumstances) -> Vec<Event> {
        let (callback, round, at) = (self.id, self.round, call.at);
        self.overdue |= at > self.deadline.due_at;
        let mut events = vec![Event::RatingGiven { callback, round, answer: Answer::Reached(call.opinion), at }];
        let again = !call.opinion.satisfied && circumstances.dissatisfied_before;
        if !call.opinion.satisfied && !again {
            events.push(Event::RatingDissatisfied { callback, round, at });
        }
        self.stage = if again { Stage::Adjudication { call } } else { Stage::Recorded { call } };
        events
    }

    /// Its time is up; the call must still be made.
    pub fn time_up(&mut self) {
        if matches!(self.stage, Stage::Drawn) {
            self.overdue = true;
        }
    }

    /// The case is taken up again: nobody is asked any more what they think of the handling before.
    pub fn lapse(&mut self, at: Timestamp) {
        if matches!(self.stage, Stage::Drawn) {
            self.stage = Stage::Lapsed { at };
        }
    }
}

impl Command {
    /// Its name.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Record { .. } => Verb::Record,
            Self::Decide { .. } => Verb::Decide,
        }
    }
}
