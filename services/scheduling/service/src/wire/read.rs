//! From what callers say to the domain, every mistake at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use kit::refusal::Refusal;
use scheduling_domain::command::WantedFollowUp;
use scheduling_domain::{Certificate, Finding, Hours, Kind};
use vocab::{BlobRef, OperationId, PersonCode, PowerItemCode, ResourceCode, RuleCode, UnitCode};
use words::{Mistakes, read};
use xiezhi_proto::scheduling::v1 as proto;

use super::invalid;

/// The longest remark, in characters.
pub const MAX_REMARK: usize = 2_000;
/// The longest record or summary, in characters.
pub const MAX_RECORD: usize = 10_000;
const MAX_OFFICERS: usize = 50;
const MAX_FORMS: usize = 20;
const MAX_EVIDENCE: usize = 50;
const MAX_FOLLOW_UPS: usize = 50;
const MAX_UNITS: usize = 50;
const MINUTES: std::ops::RangeInclusive<u32> = 15..=1_440;

fn wrong(mistakes: &mut Mistakes, field: impl Into<String>, reason: impl Into<String>) {
    mistakes.0.extend(Mistakes::one(field, reason).0);
}

fn done<T>(value: Option<T>, mistakes: Mistakes) -> Result<T, Refusal> {
    match value {
        Some(value) if mistakes.0.is_empty() => Ok(value),
        _ => Err(invalid(mistakes)),
    }
}

fn codes<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    texts: &[String],
    most: usize,
    mistakes: &mut Mistakes,
) -> Vec<T> {
    if texts.len() > most {
        wrong(mistakes, field, format!("at most {most} are allowed, {} were given", texts.len()));
        return Vec::new();
    }
    texts
        .iter()
        .enumerate()
        .filter_map(|(nth, text)| mistakes.keep(read::word(&format!("{field}[{nth}]"), text)))
        .collect()
}

fn words(field: &str, text: &str, most: usize, mistakes: &mut Mistakes) -> String {
    if !text.is_empty() {
        let checked = vocab::text::prose(text, most).map_err(|problem| Mistakes::one(field, problem.to_string()));
        mistakes.keep(checked);
    }
    text.to_owned()
}

/// An operation's id.
pub fn operation_id(text: &str) -> Result<OperationId, Refusal> {
    read::word("operation_id", text).map_err(invalid)
}

/// A code that may be left empty.
pub fn maybe_code<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<Option<T>, Refusal> {
    read::maybe_word(field, text).map_err(invalid)
}

/// A moment that may be left out.
pub fn maybe_time(field: &str, time: Option<&prost_types::Timestamp>) -> Result<Option<Timestamp>, Refusal> {
    time.map(|time| read::time(field, Some(time))).transpose().map_err(invalid)
}

/// A day that may be left empty.
pub fn maybe_date(field: &str, text: &str) -> Result<Option<Date>, Refusal> {
    if text.is_empty() { Ok(None) } else { read::date(field, text).map(Some).map_err(invalid) }
}

/// 意愿: when and under what terms somebody wants a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// Under what terms; none where those in force, or the defaults, do.
    pub terms: Option<WishedTerms>,
    /// Not before this.
    pub not_before: Option<Timestamp>,
    /// Exactly this start.
    pub starts_at: Option<Timestamp>,
}

/// Terms as they are asked for; what is left out is the rules' to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishedTerms {
    /// What is done.
    pub kind: Kind,
    /// Whether it is urgent.
    pub urgent: bool,
    /// How long.
    pub minutes: Option<u32>,
    /// In which hours.
    pub hours: Option<Hours>,
    /// How many vehicles.
    pub vehicles: Option<u32>,
    /// What by name.
    pub resources: Vec<ResourceCode>,
    /// Who must not take part.
    pub recused: BTreeSet<PersonCode>,
    /// Supporting units that are left out.
    pub leave_out: BTreeSet<UnitCode>,
}

