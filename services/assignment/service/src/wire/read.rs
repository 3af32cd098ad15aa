//! Requests as the domain's types; every mistake with its field.

use assignment_domain::case::{Conclusion, EscalationGround};
use assignment_domain::consultation::Stance;
use assignment_domain::evidence::MAX_EVIDENCE;
use assignment_domain::file::{AskedShare, Cited, Reach};
use assignment_domain::order::Outcome;
use kit::refusal::{Checks, Refusal, Violation};
use vocab::{CaseId, ConsultationId, PersonCode, PostCode, UnitCode, WorkOrderId};
use words::{Mistakes, read};
use xiezhi_proto::assignment::v1 as wire;
use xiezhi_proto::common::v1 as common;

pub use settling::settle_follow_up;

mod settling;

/// The longest reason, in characters.
const MAX_REASON: usize = 2_000;
/// The longest report, note or ground of a ruling.
const MAX_REPORT: usize = 4_000;
/// The longest reply to complainants.
const MAX_REPLY: usize = 8_000;
/// The most shares a ruling gives.
const MAX_SHARES: usize = 40;
/// The most units an escalation invites.
const MAX_INVITED: usize = 20;

/// A request's mistakes as field violations.
pub fn refuse(mistakes: Mistakes) -> Refusal {
    Refusal::Invalid(
        mistakes.into_iter().map(|mistake| Violation { field: mistake.field, description: mistake.reason }).collect(),
    )
}

/// Collects mistakes of both kinds.
#[derive(Default)]
struct Reading(Checks);

impl Reading {
    fn keep<T>(&mut self, field: &str, result: Result<T, Mistakes>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistakes) => {
                let mistakes = if field.is_empty() { mistakes } else { mistakes.within(field) };
                for mistake in mistakes {
                    self.0.wrong(mistake.field, mistake.reason);
                }
                None
            }
        }
    }

    fn word<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        self.keep("", read::word(field, text))
    }

    fn prose(&mut self, field: &str, text: &str, max: usize) {
        if let Err(problem) = vocab::text::prose(text, max) {
            self.0.wrong(field, problem.to_string());
        }
    }

    fn maybe_prose(&mut self, field: &str, text: &str, max: usize) {
        if !text.is_empty() {
            self.prose(field, text, max);
        }
    }

    fn stance(&mut self, stance: i32) -> Option<Stance> {
        match wire::Stance::try_from(stance) {
            Ok(wire::Stance::Mine) => Some(Stance::Mine),
            Ok(wire::Stance::NotMine) => Some(Stance::NotMine),
            Ok(wire::Stance::Shared) => Some(Stance::Shared),
            Ok(wire::Stance::Unspecified | wire::Stance::Silent) | Err(_) => {
                self.0.wrong("stance", "must be MINE, NOT_MINE or SHARED");
                None
            }
        }
    }

    fn cited(&mut self, field: &str, citation: Option<&common::Citation>) -> Option<Cited> {
        match citation {
            // The item is enough: its article is the list's to say.
            Some(citation) if !citation.item_code.is_empty() => {
                self.keep(field, read::word("item_code", &citation.item_code)).map(Cited::Item)
            }
            // Whether the pack knows the law is the corridor's to say, by the rules in force when it decides.
            Some(citation) => self.keep(field, read::article(citation)).map(Cited::Article),
            None => {
                self.0.wrong(field, "must cite an item of the list or an article");
                None
            }
        }
    }

    fn outcome(&mut self, outcome: i32) -> Option<Outcome> {
        let read = match wire::Outcome::try_from(outcome) {
            Ok(wire::Outcome::Rectified) => Outcome::Rectified,
            Ok(wire::Outcome::Punished) => Outcome::Punished,
            Ok(wire::Outcome::Identified) => Outcome::Identified,
            Ok(wire::Outcome::Assisted) => Outcome::Assisted,
            Ok(wire::Outcome::Explained) => Outcome::Explained,
            Ok(wire::Outcome::Unfounded) => Outcome::Unfounded,
            Ok(wire::Outcome::Unspecified) | Err(_) => {
                self.0.wrong("outcome", "must be said");
                return None;
            }
        };
        Some(read)
    }

    fn hashes<B: AsRef<[u8]>>(&mut self, hashes: &[B]) -> Vec<Vec<u8>> {
        if hashes.is_empty() || hashes.len() > MAX_EVIDENCE {
            self.0.wrong("evidence_sha256", format!("must be 1 to {MAX_EVIDENCE} files"));
        }
        for (nth, hash) in hashes.iter().enumerate() {
            if hash.as_ref().len() != 32 {
                self.0.wrong(format!("evidence_sha256[{nth}]"), "must have 32 bytes");
            }
        }
        hashes.iter().map(|hash| hash.as_ref().to_vec()).collect()
    }

    fn done<T>(self, value: Option<T>) -> Result<T, Refusal> {
        self.0.done()?;
        // Every missing value has left a violation behind; this is for the compiler.
        value.ok_or_else(|| Refusal::field("", "cannot be read"))
    }
}

