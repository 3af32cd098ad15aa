//! Requests as commands.

use std::collections::BTreeMap;

use intake_domain::contact::{MAX_REASON_CHARS, MIN_REASON_CHARS};
use intake_domain::{CaseNumber, LinkKind, Purpose, ReturnReason, StageName, TrackingCode};
use jiff::Timestamp;
use kit::refusal::{Checks, Refusal};
use vocab::text::{TextProblem, max_chars, prose};
use vocab::{CaseId, FactCode, FactValue, HandlingMode, MatterCode, NoticeId, RegionCode, RuleCode, Track};
use words::Mistakes;
use words::read;
use xiezhi_proto::intake::v1 as proto;

use super::{invalid, note};
use crate::store::read::CaseFilter;

/// The longest number of another authority's receipt, in characters.
const MAX_RECEIPT_CHARS: usize = 64;

pub(super) fn text(checks: &mut Checks, field: &str, result: Result<(), TextProblem>) {
    if let Err(problem) = result {
        checks.wrong(field, problem.to_string());
    }
}

/// A field that could not be read was noted; so the checks cannot pass.
pub(super) fn refused(checks: Checks) -> Refusal {
    checks.done().err().unwrap_or_else(|| Refusal::Internal("a mistake without a field".to_owned()))
}

/// A case's id.
pub fn case_id(field: &str, text: &str) -> Result<CaseId, Refusal> {
    read::word(field, text).map_err(invalid)
}

/// A notice's id.
pub fn notice_id(text: &str) -> Result<NoticeId, Refusal> {
    read::word("notice_id", text).map_err(invalid)
}

/// What names a case.
#[derive(Debug, Clone)]
pub enum CaseName {
    /// Its id.
    Id(CaseId),
    /// Its number.
    Number(CaseNumber),
}

/// A case by id or number, one of both.
pub fn case_name(request: &proto::GetCaseRequest) -> Result<CaseName, Refusal> {
    match (request.case_id.as_str(), request.case_no.as_str()) {
        ("", "") => Err(Refusal::field("case_id", "either case_id or case_no must be said")),
        (id, "") => case_id("case_id", id).map(CaseName::Id),
        ("", number) => read::word("case_no", number).map_err(invalid).map(CaseName::Number),
        _ => Err(Refusal::field("case_no", "only one of case_id and case_no may be said")),
    }
}

/// 受理.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The case.
    pub case: CaseId,
    /// How.
    pub mode: Option<HandlingMode>,
    /// On which track.
    pub track: Option<Track>,
}

/// Reads an acceptance.
pub fn accept(request: &proto::AcceptCaseRequest) -> Result<Accept, Refusal> {
    let mut checks = Checks::new();
    let case = note(&mut checks, "case_id", read::word("", &request.case_id));
    let mode = note(&mut checks, "mode", read::maybe_mode(request.mode));
    let track = note(&mut checks, "track", read::maybe_track(request.track));
    match (case, mode, track) {
        (Some(case), Some(mode), Some(track)) => Ok(Accept { case, mode, track }),
        _ => Err(refused(checks)),
    }
}

/// 不予受理 or 诉访分离.
#[derive(Clone)]
pub struct Decline {
    /// The case.
    pub case: CaseId,
    /// The pack's rule.
    pub rule: RuleCode,
    /// What a person weighed.
    pub considered: Option<String>,
}

/// Reads a declining or a hand-over.
pub fn decline(case: &str, rule: &str, considered: &str) -> Result<Decline, Refusal> {
    let mut checks = Checks::new();
    let case = note(&mut checks, "case_id", read::word("", case));
    let rule = note(&mut checks, "rule_code", read::word("", rule));
    if !considered.is_empty() {
        reason(&mut checks, "considered", considered);
    }
    match (case, rule) {
        (Some(case), Some(rule)) => {
            checks.done()?;
            let considered = (!considered.is_empty()).then(|| considered.to_owned());
            Ok(Decline { case, rule, considered })
        }
        _ => Err(refused(checks)),
    }
}

fn reason(checks: &mut Checks, field: &str, said: &str) {
    if said.trim().chars().count() < MIN_REASON_CHARS {
        checks.wrong(field, format!("must have at least {MIN_REASON_CHARS} characters"));
    } else {
        text(checks, field, prose(said, MAX_REASON_CHARS));
    }
}