/// Reads a wish.
pub fn wish(
    terms: Option<&proto::PlanTerms>,
    not_before: Option<&prost_types::Timestamp>,
    starts_at: Option<&prost_types::Timestamp>,
) -> Result<Wish, Refusal> {
    let mut mistakes = Mistakes::default();
    let time =
        |field, time: Option<&prost_types::Timestamp>| time.map(|time| read::time(field, Some(time))).transpose();
    let not_before = mistakes.keep(time("not_before", not_before)).flatten();
    let starts_at = mistakes.keep(time("starts_at", starts_at)).flatten();
    if not_before.zip(starts_at).is_some_and(|(first, start)| start < first) {
        wrong(&mut mistakes, "starts_at", "must not lie before not_before");
    }
    let terms = terms.map(|terms| {
        let mut inner = Mistakes::default();
        let read = wished_terms(terms, &mut inner);
        mistakes.0.extend(inner.within("terms").0);
        read
    });
    done(Some(Wish { terms, not_before, starts_at }), mistakes)
}

fn wished_terms(terms: &proto::PlanTerms, mistakes: &mut Mistakes) -> WishedTerms {
    let kind = match proto::OperationKind::try_from(terms.kind) {
        Ok(proto::OperationKind::Compulsory) => Kind::Compulsory,
        Ok(proto::OperationKind::Inspection | proto::OperationKind::Unspecified) => Kind::Inspection,
        Err(_) => {
            wrong(mistakes, "kind", format!("{} is not in the list", terms.kind));
            Kind::Inspection
        }
    };
    if terms.duration_minutes != 0 && !MINUTES.contains(&terms.duration_minutes) {
        wrong(mistakes, "duration_minutes", format!("must be {} to {}", MINUTES.start(), MINUTES.end()));
    }
    if terms.vehicles.is_some_and(|vehicles| vehicles > 50) {
        wrong(mistakes, "vehicles", "must be at most 50");
    }
    WishedTerms {
        kind,
        urgent: terms.urgent,
        minutes: (terms.duration_minutes != 0).then_some(terms.duration_minutes),
        hours: terms.hours.as_ref().and_then(|hours| plan_hours(hours, mistakes)),
        vehicles: terms.vehicles,
        resources: codes("resource_codes", &terms.resource_codes, MAX_UNITS, mistakes),
        recused: codes("recused_officer_codes", &terms.recused_officer_codes, MAX_OFFICERS, mistakes)
            .into_iter()
            .collect(),
        leave_out: codes("leave_out_unit_codes", &terms.leave_out_unit_codes, MAX_UNITS, mistakes)
            .into_iter()
            .collect(),
    }
}

fn plan_hours(hours: &proto::PlanHours, mistakes: &mut Mistakes) -> Option<Hours> {
    let mut time = |field: &str, text: &str| {
        let read = Time::strptime("%H:%M", text).map_err(|_| Mistakes::one(field, "must be a time written HH:MM"));
        mistakes.keep(read)
    };
    let (from, to) = (time("hours.from", &hours.from), time("hours.to", &hours.to));
    let (from, to) = from.zip(to)?;
    Some(if from == to { Hours::Any } else { Hours::Daily { from, to } })
}

/// 带理由的决定: an operation, a reason and a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasoned {
    /// The operation.
    pub operation: OperationId,
    /// Why, a code.
    pub reason: RuleCode,
    /// Why, in words.
    pub words: String,
}

/// Reads a decision with its reason.
pub fn reasoned(operation: &str, reason: &str, text: &str) -> Result<Reasoned, Refusal> {
    let mut mistakes = Mistakes::default();
    let operation = mistakes.keep(read::word("operation_id", operation));
    let reason = mistakes.keep(read::word("reason_code", reason));
    let words = words("words", text, MAX_REMARK, &mut mistakes);
    done(operation.zip(reason).map(|(operation, reason)| Reasoned { operation, reason, words }), mistakes)
}

/// 单位与人员: an operation, the unit that is meant, and people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attending {
    /// The operation.
    pub operation: OperationId,
    /// The unit; none where the caller's own is meant.
    pub unit: Option<UnitCode>,
    /// People.
    pub people: Vec<PersonCode>,
}

