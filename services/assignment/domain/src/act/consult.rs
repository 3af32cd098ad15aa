//! 会商的处理.

use std::collections::BTreeSet;

use vocab::{ConsultationId, UnitCode, Urgency};

use super::Work;
use crate::case::CaseStage;
use crate::consultation::{Cause, Consultation, ConsultationCommand, ConsultationEvent, ConsultationStage};
use crate::deadline::Deadline;
use crate::file::Event;
use crate::refusal::Refusal;

impl Work<'_, '_> {
    pub(crate) fn consult(&mut self, cause: Cause, asked: BTreeSet<UnitCode>) -> Result<(), Refusal> {
        let id: ConsultationId = (self.s.new_id)().into();
        let consultation = Consultation {
            id,
            case: self.file.case.id,
            cause,
            asked: self.known(asked),
            positions: std::collections::BTreeMap::new(),
            answer_by: self.s.policy.deadline(&self.s.policy.answer, self.s.at)?,
            opened_at: self.s.at,
            urgent: self.file.case.facts.urgency != Urgency::Normal,
            stage: ConsultationStage::Open,
        };
        self.file.consultation = Some(consultation);
        self.file.case.stage = CaseStage::Consulting { consultation: id };
        self.say(Event::ConsultationOpened);
        Ok(())
    }

    pub(crate) fn is_current(&self, id: ConsultationId) -> Result<(), Refusal> {
        match &self.file.consultation {
            Some(consultation) if consultation.id == id => Ok(()),
            _ => Err(Refusal::OutOfTurn { thing: "consultation", stage: "over", verb: "answered" }),
        }
    }

    pub(crate) fn ruling_deadline(&self) -> Result<Deadline, Refusal> {
        self.s.policy.deadline(&self.s.policy.ruling, self.s.at)
    }

    pub(crate) fn consultation(&mut self, command: ConsultationCommand) -> Result<(), Refusal> {
        let consultation = self.file.consultation.as_ref().ok_or(Refusal::NotFound { thing: "consultation" })?;
        let unit = match &command {
            ConsultationCommand::Take { unit, .. } => Some(unit.clone()),
            _ => None,
        };
        let step = consultation.decide(command, self.s.at)?;
        self.file.consultation = Some(step.next);
        match (step.event, unit) {
            (ConsultationEvent::Answered, Some(unit)) => self.say(Event::PositionTaken { unit }),
            _ => self.say(Event::ConsultationChanged),
        }
        Ok(())
    }

    pub(super) fn withdraw_consultation(&mut self) -> Result<(), Refusal> {
        if self.file.consultation.as_ref().is_some_and(Consultation::is_open) {
            self.consultation(ConsultationCommand::Withdraw)?;
        }
        Ok(())
    }
}
