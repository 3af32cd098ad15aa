//! Requests that every door can read, made from the descriptors and from one table of what its fields are called.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value};

use super::story::Story;
use crate::desk::picture;

/// What an RPC is, as far as somebody's right to it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// It reads what its request names.
    One,
    /// It reads a page or a stream, which its request may narrow.
    Page,
    /// It changes something.
    Command,
}

/// Every RPC there is. Whoever adds one says here what it is.
const DOORS: &[(&str, Door, &[&str])] = &[
    ("assignment.v1.AccountService", Door::Command, &["DisableAccount", "RegisterAccountKey"]),
    ("assignment.v1.AccountService", Door::One, &["CreateChallenge", "IssueToken"]),
    (
        "assignment.v1.AssignmentService",
        Door::Command,
        &[
            "AcknowledgeWorkOrder",
            "AnswerDiagnosis",
            "CompleteCase",
            "CompleteWorkOrder",
            "DecideObjection",
            "EscalateCase",
            "MakeDiagnosis",
            "ObjectToWorkOrder",
            "ReassignWorkOrder",
            "ReportProgress",
            "Rule",
            "SettleFollowUp",
            "TakePosition",
        ],
    ),
    (
        "assignment.v1.AssignmentService",
        Door::One,
        &["Determine", "GetConsultation", "GetDetermination", "GetDiagnosis", "GetReply", "GetWorkOrder"],
    ),
    (
        "assignment.v1.AssignmentService",
        Door::Page,
        &[
            "ListConsultations",
            "ListOpenTasks",
            "ListPowerItems",
            "ListPrecedents",
            "ListResponsibilities",
            "ListWorkOrders",
        ],
    ),
    // A stream of one unit; a foreign unit is answered like one that does not exist.
    ("assignment.v1.AssignmentService", Door::One, &["WatchWorkOrders"]),
    ("bus.v1.BlobService", Door::Command, &["UploadBlob"]),
    ("bus.v1.BlobService", Door::One, &["DownloadBlob"]),
    (
        "bus.v1.BusService",
        Door::Command,
        &["ConfirmClock", "DecideParked", "PublishBundle", "RecoverJournal", "SettleAffected", "TurnClock"],
    ),
    (
        "bus.v1.BusService",
        Door::Page,
        &[
            "CheckStream",
            "FindCommand",
            "GetBundle",
            "GetClock",
            "HighWater",
            "ListAffected",
            "ListCursors",
            "ListParked",
            "ListTimers",
            "ReadJournal",
        ],
    ),
    ("evaluation.v1.EvaluationService", Door::Command, &["DecideAdjudication", "RecordCallback"]),
    ("evaluation.v1.EvaluationService", Door::One, &["GetCallback", "GetRates"]),
    ("evaluation.v1.EvaluationService", Door::Page, &["ListCallbacks", "ListCaseFacts", "ListOpenTasks"]),
    (
        "intake.v1.CaseService",
        Door::Command,
        &[
            "AcceptCase",
            "AddCaseFacts",
            "ConfirmMaskedText",
            "DeclineCase",
            "ForgetComplainant",
            "LinkCases",
            "ReceiptRoute",
            "RegisterCase",
            "ReturnCaseFromRoute",
            "RevealContact",
            "RouteAwayCase",
            "WithdrawCase",
        ],
    ),
    (
        "intake.v1.CaseService",
        Door::One,
        &["GetByTrackingCode", "GetCase", "GetNotice", "ListClusterCandidates", "ListNotices", "ReadMaskedText"],
    ),
    ("intake.v1.CaseService", Door::Page, &["ListCases", "ListOpenTasks", "ListReveals"]),
    ("scheduling.v1.OfficerService", Door::Command, &["RecordCertificate", "ReinstateOfficer", "SuspendOfficer"]),
    ("scheduling.v1.OfficerService", Door::Page, &["ListOfficers"]),
    (
        "scheduling.v1.OperationService",
        Door::Command,
        &[
            "ApproveOperation",
            "CancelOperation",
            "CheckIn",
            "ConcludeOperation",
            "ConfirmParticipation",
            "DeclineParticipation",
            "RecordInspection",
            "RejectOperation",
            "ReplaceOfficers",
            "RescheduleOperation",
            "StartOperation",
        ],
    ),
    // A trial: it decides like a command and may be refused like one, and then forgets it.
    ("scheduling.v1.OperationService", Door::Command, &["PreviewPlan"]),
    ("scheduling.v1.OperationService", Door::One, &["GetOperation"]),
    ("scheduling.v1.OperationService", Door::Page, &["ListBookings", "ListOpenTasks", "ListOperations"]),
    (
        "supervision.v1.SupervisionService",
        Door::Command,
        &["AnswerSupervisionOrder", "ApproveClosing", "ExtendClock", "PauseClock", "RefuseClosing", "ResumeClock"],
    ),
    ("supervision.v1.SupervisionService", Door::One, &["GetClosingProof", "GetTimeline", "ListClocks"]),
    (
        "supervision.v1.SupervisionService",
        Door::Page,
        &["ListClosings", "ListDue", "ListOpenTasks", "ListSupervisionOrders"],
    ),
];

