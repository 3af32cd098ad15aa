//! The house before anybody asks: a joint operation that is over, orders that are late, a quarrel that is open.
//!
//! Each thing is known by its id, the field that names it, and the units that have a share in it.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use client::call;
use ed25519_dalek::{Signer, SigningKey};
use testkit::House;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::bus::v1::GetBundleRequest;
use xiezhi_proto::common::v1::Channel;
use xiezhi_proto::evaluation::v1 as evaluation;
use xiezhi_proto::intake::v1 as intake;
use xiezhi_proto::scheduling::v1 as scheduling;
use xiezhi_proto::supervision::v1 as supervision;

use crate::desk::{ADMINISTRATOR, CLERK, COORDINATOR, Complaint, Desk, EVALUATOR, SUPERVISOR, facts, picture};

/// When the barbecue begins.
pub const BEGINS: &str = "2026-03-02T00:55:00Z";
/// A week after it has ended: the ladder has been climbed. An odd minute, so that nothing falls due while we look.
const LATER: &str = "2026-03-19T02:37:00Z";

/// Open-air barbecue in Xitang: one leads, four support. Once with an operation, and closed; once more, and nobody has signed.
const BARBECUE: &[&str] = &["ZF", "HB", "GA", "SJ", "town-330421103"];
/// A storey added within the old town: three units, a consultation.
const STOREY: &[&str] = &["ZF", "ZG", "WL"];
/// A parked car: the police alone.
const PARKING: &[&str] = &["GA"];
/// Broken bins: the enforcement bureau alone.
const BINS: &[&str] = &["ZF"];

/// The account whose key we hold, and the one that nobody needs.
pub const KEYED: &str = "MZ.o02";
const SPARE: &str = "MZ.o03";
/// Fields whose values are looked for in answers: each exists once in the world.
const TELLING: &[&str] = &[
    "case_id",
    "case_no",
    "member_case_id",
    "work_order_id",
    "operation_id",
    "consultation_id",
    "determination_id",
    "supervision_order_id",
    "notice_id",
    "callback_id",
    "tracking_code",
];

/// Something a request can name.
#[derive(Debug, Clone)]
pub struct Thing {
    /// The field that names it.
    pub field: &'static str,
    /// Its id; bytes in hexadecimal.
    pub id: String,
    /// The units whose own it is.
    pub units: BTreeSet<String>,
    /// The units with a share in the case around it.
    around: &'static [&'static str],
}

/// Everything there is.
#[derive(Debug)]
pub struct Story {
    things: Vec<Thing>,
    key: SigningKey,
    /// A clock of the barbecue.
    pub clock_kind: String,
    /// A file that was uploaded to the services that take evidence.
    pub evidence: Vec<u8>,
    /// The rules in force in assignment.
    pub bundle: Vec<u8>,
}

