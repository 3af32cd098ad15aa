//! The cells of the matrix: one RPC, one caller, one way of naming resources, and what must come of it.

use anyhow::{Context, bail};
use prost_reflect::MethodDescriptor;
use tonic::Code;
use xiezhi_proto::assignment::v1::CreateChallengeRequest;

use super::callers::{Caller, Right, Standing};
use super::requests::{Door, Ids, OPTIONAL, Writer, door};
use super::story::{KEYED, Story};
use super::{Answer, Matrix, Reach, send};
use crate::contract::Contract;

/// Answers that are about a case or an operation as a whole, and so name the work orders of all who share it: who holds what is
/// what partners must know. An order's id opens nothing to whoever does not hold it.
const TELL_OF_ALL: &[&str] = &["GetTimeline", "ListClocks", "ListOperations", "GetOperation"];
/// Those of them that answer about one case, whichever it is.
const TELL_OF_WHOLE_CASES: &[&str] = &["GetTimeline", "ListClocks"];
/// The roles of departments and towns.
const UNITS_ROLES: [&str; 3] = ["department_handler", "department_head", "officer"];
/// There is none of it in a sound house, so even whoever may decide it hears that it is missing.
const NONE_HERE: &[&str] = &["DecideParked", "SettleAffected"];

/// When a cell is tried: refusals first, effects last, so that no cell changes what another one finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It must be refused, and nothing may be written.
    Refused,
    /// It reads.
    Read,
    /// Anybody may.
    Open,
    /// It may change something.
    Effect,
}

/// What must come of it.
#[derive(Debug, Clone)]
enum Want {
    /// This code, with this reason.
    Refusal(Code, &'static str),
    /// A refusal or an empty page, whichever this other request meets: the same to the last byte.
    Like { missing: Vec<u8>, must_be_missing: bool },
    /// Nothing of it: an empty page, or that it is missing.
    NothingThere,
    /// An answer without anything that this unit may not know of.
    Shown { unit: Option<String>, with_neighbours: bool },
    /// Carried out, or refused for its own sake, never because of who asks.
    Heard,
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The RPC.
    pub method: MethodDescriptor,
    /// Who calls, by place.
    pub caller: usize,
    /// When it is tried.
    pub phase: Phase,
    /// In words.
    about: String,
    body: Vec<u8>,
    want: Want,
}

/// Makes every cell.
#[derive(Debug)]
pub struct Board<'story> {
    /// The contract.
    pub contract: &'story Contract,
    /// The policies.
    pub matrix: &'story Matrix,
    /// Who calls.
    pub callers: &'story [Caller],
    /// Writes the requests.
    pub writer: Writer<'story>,
}

impl Board<'_> {
    /// Every cell of every RPC, or what nobody has thought about yet.
    pub fn cells(&self) -> Result<Vec<Cell>, Vec<String>> {
        let (mut cells, mut unknown) = (Vec::new(), Vec::new());
        for method in self.contract.methods() {
            match self.of_method(&method) {
                Ok(more) => cells.extend(more),
                Err(error) => unknown.push(format!("{}: {error:#}", method.full_name())),
            }
        }
        if unknown.is_empty() { Ok(cells) } else { Err(unknown) }
    }

    fn of_method(&self, method: &MethodDescriptor) -> anyhow::Result<Vec<Cell>> {
        let (door, action) = (door(method)?, self.contract.action_of(method));
        if !self.matrix.is_somebodys(&action) {
            bail!("no policy permits anybody to {action:?}");
        }
        let mut cells = Vec::new();
        for (place, caller) in self.callers.iter().enumerate() {
            for fields in self.writer.names(method) {
                let mut row = Row { board: self, method, door, caller, place, fields: &fields, cells: &mut cells };
                match caller.right(self.matrix, &action)? {
                    Right::Public => row.open()?,
                    Right::Unknown => row.refused(Code::Unauthenticated, reason_of(caller))?,
                    Right::None => row.refused(Code::PermissionDenied, "bus.not_permitted")?,
                    Right::Some(Reach::Any) => row.any()?,
                    Right::Some(Reach::Own) => row.own()?,
                }
            }
        }
        Ok(cells)
    }
}

