//! What a complainant is told: notices with the words of the reply, and progress under the tracking code.

use intake_domain::{Case, NoticeKind};
use kit::caller::Granted;
use kit::refusal::Refusal;
use tonic::Request;
use vocab::{CaseId, Lang, UnitCode};
use xiezhi_proto::intake::v1 as proto;

use super::{Answers, Doors, unread};
use crate::error::NO_CASE;
use crate::store::read;
use crate::unit::Notice;
use crate::wire::answer;
use crate::wire::request as wire;

const NO_NOTICE: Refusal = Refusal::NotFound { what: "notice" };

impl Doors {
    /// A notice as it is read, and whether all of it is there.
    async fn worded(&self, case: &Case, notice: &Notice) -> (proto::Notice, bool) {
        let mut shown = answer::notice(notice);
        if notice.kind != NoticeKind::Reply {
            return (shown, true);
        }
        match self.neighbours.reply(case.head(), notice.round).await {
            Ok(reply) => {
                shown.reply = reply;
                (shown, true)
            }
            Err(status) => {
                tracing::warn!(code = ?status.code(), "the words of a reply could not be asked for");
                (shown, false)
            }
        }
    }

    async fn worded_all(&self, case: &Case, notices: &[Notice]) -> (Vec<proto::Notice>, bool) {
        let mut all = true;
        let mut shown = Vec::with_capacity(notices.len());
        for notice in notices {
            let (notice, complete) = self.worded(case, notice).await;
            all &= complete;
            shown.push(notice);
        }
        (shown, all)
    }

    /// The clocks of a case and of its head, and whether both could be asked for.
    async fn public_clocks(&self, case: &Case) -> Result<(Vec<proto::PublicClock>, bool), Refusal> {
        let rules = self.corridor.rules().await?;
        let name = |code: &str, lang: Lang| {
            UnitCode::new(code).map_or_else(|_| code.to_owned(), |unit| rules.content.unit_name(&unit, lang))
        };
        let mut asked: Vec<CaseId> = vec![case.id];
        asked.extend(case.follows());
        let mut clocks = Vec::new();
        for case in asked {
            match self.neighbours.clocks(case).await {
                Ok(views) => clocks.extend(views.into_iter().filter_map(|view| answer::public_clock(view, &name))),
                Err(status) => {
                    tracing::warn!(code = ?status.code(), "clocks could not be asked for");
                    return Ok((clocks, false));
                }
            }
        }
        Ok((clocks, true))
    }
}

impl Answers<proto::GetByTrackingCodeRequest> for Doors {
    type Answer = proto::GetByTrackingCodeResponse;

    async fn answer_to(&self, request: Request<proto::GetByTrackingCodeRequest>) -> Result<Self::Answer, Refusal> {
        let code = wire::tracking_code(&request.get_ref().tracking_code)?;
        let case = read::find_by_tracking(self.pool(), &code).await.map_err(unread)?.ok_or(NO_CASE)?;
        let notices = read::list_notices(self.pool(), case.id).await.map_err(unread)?;
        let ((notices, worded), clocks) = tokio::join!(self.worded_all(&case, &notices), self.public_clocks(&case));
        let (clocks, counted) = clocks?;
        Ok(answer::progress(&case, notices, clocks, !(worded && counted)))
    }
}

impl Answers<proto::ListNoticesRequest> for Doors {
    type Answer = proto::ListNoticesResponse;

    async fn answer_to(&self, request: Request<proto::ListNoticesRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let case = self.find_shown(&granted, wire::case_id("case_id", &request.get_ref().case_id)?).await?;
        let notices = read::list_notices(self.pool(), case.id).await.map_err(unread)?;
        let (notices, _) = self.worded_all(&case, &notices).await;
        Ok(proto::ListNoticesResponse { notices })
    }
}

impl Answers<proto::GetNoticeRequest> for Doors {
    type Answer = proto::GetNoticeResponse;

    async fn answer_to(&self, request: Request<proto::GetNoticeRequest>) -> Result<Self::Answer, Refusal> {
        let granted = Granted::of(&request)?;
        let id = wire::notice_id(&request.get_ref().notice_id)?;
        let notice = read::find_notice(self.pool(), id).await.map_err(unread)?.ok_or(NO_NOTICE)?;
        // A notice of a foreign case is missing like one that never was.
        let case = self.find_shown(&granted, notice.case_id).await.map_err(|refusal| match refusal {
            Refusal::NotFound { .. } => NO_NOTICE,
            other => other,
        })?;
        let (notice, _) = self.worded(&case, &notice).await;
        Ok(proto::GetNoticeResponse { notice: Some(notice) })
    }
}