impl Story {
    fn put(&mut self, around: &'static [&'static str], units: &[&str], field: &'static str, id: &str) {
        let units = units.iter().map(|unit| (*unit).to_owned()).collect();
        self.things.push(Thing { field, id: id.to_owned(), units, around });
    }

    fn of_field<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Thing> {
        self.things.iter().filter(move |thing| thing.field == field)
    }

    /// True where the field names something.
    #[must_use]
    pub fn names(&self, field: &str) -> bool {
        self.of_field(field).next().is_some()
    }

    /// One that exists, for whoever may see everything.
    #[must_use]
    pub fn any(&self, field: &str) -> Option<String> {
        self.of_field(field).next().map(|thing| thing.id.clone())
    }

    /// One of the unit's own.
    #[must_use]
    pub fn own(&self, unit: &str, field: &str) -> Option<String> {
        self.of_field(field).find(|thing| thing.units.contains(unit)).map(|thing| thing.id.clone())
    }

    /// All of the unit's own.
    #[must_use]
    pub fn all_own(&self, unit: &str, field: &str) -> Vec<String> {
        self.of_field(field).filter(|thing| thing.units.contains(unit)).map(|thing| thing.id.clone()).collect()
    }

    /// What is others': the nearest, in a case the unit may share, and the farthest.
    #[must_use]
    pub fn foreign(&self, unit: &str, field: &str) -> Vec<String> {
        let foreign = self.of_field(field).filter(|thing| !thing.units.contains(unit)).map(|thing| thing.id.clone());
        let mut foreign: Vec<String> = foreign.collect();
        // Every unit is as foreign as the next.
        let kept = if field == "unit_code" { 1 } else { 2 };
        while foreign.len() > kept {
            foreign.remove(kept - 1);
        }
        foreign
    }

    /// What must be in no answer to this unit: ids of cases it has no share in, and its neighbours' in the same case; their work
    /// orders only where the answer is not about the case as a whole.
    #[must_use]
    pub fn hidden(&self, unit: &str, with_neighbours: bool) -> Vec<&Thing> {
        let is_hidden = |thing: &&Thing| {
            let outside = !thing.around.contains(&unit);
            let is_neighbours = !thing.units.contains(unit)
                && (thing.field == "supervision_order_id" || (with_neighbours && thing.field == "work_order_id"));
            TELLING.contains(&thing.field) && (outside || is_neighbours)
        };
        self.things.iter().filter(is_hidden).collect()
    }

    /// What a unit may well be shown.
    #[must_use]
    pub fn shared(&self, unit: &str) -> Vec<&Thing> {
        self.things.iter().filter(|thing| TELLING.contains(&thing.field) && thing.units.contains(unit)).collect()
    }

    /// The key of that account as it is registered.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.key.verifying_key().to_bytes().to_vec()
    }

    /// A signature that proves the account we hold the key of.
    #[must_use]
    pub fn prove(&self, challenge: &[u8]) -> Vec<u8> {
        self.key.sign(challenge).to_bytes().to_vec()
    }
}

/// Plays the barbecue, lets two orders grow late, and opens a consultation.
pub async fn tell(house: &House, desk: &Desk<'_>) -> anyhow::Result<Story> {
    house.run(&["journey", "run", "barbecue", "--here"]).await?.done()?;
    let key = SigningKey::from_bytes(&[11; 32]);
    let (clock_kind, evidence, bundle) = (String::new(), Vec::new(), Vec::new());
    let mut story = Story { things: Vec::new(), key, clock_kind, evidence, bundle };
    barbecue(desk, &mut story).await?;
    let again = another_barbecue(desk).await?;
    let mut alone = Vec::new();
    for (matter, object, units) in
        [("parking.road", "vehicle", PARKING), ("appearance.sanitation_facility", "public_place", BINS)]
    {
        let mut complaint = Complaint::simple();
        complaint.facts = facts(matter, object, Channel::Phone, &[]);
        complaint.facts.region_code = "330421002".to_owned();
        alone.push((desk.register(&complaint).await?, units));
    }
    desk.rest().await?;
    desk.turn(LATER).await?;
    desk.rest().await?;
    late(desk, &mut story, &again, BARBECUE).await?;
    for (case, units) in alone {
        late(desk, &mut story, &case, units).await?;
    }
    storey(desk, &mut story).await?;
    things_of_no_case(&mut story);
    files_and_keys(desk, &mut story).await?;
    desk.rest().await?;
    Ok(story)
}

