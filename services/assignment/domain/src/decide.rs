//! 决定: every legal move of a case's file, in one table.

use std::collections::BTreeMap;

use vocab::{CaseFacts, CaseId, Track};

use crate::act::Work;
use crate::case::{Case, CaseStage, EndedBecause, OpenOperation, Reconsider};
use crate::consultation::ConsultationCommand;
use crate::deadline::Deadline;
use crate::file::{CaseFile, Command, Decided, Setting};
use crate::order::{OrderCommand, WithdrawnBecause};
use crate::refusal::Refusal;

/// What registration says of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The case.
    pub id: CaseId,
    /// Its number.
    pub case_no: String,
    /// What it is about.
    pub facts: CaseFacts,
    /// True where the pack lets it through without a clerk, and so without diagnosis.
    pub without_clerk: bool,
    /// True where no unit may be asked about it yet.
    pub sealed: bool,
}

impl CaseFile {
    /// 登记: opens the file, and the diagnosis with it unless the class needs none.
    pub fn register(registered: Registered, setting: &Setting<'_>) -> Result<Decided, Refusal> {
        let mut work = Work::new(Self::empty(&registered), setting);
        if !registered.without_clerk {
            work.open_diagnosis()?;
        }
        Ok(work.done())
    }

    fn empty(registered: &Registered) -> Self {
        let case = Case {
            id: registered.id,
            case_no: registered.case_no.clone(),
            facts: registered.facts.clone(),
            mode: None,
            track: Track::Assigned,
            sealed: registered.sealed,
            accepted_at: None,
            round: 1,
            hops: 0,
            diagnosis: None,
            determination: None,
            missing_facts: std::collections::BTreeSet::new(),
            operation: None,
            reconsider: None,
            follow_ups: Vec::new(),
            sent_back: std::collections::BTreeSet::new(),
            clocks: BTreeMap::new(),
            stage: CaseStage::AwaitingAcceptance,
        };
        Self { case, consultation: None, orders: BTreeMap::new() }
    }

