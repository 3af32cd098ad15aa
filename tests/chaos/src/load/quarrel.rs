//! Three units with an item each: nobody is responsible until the leader rules, and after a ruling nothing is sent back.

use client::call;
use xiezhi_proto::assignment::v1::{
    ConsultationStage, GetDiagnosisRequest, ListConsultationsRequest, MakeDiagnosisRequest, MakeDiagnosisResponse,
    ObjectToWorkOrderRequest, ObjectToWorkOrderResponse, PrecedentScope, RuleRequest, RuleResponse, Stance,
    TakePositionRequest, TakePositionResponse,
};
use xiezhi_proto::common::v1::{Channel, Citation, Duty, Role, Share};
use xiezhi_proto::intake::v1::{GetCaseRequest, RegisterCaseRequest, RegisterCaseResponse};

use super::{CLERK, COORDINATOR, LEADER, Teller, facts};
use crate::people::Outcome;

/// Who is asked, with the item each names.
const UNITS: [(&str, Stance, &str); 2] = [("ZF", Stance::NotMine, "PI095"), ("ZG", Stance::Shared, "PI097")];

impl Teller {
    /// A storey added within the old town.
    pub(super) async fn quarrel(&mut self) -> anyhow::Result<()> {
        let declared = [("construction.permit", "false")];
        let facts = facts(&["heritage.illegal_building"], "330421103", "dwelling", Channel::Letter, &declared);
        let request = self.complaint(String::new(), "古镇沿河老宅擅自加层", facts);
        let registered: RegisterCaseResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/RegisterCase", |command_id| RegisterCaseRequest {
                command_id,
                ..request
            })
            .await?
            .done()?;
        let case_id = registered.case_id;
        self.diagnose(&case_id).await?;
        self.accept(&case_id).await?;
        let Some(consultation) = self.consultation(&case_id).await? else {
            // A precedent of an earlier quarrel decides it.
            return self.follow_precedent(&case_id).await;
        };
        for (unit, stance, item) in UNITS {
            self.go_on()?;
            let handler = self.people.handler_of(unit)?.to_owned();
            // The time to answer may be over before a client gets through; then silence is recorded.
            let _ = self
                .say::<_, TakePositionResponse>(
                    &handler,
                    "/xiezhi.assignment.v1.AssignmentService/TakePosition",
                    |command_id| TakePositionRequest {
                        command_id,
                        consultation_id: consultation.clone(),
                        stance: stance.into(),
                        citation: Some(item_of(item)),
                        reason: "保护范围内的建设另有规定".to_owned(),
                    },
                )
                .await?;
        }
        self.rule(&case_id, &consultation).await
    }

    async fn follow_precedent(&mut self, case_id: &str) -> anyhow::Result<()> {
        let orders = self.open_orders(case_id, 3).await?;
        for order in &orders {
            self.acknowledge(order).await?;
        }
        Ok(())
    }

    /// The centre's diagnosis, once the lists are read and the case has heard of it.
    pub(super) async fn diagnose(&self, case_id: &str) -> anyhow::Result<()> {
        let people = &self.people;
        self.wait("the lists' answer", || async {
            let coordinator = people.at(COORDINATOR)?;
            let request = GetDiagnosisRequest { case_id: case_id.to_owned() };
            let found = coordinator.read(|| call!(coordinator.assignment().get_diagnosis(request.clone()))).await?;
            Ok(found.diagnosis)
        })
        .await?;
        let _: MakeDiagnosisResponse = self
            .say(COORDINATOR, "/xiezhi.assignment.v1.AssignmentService/MakeDiagnosis", |command_id| {
                MakeDiagnosisRequest { command_id, case_id: case_id.to_owned(), note: String::new() }
            })
            .await?
            .done()?;
        self.wait("the diagnosis", || async {
            let clerk = people.at(CLERK)?;
            let request = GetCaseRequest { case_id: case_id.to_owned(), case_no: String::new() };
            let found = clerk.read(|| call!(clerk.intake().get_case(request.clone()))).await?;
            Ok(found.diagnosis)
        })
        .await?;
        Ok(())
    }

    /// The open consultation of a case; none where orders were dispatched instead.
    async fn consultation(&self, case_id: &str) -> anyhow::Result<Option<String>> {
        let people = &self.people;
        self.wait("a consultation or orders", || async {
            let coordinator = people.at(COORDINATOR)?;
            let request =
                ListConsultationsRequest { case_id: case_id.to_owned(), ..ListConsultationsRequest::default() };
            let page = coordinator.read(|| call!(coordinator.assignment().list_consultations(request.clone()))).await?;
            let open = page.consultations.into_iter().find(|found| found.stage() == ConsultationStage::Open);
            if let Some(open) = open {
                return Ok(Some(Some(open.consultation_id)));
            }
            let request = xiezhi_proto::assignment::v1::ListWorkOrdersRequest {
                case_id: case_id.to_owned(),
                page_size: 5,
                ..Default::default()
            };
            let orders = coordinator.read(|| call!(coordinator.assignment().list_work_orders(request.clone()))).await?;
            Ok((!orders.work_orders.is_empty()).then_some(None))
        })
        .await
    }

    /// The leader rules, and a unit that would send its order back is refused.
    async fn rule(&mut self, case_id: &str, consultation: &str) -> anyhow::Result<()> {
        let people = std::sync::Arc::clone(&self.people);
        self.wait("everybody's position", || async {
            let coordinator = people.at(COORDINATOR)?;
            let request =
                ListConsultationsRequest { case_id: case_id.to_owned(), ..ListConsultationsRequest::default() };
            let page = coordinator.read(|| call!(coordinator.assignment().list_consultations(request.clone()))).await?;
            let mut found = page.consultations.into_iter();
            Ok(found
                .find(|found| found.consultation_id == consultation && found.stage() == ConsultationStage::Answered))
        })
        .await?;
        let share = |unit: &str, role: Role, duty: Duty, item: &str| Share {
            unit_code: unit.to_owned(),
            role: role.into(),
            duty: duty.into(),
            citations: vec![item_of(item)],
        };
        let ruled = self
            .say::<_, RuleResponse>(LEADER, "/xiezhi.assignment.v1.AssignmentService/Rule", |command_id| RuleRequest {
                command_id,
                consultation_id: consultation.to_owned(),
                shares: vec![
                    share("ZF", Role::Lead, Duty::Punish, "PI018"),
                    share("WL", Role::Support, Duty::Identify, "PI095"),
                    share("ZG", Role::Support, Duty::Identify, "PI097"),
                ],
                grounds: "未取得规划许可是主要违法事实".to_owned(),
                // Without a precedent the next quarrel is a quarrel again.
                scope: PrecedentScope::Unspecified.into(),
            })
            .await?
            .done()?;
        anyhow::ensure!(ruled.work_order_ids.len() == 3, "a ruling with {} orders", ruled.work_order_ids.len());
        let orders = self.open_orders(case_id, 3).await?;
        for order in &orders {
            let handler = self.people.handler_of(&order.unit_code)?.to_owned();
            let returned = self
                .say::<_, ObjectToWorkOrderResponse>(
                    &handler,
                    "/xiezhi.assignment.v1.AssignmentService/ObjectToWorkOrder",
                    |command_id| ObjectToWorkOrderRequest {
                        command_id,
                        work_order_id: order.work_order_id.clone(),
                        citation: Some(item_of("PI095")),
                        reason: "应由其他单位处理".to_owned(),
                    },
                )
                .await?;
            if let Outcome::Done(_) = returned {
                self.people.history.broke(format!("after a ruling an order was sent back: {}", order.work_order_id));
            }
            self.acknowledge(order).await?;
        }
        Ok(())
    }
}

fn item_of(code: &str) -> Citation {
    Citation { item_code: code.to_owned(), ..Citation::default() }
}