/// What an RPC is; one that nobody has thought about is an error.
pub fn door(method: &MethodDescriptor) -> anyhow::Result<Door> {
    let service = method.parent_service().full_name().trim_start_matches("xiezhi.").to_owned();
    let known = DOORS.iter().find(|(of, _, methods)| *of == service && methods.contains(&method.name()));
    known.map(|(_, door, _)| *door).with_context(|| {
        format!("{}: a new RPC; say in DOORS what it is and check that its ids are known", method.full_name())
    })
}

/// What a text field is filled with.
enum Said {
    /// This.
    Text(&'static str),
    /// A UUID nobody has used.
    Fresh,
    /// Nothing: it may be left out.
    Nothing,
}

/// Text by the name of its field.
const TEXTS: &[(&[&str], Said)] = &[
    (&["command_id", "turn_id"], Said::Fresh),
    (&["service", "consumer"], Said::Text("assignment")),
    (&["producer"], Said::Text("intake")),
    (&["name"], Said::Text("王小明")),
    (&["phone"], Said::Text("13700000001")),
    (&["id_number", "address"], Said::Nothing),
    (&["title", "masked_title"], Said::Text("路口停车")),
    (&["body", "masked_body"], Said::Text("路口长期停放一辆货车, 请处理。")),
    (
        &["reason", "note", "report", "grounds", "reply", "words", "answer", "considered", "why"],
        Said::Text("已经核对, 情况属实"),
    ),
    (&["conclusion"], Said::Text("supported")),
    (&["ground_code"], Said::Text("several_duties")),
    (&["reason_code"], Said::Text("not_resolved")),
    (&["rule_code"], Said::Text("D1.court")),
    (&["receipt_no"], Said::Text("118")),
    (&["item_code"], Said::Text("PI018")),
    (&["matter_codes"], Said::Text("parking.road")),
    (&["region_code"], Said::Text("330421002")),
    (&["object_type"], Said::Text("vehicle")),
    (&["code"], Said::Text("time.night")),
    (&["value"], Said::Text("true")),
    (&["act_on"], Said::Text("2026-03-01")),
    (&["from"], Said::Text("2026-03-01")),
    (&["to"], Said::Text("2026-03-31")),
    (&["number"], Said::Text("ZJ3304001999")),
    (&["valid_from"], Said::Text("2021-03-12")),
    (&["valid_to"], Said::Text("2027-03-11")),
    (&["finding_code"], Said::Text("violation")),
    (&["form_codes"], Said::Text("scene_record")),
    (&["power_item_codes"], Said::Text("PI003.old")),
    (&["person_code"], Said::Text("ZF-P04")),
    (&["officer_codes"], Said::Text("ZF-O01")),
    // Within a message of its own it is part of what is said; on top it names a resource and comes from the story.
    (&["unit_code"], Said::Text("ZF")),
    (
        &[
            "account",
            "accused_unit",
            "article",
            "invited_units",
            "item_codes",
            "key",
            "law",
            "matter_code",
            "on",
            "page_token",
            "post_code",
            "subject_code",
            "to_unit_code",
            "valid_on",
            "version_date",
        ],
        Said::Nothing,
    ),
];

/// Numbers by the name of their field.
const NUMBERS: &[(&str, u32)] =
    &[("amount", 1), ("epoch", 1), ("pos", 1), ("from_pos", 1), ("to_pos", 0), ("after_position", 0), ("round", 0)];

/// Messages and enumerations that may be left out and are.
const LEFT_OUT: &[&str] = &[
    "as_of",
    "before",
    "handled_at",
    "known_at",
    "not_before",
    "receipted_at",
    "registered_before",
    "registered_from",
    "starts_at",
    "terms",
    "until",
];

/// What names nothing by itself: without it a request is whole.
pub const OPTIONAL: &[&str] = &["determination_id", "unit_code"];

/// Ids that a request is written with, by field.
pub type Ids = BTreeMap<String, String>;

/// Writes requests.
#[derive(Debug)]
pub struct Writer<'story> {
    /// Where the ids come from.
    pub story: &'story Story,
    /// What time it is in the house.
    pub now: prost_types::Timestamp,
}

