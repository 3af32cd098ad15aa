//! The people of a centre, for tests that speak through the real doors: a clerk, handlers, a supervisor, an evaluator.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use client::{Centre, ClientOptions, call};
use jiff::Timestamp;
use testkit::House;
use tokio::sync::Mutex;
use xiezhi_proto::assignment::v1::{
    AcknowledgeWorkOrderRequest, CompleteCaseRequest, CompleteWorkOrderRequest, ListWorkOrdersRequest, Outcome,
    ReportProgressRequest, WorkOrder,
};
use xiezhi_proto::common::v1::{CaseFacts, Channel, Duty, Fact, Role, Urgency};
use xiezhi_proto::evaluation::v1::{Callback, CallbackState, ListCallbacksRequest, Rating, RecordCallbackRequest};
use xiezhi_proto::intake::v1::{
    AcceptCaseRequest, Case, CaseStage, Complainant, GetCaseRequest, RegisterCaseRequest, RegisterCaseResponse,
};
use xiezhi_proto::supervision::v1::ApproveClosingRequest;

/// The window clerk.
pub const CLERK: &str = "centre.window1";
/// The coordinator.
pub const COORDINATOR: &str = "centre.coordinator";
/// The second unit that checks a closing.
pub const SUPERVISOR: &str = "centre.supervisor";
/// Who calls back.
pub const EVALUATOR: &str = "centre.evaluator";
/// Who looks after accounts.
pub const ADMINISTRATOR: &str = "centre.administrator";

/// How long a centre on a busy machine may take to come to rest.
const REST_WITHIN: Duration = Duration::from_secs(60);

/// A small picture, as evidence: the bytes tell that it is a PNG.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89";

/// What somebody complains of.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// Who; nobody for a patrol's finding.
    pub complainant: Option<Complainant>,
    /// The title.
    pub title: String,
    /// The body.
    pub body: String,
    /// The coded facts.
    pub facts: CaseFacts,
}

impl Complaint {
    /// Broken rubbish bins in Xitang: one holder, and a class that needs no clerk.
    #[must_use]
    pub fn simple() -> Self {
        Self {
            complainant: Some(Complainant {
                name: "王小明".to_owned(),
                phone: "13700000001".to_owned(),
                ..Complainant::default()
            }),
            title: "垃圾箱损坏".to_owned(),
            body: "路口的垃圾箱被撞坏, 垃圾散落一地, 请尽快处理。".to_owned(),
            facts: facts("appearance.sanitation_facility", "public_place", Channel::Phone, &[]),
        }
    }

    /// True for the class that needs no clerk.
    fn goes_by_itself(&self) -> bool {
        self.facts.matter_codes.iter().all(|matter| matter == "appearance.sanitation_facility")
    }

    /// As a request with a fresh `command_id`.
    #[must_use]
    pub fn request(&self) -> RegisterCaseRequest {
        RegisterCaseRequest {
            command_id: client::new_command_id(),
            complainant: self.complainant.clone(),
            title: self.title.clone(),
            body: self.body.clone(),
            facts: Some(self.facts.clone()),
            ..RegisterCaseRequest::default()
        }
    }
}

/// Facts of an act of the second of March 2026 in Xitang.
#[must_use]
pub fn facts(matter: &str, object_type: &str, channel: Channel, declared: &[(&str, &str)]) -> CaseFacts {
    let declared = declared.iter().map(|(code, value)| Fact { code: (*code).to_owned(), value: (*value).to_owned() });
    CaseFacts {
        matter_codes: vec![matter.to_owned()],
        region_code: "330421103".to_owned(),
        object_type: object_type.to_owned(),
        declared: declared.collect(),
        act_on: "2026-03-01".to_owned(),
        channel: channel.into(),
        urgency: Urgency::Normal.into(),
    }
}

/// Everybody who works with one centre.
#[derive(Debug)]
pub struct Desk<'house> {
    house: &'house House,
    operator: Centre,
    people: Mutex<BTreeMap<String, Centre>>,
}

impl<'house> Desk<'house> {
    /// The desk of a house that runs.
    pub async fn at(house: &'house House) -> anyhow::Result<Self> {
        let options = ClientOptions::new(house.address()).token(house.operator_token()?);
        let operator = Centre::connect(options).await?;
        Ok(Self { house, operator, people: Mutex::default() })
    }

