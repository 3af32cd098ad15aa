//! `OfficerService`: certificates as they now stand.

use kit::caller::{Access, Call, Granted};
use kit::paging;
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::{Request, Response, Status};
use vocab::PersonCode;
use vocab::calendar::day_of;
use xiezhi_proto::scheduling::v1 as proto;
use xiezhi_proto::scheduling::v1::officer_service_server::OfficerService;

use super::{OfficerDoor, own_unit, unread};
use crate::app::{officer_key, officers};
use crate::store;
use crate::unit::Needs;
use crate::wire::{read, write};

fn keys(code: &PersonCode) -> Keys<Needs> {
    Keys::one(officer_key(code)).and(Needs::officer(code.clone()))
}

#[tonic::async_trait]
impl OfficerService for OfficerDoor {
    async fn list_officers(
        &self,
        request: Request<proto::ListOfficersRequest>,
    ) -> Result<Response<proto::ListOfficersResponse>, Status> {
        let granted = Granted::of(&request)?;
        Ok(Response::new(self.page(&granted, request.get_ref()).await?))
    }

    async fn record_certificate(
        &self,
        request: Request<proto::RecordCertificateRequest>,
    ) -> Result<Response<proto::RecordCertificateResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let (code, certificate) = read::certificate(request.get_ref())?;
        let keys = keys(&code);
        let decide = move |unit: &mut _, cx: &mut crate::app::Cx| {
            let officer = officers::record_certificate(unit, cx, &code, &certificate)?;
            Ok(proto::RecordCertificateResponse { officer: Some(write::officer(&officer, day_of(cx.now()))) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn suspend_officer(
        &self,
        request: Request<proto::SuspendOfficerRequest>,
    ) -> Result<Response<proto::SuspendOfficerResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = request.get_ref();
        let (code, reason) = read::officer_and_reason(&asked.officer_code, &asked.reason_code)?;
        let keys = keys(&code);
        let decide = move |unit: &mut _, cx: &mut crate::app::Cx| {
            let officer = officers::suspend(unit, cx, &code, reason.as_str())?;
            Ok(proto::SuspendOfficerResponse { officer: Some(write::officer(&officer, day_of(cx.now()))) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }

    async fn reinstate_officer(
        &self,
        request: Request<proto::ReinstateOfficerRequest>,
    ) -> Result<Response<proto::ReinstateOfficerResponse>, Status> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let code = read::officer_code(&request.get_ref().officer_code)?;
        let keys = keys(&code);
        let decide = move |unit: &mut _, cx: &mut crate::app::Cx| {
            let officer = officers::reinstate(unit, cx, &code)?;
            Ok(proto::ReinstateOfficerResponse { officer: Some(write::officer(&officer, day_of(cx.now()))) })
        };
        Ok(Response::new(self.corridor.command(call, keys, decide).await?))
    }
}

impl OfficerDoor {
    async fn page(
        &self,
        granted: &Granted,
        asked: &proto::ListOfficersRequest,
    ) -> Result<proto::ListOfficersResponse, Refusal> {
        let limit = paging::page_size(asked.page_size, 100, 500)?;
        let after: Option<String> = paging::decode_token(&asked.page_token)?;
        let on = match read::maybe_date("on", &asked.on)? {
            Some(day) => day,
            None => day_of(self.corridor.now().await?),
        };
        let unit: Option<vocab::UnitCode> = read::maybe_code("unit_code", &asked.unit_code)?;
        let unit = match (granted.access, unit) {
            (Access::Own, Some(unit)) if unit.as_str() != granted.caller.unit => {
                return Ok(proto::ListOfficersResponse::default());
            }
            (Access::Own, _) => Some(granted.caller.unit.clone()),
            (Access::Any, unit) => unit.map(|unit| unit.to_string()),
        };
        let mut tx = store::begin(self.corridor.pool(), own_unit(granted)).await.map_err(unread)?;
        let mut found =
            store::list_officers(&mut tx, unit.as_deref(), after.as_deref(), limit + 1).await.map_err(unread)?;
        let more = found.len() as i64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let last = found.last().filter(|_| more).map(|officer| paging::encode_token(&officer.code.as_str()));
        Ok(proto::ListOfficersResponse {
            officers: found.iter().map(|officer| write::officer(officer, on)).collect(),
            next_page_token: last.unwrap_or_default(),
        })
    }
}