/// 移送回执.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The case.
    pub case: CaseId,
    /// The other authority's number.
    pub number: String,
    /// When it signed.
    pub signed_at: Option<Timestamp>,
}

/// Reads a receipt. Its number travels in an event, so it is a number and not a sentence.
pub fn receipt(request: &proto::ReceiptRouteRequest) -> Result<Receipt, Refusal> {
    let mut checks = Checks::new();
    let case = note(&mut checks, "case_id", read::word("", &request.case_id));
    let number = request.receipt_no.trim();
    let is_number = number.chars().any(|c| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_alphanumeric() || is_han(c) || "()（）〔〕[]-_/.".contains(c));
    if !is_number || max_chars(number, MAX_RECEIPT_CHARS).is_err() {
        checks.wrong(
            "receipt_no",
            "must have 1 to 64 letters, digits, Chinese characters, brackets and dashes, a digit among them",
        );
    }
    let signed_at = match request.receipted_at.as_ref() {
        None => Some(None),
        some => note(&mut checks, "receipted_at", read::time("", some)).map(Some),
    };
    match (case, signed_at) {
        (Some(case), Some(signed_at)) => {
            checks.done()?;
            Ok(Receipt { case, number: number.to_owned(), signed_at })
        }
        _ => Err(refused(checks)),
    }
}

