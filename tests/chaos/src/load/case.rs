//! A case from the call to the call-back.

use client::call;
use house_tests::desk::picture;
use xiezhi_proto::assignment::v1::{
    AcknowledgeWorkOrderRequest, AcknowledgeWorkOrderResponse, CompleteCaseRequest, CompleteCaseResponse,
    CompleteWorkOrderRequest, CompleteWorkOrderResponse, DecideObjectionRequest, DecideObjectionResponse,
    ListWorkOrdersRequest, ObjectToWorkOrderRequest, ObjectToWorkOrderResponse, Outcome as Result_,
    ReportProgressRequest, ReportProgressResponse, WorkOrder,
};
use xiezhi_proto::common::v1::{Channel, Citation, Duty, Role};
use xiezhi_proto::evaluation::v1::{
    CallbackState, ListCallbacksRequest, Rating, RecordCallbackRequest, RecordCallbackResponse,
};
use xiezhi_proto::intake::v1::{
    AcceptCaseRequest, AcceptCaseResponse, RegisterCaseResponse, RevealContactRequest, RevealContactResponse,
    RevealPurpose,
};
use xiezhi_proto::supervision::v1::{
    AnswerSupervisionOrderRequest, AnswerSupervisionOrderResponse, ApproveClosingRequest, ApproveClosingResponse,
    ClosingState, ExtendClockRequest, ExtendClockResponse, GetClosingProofRequest, ListSupervisionOrdersRequest,
};

use super::{CLERK, COORDINATOR, EVALUATOR, SUPERVISOR, Teller, facts};

impl Teller {
    /// A small street matter; with `objecting` its unit says first that it is not its own.
    pub(super) async fn street(&mut self, objecting: bool) -> anyhow::Result<()> {
        let case_id = self.register_street().await?;
        let mut orders = self.open_orders(&case_id, 1).await?;
        if objecting && let Some(order) = orders.first() {
            self.object(order).await?;
            orders = self.open_orders(&case_id, 1).await?;
        }
        for order in &orders {
            self.complete(order).await?;
        }
        self.conclude(&case_id, &orders).await?;
        self.close(&case_id).await
    }

    /// Registers a matter that needs no clerk, or that a clerk accepts where it may be known already.
    pub(super) async fn register_street(&mut self) -> anyhow::Result<String> {
        const MATTERS: [&str; 3] = ["appearance.sanitation_facility", "appearance.graffiti", "road.occupation"];
        let matter = self.chance.pick(&MATTERS).copied().unwrap_or(MATTERS[0]);
        let town = self.town();
        let facts = facts(&[matter], town, "public_place", Channel::Phone, &[]);
        let request = self.complaint(String::new(), "路口有人占道堆物", facts);
        let path = "/xiezhi.intake.v1.CaseService/RegisterCase";
        let registered: RegisterCaseResponse = self
            .say(CLERK, path, |command_id| xiezhi_proto::intake::v1::RegisterCaseRequest { command_id, ..request })
            .await?
            .done()?;
        if !registered.accepted {
            self.accept(&registered.case_id).await?;
        }
        Ok(registered.case_id)
    }

