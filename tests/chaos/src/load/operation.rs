//! A nuisance that several bodies end together, and the people they send.

use client::call;
use house_tests::desk::picture;
use xiezhi_proto::assignment::v1::{EscalateCaseRequest, EscalateCaseResponse};
use xiezhi_proto::common::v1::Channel;
use xiezhi_proto::intake::v1::{RegisterCaseRequest, RegisterCaseResponse};
use xiezhi_proto::scheduling::v1::{
    ApproveOperationRequest, ApproveOperationResponse, CancelOperationRequest, CancelOperationResponse, CheckInRequest,
    CheckInResponse, ConcludeOperationRequest, ConcludeOperationResponse, ConfirmParticipationRequest,
    ConfirmParticipationResponse, ListOperationsRequest, Operation, OperationKind, PlanHours, PlanTerms,
    RecordInspectionRequest, RecordInspectionResponse, ReinstateOfficerRequest, ReinstateOfficerResponse,
    RejectOperationRequest, RejectOperationResponse, StartOperationRequest, StartOperationResponse,
    SuspendOfficerRequest, SuspendOfficerResponse, UnitFinding,
};

use super::{CLERK, COORDINATOR, LEADER, Teller, facts};
use crate::people::Outcome;

impl Teller {
    /// An open-air barbecue: diagnosed, accepted, escalated, and ended by an operation or without one.
    pub(super) async fn operation(&mut self) -> anyhow::Result<()> {
        let declared = [("dwelling.above", "true"), ("time.night", "true")];
        let town = self.town();
        let facts = facts(&["fume.barbecue.open_air", "noise.trade.night"], town, "stall", Channel::Phone, &declared);
        let request = self.complaint(String::new(), "夜间露天烧烤油烟扰民", facts);
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
        let orders = self.open_orders(&case_id, 2).await?;
        for order in &orders {
            self.acknowledge(order).await?;
        }
        self.go_on()?;
        let lead = orders.iter().find(|order| order.role() == xiezhi_proto::common::v1::Role::Lead);
        let Some(lead) = lead else { anyhow::bail!("nobody leads") };
        let lead = self.people.handler_of(&lead.unit_code)?.to_owned();
        let _: EscalateCaseResponse = self
            .say(&lead, "/xiezhi.assignment.v1.AssignmentService/EscalateCase", |command_id| EscalateCaseRequest {
                command_id,
                case_id: case_id.clone(),
                ground_code: "several_duties".to_owned(),
                reason: "需要多家同时检查".to_owned(),
                ..EscalateCaseRequest::default()
            })
            .await?
            .done()?;
        let proposed = self.proposed(&case_id).await?;
        match self.chance.below(10) {
            0 => self.reject(&proposed).await,
            _ => self.approve(&proposed, &lead).await,
        }
    }

    async fn proposed(&self, case_id: &str) -> anyhow::Result<String> {
        let people = &self.people;
        self.wait("a proposal", || async {
            let coordinator = people.at(COORDINATOR)?;
            let request = ListOperationsRequest { case_id: case_id.to_owned(), ..ListOperationsRequest::default() };
            let page = coordinator.read(|| call!(coordinator.scheduling().list_operations(request.clone()))).await?;
            Ok(page.operations.into_iter().next().map(|operation| operation.operation_id))
        })
        .await
    }

    async fn reject(&self, operation_id: &str) -> anyhow::Result<()> {
        let _: RejectOperationResponse = self
            .say(LEADER, "/xiezhi.scheduling.v1.OperationService/RejectOperation", |command_id| {
                RejectOperationRequest {
                    command_id,
                    operation_id: operation_id.to_owned(),
                    reason_code: "not_needed".to_owned(),
                    words: "一家可以办理".to_owned(),
                }
            })
            .await?
            .done()?;
        Ok(())
    }

    /// Approved as soon as people are free, which fewer and fewer are; then held, or called off.
    async fn approve(&mut self, operation_id: &str, lead: &str) -> anyhow::Result<()> {
        self.go_on()?;
        let approved = self
            .say::<_, ApproveOperationResponse>(
                LEADER,
                "/xiezhi.scheduling.v1.OperationService/ApproveOperation",
                |command_id| ApproveOperationRequest {
                    command_id,
                    operation_id: operation_id.to_owned(),
                    terms: Some(PlanTerms {
                        kind: OperationKind::Inspection.into(),
                        hours: Some(PlanHours { from: "00:00".to_owned(), to: "23:55".to_owned() }),
                        ..PlanTerms::default()
                    }),
                    ..ApproveOperationRequest::default()
                },
            )
            .await?
            .done()?;
        let Some(operation) = approved.operation else { anyhow::bail!("approved without an operation") };
        for one in sent(&operation) {
            self.go_on()?;
            let handler = self.people.handler_of(one)?.to_owned();
            // Whoever was too slow was replaced; that is the centre's business.
            let _ = self
                .say::<_, ConfirmParticipationResponse>(
                    &handler,
                    "/xiezhi.scheduling.v1.OperationService/ConfirmParticipation",
                    |command_id| ConfirmParticipationRequest {
                        command_id,
                        operation_id: operation_id.to_owned(),
                        ..ConfirmParticipationRequest::default()
                    },
                )
                .await?;
        }
        if self.chance.per_mille(300) {
            return self.cancel(operation_id).await;
        }
        self.hold(&operation, lead).await
    }