fn is_han(character: char) -> bool {
    matches!(character, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

/// Reads why a case came back.
pub fn return_reason(request: &proto::ReturnCaseFromRouteRequest) -> Result<(CaseId, ReturnReason), Refusal> {
    let mut checks = Checks::new();
    let case = note(&mut checks, "case_id", read::word("", &request.case_id));
    let reason = match proto::ReturnReason::try_from(request.reason) {
        Ok(proto::ReturnReason::NotTheirs) => Some(ReturnReason::NotTheirs),
        Ok(proto::ReturnReason::NotFiled) => Some(ReturnReason::NotFiled),
        Ok(proto::ReturnReason::ProcedureEnded) => Some(ReturnReason::ProcedureEnded),
        Ok(proto::ReturnReason::SentByMistake) => Some(ReturnReason::SentByMistake),
        Ok(proto::ReturnReason::Unspecified) | Err(_) => {
            checks.wrong("reason", "must be said");
            None
        }
    };
    match (case, reason) {
        (Some(case), Some(reason)) => Ok((case, reason)),
        _ => Err(refused(checks)),
    }
}

/// 补充事实.
#[derive(Debug, Clone)]
pub struct AddFacts {
    /// The case.
    pub case: CaseId,
    /// The facts.
    pub declared: BTreeMap<FactCode, FactValue>,
}

/// Reads further facts.
pub fn add_facts(request: &proto::AddCaseFactsRequest) -> Result<AddFacts, Refusal> {
    let mut mistakes = Mistakes::default();
    let case = mistakes.keep(read::word("case_id", &request.case_id));
    let declared = read::declared(&request.declared, &mut mistakes);
    if request.declared.is_empty() {
        mistakes.keep::<()>(Err(Mistakes::one("declared", "must name at least one fact")));
    }
    if request.declared.len() > vocab::facts::MAX_FACTS {
        mistakes.keep::<()>(Err(Mistakes::one("declared", "names too many facts")));
    }
    match case {
        Some(case) if mistakes.0.is_empty() => Ok(AddFacts { case, declared }),
        _ => Err(invalid(mistakes)),
    }
}

/// 关联.
#[derive(Debug, Clone)]
pub struct Link {
    /// The later case.
    pub later: CaseId,
    /// The earlier one.
    pub head: CaseId,
    /// How they relate.
    pub kind: LinkKind,
}

/// Reads a link.
pub fn link(request: &proto::LinkCasesRequest) -> Result<Link, Refusal> {
    let mut checks = Checks::new();
    let later = note(&mut checks, "case_id", read::word("", &request.case_id));
    let head = note(&mut checks, "head_case_id", read::word("", &request.head_case_id));
    let kind = match proto::LinkKind::try_from(request.kind) {
        Ok(proto::LinkKind::Duplicate) => Some(LinkKind::Duplicate),
        Ok(proto::LinkKind::Repeat) => Some(LinkKind::Repeat),
        Ok(proto::LinkKind::ClusterMember) => Some(LinkKind::ClusterMember),
        Ok(proto::LinkKind::Unspecified) | Err(_) => {
            checks.wrong("kind", "must be said");
            None
        }
    };
    match (later, head, kind) {
        (Some(later), Some(head), Some(kind)) => Ok(Link { later, head, kind }),
        _ => Err(refused(checks)),
    }
}

/// 查阅.
#[derive(Clone)]
pub struct Reveal {
    /// The case.
    pub case: CaseId,
    /// What for.
    pub purpose: Purpose,
    /// Why, in words.
    pub reason: String,
    /// True where the text is needed too.
    pub with_text: bool,
}

/// Reads a request to open an identity.
pub fn reveal(request: &proto::RevealContactRequest) -> Result<Reveal, Refusal> {
    let mut checks = Checks::new();
    let case = note(&mut checks, "case_id", read::word("", &request.case_id));
    let purpose = match proto::RevealPurpose::try_from(request.purpose) {
        Ok(proto::RevealPurpose::Callback) => Some(Purpose::Callback),
        Ok(proto::RevealPurpose::ServeNotice) => Some(Purpose::ServeNotice),
        Ok(proto::RevealPurpose::VerifyFacts) => Some(Purpose::VerifyFacts),
        Ok(proto::RevealPurpose::Reception) => Some(Purpose::Reception),
        Ok(proto::RevealPurpose::Emergency) => Some(Purpose::Emergency),
        Ok(proto::RevealPurpose::Unspecified) | Err(_) => {
            checks.wrong("purpose", "must be said");
            None
        }
    };
    reason(&mut checks, "reason", &request.reason);
    match (case, purpose) {
        (Some(case), Some(purpose)) => {
            checks.done()?;
            Ok(Reveal { case, purpose, reason: request.reason.clone(), with_text: request.with_text })
        }
        _ => Err(refused(checks)),
    }
}

/// Reads a tracking code the way people write it.
pub fn tracking_code(text: &str) -> Result<TrackingCode, Refusal> {
    read::word("tracking_code", text).map_err(invalid)
}

/// Reads what a page of cases is narrowed to.
pub fn filter(request: &proto::ListCasesRequest) -> Result<CaseFilter, Refusal> {
    let mut checks = Checks::new();
    let stage = match proto::CaseStage::try_from(request.stage) {
        Ok(proto::CaseStage::Unspecified) => None,
        Ok(proto::CaseStage::Registered) => Some(StageName::Registered),
        Ok(proto::CaseStage::Accepted) => Some(StageName::Accepted),
        Ok(proto::CaseStage::Handled) => Some(StageName::Handled),
        Ok(proto::CaseStage::Declined) => Some(StageName::Declined),
        Ok(proto::CaseStage::RoutedAway) => Some(StageName::RoutedAway),
        Ok(proto::CaseStage::Closed) => Some(StageName::Closed),
        Ok(proto::CaseStage::Withdrawn) => Some(StageName::Withdrawn),
        Err(_) => {
            checks.wrong("stage", "is not in the list");
            None
        }
    };
    let region: Option<Option<RegionCode>> =
        note(&mut checks, "region_code", read::maybe_word("", &request.region_code));
    let matter: Option<Option<MatterCode>> =
        note(&mut checks, "matter_code", read::maybe_word("", &request.matter_code));
    let head: Option<Option<CaseId>> = note(&mut checks, "head_case_id", read::maybe_word("", &request.head_case_id));
    let channel = note(&mut checks, "channel", read::maybe_channel(request.channel));
    let mut moment = |field: &str, time: &Option<prost_types::Timestamp>| {
        time.as_ref().and_then(|time| note(&mut checks, field, read::time("", Some(time))))
    };
    let from = moment("registered_from", &request.registered_from);
    let before = moment("registered_before", &request.registered_before);
    checks.done()?;
    Ok(CaseFilter {
        stage,
        region: region.flatten(),
        matter: matter.flatten(),
        channel: channel.flatten(),
        from,
        before,
        heads_only: request.heads_only,
        head: head.flatten(),
    })
}
