//! Commands: what changes a case.

use intake_domain::Case;
use kit::caller::Call;
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::Request;
use uuid::Uuid;
use words::write;
use xiezhi_proto::intake::v1 as proto;

use super::{Answers, Doors, unread};
use crate::app::decide::{self, Declined, SealedReason};
use crate::app::register;
use crate::consume::cluster;
use crate::error::NO_CASE;
use crate::store::read;
use crate::unit::{Needs, Seeking};
use crate::vault::{Owner, Place};
use crate::wire::{answer, complaint, request as wire};
use crate::{app, seal};

impl Answers<proto::RegisterCaseRequest> for Doors {
    type Answer = proto::RegisterCaseResponse;

    async fn answer_to(&self, request: Request<proto::RegisterCaseRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        #[cfg(feature = "mutants")]
        if let Some(who) = request.get_ref().complainant.as_ref().filter(|_| kit::mutants::is("phone-in-log")) {
            tracing::info!(phone = %who.phone, "a complainant called");
        }
        let wanted = seal::registration(self.corridor.service().vault(), complaint::register(request.into_inner())?)?;
        let seeking = Seeking {
            town: wanted.facts.region.town(),
            matters: wanted.facts.matters.clone(),
            digests: wanted.digests.clone(),
        };
        let needs = Needs { numbers: 1, seekers: [(wanted.id.uuid(), seeking)].into(), ..Needs::default() };
        self.corridor
            .command(call, Keys::needing(needs), move |unit, cx| {
                register::register(unit, cx, &wanted).map(|done| proto::RegisterCaseResponse {
                    case_id: done.case.id.to_string(),
                    case_no: done.case.number.to_string(),
                    tracking_code: done.case.tracking.to_string(),
                    accepted: done.case.stage.acceptance().is_some(),
                    candidates: done.candidates.iter().map(answer::candidate).collect(),
                    mask_confirmed: done.case.mask_confirmed,
                })
            })
            .await
    }
}

impl Answers<proto::AcceptCaseRequest> for Doors {
    type Answer = proto::AcceptCaseResponse;

    async fn answer_to(&self, request: Request<proto::AcceptCaseRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let wanted = wire::accept(request.get_ref())?;
        self.corridor
            .command(call, cluster(wanted.case.uuid()), move |unit, cx| {
                decide::accept(unit, cx, &wanted).map(|told| proto::AcceptCaseResponse {
                    accepted_case_ids: told.iter().map(|told| told.case.to_string()).collect(),
                    notice_ids: told.iter().map(|told| told.notice.to_string()).collect(),
                })
            })
            .await
    }
}

impl Doors {
    /// Seals what a person weighed under the complainant's key, because it speaks of the complainant.
    async fn sealed_decline(&self, call: &Call, wanted: wire::Decline) -> Result<decide::Decline, Refusal> {
        let considered = match &wanted.considered {
            None => None,
            Some(words) => {
                let case = self.find_shown(&call.granted, wanted.case).await?;
                Some(self.sealed_reason(&case, words).await?)
            }
        };
        Ok(decide::Decline { case: wanted.case, rule: wanted.rule, considered })
    }

    async fn sealed_reason(&self, case: &Case, words: &str) -> Result<SealedReason, Refusal> {
        let sealed = read::find_complainant(self.pool(), case.complainant).await.map_err(unread)?;
        let sealed = sealed.ok_or_else(|| app::reveal::forgotten(case.number.as_str()))?;
        let owner = Owner::Complainant(case.complainant);
        let key = self.corridor.service().vault().open_key(owner, &sealed.wrapped_key)?;
        let id = Uuid::now_v7();
        Ok(SealedReason { id, sealed: key.seal(Place::Considered, id, words.as_bytes())? })
    }
}

impl Answers<proto::DeclineCaseRequest> for Doors {
    type Answer = proto::DeclineCaseResponse;

    async fn answer_to(&self, request: Request<proto::DeclineCaseRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let wanted = wire::decline(&asked.case_id, &asked.rule_code, &asked.considered)?;
        let wanted = self.sealed_decline(&call, wanted).await?;
        self.corridor
            .command(call, cluster(wanted.case.uuid()), move |unit, cx| {
                decide::decline(unit, cx, &wanted).map(|Declined { notice, rule }| proto::DeclineCaseResponse {
                    notice_id: notice.to_string(),
                    ground: rule.ground.code,
                    citation: Some(write::citation(&rule.ground.citation)),
                    route_zh: rule.route.zh,
                    route_en: rule.route.en,
                })
            })
            .await
    }
}

impl Answers<proto::RouteAwayCaseRequest> for Doors {
    type Answer = proto::RouteAwayCaseResponse;