fn reason_of(caller: &Caller) -> &'static str {
    match caller.standing {
        Standing::Nobody if caller.name == "nobody" => "bus.token_missing",
        _ => "bus.token_invalid",
    }
}

/// One RPC, one caller, one set of fields that name resources.
struct Row<'a, 'story> {
    board: &'a Board<'story>,
    method: &'a MethodDescriptor,
    door: Door,
    caller: &'a Caller,
    place: usize,
    fields: &'a [String],
    cells: &'a mut Vec<Cell>,
}

impl Row<'_, '_> {
    fn add(&mut self, phase: Phase, about: impl Into<String>, ids: &Ids, want: Want) -> anyhow::Result<()> {
        let body = self.board.writer.write(&self.method.input(), ids)?;
        let (method, caller, about) = (self.method.clone(), self.place, about.into());
        self.cells.push(Cell { method, caller, phase, about, body, want });
        Ok(())
    }

    fn body(&self, ids: &Ids) -> anyhow::Result<Vec<u8>> {
        self.board.writer.write(&self.method.input(), ids)
    }

    /// One that exists, for whoever may see everything.
    fn existing(&self, field: &str) -> anyhow::Result<String> {
        let story = self.board.writer.story;
        let special = match (self.method.name(), field) {
            ("PublishBundle", "sha256") => Some(hex::encode(&story.bundle)),
            ("CreateChallenge" | "IssueToken", "account_id") => Some(KEYED.to_owned()),
            _ => None,
        };
        special.or_else(|| story.any(field)).with_context(|| format!("the story tells of no {field}"))
    }

