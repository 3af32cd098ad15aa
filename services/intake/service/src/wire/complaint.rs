//! A complaint: who raises it, in which words, about what.

use kit::refusal::{Checks, Refusal};
use serde::{Deserialize, Serialize};
use vocab::text::{name, prose};
use vocab::{CaseFacts, CaseId, UnitCode};
use words::read;
use xiezhi_proto::intake::v1 as proto;

use super::note;
use super::request::{refused, text};

/// The longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 200;
/// The longest body, in characters.
pub const MAX_BODY_CHARS: usize = 20_000;
/// The longest name of a person, in characters.
const MAX_NAME_CHARS: usize = 50;
/// The longest address, in characters.
const MAX_ADDRESS_CHARS: usize = 200;

/// 信访人: an identity on its way into the vault or out of it. It does not show in debug output.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// 姓名.
    pub name: String,
    /// 电话.
    pub phone: String,
    /// 证件号码.
    pub id_number: String,
    /// 住址.
    pub address: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// A title and a body. They do not show in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Words {
    /// The title.
    pub title: String,
    /// The body.
    pub body: String,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words")
    }
}

/// A complaint to register.
#[derive(Debug, Clone)]
pub struct Register {
    /// Who raises it.
    pub identity: Identity,
    /// In which words.
    pub words: Words,
    /// The clerk's masked words; none where the machine shall mask.
    pub masked: Option<Words>,
    /// The coded facts.
    pub facts: CaseFacts,
    /// 检举控告: the unit accused.
    pub accused: Option<UnitCode>,
}

/// Reads a registration.
pub fn register(request: proto::RegisterCaseRequest) -> Result<Register, Refusal> {
    let mut checks = Checks::new();
    let identity = identity(&mut checks, request.complainant.unwrap_or_default());
    text(&mut checks, "title", name(&request.title, MAX_TITLE_CHARS));
    text(&mut checks, "body", prose(&request.body, MAX_BODY_CHARS));
    let masked = match (request.masked_title.is_empty(), request.masked_body.is_empty()) {
        (true, true) => None,
        _ => Some(masked(&mut checks, request.masked_title, request.masked_body)),
    };
    let facts = note(&mut checks, "facts", read::facts(request.facts.as_ref()));
    let accused = note(&mut checks, "accused_unit", read::maybe_word("", &request.accused_unit));
    match (facts, accused) {
        (Some(facts), Some(accused)) => {
            checks.done()?;
            let words = Words { title: request.title, body: request.body };
            Ok(Register { identity, words, masked, facts, accused })
        }
        _ => Err(refused(checks)),
    }
}

fn identity(checks: &mut Checks, said: proto::Complainant) -> Identity {
    if !said.name.is_empty() {
        text(checks, "complainant.name", name(&said.name, MAX_NAME_CHARS));
    }
    if !said.address.is_empty() {
        text(checks, "complainant.address", name(&said.address, MAX_ADDRESS_CHARS));
    }
    // What is wrong is said without the value: an error is seen by more than the clerk.
    if !said.phone.is_empty() && !is_phone(&said.phone) {
        checks.wrong("complainant.phone", "must have 5 to 20 digits, with spaces, \"+\" and \"-\" only");
    }
    if !said.id_number.is_empty() && !is_document(&said.id_number) {
        checks.wrong("complainant.id_number", "must have 6 to 20 letters and digits");
    }
    Identity { name: said.name, phone: said.phone, id_number: said.id_number, address: said.address }
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (5..=20).contains(&digits)
        && text.len() <= 40
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '+'))
}

fn is_document(text: &str) -> bool {
    (6..=20).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn masked(checks: &mut Checks, title: String, body: String) -> Words {
    text(checks, "masked_title", name(&title, MAX_TITLE_CHARS));
    text(checks, "masked_body", prose(&body, MAX_BODY_CHARS));
    Words { title, body }
}

/// Reads a confirmed masked text.
pub fn confirm(request: &proto::ConfirmMaskedTextRequest) -> Result<(CaseId, Words), Refusal> {
    let mut checks = Checks::new();
    let case = note(&mut checks, "case_id", read::word("", &request.case_id));
    let words = masked(&mut checks, request.masked_title.clone(), request.masked_body.clone());
    match case {
        Some(case) => checks.done().map(|()| (case, words)),
        None => Err(refused(checks)),
    }
}