    /// The operator, who may look at the bus and at no identity.
    #[must_use]
    pub fn operator(&self) -> &Centre {
        &self.operator
    }

    /// The centre as one of the pack's accounts meets it.
    pub async fn as_account(&self, account: &str) -> anyhow::Result<Centre> {
        let mut people = self.people.lock().await;
        if let Some(centre) = people.get(account) {
            return Ok(centre.clone());
        }
        let centre = self.operator.with_token(&self.house.token(account).await?)?;
        people.insert(account.to_owned(), centre.clone());
        Ok(centre)
    }

    /// Waits until everything that was said has been heard.
    pub async fn rest(&self) -> anyhow::Result<()> {
        client::rest::rest(&self.operator, REST_WITHIN).await?;
        Ok(())
    }

    /// Turns the time of the centre to a moment.
    pub async fn turn(&self, to: &str) -> anyhow::Result<()> {
        let to: Timestamp = to.parse()?;
        client::turn::turn(&self.operator, client::turn::Turn::to(to), |_| {}).await?;
        Ok(())
    }

    /// Checks every invariant from outside.
    pub async fn verify(&self) -> anyhow::Result<()> {
        self.verify_with(client::verify::Options { rest_within: REST_WITHIN, ..client::verify::Options::default() })
            .await
    }

    /// Checks every invariant from outside, and that these commands had their effect.
    pub async fn verify_with(&self, options: client::verify::Options) -> anyhow::Result<()> {
        let report = client::verify::verify(&self.operator, &options).await?;
        ensure!(report.checks.len() >= 8, "only {} invariants were checked", report.checks.len());
        ensure!(report.holds(), "{report:#?}");
        ensure!(report.parked.is_empty(), "{:#?}", report.parked);
        Ok(())
    }

    /// Registers a complaint at the window and takes it on, where the pack has not done so already.
    pub async fn register(&self, complaint: &Complaint) -> anyhow::Result<RegisterCaseResponse> {
        let clerk = self.as_account(CLERK).await?;
        let request = complaint.request();
        let case = clerk.read(|| call!(clerk.intake().register_case(request.clone()))).await?;
        // A problem that may be known already waits for a clerk, whatever its class.
        if !case.accepted && complaint.goes_by_itself() {
            clerk
                .command(|command_id| {
                    let case_id = case.case_id.clone();
                    let request = AcceptCaseRequest { command_id, case_id, ..AcceptCaseRequest::default() };
                    call!(clerk.intake().accept_case(request))
                })
                .await?;
        }
        Ok(case)
    }

    /// The case as the centre sees it.
    pub async fn case(&self, case_id: &str) -> anyhow::Result<Case> {
        let clerk = self.as_account(CLERK).await?;
        let request = GetCaseRequest { case_id: case_id.to_owned(), case_no: String::new() };
        let answer = clerk.read(|| call!(clerk.intake().get_case(request.clone()))).await?;
        answer.case.context("an answer without the case")
    }

    /// The work orders of a case.
    pub async fn orders(&self, case_id: &str) -> anyhow::Result<Vec<WorkOrder>> {
        let coordinator = self.as_account(COORDINATOR).await?;
        let request = ListWorkOrdersRequest { case_id: case_id.to_owned(), page_size: 50, ..Default::default() };
        Ok(coordinator.read(|| call!(coordinator.assignment().list_work_orders(request.clone()))).await?.work_orders)
    }

    /// Every holder signs for its order, reports, and completes it with evidence; then the lead answers for the case.
    pub async fn handle(&self, case_id: &str, words: &str) -> anyhow::Result<()> {
        self.handle_noting(case_id, words, words).await
    }