    fn all(&self, one: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Ids> {
        self.fields.iter().map(|field| Ok((field.clone(), one(field)?))).collect()
    }

    /// Where a cell of an allowed caller belongs.
    fn allowed(&self) -> Phase {
        if self.door == Door::Command { Phase::Effect } else { Phase::Read }
    }

    fn open(&mut self) -> anyhow::Result<()> {
        let ids = self.all(|field| self.existing(field))?;
        self.add(Phase::Open, "with what exists", &ids, Want::Heard)
    }

    fn refused(&mut self, code: Code, reason: &'static str) -> anyhow::Result<()> {
        let ids = self.all(|field| self.existing(field))?;
        self.add(Phase::Refused, "with what exists", &ids, Want::Refusal(code, reason))
    }

    /// What everybody may read is still no place for what is between others: a unit's answer is searched all the same.
    fn shown_of_all(&self) -> Want {
        let is_of_a_unit =
            matches!(&self.caller.standing, Standing::Role(role) if UNITS_ROLES.contains(&role.as_str()));
        Want::Shown { unit: is_of_a_unit.then(|| self.caller.unit.clone()), with_neighbours: true }
    }

    /// Whoever may see everything: what exists is found, what does not is missing.
    fn any(&mut self) -> anyhow::Result<()> {
        let ids = self.all(|field| self.existing(field))?;
        let want = match self.door {
            Door::Command if NONE_HERE.contains(&self.method.name()) => Want::Refusal(Code::NotFound, "bus.not_found"),
            Door::Command => Want::Heard,
            Door::One | Door::Page => self.shown_of_all(),
        };
        self.add(self.allowed(), "with what exists", &ids, want)?;
        if self.fields.is_empty() {
            return Ok(());
        }
        let ids = self.all(missing)?;
        match self.door {
            Door::Page => {
                let want = self.shown_of_all();
                self.add(Phase::Read, "narrowed to nothing", &Ids::new(), want)?;
                self.add(Phase::Refused, "narrowed to what does not exist", &ids, Want::NothingThere)
            }
            // Every unit has a stream, whether it has an order yet or not.
            Door::One if self.method.is_server_streaming() && self.fields == ["unit_code"] => Ok(()),
            Door::One | Door::Command => {
                let want = match self.method.name() {
                    // A file that is cited and was never uploaded is a mistake of the request.
                    "PublishBundle" => Want::Refusal(Code::InvalidArgument, "bus.invalid_argument"),
                    _ => Want::Refusal(Code::NotFound, "bus.not_found"),
                };
                self.add(Phase::Refused, "with what does not exist", &ids, want)
            }
        }
    }

    /// Whoever sees its own: that is found, and what is others' is like what does not exist.
    fn own(&mut self) -> anyhow::Result<()> {
        let story = self.board.writer.story;
        let unit = self.caller.unit.clone();
        let own = |field: &str| story.own(&unit, field);
        let with_neighbours = !TELL_OF_ALL.contains(&self.method.name());
        let shown = Want::Shown { unit: Some(unit.clone()), with_neighbours };
        let is_optional = |field: &String| OPTIONAL.contains(&field.as_str());
        let may_name_nothing = self.door == Door::Page || self.fields.iter().all(is_optional);
        if may_name_nothing && self.door != Door::Command {
            self.add(Phase::Read, "naming nothing", &Ids::new(), shown.clone())?;
        }
        let ids: Option<Ids> = self.fields.iter().map(|field| Some((field.clone(), own(field)?))).collect();
        if let Some(ids) = ids.filter(|ids| !ids.is_empty() || self.door == Door::Command) {
            let want = if self.door == Door::Command { Want::Heard } else { shown.clone() };
            self.add(self.allowed(), "with its own", &ids, want)?;
        }
        // What is between a partner and its supervisor may stand in any case they share, and not in the first alone.
        if let (true, [field]) = (TELL_OF_WHOLE_CASES.contains(&self.method.name()), self.fields) {
            for id in story.all_own(&unit, field).into_iter().skip(1) {
                self.add(Phase::Read, "with another of its own", &Ids::from([(field.clone(), id)]), shown.clone())?;
            }
        }
        for field in self.fields {
            // The rest of the request is the caller's own, or left out.
            let rest: Option<Ids> = self
                .fields
                .iter()
                .filter(|other| *other != field && self.door != Door::Page)
                .filter(|other| own(other).is_some() || !is_optional(other))
                .map(|other| Some((other.clone(), own(other)?)))
                .collect();
            let Some(rest) = rest else { continue };
            let must_be_missing = self.door != Door::Page && (rest.is_empty() || self.fields.first() == Some(field));
            let with = |id: String| rest.clone().into_iter().chain([(field.clone(), id)]).collect::<Ids>();
            for id in story.foreign(&unit, field) {
                let want = match self.method.name() {
                    // Of its own operations those in which a partner takes part, too: a filter, and no door to the partner's.
                    "ListOperations" if field == "unit_code" => shown.clone(),
                    _ => Want::Like { missing: self.body(&with(missing(field)?))?, must_be_missing },
                };
                self.add(Phase::Refused, format!("with a foreign {field}"), &with(id), want)?;
            }
        }
        if self.fields.len() > 1 && self.door != Door::Page {
            let foreign = self.all(|field| story.foreign(&unit, field).into_iter().next().context("nothing foreign"));
            if let Ok(ids) = foreign {
                let want = Want::Like { missing: self.body(&self.all(missing)?)?, must_be_missing: true };
                self.add(Phase::Refused, "with all of it foreign", &ids, want)?;
            }
        }
        Ok(())
    }
}

/// An id in the form of its field that nothing has.
fn missing(field: &str) -> anyhow::Result<String> {
    Ok(match field {
        "unit_code" => "QQ".to_owned(),
        "officer_code" => "WJ-O99".to_owned(),
        "account_id" => "QQ.o99".to_owned(),
        "case_no" => "JS-2026-999999".to_owned(),
        "sha256" => "5a".repeat(32),
        "tracking_code" => bail!("a tracking code is nobody's but its holder's"),
        field if field.ends_with("_id") => client::new_command_id(),
        field => bail!("{field}: how would one look that does not exist?"),
    })
}

impl Cell {
    /// Tries it: what is wrong with the answer, if anything, and the answer.
    pub async fn try_with(&self, board: &Board<'_>) -> anyhow::Result<(Answer, Option<String>)> {
        let caller = board.callers.get(self.caller).context("nobody calls")?;
        let answer = send(&caller.centre, &self.method, self.proven(caller, board).await?).await?;
        let wrong = match &self.want {
            Want::Like { missing, must_be_missing } => {
                let other = send(&caller.centre, &self.method, missing.clone()).await?;
                if other != answer {
                    Some(format!("can be told from a missing one, which is answered {other}"))
                } else {
                    (*must_be_missing && answer.code != Code::NotFound).then(|| "is not missing".to_owned())
                }
            }
            want => wrong(want, &answer, board.writer.story)?,
        };
        Ok((answer.clone(), wrong.map(|wrong| format!("{wrong}; answered {answer}"))))
    }