/// The ids of the journey, read back.
async fn barbecue(desk: &Desk<'_>, story: &mut Story) -> anyhow::Result<()> {
    let clerk = desk.as_account(CLERK).await?;
    let request = intake::ListCasesRequest { heads_only: true, ..Default::default() };
    let mut heads = clerk.read(|| call!(clerk.intake().list_cases(request.clone()))).await?.cases;
    ensure!(heads.len() == 1, "the barbecue left {} heads", heads.len());
    let head = heads.remove(0);
    let mut all: Vec<&str> = BARBECUE.to_vec();
    all.sort_unstable();
    let mut units = head.participant_units.clone();
    units.sort();
    ensure!(units == all, "the barbecue is about {units:?}");
    story.put(BARBECUE, BARBECUE, "case_id", &head.case_id);
    story.put(BARBECUE, BARBECUE, "head_case_id", &head.case_id);
    story.put(BARBECUE, BARBECUE, "case_no", &head.case_no);
    story.put(BARBECUE, &[], "tracking_code", &head.tracking_code);
    for member in &head.member_case_ids {
        story.put(BARBECUE, BARBECUE, "member_case_id", member);
    }
    of_case(desk, story, &head.case_id, BARBECUE).await?;

    let coordinator = desk.as_account(COORDINATOR).await?;
    let request = scheduling::ListOperationsRequest { case_id: head.case_id.clone(), ..Default::default() };
    let operations = coordinator.read(|| call!(coordinator.scheduling().list_operations(request.clone()))).await?;
    let operation = operations.operations.first().context("no operation")?;
    story.put(BARBECUE, BARBECUE, "operation_id", &operation.operation_id);
    let evaluator = desk.as_account(EVALUATOR).await?;
    let state = evaluation::CallbackState::Recorded.into();
    let request = evaluation::ListCallbacksRequest { state, ..Default::default() };
    for callback in evaluator.read(|| call!(evaluator.evaluation().list_callbacks(request.clone()))).await?.callbacks {
        story.put(BARBECUE, &[], "callback_id", &callback.callback_id);
    }
    let supervisor = desk.as_account(SUPERVISOR).await?;
    let request = supervision::ListClocksRequest { case_id: head.case_id.clone() };
    let clocks = supervisor.read(|| call!(supervisor.supervision().list_clocks(request.clone()))).await?.clocks;
    story.clock_kind = clocks.into_iter().find_map(|view| view.clock).context("no clock")?.kind;
    Ok(())
}

/// The same nuisance again, decided and handed out.
async fn another_barbecue(desk: &Desk<'_>) -> anyhow::Result<intake::RegisterCaseResponse> {
    let mut complaint = Complaint::simple();
    let declared = [("dwelling.above", "true"), ("time.night", "true")];
    complaint.facts = facts("fume.barbecue.open_air", "stall", Channel::Phone, &declared);
    complaint.facts.matter_codes.push("noise.trade.night".to_owned());
    let case = desk.register(&complaint).await?;
    diagnose_and_accept(desk, &case.case_id).await?;
    Ok(case)
}

/// A case whose units are all late with it, each pressed to answer.
async fn late(
    desk: &Desk<'_>,
    story: &mut Story,
    case: &intake::RegisterCaseResponse,
    units: &'static [&'static str],
) -> anyhow::Result<()> {
    story.put(units, units, "case_id", &case.case_id);
    story.put(units, units, "head_case_id", &case.case_id);
    story.put(units, units, "case_no", &case.case_no);
    story.put(units, &[], "tracking_code", &case.tracking_code);
    of_case(desk, story, &case.case_id, units).await?;
    let supervisor = desk.as_account(SUPERVISOR).await?;
    let request = supervision::ListSupervisionOrdersRequest { case_id: case.case_id.clone(), ..Default::default() };
    let pressed = supervisor.read(|| call!(supervisor.supervision().list_supervision_orders(request.clone()))).await?;
    let rungs = pressed.supervision_orders;
    let waits = |order: &&supervision::SupervisionOrder| order.answer_deadline.is_some() && order.answered_at.is_none();
    for unit in units {
        let mut waiting = rungs.iter().filter(waits).filter(|order| order.unit_code == *unit).peekable();
        ensure!(waiting.peek().is_some(), "the ladder was not climbed for {unit} of {units:?}: {rungs:#?}");
        for order in waiting {
            story.put(units, &[*unit], "supervision_order_id", &order.supervision_order_id);
        }
    }
    Ok(())
}

/// Three units are asked and have not answered.
async fn storey(desk: &Desk<'_>, story: &mut Story) -> anyhow::Result<()> {
    let mut complaint = Complaint::simple();
    let declared = [("construction.permit", "false")];
    complaint.facts = facts("heritage.illegal_building", "dwelling", Channel::Letter, &declared);
    let case = desk.register(&complaint).await?;
    diagnose_and_accept(desk, &case.case_id).await?;
    let coordinator = desk.as_account(COORDINATOR).await?;
    let request = assignment::ListConsultationsRequest { case_id: case.case_id.clone(), ..Default::default() };
    let found = coordinator.read(|| call!(coordinator.assignment().list_consultations(request.clone()))).await?;
    let consultation = found.consultations.first().context("no consultation")?;
    ensure!(
        consultation.asked_units.iter().all(|unit| STOREY.contains(&unit.as_str()))
            && consultation.asked_units.len() == 3,
        "asked are {:?}",
        consultation.asked_units
    );
    story.put(STOREY, STOREY, "case_id", &case.case_id);
    story.put(STOREY, STOREY, "case_no", &case.case_no);
    story.put(STOREY, &[], "tracking_code", &case.tracking_code);
    story.put(STOREY, STOREY, "consultation_id", &consultation.consultation_id);
    Ok(())
}