    /// The same, with other words in the reports and notes of the orders than in the reply to the complainant.
    pub async fn handle_noting(&self, case_id: &str, notes: &str, words: &str) -> anyhow::Result<()> {
        self.rest().await?;
        let mut orders = self.orders(case_id).await?;
        // Those of an earlier round are done.
        orders.retain(|order| order.closed_at.is_none());
        ensure!(!orders.is_empty(), "no order was dispatched for {case_id}");
        for order in &orders {
            self.complete(order, notes).await?;
        }
        let lead = orders.iter().find(|order| order.role() == Role::Lead).context("nobody leads")?;
        let lead = self.as_account(&format!("{}.handler", lead.unit_code)).await?;
        lead.command(|command_id| {
            let request = CompleteCaseRequest {
                command_id,
                case_id: case_id.to_owned(),
                conclusion: "supported".to_owned(),
                reply: format!("您反映的问题已经处理。{words}"),
                ..CompleteCaseRequest::default()
            };
            call!(lead.assignment().complete_case(request))
        })
        .await?;
        self.rest().await
    }

    /// The holder of an order signs for it, reports, and completes it.
    pub async fn complete(&self, order: &WorkOrder, words: &str) -> anyhow::Result<()> {
        let handler = self.as_account(&format!("{}.handler", order.unit_code)).await?;
        let work_order_id = || order.work_order_id.clone();
        handler
            .command(|command_id| {
                let request = AcknowledgeWorkOrderRequest { command_id, work_order_id: work_order_id() };
                call!(handler.assignment().acknowledge_work_order(request))
            })
            .await?;
        handler
            .command(|command_id| {
                let report = format!("已到现场。{words}");
                let request = ReportProgressRequest { command_id, work_order_id: work_order_id(), report };
                call!(handler.assignment().report_progress(request))
            })
            .await?;
        let evidence = client::blob::upload(&handler, "assignment", picture(&order.work_order_id)).await?;
        handler
            .command(|command_id| {
                let request = CompleteWorkOrderRequest {
                    command_id,
                    work_order_id: work_order_id(),
                    outcome: outcome_of(order).into(),
                    evidence_sha256: vec![evidence.sha256.clone()],
                    note: words.to_owned(),
                };
                call!(handler.assignment().complete_work_order(request))
            })
            .await?;
        Ok(())
    }

    /// The second unit approves the closing, and the case is closed.
    pub async fn close(&self, case_id: &str) -> anyhow::Result<()> {
        let supervisor = self.as_account(SUPERVISOR).await?;
        supervisor
            .command(|command_id| {
                let request = ApproveClosingRequest { command_id, case_id: case_id.to_owned() };
                call!(supervisor.supervision().approve_closing(request))
            })
            .await?;
        self.rest().await?;
        let case = self.case(case_id).await?;
        ensure!(case.stage() == CaseStage::Closed, "the case is {:?}", case.stage());
        Ok(())
    }

    /// The call-back that was drawn for a case.
    pub async fn drawn(&self, case_id: &str) -> anyhow::Result<Callback> {
        let evaluator = self.as_account(EVALUATOR).await?;
        let request =
            ListCallbacksRequest { state: CallbackState::Drawn.into(), page_size: 200, page_token: String::new() };
        let answer = evaluator.read(|| call!(evaluator.evaluation().list_callbacks(request.clone()))).await?;
        let mut callbacks = answer.callbacks.into_iter();
        callbacks.find(|callback| callback.case_id == case_id).context("no call-back was drawn")
    }

    /// The evaluator notes what the complainant said.
    pub async fn call_back(&self, case_id: &str, satisfied: bool) -> anyhow::Result<()> {
        let callback = self.drawn(case_id).await?;
        let evaluator = self.as_account(EVALUATOR).await?;
        evaluator
            .command(|command_id| {
                let rating = Rating { reached: true, responded: true, resolved: satisfied, satisfied };
                let callback_id = callback.callback_id.clone();
                let request = RecordCallbackRequest { command_id, callback_id, rating: Some(rating) };
                call!(evaluator.evaluation().record_callback(request))
            })
            .await?;
        self.rest().await
    }
}

/// What comes of an order with this duty.
fn outcome_of(order: &WorkOrder) -> Outcome {
    match order.duties().next() {
        Some(Duty::Punish) => Outcome::Punished,
        Some(Duty::Identify) => Outcome::Identified,
        Some(Duty::Assist) => Outcome::Assisted,
        _ => Outcome::Rectified,
    }
}

/// A picture that is nobody else's: evidence is known by its content.
#[must_use]
pub fn picture(of: &str) -> Vec<u8> {
    [PICTURE, of.as_bytes()].concat()
}
