//! Cases of the small county, and what people do with them.

use assignment_domain::case::{Conclusion, SettlingReason};
use assignment_domain::consultation::Stance;
use assignment_domain::decide::Registered;
use assignment_domain::file::{AskedShare, CaseFile, Cited, Command, FollowUp, Reach, Taker};
use assignment_domain::order::{OrderStage, Outcome, WorkOrder};
use assignment_domain::refusal::Refusal;
use uuid::Uuid;
use vocab::{CaseFacts, CaseId, Duty, OperationId, Role, WorkOrderId};

use super::{County, at, boundary, citation, evidence, facts, item, unit};

pub const PUNISH: &[Duty] = &[Duty::Investigate, Duty::Punish];

pub fn case() -> CaseId {
    Uuid::from_u128(0xCA5E).into()
}

/// ZF leads by a boundary rule, GA holds another item, the town must set right.
pub fn barbecue() -> County {
    County::new(
        vec![
            item("P1", "ZF", &["fume"], PUNISH),
            item("P2", "GA", &["noise"], PUNISH),
            item("R3", "town", &["fume"], &[Duty::Rectify]),
        ],
        vec![boundary("B1", 0, &["fume"], "ZF", &["GA"])],
    )
}

/// Nobody says whether ZF or WL leads.
pub fn heritage() -> County {
    County::new(vec![item("P1", "ZF", &["heritage"], PUNISH), item("P2", "WL", &["heritage"], PUNISH)], vec![])
}

pub fn registered(county: &County, facts: CaseFacts) -> CaseFile {
    let registered =
        Registered { id: case(), case_no: "JS-2026-000001".into(), facts, without_clerk: false, sealed: false };
    county.with(|setting| CaseFile::register(registered, setting)).unwrap().file
}

pub fn go(county: &County, file: &CaseFile, command: Command) -> CaseFile {
    county.with(|setting| file.decide(command, setting)).unwrap().file
}

pub fn refused(county: &County, file: &CaseFile, command: Command) -> Refusal {
    county.with(|setting| file.decide(command, setting)).unwrap_err()
}

pub fn accept(facts: CaseFacts) -> Command {
    let accepted_at = at("2026-03-02T09:00");
    Command::Accept { case_no: "JS-2026-000001".into(), facts, accepted_at, mode: None, track: None }
}

pub fn accepted(county: &County, matters: &[&str]) -> CaseFile {
    let file = registered(county, facts(matters));
    go(county, &file, accept(facts(matters)))
}

pub fn open_order<'f>(file: &'f CaseFile, unit: &str) -> &'f WorkOrder {
    file.orders.values().find(|order| order.unit.as_str() == unit && order.is_open()).unwrap()
}

pub fn order_of(file: &CaseFile, unit: &str) -> WorkOrderId {
    open_order(file, unit).id
}

pub fn article() -> Cited {
    Cited::Article(citation())
}

pub fn take(file: &CaseFile, who: &str) -> Command {
    let consultation = file.consultation.as_ref().unwrap().id;
    Command::TakePosition { consultation, unit: unit(who), stance: Stance::NotMine, cited: article() }
}

pub fn share(who: &str, role: Role, duty: Duty, code: &str) -> AskedShare {
    AskedShare { unit: unit(who), role, duty, cited: vec![Cited::Item(code.parse().unwrap())] }
}

pub fn ruling(file: &CaseFile, shares: Vec<AskedShare>) -> Command {
    Command::Rule { consultation: file.consultation.as_ref().unwrap().id, shares, reach: Reach::Town }
}

pub fn complete(county: &County, file: &CaseFile, unit: &str) -> CaseFile {
    let order = order_of(file, unit);
    let file = match open_order(file, unit).stage {
        OrderStage::Dispatched => go(county, file, Command::Acknowledge { order }),
        _ => file.clone(),
    };
    go(county, &file, Command::CompleteOrder { order, outcome: Outcome::Punished, evidence: evidence() })
}

pub fn complete_case(by: &str) -> Command {
    Command::CompleteCase { unit: unit(by), conclusion: Conclusion::Supported, own: None }
}

pub fn object(order: WorkOrderId) -> Command {
    Command::Object { order, cited: article() }
}

pub fn decide(order: WorkOrderId, upheld: bool) -> Command {
    Command::DecideObjection { order, upheld }
}

/// A unit objects and is right.
pub fn returned(county: &County, file: &CaseFile, who: &str) -> CaseFile {
    let order = order_of(file, who);
    go(county, &go(county, file, object(order)), decide(order, true))
}

/// Everybody who is asked says something, and the centre rules.
pub fn ruled(county: &County, file: &CaseFile, shares: Vec<AskedShare>) -> CaseFile {
    let asked = file.consultation.as_ref().unwrap().outstanding();
    let file = asked.iter().fold(file.clone(), |file, who| go(county, &file, take(&file, who.as_str())));
    go(county, &file, ruling(&file, shares))
}

pub fn follow_up(who: &str, code: &str) -> FollowUp {
    FollowUp { unit: unit(who), duty: Duty::Punish, items: vec![code.parse().unwrap()] }
}

pub fn operation() -> OperationId {
    Uuid::from_u128(0x0F).into()
}

pub fn concluded(follow_ups: Vec<FollowUp>) -> Command {
    Command::OperationConcluded { operation: operation(), follow_ups }
}

/// The centre gives what the operation left to a unit to another one, on an item, or ends it.
pub fn settle(who: &str, to: Option<(&str, &str)>) -> Command {
    let to = to.map(|(to, code)| Taker { unit: unit(to), items: [code.parse().unwrap()].into() });
    Command::SettleFollowUp { operation: operation(), unit: unit(who), to, reason: SettlingReason::ItemNotListed }
}

/// The units with an open follow-up of an operation, in order.
pub fn follow_ups_out(file: &CaseFile) -> Vec<&str> {
    let out = file.orders.values().filter(|order| order.is_open() && order.operation == Some(operation()));
    let mut units: Vec<&str> = out.map(|order| order.unit.as_str()).collect();
    units.sort_unstable();
    units
}

/// The barbecue with an operation under way, while the objection of GA, which was right, is consulted upon.
pub fn consulted_while_under_way(county: &County) -> CaseFile {
    let file = accepted(county, &["fume", "noise"]);
    let file = go(county, &file, Command::OperationNamed { operation: operation() });
    returned(county, &file, "GA")
}

/// The barbecue, answered by ZF.
pub fn handled(county: &County) -> CaseFile {
    let file = accepted(county, &["fume", "noise"]);
    let done = ["ZF", "GA", "town-330421103"].iter().fold(file, |file, who| complete(county, &file, who));
    go(county, &done, complete_case("ZF"))
}