/// The centre's diagnosis without anybody's position, and acceptance.
async fn diagnose_and_accept(desk: &Desk<'_>, case_id: &str) -> anyhow::Result<()> {
    desk.rest().await?;
    let coordinator = desk.as_account(COORDINATOR).await?;
    let case_id = || case_id.to_owned();
    coordinator
        .command(|command_id| {
            let request = assignment::MakeDiagnosisRequest { command_id, case_id: case_id(), note: String::new() };
            call!(coordinator.assignment().make_diagnosis(request))
        })
        .await?;
    desk.rest().await?;
    coordinator
        .command(|command_id| {
            let request = intake::AcceptCaseRequest { command_id, case_id: case_id(), ..Default::default() };
            call!(coordinator.intake().accept_case(request))
        })
        .await?;
    desk.rest().await
}

/// Orders, determination and notices of a case.
async fn of_case(
    desk: &Desk<'_>,
    story: &mut Story,
    case_id: &str,
    units: &'static [&'static str],
) -> anyhow::Result<()> {
    let orders = desk.orders(case_id).await?;
    ensure!(!orders.is_empty(), "no order was dispatched to {units:?}");
    for order in orders {
        ensure!(units.contains(&order.unit_code.as_str()), "{} has an order among {units:?}", order.unit_code);
        story.put(units, &[order.unit_code.as_str()], "work_order_id", &order.work_order_id);
    }
    let coordinator = desk.as_account(COORDINATOR).await?;
    let request = assignment::GetDeterminationRequest { case_id: case_id.to_owned(), ..Default::default() };
    let found = coordinator.read(|| call!(coordinator.assignment().get_determination(request.clone()))).await?;
    story.put(units, units, "determination_id", &found.determination_id);
    let request = intake::ListNoticesRequest { case_id: case_id.to_owned() };
    for notice in coordinator.read(|| call!(coordinator.intake().list_notices(request.clone()))).await?.notices {
        story.put(units, units, "notice_id", &notice.notice_id);
    }
    Ok(())
}

/// Units with their people, and accounts.
fn things_of_no_case(story: &mut Story) {
    let units = [
        ("ZF", "ZF-O09"),
        ("GA", "GA-O08"),
        ("town-330421103", "T103-O03"),
        ("WJ", "WJ-O03"),
        ("town-330421107", "T107-O03"),
    ];
    for (unit, officer) in units {
        story.put(&[], &[unit], "unit_code", unit);
        story.put(&[], &[unit], "officer_code", officer);
    }
    story.put(&[], &[], "account_id", SPARE);
}

/// Evidence that completions cite, the rules in force, and a key for an account.
async fn files_and_keys(desk: &Desk<'_>, story: &mut Story) -> anyhow::Result<()> {
    let handler = desk.as_account("ZF.handler").await?;
    for service in ["assignment", "scheduling"] {
        story.evidence = client::blob::upload(&handler, service, picture("the matrix")).await?.sha256.to_vec();
    }
    let (service, operator) = ("assignment", desk.operator());
    let request = GetBundleRequest { service: service.to_owned() };
    story.bundle = operator.read(|| call!(operator.bus(service).get_bundle(request.clone()))).await?.sha256.to_vec();
    story.put(&[], &[], "sha256", &hex::encode(story.evidence.clone()));
    let administrator = desk.as_account(ADMINISTRATOR).await?;
    let public_key = story.public_key();
    administrator
        .command(|command_id| {
            let (account_id, public_key) = (KEYED.to_owned(), public_key.clone().into());
            let request = assignment::RegisterAccountKeyRequest { command_id, account_id, public_key };
            call!(administrator.accounts().register_account_key(request))
        })
        .await?;
    Ok(())
}
