//! What people and loops read again and again, timed one call at a time: looks at the clocks, and pages of lists.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use client::{Centre, ClientOptions, call};
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::bus::v1::GetClockRequest;
use xiezhi_proto::evaluation::v1 as evaluation;
use xiezhi_proto::intake::v1 as intake;
use xiezhi_proto::supervision::v1 as supervision;

use super::callers::{HANDLER, UNIT};
use super::copies::Template;
use super::figures::Spread;
use crate::keys::Minter;

/// How many rows a page has.
const PAGE: u32 = 50;
/// Calls before anything counts.
const WARM_UP: u32 = 5;
/// The centre of the town whose cases are listed.
const TOWN: &str = "330421103";

/// Those who look.
pub struct Reads {
    address: String,
    minter: Minter,
}

/// Times by what was read.
pub type Times = BTreeMap<&'static str, Spread>;

/// Times one kind of read: so many calls, one after the other.
macro_rules! timed {
    ($times:ident, $name:literal, $centre:ident.$door:ident($($of:expr),*).$method:ident($request:expr), $count:expr) => {{
        let request = $request;
        let mut taken: Vec<Duration> = Vec::new();
        for number in 0..$count + WARM_UP {
            let began = Instant::now();
            $centre.read(|| call!($centre.$door($($of),*).$method(request.clone()))).await?;
            if number >= WARM_UP {
                taken.push(began.elapsed());
            }
        }
        $times.insert($name, Spread::of(taken)?);
    }};
}

impl Reads {
    /// Whoever reads in the centre of a data directory.
    pub fn of(data: &Path) -> anyhow::Result<Self> {
        let file = cli::CentreFile::read(data)
            .map_err(|_| anyhow::anyhow!("{} 没有运行中的中心 / no centre runs in {0}", data.display()))?;
        Ok(Self { address: file.grpc_address, minter: Minter::open(data)? })
    }

    /// Looks at clocks and pages of lists, so often each.
    pub async fn measure(&self, count: u32) -> anyhow::Result<(Times, Times)> {
        // Tokens are short-lived, and a measurement is not.
        let operator = Centre::connect(ClientOptions::new(&self.address).token(self.minter.mint("operator")?)).await?;
        let of = |account: &str| anyhow::Ok(operator.with_token(&self.minter.mint(account)?)?);
        let mut scans = self.scans(&operator, count).await?;
        let supervisor = of("centre.supervisor")?;
        let due = supervision::ListDueRequest { page_size: PAGE, ..Default::default() };
        timed!(scans, "supervision.ListDue", supervisor.supervision().list_due(due), count);
        let mut pages = Times::new();
        self.at_the_counter(&of("centre.window1")?, &mut pages, count).await?;
        self.at_the_desk(&of(HANDLER)?, &mut pages, count).await?;
        self.in_the_centre(&supervisor, &of("centre.evaluator")?, &mut pages, count).await?;
        Ok((scans, pages))
    }

    /// Asks the centre's own doors for a copy: it is a closed case like the one it was made from, with as long a history.
    pub async fn stored(&self, template: &Template, copy: i64) -> anyhow::Result<()> {
        let operator = Centre::connect(ClientOptions::new(&self.address).token(self.minter.mint("operator")?)).await?;
        let clerk = operator.with_token(&self.minter.mint("centre.window1")?)?;
        let supervisor = operator.with_token(&self.minter.mint("centre.supervisor")?)?;
        let mut told = Vec::new();
        for case_id in [template.case_id().to_string(), template.copy_of(copy)?.to_string()] {
            let request = intake::GetCaseRequest { case_id: case_id.clone(), ..Default::default() };
            let case = clerk.read(|| call!(clerk.intake().get_case(request.clone()))).await?.case.context("case")?;
            ensure!(
                case.case_id == case_id && case.stage() == intake::CaseStage::Closed,
                "{case_id} 不是已结案件 / is no closed case: {case:?}"
            );
            let request = supervision::GetTimelineRequest { case_id, page_size: 200, page_token: String::new() };
            let timeline = supervisor.read(|| call!(supervisor.supervision().get_timeline(request.clone()))).await?;
            let of_others = timeline.entries.iter().filter(|entry| entry.service != "supervision");
            told.push((case.case_no, of_others.count()));
        }
        let [(number, events), (copied_number, copied_events)] = told.as_slice() else { return Ok(()) };
        ensure!(
            number != copied_number && events == copied_events && *events > 5,
            "副本不全 / a copy is not whole: {told:?}"
        );
        Ok(())
    }