    /// Every legal move, in one table. What is not listed is refused.
    ///
    /// 后续处置: an operation may end at any stage, and none of its follow-ups vanishes unsaid. They are handed out while a
    /// decision is in force, each body going on in its own name under it; a case that was answered is under its decision
    /// again with that. While units are still consulted, or the case is not accepted yet, they wait in the file and go out
    /// with the next decision, whether the lists or a ruling make it. They do not go out before it: who leads is not known
    /// then, and a ruling brings all orders of the round in line. One whose unit or items are not known, or whose unit has
    /// nobody to answer for it, waits as well: the coordinator sees it among the open tasks, and it goes out once a
    /// publication has set right what it lacks, or the coordinator gives it to another unit or ends it. Until then the lead
    /// cannot answer; where it had answered before the operation ended, the answer stands while it waits. What still
    /// waits when the case is linked or over is ended with it, and said to be. A follow-up that is out already stays with its
    /// unit through a new decision, in the part that decision gives the unit; where its unit objects to it, the objection is
    /// still to be decided.
    pub fn decide(&self, command: Command, setting: &Setting<'_>) -> Result<Decided, Refusal> {
        use CaseStage as S;
        use Command as C;
        let mut work = Work::new(self.clone(), setting);
        match (&self.case.stage, command) {
            (S::Diagnosing, C::AnswerDiagnosis { unit, stance, cited }) => {
                work.answer_diagnosis(unit, stance, &cited)?;
            }
            (S::Diagnosing, C::MakeDiagnosis) => work.make_diagnosis(),
            (S::Diagnosing | S::AwaitingAcceptance, C::Accept { case_no, facts, accepted_at, mode, track }) => {
                let case = &mut work.file.case;
                case.case_no = case_no;
                case.facts = facts;
                case.accepted_at = Some(accepted_at);
                case.mode = mode;
                case.track = track.unwrap_or(Track::Assigned);
                work.determine()?;
            }
            (_, C::AddFacts { facts }) => work.add_facts(facts)?,
            (S::Ended { .. }, C::Link { .. }) => {}
            (S::Linked { .. }, C::Link { head }) => work.file.case.stage = S::Linked { head },
            (_, C::Link { head }) => {
                work.stop(WithdrawnBecause::CaseLinked)?;
                work.file.case.stage = S::Linked { head };
            }
            (S::Ended { because: EndedBecause::Closed, .. }, C::End { .. }) => {}
            (stage, C::End { because }) => {
                let decision = stage.decision().cloned();
                work.stop(withdrawn_because(because))?;
                work.file.case.stage = S::Ended { because, decision };
            }
            (S::Ended { because: EndedBecause::RoutedAway, .. }, C::ReturnFromRoute { facts }) => {
                work.file.case.facts = facts;
                work.open_diagnosis()?;
            }
            (_, C::Reopen { round, .. }) if round <= self.case.round => {}
            (S::Decided { .. } | S::Handled { .. } | S::Ended { .. }, C::Reopen { round, facts }) => {
                work.reopen(round, facts)?;
            }
            (S::Consulting { .. }, C::TakePosition { consultation, unit, stance, cited }) => {
                work.is_current(consultation)?;
                let ground = cited.ground(setting.lists)?;
                let rule_by = work.ruling_deadline()?;
                work.consultation(ConsultationCommand::Take { unit, stance, ground, rule_by })?;
            }
            (S::Consulting { .. }, C::EndAnswers { consultation }) => {
                work.is_current(consultation)?;
                let rule_by = work.ruling_deadline()?;
                work.consultation(ConsultationCommand::EndAnswers { rule_by })?;
            }
            (S::Consulting { .. }, C::RemindOfRuling { consultation }) => {
                work.is_current(consultation)?;
                let rule_by = work.ruling_deadline()?;
                work.consultation(ConsultationCommand::Remind { rule_by })?;
            }
            (S::Consulting { .. }, C::Rule { consultation, shares, reach }) => {
                work.is_current(consultation)?;
                work.rule(shares, reach)?;
            }
            (S::Decided { .. } | S::Consulting { .. }, C::Acknowledge { order }) => {
                work.order(order, OrderCommand::Acknowledge)?;
            }
            (S::Decided { .. }, C::Object { order, cited }) => work.object(order, &cited)?,
            (S::Decided { .. } | S::Consulting { .. }, C::DecideObjection { order, upheld }) => {
                work.decide_objection(order, upheld)?;
            }
            (S::Decided { .. } | S::Consulting { .. }, C::Report { order }) => {
                work.order(order, OrderCommand::Report)?;
            }
            (S::Decided { .. } | S::Consulting { .. }, C::CompleteOrder { order, outcome, evidence }) => {
                work.order(order, OrderCommand::Complete { outcome, evidence })?;
            }
            (S::Decided { .. } | S::Consulting { .. }, C::Reassign { order, person, post }) => {
                let unit = work.holder(order)?;
                let to = setting.policy.person(&unit, &person, post.as_ref())?;
                work.order(order, OrderCommand::Reassign { to })?;
            }
            (_, C::ChangeDeadline { order, to }) => work.order(order, OrderCommand::ChangeDeadline { to })?,
            (_, C::SeeDeadline { order, state }) => work.order(order, OrderCommand::SeeDeadline { state })?,
            (_, C::Press { order, pressed }) => work.order(order, OrderCommand::Press(pressed))?,
            (_, C::PressAnswered { order, at }) => work.press_answered(order, at)?,
            (S::Decided { decision }, C::Escalate { unit, ground, invited }) => {
                work.escalate(decision, &unit, ground, invited)?;
            }
            // An operation for other cases too may name this one; its own comes first.
            (_, C::OperationNamed { operation }) => {
                let own = self.case.operation_id().unwrap_or(operation);
                work.file.case.operation = Some(OpenOperation::Named { id: own });
            }
            (_, C::OperationFailed { operation, reason }) => {
                if self.case.operation_id().is_none_or(|own| own == operation) {
                    work.file.case.operation = None;
                    work.file.case.reconsider = Some(Reconsider { operation, reason, at: setting.at });
                }
            }
            (_, C::OperationConcluded { operation, follow_ups }) => work.conclude_operation(operation, &follow_ups),
            (_, C::HandOver) => work.hand_over()?,
            (
                S::Diagnosing | S::AwaitingAcceptance | S::Consulting { .. } | S::Decided { .. } | S::Handled { .. },
                C::SettleFollowUp { operation, unit, to, reason },
            ) => work.settle_follow_up(operation, &unit, to.as_ref(), reason)?,
            (S::Decided { decision }, C::CompleteCase { unit, conclusion, own }) => {
                work.complete_case(decision, unit, conclusion, own)?;
            }
            (S::Handled { decision, lead, .. }, C::RefuseClosing { order }) => {
                work.refuse_closing(decision, Some(lead), order)?;
            }
            // The answer that is sent back was overtaken by a follow-up; the share goes back all the same.
            (S::Decided { decision }, C::RefuseClosing { order }) => {
                work.refuse_closing(decision, decision.lead(), order)?;
            }
            (stage, command) => {
                let verb = command.verb();
                return Err(Refusal::OutOfTurn { thing: "case", stage: stage.name(), verb });
            }
        }
        work.see_to_follow_ups()?;
        Ok(work.done())
    }

