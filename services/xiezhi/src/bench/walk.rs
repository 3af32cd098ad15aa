//! One case all the way to its end by those whose work that is: handled with evidence, approved by a second unit, called back.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use client::{Centre, ClientOptions, blob, call, rest};
use uuid::Uuid;
use xiezhi_proto::assignment::v1::{
    AcknowledgeWorkOrderRequest, CompleteCaseRequest, CompleteWorkOrderRequest, ListWorkOrdersRequest, Outcome,
    WorkOrder,
};
use xiezhi_proto::common::v1::Duty;
use xiezhi_proto::evaluation::v1::{CallbackState, ListCallbacksRequest, Rating, RecordCallbackRequest};
use xiezhi_proto::supervision::v1::ApproveClosingRequest;

use super::callers::{HANDLER, UNIT};
use crate::keys::Minter;

const SUPERVISOR: &str = "centre.supervisor";
const EVALUATOR: &str = "centre.evaluator";
/// How long the centre may take to come to rest after each step.
const PATIENCE: Duration = Duration::from_secs(60);
/// The bytes tell that it is a PNG; evidence is known by its content, so the case's id follows.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89";

/// Those who bring a case to its end.
pub struct People {
    operator: Centre,
    handler: Centre,
    supervisor: Centre,
    evaluator: Centre,
}

impl People {
    /// Everybody, with tokens for a quarter of an hour.
    pub async fn of(data: &Path) -> anyhow::Result<Self> {
        let minter = Minter::open(data)?;
        let file = cli::CentreFile::read(data)
            .map_err(|_| anyhow::anyhow!("{} 没有运行中的中心 / no centre runs in {0}", data.display()))?;
        let operator = Centre::connect(ClientOptions::new(&file.grpc_address).token(minter.mint("operator")?)).await?;
        let of = |account: &str| anyhow::Ok(operator.with_token(&minter.mint(account)?)?);
        let (handler, supervisor, evaluator) = (of(HANDLER)?, of(SUPERVISOR)?, of(EVALUATOR)?);
        Ok(Self { operator, handler, supervisor, evaluator })
    }

    /// Handles, closes and calls back these cases.
    pub async fn close(&self, cases: &[Uuid]) -> anyhow::Result<()> {
        self.rest().await?;
        for case_id in cases {
            self.handle(&case_id.to_string()).await?;
        }
        self.rest().await?;
        let supervisor = &self.supervisor;
        for case_id in cases {
            supervisor
                .command(|command_id| {
                    let request = ApproveClosingRequest { command_id, case_id: case_id.to_string() };
                    call!(supervisor.supervision().approve_closing(request))
                })
                .await
                .with_context(|| format!("案件 {case_id} 未能结案 / the closing was not approved"))?;
        }
        self.rest().await?;
        self.call_back(cases).await?;
        self.rest().await
    }

    async fn rest(&self) -> anyhow::Result<()> {
        rest::rest(&self.operator, PATIENCE).await?;
        Ok(())
    }

    async fn handle(&self, case_id: &str) -> anyhow::Result<()> {
        let handler = &self.handler;
        let request = ListWorkOrdersRequest {
            case_id: case_id.to_owned(),
            unit_code: UNIT.to_owned(),
            page_size: 50,
            ..Default::default()
        };
        let orders = handler.read(|| call!(handler.assignment().list_work_orders(request.clone()))).await?.work_orders;
        ensure!(!orders.is_empty(), "案件 {case_id} 未派单 / no order was dispatched for it");
        for order in &orders {
            self.complete(order).await?;
        }
        handler
            .command(|command_id| {
                let request = CompleteCaseRequest {
                    command_id,
                    case_id: case_id.to_owned(),
                    conclusion: "supported".to_owned(),
                    reply: "您反映的占道经营已经清理, 并已安排每日巡查。".to_owned(),
                    ..CompleteCaseRequest::default()
                };
                call!(handler.assignment().complete_case(request))
            })
            .await
            .with_context(|| format!("案件 {case_id} 未能办结 / was not handled"))?;
        Ok(())
    }

    async fn complete(&self, order: &WorkOrder) -> anyhow::Result<()> {
        let handler = &self.handler;
        let work_order_id = || order.work_order_id.clone();
        handler
            .command(|command_id| {
                let request = AcknowledgeWorkOrderRequest { command_id, work_order_id: work_order_id() };
                call!(handler.assignment().acknowledge_work_order(request))
            })
            .await?;
        let picture = [PICTURE, order.work_order_id.as_bytes()].concat();
        let evidence = blob::upload(handler, "assignment", picture).await?;
        handler
            .command(|command_id| {
                let request = CompleteWorkOrderRequest {
                    command_id,
                    work_order_id: work_order_id(),
                    outcome: outcome_of(order).into(),
                    evidence_sha256: vec![evidence.sha256.clone()],
                    note: "已到现场清理。".to_owned(),
                };
                call!(handler.assignment().complete_work_order(request))
            })
            .await
            .with_context(|| format!("工单 {} 未能办结 / was not completed", order.work_order_id))?;
        Ok(())
    }

    async fn call_back(&self, cases: &[Uuid]) -> anyhow::Result<()> {
        let evaluator = &self.evaluator;
        let request =
            ListCallbacksRequest { state: CallbackState::Drawn.into(), page_size: 200, page_token: String::new() };
        let drawn = evaluator.read(|| call!(evaluator.evaluation().list_callbacks(request.clone()))).await?.callbacks;
        for case_id in cases {
            let of_case = drawn.iter().find(|callback| callback.case_id == case_id.to_string());
            let of_case =
                of_case.with_context(|| format!("案件 {case_id} 未抽取回访 / no call-back was drawn for it"))?;
            evaluator
                .command(|command_id| {
                    let rating = Rating { reached: true, responded: true, resolved: true, satisfied: true };
                    let callback_id = of_case.callback_id.clone();
                    let request = RecordCallbackRequest { command_id, callback_id, rating: Some(rating) };
                    call!(evaluator.evaluation().record_callback(request))
                })
                .await?;
        }
        Ok(())
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
