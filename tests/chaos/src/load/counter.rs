//! What a counter does besides: hand over and take back, withdraw, join what is one problem.

use xiezhi_proto::common::v1::{Channel, Fact};
use xiezhi_proto::intake::v1::{
    AddCaseFactsRequest, AddCaseFactsResponse, LinkCasesRequest, LinkCasesResponse, LinkKind, ReceiptRouteRequest,
    ReceiptRouteResponse, RegisterCaseRequest, RegisterCaseResponse, ReturnCaseFromRouteRequest,
    ReturnCaseFromRouteResponse, ReturnReason, RouteAwayCaseRequest, RouteAwayCaseResponse, WithdrawCaseRequest,
    WithdrawCaseResponse,
};

use super::{CLERK, Teller, facts};

impl Teller {
    /// One of them.
    pub(super) async fn counter(&mut self) -> anyhow::Result<()> {
        match self.chance.below(3) {
            0 => self.hand_over().await,
            1 => self.withdraw().await,
            _ => self.join().await,
        }
    }

    async fn register_at_counter(&mut self, declared: &[(&str, &str)]) -> anyhow::Result<String> {
        let town = self.town();
        let facts = facts(&["drainage.misconnection"], town, "dwelling", Channel::Visit, declared);
        let request = self.complaint(String::new(), "排水沟被堵", facts);
        let registered: RegisterCaseResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/RegisterCase", |command_id| RegisterCaseRequest {
                command_id,
                ..request
            })
            .await?
            .done()?;
        Ok(registered.case_id)
    }

    /// A matter for the court: handed over, signed for, sent back, taken on.
    async fn hand_over(&mut self) -> anyhow::Result<()> {
        let case_id = self.register_at_counter(&[("petition.procedure", "litigation")]).await?;
        let _: RouteAwayCaseResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/RouteAwayCase", |command_id| RouteAwayCaseRequest {
                command_id,
                case_id: case_id.clone(),
                rule_code: "D1.court".to_owned(),
                ..RouteAwayCaseRequest::default()
            })
            .await?
            .done()?;
        self.go_on()?;
        let _: ReceiptRouteResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/ReceiptRoute", |command_id| ReceiptRouteRequest {
                command_id,
                case_id: case_id.clone(),
                receipt_no: "118".to_owned(),
                receipted_at: None,
            })
            .await?
            .done()?;
        if self.chance.per_mille(500) {
            return Ok(());
        }
        self.go_on()?;
        let _: ReturnCaseFromRouteResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/ReturnCaseFromRoute", |command_id| ReturnCaseFromRouteRequest {
                command_id,
                case_id: case_id.clone(),
                reason: ReturnReason::NotFiled.into(),
            })
            .await?
            .done()?;
        let _: AddCaseFactsResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/AddCaseFacts", |command_id| AddCaseFactsRequest {
                command_id,
                case_id: case_id.clone(),
                declared: vec![Fact { code: "petition.procedure".to_owned(), value: "investigate".to_owned() }],
            })
            .await?
            .done()?;
        self.accept(&case_id).await
    }

    async fn withdraw(&mut self) -> anyhow::Result<()> {
        let case_id = self.register_at_counter(&[("petition.procedure", "investigate")]).await?;
        let _: WithdrawCaseResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/WithdrawCase", |command_id| WithdrawCaseRequest {
                command_id,
                case_id: case_id.clone(),
            })
            .await?
            .done()?;
        Ok(())
    }

    /// Two calls about one thing become one case.
    async fn join(&mut self) -> anyhow::Result<()> {
        let head = self.register_at_counter(&[("petition.procedure", "investigate")]).await?;
        let member = self.register_at_counter(&[("petition.procedure", "investigate")]).await?;
        self.go_on()?;
        let _: LinkCasesResponse = self
            .say(CLERK, "/xiezhi.intake.v1.CaseService/LinkCases", |command_id| LinkCasesRequest {
                command_id,
                case_id: member.clone(),
                head_case_id: head.clone(),
                kind: LinkKind::ClusterMember.into(),
            })
            .await?
            .done()?;
        self.accept(&head).await
    }
}