/// 门诊答复 or 会商表态.
#[derive(Debug, Clone)]
pub struct Stated<Id> {
    /// The case or the consultation.
    pub of: Id,
    /// What the unit says.
    pub stance: Stance,
    /// What it cites.
    pub cited: Cited,
    /// Its words.
    pub reason: String,
}

/// 门诊答复.
pub fn answer_diagnosis(request: wire::AnswerDiagnosisRequest) -> Result<Stated<CaseId>, Refusal> {
    let mut reading = Reading::default();
    let of = reading.word("case_id", &request.case_id);
    let stance = reading.stance(request.stance);
    let cited = reading.cited("citation", request.citation.as_ref());
    reading.maybe_prose("reason", &request.reason, MAX_REASON);
    let reason = request.reason;
    let stated = (|| Some(Stated { of: of?, stance: stance?, cited: cited?, reason }))();
    reading.done(stated)
}

/// 会商表态.
pub fn take_position(request: wire::TakePositionRequest) -> Result<Stated<ConsultationId>, Refusal> {
    let mut reading = Reading::default();
    let of = reading.word("consultation_id", &request.consultation_id);
    let stance = reading.stance(request.stance);
    let cited = reading.cited("citation", request.citation.as_ref());
    reading.prose("reason", &request.reason, MAX_REASON);
    let reason = request.reason;
    let stated = (|| Some(Stated { of: of?, stance: stance?, cited: cited?, reason }))();
    reading.done(stated)
}

/// 作出诊断.
pub fn make_diagnosis(request: wire::MakeDiagnosisRequest) -> Result<(CaseId, String), Refusal> {
    let mut reading = Reading::default();
    let case = reading.word("case_id", &request.case_id);
    reading.maybe_prose("note", &request.note, MAX_REASON);
    let note = request.note;
    reading.done(case.map(|case| (case, note)))
}

/// 裁定.
#[derive(Debug, Clone)]
pub struct AskedRuling {
    /// Which consultation it ends.
    pub consultation: ConsultationId,
    /// Who owes what.
    pub shares: Vec<AskedShare>,
    /// The grounds.
    pub grounds: String,
    /// How far it reaches.
    pub reach: Reach,
}

impl AskedRuling {
    /// Everything its shares cite, with the field in which it stands.
    pub fn cited(&self) -> impl Iterator<Item = (String, &Cited)> {
        self.shares.iter().enumerate().flat_map(|(nth, share)| {
            let field = move |place: usize| format!("shares[{nth}].citations[{place}]");
            share.cited.iter().enumerate().map(move |(place, cited)| (field(place), cited))
        })
    }
}

/// 裁定.
pub fn rule(request: wire::RuleRequest) -> Result<AskedRuling, Refusal> {
    let mut reading = Reading::default();
    let consultation = reading.word("consultation_id", &request.consultation_id);
    if request.shares.is_empty() || request.shares.len() > MAX_SHARES {
        reading.0.wrong("shares", format!("must be 1 to {MAX_SHARES}"));
    }
    let shares: Vec<AskedShare> =
        request.shares.iter().enumerate().filter_map(|(nth, share)| asked_share(&mut reading, nth, share)).collect();
    reading.prose("grounds", &request.grounds, MAX_REPORT);
    let reach = match wire::PrecedentScope::try_from(request.scope) {
        Ok(wire::PrecedentScope::Unspecified | wire::PrecedentScope::Town) => Reach::Town,
        Ok(wire::PrecedentScope::County) => Reach::County,
        Err(_) => {
            reading.0.wrong("scope", "is not in the list");
            Reach::Town
        }
    };
    let grounds = request.grounds;
    reading.done(consultation.map(|consultation| AskedRuling { consultation, shares, grounds, reach }))
}

fn asked_share(reading: &mut Reading, nth: usize, share: &common::Share) -> Option<AskedShare> {
    let at = format!("shares[{nth}]");
    let unit = reading.keep(&at, read::word("unit_code", &share.unit_code));
    let role = reading.keep(&format!("{at}.role"), read::role(share.role));
    let duty = reading.keep(&format!("{at}.duty"), read::duty(share.duty));
    if share.citations.is_empty() {
        reading.0.wrong(format!("{at}.citations"), "must cite an item of the list or an article");
    }
    let cited: Vec<Cited> = share
        .citations
        .iter()
        .enumerate()
        .filter_map(|(place, citation)| reading.cited(&format!("{at}.citations[{place}]"), Some(citation)))
        .collect();
    Some(AskedShare { unit: unit?, role: role?, duty: duty?, cited })
}

/// An order and the words about it.
#[derive(Debug, Clone)]
pub struct OrderText {
    /// Which order.
    pub order: WorkOrderId,
    /// The words.
    pub text: String,
}

/// 派单异议.
pub fn object(request: wire::ObjectToWorkOrderRequest) -> Result<(OrderText, Cited), Refusal> {
    let mut reading = Reading::default();
    let order = reading.word("work_order_id", &request.work_order_id);
    let cited = reading.cited("citation", request.citation.as_ref());
    reading.prose("reason", &request.reason, MAX_REASON);
    let text = request.reason;
    let read = (|| Some((OrderText { order: order?, text }, cited?)))();
    reading.done(read)
}