    async fn answer_to(&self, request: Request<proto::RouteAwayCaseRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let wanted = wire::decline(&asked.case_id, &asked.rule_code, &asked.considered)?;
        let wanted = self.sealed_decline(&call, wanted).await?;
        self.corridor
            .command(call, cluster(wanted.case.uuid()), move |unit, cx| {
                decide::route_away(unit, cx, &wanted).map(|Declined { notice, rule }| proto::RouteAwayCaseResponse {
                    notice_id: notice.to_string(),
                    citation: Some(write::citation(&rule.ground.citation)),
                    route_zh: rule.route.zh,
                    route_en: rule.route.en,
                })
            })
            .await
    }
}

impl Answers<proto::ReceiptRouteRequest> for Doors {
    type Answer = proto::ReceiptRouteResponse;

    async fn answer_to(&self, request: Request<proto::ReceiptRouteRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let wanted = wire::receipt(request.get_ref())?;
        self.corridor
            .command(call, cluster(wanted.case.uuid()), move |unit, cx| {
                decide::receipt(unit, cx, &wanted).map(|()| proto::ReceiptRouteResponse {})
            })
            .await
    }
}

impl Answers<proto::ReturnCaseFromRouteRequest> for Doors {
    type Answer = proto::ReturnCaseFromRouteResponse;

    async fn answer_to(&self, request: Request<proto::ReturnCaseFromRouteRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let (case, reason) = wire::return_reason(request.get_ref())?;
        self.corridor
            .command(call, cluster(case.uuid()), move |unit, cx| {
                decide::take_back(unit, cx, case, reason).map(|()| proto::ReturnCaseFromRouteResponse {})
            })
            .await
    }
}

impl Answers<proto::WithdrawCaseRequest> for Doors {
    type Answer = proto::WithdrawCaseResponse;

    async fn answer_to(&self, request: Request<proto::WithdrawCaseRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let case = wire::case_id("case_id", &request.get_ref().case_id)?;
        self.corridor
            .command(call, cluster(case.uuid()), move |unit, cx| {
                decide::withdraw(unit, cx, case).map(|ended| proto::WithdrawCaseResponse { ended })
            })
            .await
    }
}

impl Answers<proto::AddCaseFactsRequest> for Doors {
    type Answer = proto::AddCaseFactsResponse;

    async fn answer_to(&self, request: Request<proto::AddCaseFactsRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let wanted = wire::add_facts(request.get_ref())?;
        self.corridor
            .command(call, Keys::one(wanted.case.uuid()), move |unit, cx| {
                decide::add_facts(unit, cx, &wanted)
                    .map(|facts| proto::AddCaseFactsResponse { facts: Some(write::facts(&facts)) })
            })
            .await
    }
}

impl Answers<proto::LinkCasesRequest> for Doors {
    type Answer = proto::LinkCasesResponse;

    async fn answer_to(&self, request: Request<proto::LinkCasesRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let wanted = wire::link(request.get_ref())?;
        // The later case's own members must be seen; the head's need not.
        let keys = Keys::many([wanted.later.uuid(), wanted.head.uuid()])
            .and(Needs { clusters: [wanted.later.uuid()].into(), ..Needs::default() });
        self.corridor
            .command(call, keys, move |unit, cx| {
                decide::link(unit, cx, &wanted).map(|accepted| proto::LinkCasesResponse { accepted })
            })
            .await
    }
}

impl Answers<proto::ConfirmMaskedTextRequest> for Doors {
    type Answer = proto::ConfirmMaskedTextResponse;

    async fn answer_to(&self, request: Request<proto::ConfirmMaskedTextRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let (id, words) = complaint::confirm(request.get_ref())?;
        self.find_shown(&call.granted, id).await?;
        let known = read::find_text(self.pool(), id).await.map_err(unread)?.ok_or(NO_CASE)?;
        let text = seal::confirmed(self.corridor.service().vault(), id, known, &words)?;
        self.corridor
            .command(call, Keys::one(id.uuid()), move |unit, cx| {
                decide::confirm(unit, cx, id, &text).map(|()| proto::ConfirmMaskedTextResponse {})
            })
            .await
    }
}

impl Answers<proto::ForgetComplainantRequest> for Doors {
    type Answer = proto::ForgetComplainantResponse;

    async fn answer_to(&self, request: Request<proto::ForgetComplainantRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let id = wire::case_id("case_id", &request.get_ref().case_id)?;
        self.corridor
            .command(call, Keys::one(id.uuid()), move |unit, cx| {
                decide::forget(unit, cx, id).map(|()| proto::ForgetComplainantResponse {})
            })
            .await
    }
}