    /// 离任交接: what a publication of the organisation or the lists asks of the file, if anything: somebody has left an open
    /// order behind, or a follow-up waits for what may have been set right. It is one command, decided on the file as it then
    /// stands: a follow-up that goes out takes the place of the unit's other orders.
    #[must_use]
    pub fn to_hand_over(&self, policy: &crate::policy::Policy) -> Option<Command> {
        let may_go_out = matches!(self.case.stage, CaseStage::Decided { .. } | CaseStage::Handled { .. });
        let waits = may_go_out && !self.case.follow_ups.is_empty();
        (waits || self.left_behind(policy).next().is_some()).then_some(Command::HandOver)
    }

    /// The timers that must be armed in this state, by kind.
    #[must_use]
    pub fn timers(&self) -> BTreeMap<String, Deadline> {
        use crate::consultation::ConsultationStage;
        let mut timers = BTreeMap::new();
        match (&self.case.stage, &self.case.diagnosis, &self.consultation) {
            (CaseStage::Diagnosing, Some(diagnosis), _) => {
                timers.insert(DIAGNOSIS_ANSWER.to_owned(), diagnosis.answer_by.clone());
            }
            (CaseStage::Consulting { .. }, _, Some(consultation)) => match &consultation.stage {
                ConsultationStage::Open => {
                    timers.insert(format!("{CONSULTATION_ANSWER}{}", consultation.id), consultation.answer_by.clone());
                }
                ConsultationStage::Answered { rule_by } => {
                    timers.insert(format!("{CONSULTATION_RULING}{}", consultation.id), rule_by.clone());
                }
                ConsultationStage::Ruled { .. } | ConsultationStage::Withdrawn { .. } => {}
            },
            _ => {}
        }
        timers
    }

    /// What a timer that came due asks for; nothing where its kind is not of this file.
    #[must_use]
    pub fn command_of_timer(kind: &str) -> Option<Command> {
        if kind == DIAGNOSIS_ANSWER {
            return Some(Command::MakeDiagnosis);
        }
        if let Some(id) = kind.strip_prefix(CONSULTATION_ANSWER) {
            return Some(Command::EndAnswers { consultation: id.parse().ok()? });
        }
        let id = kind.strip_prefix(CONSULTATION_RULING)?;
        Some(Command::RemindOfRuling { consultation: id.parse().ok()? })
    }
}

const DIAGNOSIS_ANSWER: &str = "diagnosis.answer";
const CONSULTATION_ANSWER: &str = "consultation.answer/";
const CONSULTATION_RULING: &str = "consultation.ruling/";

const fn withdrawn_because(because: EndedBecause) -> WithdrawnBecause {
    match because {
        EndedBecause::Declined => WithdrawnBecause::CaseDeclined,
        EndedBecause::RoutedAway => WithdrawnBecause::CaseRoutedAway,
        EndedBecause::Withdrawn => WithdrawnBecause::CaseWithdrawn,
        EndedBecause::Closed => WithdrawnBecause::CaseClosed,
    }
}