impl Writer<'_> {
    /// The fields of a request that name resources, one way of naming them after the other: by id, or by number.
    #[must_use]
    pub fn names(&self, method: &MethodDescriptor) -> Vec<Vec<String>> {
        let fields: Vec<String> = method
            .input()
            .fields()
            .map(|field| field.name().to_owned())
            .filter(|name| self.story.names(name))
            .collect();
        if fields.iter().any(|name| name == "case_no") {
            return fields.into_iter().map(|name| vec![name]).collect();
        }
        vec![fields]
    }

    /// A request with these ids, and everything else that it needs.
    pub fn write(&self, input: &MessageDescriptor, ids: &Ids) -> anyhow::Result<Vec<u8>> {
        let mut message = DynamicMessage::new(input.clone());
        for field in input.fields() {
            let value = match ids.get(field.name()) {
                Some(id) => Some(named(&field, id)?),
                None if self.story.names(field.name()) => None,
                // What narrows a page is left out, so that the page is as wide as it can be.
                None if is_filter(input, &field) => {
                    self.value(&field)?;
                    None
                }
                None => self.value(&field)?,
            };
            if let Some(value) = value {
                message.set_field(&field, value);
            }
        }
        Ok(message.encode_to_vec())
    }

    fn message(&self, of: &MessageDescriptor) -> anyhow::Result<DynamicMessage> {
        let mut message = DynamicMessage::new(of.clone());
        for field in of.fields() {
            if let Some(value) = self.value(&field)? {
                message.set_field(&field, value);
            }
        }
        Ok(message)
    }

    /// What a field is filled with; one that nobody has thought about is an error.
    fn value(&self, field: &FieldDescriptor) -> anyhow::Result<Option<Value>> {
        let name = field.name();
        if LEFT_OUT.contains(&name) {
            return Ok(None);
        }
        let value = match field.kind() {
            Kind::String => self.text(field)?.map(Value::String),
            Kind::Bytes => self.bytes(field)?.map(|bytes| Value::Bytes(bytes.into())),
            Kind::Bool => None,
            Kind::Enum(of) => {
                of.values().map(|value| value.number()).find(|number| *number != 0).map(Value::EnumNumber)
            }
            Kind::Message(of) if of.full_name() == "google.protobuf.Timestamp" => match name {
                "to" => Some(Value::Message(self.moment(&of))),
                "from" => None,
                _ => bail!("{}: an unknown moment; say in the table what it is filled with", field.full_name()),
            },
            Kind::Message(of) => Some(Value::Message(self.message(&of)?)),
            kind => number(field, &kind)?,
        };
        Ok(value.map(|value| if field.is_list() { Value::List(vec![value]) } else { value }))
    }

    fn text(&self, field: &FieldDescriptor) -> anyhow::Result<Option<String>> {
        if field.name() == "kind" {
            return Ok(Some(self.story.clock_kind.clone()));
        }
        let said = TEXTS.iter().find(|(names, _)| names.contains(&field.name()));
        let (_, said) = said.with_context(|| {
            format!(
                "{}: an unknown field; if it names a resource the story must tell of one, else TEXTS",
                field.full_name()
            )
        })?;
        Ok(match said {
            Said::Text(text) => Some((*text).to_owned()),
            Said::Fresh => Some(client::new_command_id()),
            // A page may be of every key; what a person settles is one.
            Said::Nothing if field.full_name() == "xiezhi.bus.v1.SettleAffectedRequest.key" => {
                Some(client::new_command_id())
            }
            Said::Nothing => None,
        })
    }

    fn bytes(&self, field: &FieldDescriptor) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(match field.name() {
            "chunk" => Some(picture("uploaded")),
            "evidence_sha256" => Some(self.story.evidence.clone()),
            "public_key" => Some(self.story.public_key()),
            // They are ids of the cell that asks for a token.
            "challenge" | "signature" => None,
            _ => bail!("{}: unknown bytes; say what they are filled with", field.full_name()),
        })
    }

    fn moment(&self, of: &MessageDescriptor) -> DynamicMessage {
        let mut moment = DynamicMessage::new(of.clone());
        moment.set_field_by_name("seconds", Value::I64(self.now.seconds));
        moment.set_field_by_name("nanos", Value::I32(self.now.nanos));
        moment
    }
}

/// True for what narrows a list and may be left out.
fn is_filter(input: &MessageDescriptor, field: &FieldDescriptor) -> bool {
    let needed = ["service", "page_size", "from", "to", "command_id"];
    let is_moment = matches!(field.kind(), Kind::Message(_));
    input.name().starts_with("List") && (is_moment || !needed.contains(&field.name()))
}

/// The id in the form of its field.
fn named(field: &FieldDescriptor, id: &str) -> anyhow::Result<Value> {
    match field.kind() {
        Kind::String => Ok(Value::String(id.to_owned())),
        Kind::Bytes => Ok(Value::Bytes(hex::decode(id)?.into())),
        kind => bail!("{}: an id is no {kind:?}", field.full_name()),
    }
}

fn number(field: &FieldDescriptor, kind: &Kind) -> anyhow::Result<Option<Value>> {
    // As much as any page takes.
    let known = if field.name() == "page_size" { Some(200) } else { None };
    let table = NUMBERS.iter().find(|(name, _)| *name == field.name()).map(|(_, number)| *number);
    let number = known.or(table).with_context(|| format!("{}: an unknown number", field.full_name()))?;
    Ok(Some(match kind {
        Kind::Uint32 => Value::U32(number),
        Kind::Uint64 => Value::U64(number.into()),
        Kind::Int32 => Value::I32(number.try_into()?),
        Kind::Int64 => Value::I64(number.into()),
        other => bail!("{}: a number that is {other:?}", field.full_name()),
    }))
}