/// Reads who attends.
pub fn attending(operation: &str, unit: &str, people: &[String]) -> Result<Attending, Refusal> {
    let mut mistakes = Mistakes::default();
    let operation = mistakes.keep(read::word("operation_id", operation));
    let unit = mistakes.keep(read::maybe_word("unit_code", unit)).flatten();
    let people = codes("officer_codes", people, MAX_OFFICERS, &mut mistakes);
    done(operation.map(|operation| Attending { operation, unit, people }), mistakes)
}

/// 现场记录 as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The operation.
    pub operation: OperationId,
    /// The unit that writes; none where the caller's own, or the lead, is meant.
    pub unit: Option<UnitCode>,
    /// Forms.
    pub forms: Vec<RuleCode>,
    /// What each body found.
    pub findings: BTreeMap<UnitCode, Finding>,
    /// Evidence that was uploaded.
    pub evidence: Vec<BlobRef>,
    /// The words.
    pub words: String,
}

/// Reads a record.
pub fn record(request: &proto::RecordInspectionRequest) -> Result<Record, Refusal> {
    let mut mistakes = Mistakes::default();
    let operation = mistakes.keep(read::word("operation_id", &request.operation_id));
    let unit = mistakes.keep(read::maybe_word("unit_code", &request.unit_code)).flatten();
    let forms: Vec<RuleCode> = codes("form_codes", &request.form_codes, MAX_FORMS, &mut mistakes);
    let mut findings = BTreeMap::new();
    for (nth, found) in request.findings.iter().enumerate().take(MAX_UNITS + 1) {
        let body = mistakes.keep(read::word::<UnitCode>(&format!("findings[{nth}].unit_code"), &found.unit_code));
        let finding = mistakes.keep(finding(&format!("findings[{nth}].finding_code"), &found.finding_code));
        if let Some((body, finding)) = body.zip(finding)
            && findings.insert(body, finding).is_some()
        {
            wrong(&mut mistakes, format!("findings[{nth}]"), "this body is named twice");
        }
    }
    if request.findings.len() > MAX_UNITS {
        wrong(&mut mistakes, "findings", format!("at most {MAX_UNITS} are allowed"));
    }
    let evidence = evidence(&request.evidence_sha256, &mut mistakes);
    let words = words("words", &request.words, MAX_RECORD, &mut mistakes);
    if forms.is_empty() && findings.is_empty() && evidence.is_empty() && words.is_empty() && mistakes.0.is_empty() {
        wrong(&mut mistakes, "findings", "an entry must say something: a form, a finding, evidence or words");
    }
    done(operation.map(|operation| Record { operation, unit, forms, findings, evidence, words }), mistakes)
}

fn evidence(hashes: &[prost::bytes::Bytes], mistakes: &mut Mistakes) -> Vec<BlobRef> {
    if hashes.len() > MAX_EVIDENCE {
        wrong(mistakes, "evidence_sha256", format!("at most {MAX_EVIDENCE} are allowed"));
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    for (nth, hash) in hashes.iter().enumerate() {
        match <[u8; 32]>::try_from(hash.as_ref()) {
            Ok(digest) => {
                seen.insert(BlobRef::new(digest));
            }
            Err(_) => wrong(mistakes, format!("evidence_sha256[{nth}]"), "must have 32 bytes"),
        }
    }
    seen.into_iter().collect()
}

fn finding(field: &str, text: &str) -> Result<Finding, Mistakes> {
    Finding::parse(text).ok_or_else(|| Mistakes::one(field, "must be violation, no_violation or rectified_on_spot"))
}

/// 结束行动.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The operation.
    pub operation: OperationId,
    /// Each body's own follow-up.
    pub follow_ups: Vec<WantedFollowUp>,
    /// A summary.
    pub words: String,
}