    /// The earliest armed timer, and whether one is overdue: what the loop that fires them asks.
    async fn scans(&self, operator: &Centre, count: u32) -> anyhow::Result<Times> {
        let mut scans = Times::new();
        let request = |service: &str| GetClockRequest { service: service.to_owned() };
        timed!(scans, "supervision.GetClock", operator.bus("supervision").get_clock(request("supervision")), count);
        timed!(scans, "assignment.GetClock", operator.bus("assignment").get_clock(request("assignment")), count);
        Ok(scans)
    }

    async fn at_the_counter(&self, clerk: &Centre, pages: &mut Times, count: u32) -> anyhow::Result<()> {
        let newest = intake::ListCasesRequest { page_size: PAGE, ..Default::default() };
        timed!(pages, "intake.ListCases", clerk.intake().list_cases(newest.clone()), count);
        let closed = intake::ListCasesRequest { stage: intake::CaseStage::Closed.into(), ..newest.clone() };
        timed!(pages, "intake.ListCases closed", clerk.intake().list_cases(closed), count);
        let town = intake::ListCasesRequest { region_code: TOWN.to_owned(), heads_only: true, ..newest };
        timed!(pages, "intake.ListCases town", clerk.intake().list_cases(town), count);
        let tasks = intake::ListOpenTasksRequest { page_size: PAGE, ..Default::default() };
        timed!(pages, "intake.ListOpenTasks", clerk.intake().list_open_tasks(tasks), count);
        Ok(())
    }

    /// Behind the second wall: what a department sees is what it has a share in.
    async fn at_the_desk(&self, handler: &Centre, pages: &mut Times, count: u32) -> anyhow::Result<()> {
        let cases = intake::ListCasesRequest { page_size: PAGE, ..Default::default() };
        timed!(pages, "intake.ListCases unit", handler.intake().list_cases(cases), count);
        let unit_code = UNIT.to_owned();
        let orders =
            assignment::ListWorkOrdersRequest { unit_code: unit_code.clone(), page_size: PAGE, ..Default::default() };
        timed!(pages, "assignment.ListWorkOrders", handler.assignment().list_work_orders(orders.clone()), count);
        let open = assignment::ListWorkOrdersRequest { open_only: true, ..orders };
        timed!(pages, "assignment.ListWorkOrders open", handler.assignment().list_work_orders(open), count);
        let tasks = assignment::ListOpenTasksRequest { unit_code, page_size: PAGE, ..Default::default() };
        timed!(pages, "assignment.ListOpenTasks", handler.assignment().list_open_tasks(tasks), count);
        let due = supervision::ListDueRequest { unit_code: UNIT.to_owned(), page_size: PAGE, ..Default::default() };
        timed!(pages, "supervision.ListDue unit", handler.supervision().list_due(due), count);
        Ok(())
    }

    async fn in_the_centre(
        &self,
        supervisor: &Centre,
        evaluator: &Centre,
        pages: &mut Times,
        count: u32,
    ) -> anyhow::Result<()> {
        let approved = supervision::ListClosingsRequest {
            state: supervision::ClosingState::Approved.into(),
            page_size: PAGE,
            ..Default::default()
        };
        timed!(pages, "supervision.ListClosings", supervisor.supervision().list_closings(approved), count);
        let tasks = supervision::ListOpenTasksRequest { page_size: PAGE, ..Default::default() };
        timed!(pages, "supervision.ListOpenTasks", supervisor.supervision().list_open_tasks(tasks), count);
        let recorded = evaluation::ListCallbacksRequest {
            state: evaluation::CallbackState::Recorded.into(),
            page_size: PAGE,
            ..Default::default()
        };
        timed!(pages, "evaluation.ListCallbacks", evaluator.evaluation().list_callbacks(recorded), count);
        let tasks = evaluation::ListOpenTasksRequest { page_size: PAGE, ..Default::default() };
        timed!(pages, "evaluation.ListOpenTasks", evaluator.evaluation().list_open_tasks(tasks), count);
        Ok(())
    }
}