    async fn cancel(&self, operation_id: &str) -> anyhow::Result<()> {
        let _: CancelOperationResponse = self
            .say(LEADER, "/xiezhi.scheduling.v1.OperationService/CancelOperation", |command_id| {
                CancelOperationRequest {
                    command_id,
                    operation_id: operation_id.to_owned(),
                    reason_code: "weather".to_owned(),
                    words: "天气原因".to_owned(),
                }
            })
            .await?
            .done()?;
        Ok(())
    }

    /// Roll call, inspection, conclusion; where the slot is too far off it is left standing.
    async fn hold(&mut self, operation: &Operation, lead: &str) -> anyhow::Result<()> {
        let operation_id = || operation.operation_id.clone();
        for participation in &operation.participations {
            if participation.officer_codes.is_empty() {
                continue;
            }
            self.go_on()?;
            let handler = self.people.handler_of(&participation.unit_code)?.to_owned();
            let here = self
                .say::<_, CheckInResponse>(&handler, "/xiezhi.scheduling.v1.OperationService/CheckIn", |command_id| {
                    CheckInRequest {
                        command_id,
                        operation_id: operation_id(),
                        officer_codes: participation.officer_codes.clone(),
                        ..CheckInRequest::default()
                    }
                })
                .await?;
            if !matches!(here, Outcome::Done(_)) {
                return Ok(());
            }
        }
        self.go_on()?;
        let started = self
            .say::<_, StartOperationResponse>(
                lead,
                "/xiezhi.scheduling.v1.OperationService/StartOperation",
                |command_id| StartOperationRequest { command_id, operation_id: operation_id() },
            )
            .await?;
        if !matches!(started, Outcome::Done(_)) {
            return Ok(());
        }
        let evidence =
            client::blob::upload(&self.people.at(lead)?, "scheduling", picture(&operation.operation_id)).await?;
        let findings = sent(operation)
            .map(|unit| UnitFinding { unit_code: unit.to_owned(), finding_code: "no_violation".to_owned() });
        let _: RecordInspectionResponse = self
            .say(lead, "/xiezhi.scheduling.v1.OperationService/RecordInspection", |command_id| {
                RecordInspectionRequest {
                    command_id,
                    operation_id: operation_id(),
                    form_codes: vec!["scene_record".to_owned()],
                    findings: findings.collect(),
                    evidence_sha256: vec![evidence.sha256.clone()],
                    words: "现场已停止经营".to_owned(),
                    ..RecordInspectionRequest::default()
                }
            })
            .await?
            .done()?;
        let _: ConcludeOperationResponse = self
            .say(lead, "/xiezhi.scheduling.v1.OperationService/ConcludeOperation", |command_id| {
                ConcludeOperationRequest {
                    command_id,
                    operation_id: operation_id(),
                    ..ConcludeOperationRequest::default()
                }
            })
            .await?
            .done()?;
        Ok(())
    }

    /// An officer falls ill and is well again.
    pub(super) async fn officers(&mut self) -> anyhow::Result<()> {
        let number = self.chance.between(1, 8);
        let officer_code = format!("ZF-O{number:02}");
        let suspended = self
            .say::<_, SuspendOfficerResponse>(
                "ZF.head",
                "/xiezhi.scheduling.v1.OfficerService/SuspendOfficer",
                |command_id| SuspendOfficerRequest {
                    command_id,
                    officer_code: officer_code.clone(),
                    reason_code: "ill".to_owned(),
                },
            )
            .await?;
        if let Outcome::Done(_) = suspended {
            let _: ReinstateOfficerResponse = self
                .say("ZF.head", "/xiezhi.scheduling.v1.OfficerService/ReinstateOfficer", |command_id| {
                    ReinstateOfficerRequest { command_id, officer_code: officer_code.clone() }
                })
                .await?
                .done()?;
        }
        Ok(())
    }
}

/// The units that send people.
fn sent(operation: &Operation) -> impl Iterator<Item = &str> {
    operation.participations.iter().filter(|one| !one.officer_codes.is_empty()).map(|one| one.unit_code.as_str())
}