/// Reads a conclusion.
pub fn conclusion(request: &proto::ConcludeOperationRequest) -> Result<Conclusion, Refusal> {
    let mut mistakes = Mistakes::default();
    let operation = mistakes.keep(read::word("operation_id", &request.operation_id));
    if request.follow_ups.len() > MAX_FOLLOW_UPS {
        wrong(&mut mistakes, "follow_ups", format!("at most {MAX_FOLLOW_UPS} are allowed"));
    }
    let mut follow_ups = Vec::new();
    for (nth, wanted) in request.follow_ups.iter().enumerate().take(MAX_FOLLOW_UPS) {
        let mut inner = Mistakes::default();
        follow_ups.extend(follow_up(wanted, &mut inner));
        mistakes.0.extend(inner.within(&format!("follow_ups[{nth}]")).0);
    }
    let words = words("words", &request.words, MAX_RECORD, &mut mistakes);
    done(operation.map(|operation| Conclusion { operation, follow_ups, words }), mistakes)
}

fn follow_up(wanted: &proto::FollowUp, mistakes: &mut Mistakes) -> Option<WantedFollowUp> {
    let unit = mistakes.keep(read::word("unit_code", &wanted.unit_code));
    let duty = mistakes.keep(read::duty(wanted.duty).map_err(|error| error.within("duty")));
    let items: Vec<PowerItemCode> = codes("power_item_codes", &wanted.power_item_codes, MAX_UNITS, mistakes);
    let finding = if wanted.finding_code.is_empty() {
        None
    } else {
        mistakes.keep(finding("finding_code", &wanted.finding_code))
    };
    let (unit, duty) = unit.zip(duty)?;
    Some(WantedFollowUp { unit, duty, items, finding })
}

/// 执法证 of an officer.
pub fn certificate(request: &proto::RecordCertificateRequest) -> Result<(PersonCode, Certificate), Refusal> {
    let mut mistakes = Mistakes::default();
    let officer = mistakes.keep(read::word::<PersonCode>("officer_code", &request.officer_code));
    let certificate = request.certificate.as_ref().and_then(|message| {
        let number = vocab::text::name(&message.number, 64);
        mistakes.keep(number.map_err(|problem| Mistakes::one("certificate.number", problem.to_string())));
        let from = mistakes.keep(read::date("certificate.valid_from", &message.valid_from));
        let to = mistakes.keep(read::date("certificate.valid_to", &message.valid_to));
        let (valid_from, valid_to) = from.zip(to)?;
        if valid_to < valid_from {
            wrong(&mut mistakes, "certificate.valid_to", "must not lie before valid_from");
        }
        Some(Certificate { number: message.number.clone(), valid_from, valid_to })
    });
    if request.certificate.is_none() {
        wrong(&mut mistakes, "certificate", "must be said");
    }
    done(officer.zip(certificate), mistakes)
}

/// An officer's code.
pub fn officer_code(text: &str) -> Result<PersonCode, Refusal> {
    read::word("officer_code", text).map_err(invalid)
}

/// An officer and a reason.
pub fn officer_and_reason(officer: &str, reason: &str) -> Result<(PersonCode, RuleCode), Refusal> {
    let mut mistakes = Mistakes::default();
    let officer = mistakes.keep(read::word("officer_code", officer));
    let reason = mistakes.keep(read::word("reason_code", reason));
    done(officer.zip(reason), mistakes)
}

/// Stages to filter by.
pub fn stages(stages: &[i32]) -> Result<Vec<String>, Refusal> {
    let mut mistakes = Mistakes::default();
    let mut codes = Vec::new();
    for (nth, stage) in stages.iter().enumerate() {
        let code = match proto::OperationStage::try_from(*stage) {
            Ok(proto::OperationStage::Unspecified) => continue,
            Ok(proto::OperationStage::Proposed) => "proposed",
            Ok(proto::OperationStage::Rejected) => "rejected",
            Ok(proto::OperationStage::Fixed) => "fixed",
            Ok(proto::OperationStage::Started) => "started",
            Ok(proto::OperationStage::Concluded) => "concluded",
            Ok(proto::OperationStage::Cancelled) => "cancelled",
            Err(_) => {
                wrong(&mut mistakes, format!("stages[{nth}]"), format!("{stage} is not in the list"));
                continue;
            }
        };
        codes.push(code.to_owned());
    }
    done(Some(codes), mistakes)
}