/// 异议审查.
pub fn decide_objection(request: wire::DecideObjectionRequest) -> Result<(OrderText, bool), Refusal> {
    let mut reading = Reading::default();
    let order = reading.word("work_order_id", &request.work_order_id);
    reading.prose("grounds", &request.grounds, MAX_REASON);
    let (text, upheld) = (request.grounds, request.upheld);
    reading.done(order.map(|order| (OrderText { order, text }, upheld)))
}

/// 进展报告.
pub fn report(request: wire::ReportProgressRequest) -> Result<OrderText, Refusal> {
    let mut reading = Reading::default();
    let order = reading.word("work_order_id", &request.work_order_id);
    reading.prose("report", &request.report, MAX_REPORT);
    let text = request.report;
    reading.done(order.map(|order| OrderText { order, text }))
}

/// 办结: an outcome with the names of the files that prove it.
#[derive(Debug, Clone)]
pub struct Completion {
    /// What came of it.
    pub outcome: Outcome,
    /// The files.
    pub hashes: Vec<Vec<u8>>,
}

/// 办结工单.
pub fn complete_order(request: wire::CompleteWorkOrderRequest) -> Result<(OrderText, Completion), Refusal> {
    let mut reading = Reading::default();
    let order = reading.word("work_order_id", &request.work_order_id);
    let outcome = reading.outcome(request.outcome);
    let hashes = reading.hashes(&request.evidence_sha256);
    reading.maybe_prose("note", &request.note, MAX_REPORT);
    let text = request.note;
    let read = (|| Some((OrderText { order: order?, text }, Completion { outcome: outcome?, hashes })))();
    reading.done(read)
}

/// 提请联合执法.
#[derive(Debug, Clone)]
pub struct AskedEscalation {
    /// The case.
    pub case: CaseId,
    /// The legal situation.
    pub ground: EscalationGround,
    /// Why.
    pub reason: String,
    /// Who else takes part.
    pub invited: Vec<UnitCode>,
}

/// 提请联合执法.
pub fn escalate(request: wire::EscalateCaseRequest) -> Result<AskedEscalation, Refusal> {
    let mut reading = Reading::default();
    let case = reading.word("case_id", &request.case_id);
    let ground = EscalationGround::parse(&request.ground_code);
    if ground.is_none() {
        reading.0.wrong("ground_code", "must be several_duties, duties_connect or one_object_checks");
    }
    reading.prose("reason", &request.reason, MAX_REASON);
    if request.invited_units.len() > MAX_INVITED {
        reading.0.wrong("invited_units", format!("must be at most {MAX_INVITED}"));
    }
    let invited = request
        .invited_units
        .iter()
        .enumerate()
        .filter_map(|(nth, unit)| reading.word(&format!("invited_units[{nth}]"), unit))
        .collect();
    let reason = request.reason;
    let read = (|| Some(AskedEscalation { case: case?, ground: ground?, reason, invited }))();
    reading.done(read)
}

/// 办理完毕.
#[derive(Debug, Clone)]
pub struct AskedEnd {
    /// The case.
    pub case: CaseId,
    /// What it came to.
    pub conclusion: Conclusion,
    /// The reply.
    pub reply: String,
    /// The lead's own order.
    pub own: Option<Completion>,
}

/// 办理完毕.
pub fn complete_case(request: wire::CompleteCaseRequest) -> Result<AskedEnd, Refusal> {
    let mut reading = Reading::default();
    let case = reading.word("case_id", &request.case_id);
    let conclusion = Conclusion::parse(&request.conclusion);
    if conclusion.is_none() {
        reading.0.wrong("conclusion", "must be supported, explained or not_supported");
    }
    reading.prose("reply", &request.reply, MAX_REPLY);
    let own = if request.outcome == 0 && request.evidence_sha256.is_empty() {
        None
    } else {
        let outcome = reading.outcome(request.outcome);
        let hashes = reading.hashes(&request.evidence_sha256);
        outcome.map(|outcome| Completion { outcome, hashes })
    };
    let reply = request.reply;
    let read = (|| Some(AskedEnd { case: case?, conclusion: conclusion?, reply, own }))();
    reading.done(read)
}

/// 改派.
pub fn reassign(
    request: &wire::ReassignWorkOrderRequest,
) -> Result<(WorkOrderId, PersonCode, Option<PostCode>), Refusal> {
    let mut reading = Reading::default();
    let order = reading.word("work_order_id", &request.work_order_id);
    let person = reading.word("person_code", &request.person_code);
    let post = reading.keep("", read::maybe_word("post_code", &request.post_code)).flatten();
    let read = (|| Some((order?, person?, post)))();
    reading.done(read)
}

/// One id or code.
pub fn id<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Refusal> {
    read::word(field, text).map_err(refuse)
}

/// An id or code that may be left out.
pub fn maybe_id<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<Option<T>, Refusal> {
    read::maybe_word(field, text).map_err(refuse)
}