    /// The cell in words.
    #[must_use]
    pub fn named(&self, board: &Board<'_>) -> String {
        let place = self.method.full_name().trim_start_matches("xiezhi.");
        let caller = board.callers.get(self.caller).map(|caller| caller.name.as_str()).unwrap_or_default();
        format!("{place} by {caller}, {}", self.about)
    }

    /// Whoever is heard with a request for a token proves the account with a challenge of its own.
    async fn proven(&self, caller: &Caller, board: &Board<'_>) -> anyhow::Result<Vec<u8>> {
        if self.method.name() != "IssueToken" || self.phase != Phase::Open {
            return Ok(self.body.clone());
        }
        let request = CreateChallengeRequest { account_id: KEYED.to_owned() };
        let challenge = caller.centre.accounts().create_challenge(request).await?.into_inner().challenge;
        let signature = hex::encode(board.writer.story.prove(&challenge));
        let ids = [("account_id", KEYED.to_owned()), ("challenge", hex::encode(&challenge)), ("signature", signature)];
        let ids = ids.into_iter().map(|(field, id)| (field.to_owned(), id)).collect();
        board.writer.write(&self.method.input(), &ids)
    }
}

fn wrong(want: &Want, answer: &Answer, story: &Story) -> anyhow::Result<Option<String>> {
    Ok(match want {
        Want::Refusal(code, reason) => (answer.code != *code || answer.reason() != *reason)
            .then(|| format!("is not refused with {code:?} ({reason})")),
        Want::Like { .. } => None,
        Want::NothingThere => {
            (!matches!(answer.code, Code::Ok | Code::NotFound)).then(|| "is neither empty nor missing".to_owned())
        }
        Want::Shown { .. } if answer.code != Code::Ok => Some("is not shown".to_owned()),
        Want::Shown { unit: None, .. } => None,
        Want::Shown { unit: Some(unit), with_neighbours } => {
            let hidden = story.hidden(unit, *with_neighbours);
            let ids: Vec<&str> = hidden.iter().map(|thing| thing.id.as_str()).collect();
            let shown = answer.shows(&ids)?;
            let named = hidden.iter().enumerate().filter(|(place, _)| shown.contains(place));
            let named: Vec<String> = named.map(|(_, thing)| format!("{} {}", thing.field, thing.id)).collect();
            (!named.is_empty()).then(|| format!("shows what is foreign to it: {}", named.join(", ")))
        }
        Want::Heard => (!matches!(answer.code, Code::Ok | Code::FailedPrecondition))
            .then(|| "is neither carried out nor refused for its own sake".to_owned()),
    })
}