    /// A clerk takes a case on.
    pub(super) async fn accept(&self, case_id: &str) -> anyhow::Result<()> {
        let accepted: AcceptCaseResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/AcceptCase", |command_id| AcceptCaseRequest {
                command_id,
                case_id: case_id.to_owned(),
                ..AcceptCaseRequest::default()
            })
            .await?
            .done()?;
        anyhow::ensure!(!accepted.accepted_case_ids.is_empty(), "accepted without a case");
        Ok(())
    }

    /// The open orders of a case, once there are as many as expected.
    pub(super) async fn open_orders(&self, case_id: &str, at_least: usize) -> anyhow::Result<Vec<WorkOrder>> {
        let people = &self.people;
        self.wait("orders", || async {
            let coordinator = people.at(COORDINATOR)?;
            let request = ListWorkOrdersRequest {
                case_id: case_id.to_owned(),
                open_only: true,
                page_size: 50,
                ..ListWorkOrdersRequest::default()
            };
            let page = coordinator.read(|| call!(coordinator.assignment().list_work_orders(request.clone()))).await?;
            Ok((page.work_orders.len() >= at_least).then_some(page.work_orders))
        })
        .await
    }

    /// The unit objects, the centre decides that the order stands, and a second objection is refused.
    async fn object(&mut self, order: &WorkOrder) -> anyhow::Result<()> {
        let handler = self.people.handler_of(&order.unit_code)?.to_owned();
        let Some(citation) = order.citations.first().cloned() else { anyhow::bail!("an order without a ground") };
        let objection = |command_id, citation: Citation| ObjectToWorkOrderRequest {
            command_id,
            work_order_id: order.work_order_id.clone(),
            citation: Some(citation),
            reason: "该处由其他单位管理".to_owned(),
        };
        let path = "/xiezhi.assignment.v1.AssignmentService/ObjectToWorkOrder";
        let _: ObjectToWorkOrderResponse =
            self.say(&handler, path, |command_id| objection(command_id, citation.clone())).await?.done()?;
        self.go_on()?;
        let _: DecideObjectionResponse = self
            .say(COORDINATOR, "/xiezhi.assignment.v1.AssignmentService/DecideObjection", |command_id| {
                DecideObjectionRequest {
                    command_id,
                    work_order_id: order.work_order_id.clone(),
                    upheld: false,
                    grounds: "在权力清单划定范围内".to_owned(),
                }
            })
            .await?
            .done()?;
        let again = self
            .say::<_, ObjectToWorkOrderResponse>(&handler, path, |command_id| objection(command_id, citation))
            .await?;
        if let crate::people::Outcome::Done(_) = again {
            self.people
                .history
                .broke(format!("an objection that was decided was taken again: order {}", order.work_order_id));
        }
        Ok(())
    }

    /// The holder of an order signs for it, reports, and completes it with evidence.
    pub(super) async fn complete(&mut self, order: &WorkOrder) -> anyhow::Result<()> {
        let handler = self.people.handler_of(&order.unit_code)?.to_owned();
        let work_order_id = || order.work_order_id.clone();
        if order.acknowledged_at.is_none() {
            self.acknowledge(order).await?;
        }
        if self.chance.per_mille(500) {
            self.go_on()?;
            let _: ReportProgressResponse = self
                .say(&handler, "/xiezhi.assignment.v1.AssignmentService/ReportProgress", |command_id| {
                    ReportProgressRequest {
                        command_id, work_order_id: work_order_id(), report: "已到现场".to_owned()
                    }
                })
                .await?
                .done()?;
        }
        self.answer_pressure(&order.case_id, &handler, &order.unit_code).await?;
        self.go_on()?;
        let evidence =
            client::blob::upload(&self.people.at(&handler)?, "assignment", picture(&order.work_order_id)).await?;
        let _: CompleteWorkOrderResponse = self
            .say(&handler, "/xiezhi.assignment.v1.AssignmentService/CompleteWorkOrder", |command_id| {
                CompleteWorkOrderRequest {
                    command_id,
                    work_order_id: work_order_id(),
                    outcome: outcome_of(order).into(),
                    evidence_sha256: vec![evidence.sha256.clone()],
                    note: "已处理".to_owned(),
                }
            })
            .await?
            .done()?;
        Ok(())
    }

    /// A unit signs for an order.
    pub(super) async fn acknowledge(&self, order: &WorkOrder) -> anyhow::Result<()> {
        self.go_on()?;
        let handler = self.people.handler_of(&order.unit_code)?.to_owned();
        let _: AcknowledgeWorkOrderResponse = self
            .say(&handler, "/xiezhi.assignment.v1.AssignmentService/AcknowledgeWorkOrder", |command_id| {
                AcknowledgeWorkOrderRequest { command_id, work_order_id: order.work_order_id.clone() }
            })
            .await?
            .done()?;
        Ok(())
    }

    /// A unit that is pressed answers.
    async fn answer_pressure(&self, case_id: &str, handler: &str, unit: &str) -> anyhow::Result<()> {
        let centre = self.people.at(SUPERVISOR)?;
        let request = ListSupervisionOrdersRequest {
            case_id: case_id.to_owned(),
            unit_code: unit.to_owned(),
            unanswered_only: true,
            page_size: 50,
            ..ListSupervisionOrdersRequest::default()
        };
        let page = centre.read(|| call!(centre.supervision().list_supervision_orders(request.clone()))).await?;
        for order in page.supervision_orders.into_iter().filter(|order| order.answer_deadline.is_some()) {
            self.go_on()?;
            // Another client may have answered it meanwhile; that is no matter.
            let _ = self
                .say::<_, AnswerSupervisionOrderResponse>(
                    handler,
                    "/xiezhi.supervision.v1.SupervisionService/AnswerSupervisionOrder",
                    |command_id| AnswerSupervisionOrderRequest {
                        command_id,
                        supervision_order_id: order.supervision_order_id.clone(),
                        answer: "正在处理".to_owned(),
                    },
                )
                .await?;
        }
        Ok(())
    }

    /// The lead answers for the case.
    pub(super) async fn conclude(&mut self, case_id: &str, orders: &[WorkOrder]) -> anyhow::Result<()> {
        self.go_on()?;
        let Some(lead) = orders.iter().find(|order| order.role() == Role::Lead) else { anyhow::bail!("nobody leads") };
        let handler = self.people.handler_of(&lead.unit_code)?.to_owned();
        if self.chance.per_mille(200) {
            let head = handler.replace(".handler", ".head");
            // A promise that was kept or extended already cannot be extended again.
            let _ = self
                .say::<_, ExtendClockResponse>(
                    &head,
                    "/xiezhi.supervision.v1.SupervisionService/ExtendClock",
                    |command_id| ExtendClockRequest {
                        command_id,
                        case_id: case_id.to_owned(),
                        kind: "reply.first".to_owned(),
                        amount: 5,
                        reason: "需要现场复核".to_owned(),
                    },
                )
                .await?;
        }
        let _: CompleteCaseResponse = self
            .say(&handler, "/xiezhi.assignment.v1.AssignmentService/CompleteCase", |command_id| CompleteCaseRequest {
                command_id,
                case_id: case_id.to_owned(),
                conclusion: "supported".to_owned(),
                reply: "您反映的问题已经处理。".to_owned(),
                ..CompleteCaseRequest::default()
            })
            .await?
            .done()?;
        Ok(())
    }

    /// The second unit approves the closing, and the complainant is called back.
    pub(super) async fn close(&mut self, case_id: &str) -> anyhow::Result<()> {
        let people = std::sync::Arc::clone(&self.people);
        self.wait("the proof of closing", || async {
            let centre = people.at(SUPERVISOR)?;
            let request = GetClosingProofRequest { case_id: case_id.to_owned(), round: 0 };
            let found = centre.read(|| call!(centre.supervision().get_closing_proof(request.clone()))).await?;
            Ok(found.proof.filter(|proof| proof.state() == ClosingState::AwaitingSecondUnit))
        })
        .await?;
        let _: ApproveClosingResponse = self
            .say(SUPERVISOR, "/xiezhi.supervision.v1.SupervisionService/ApproveClosing", |command_id| {
                ApproveClosingRequest { command_id, case_id: case_id.to_owned() }
            })
            .await?
            .done()?;
        if self.chance.per_mille(500) { self.call_back(case_id).await } else { Ok(()) }
    }

    async fn call_back(&mut self, case_id: &str) -> anyhow::Result<()> {
        let people = std::sync::Arc::clone(&self.people);
        let callback = self
            .wait("the call-back", || async {
                let centre = people.at(EVALUATOR)?;
                let request = ListCallbacksRequest {
                    state: CallbackState::Drawn.into(),
                    page_size: 200,
                    page_token: String::new(),
                };
                let page = centre.read(|| call!(centre.evaluation().list_callbacks(request.clone()))).await?;
                Ok(page.callbacks.into_iter().find(|callback| callback.case_id == case_id))
            })
            .await?;
        if self.chance.per_mille(100) {
            let _ = self
                .say::<_, RevealContactResponse>(
                    EVALUATOR,
                    "/xiezhi.intake.v1.CaseService/RevealContact",
                    |command_id| RevealContactRequest {
                        command_id,
                        case_id: case_id.to_owned(),
                        purpose: RevealPurpose::Callback.into(),
                        reason: "电话回访".to_owned(),
                        with_text: false,
                    },
                )
                .await?;
        }
        let satisfied = self.chance.per_mille(800);
        let rating = Rating { reached: true, responded: true, resolved: satisfied, satisfied };
        let _: RecordCallbackResponse = self
            .say(EVALUATOR, "/xiezhi.evaluation.v1.EvaluationService/RecordCallback", |command_id| {
                RecordCallbackRequest { command_id, callback_id: callback.callback_id.clone(), rating: Some(rating) }
            })
            .await?
            .done()?;
        Ok(())
    }
}

/// What comes of an order with this duty.
fn outcome_of(order: &WorkOrder) -> Result_ {
    match order.duties().next() {
        Some(Duty::Punish) => Result_::Punished,
        Some(Duty::Identify) => Result_::Identified,
        Some(Duty::Assist) => Result_::Assisted,
        _ => Result_::Rectified,
    }
}
