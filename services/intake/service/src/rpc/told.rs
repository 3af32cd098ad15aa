//! What a complainant is told: notices with the words of the reply, and progress under the tracking code.

use futures::future::join_all;
use intake_domain::{Case, NoticeKind};
use kit::caller::Granted;
use kit::refusal::Refusal;
use tonic::Request;
use vocab::{Lang, UnitCode};
use xiezhi_proto::intake::v1 as proto;

use super::{Answers, Doors, unread};
use crate::error::NO_CASE;
use crate::store::read;
use crate::unit::Notice;
use crate::wire::answer;
use crate::wire::request as wire;

const NO_NOTICE: Refusal = Refusal::NotFound { what: "notice" };

impl Doors {
    /// A notice as it is read, and whether all of it is there. Who asked to be forgotten is told no more what was written to
    /// them: the tracking code may be in other hands by then.
    async fn worded(&self, case: &Case, notice: &Notice) -> (proto::Notice, bool) {
        let mut shown = answer::notice(notice);
        if notice.kind != NoticeKind::Reply || case.forgotten_at.is_some() {
            return (shown, true);
        }
        match self.neighbours.reply(case.head(), notice.round, notice.content.answered_at).await {
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
        let worded = join_all(notices.iter().map(|notice| self.worded(case, notice))).await;
        let is_complete = worded.iter().all(|(_, complete)| *complete);
        (worded.into_iter().map(|(notice, _)| notice).collect(), is_complete)
    }

    /// The clocks of a case and of its head, and whether both could be asked for.
    async fn public_clocks(&self, case: &Case) -> Result<(Vec<proto::PublicClock>, bool), Refusal> {
        let rules = self.corridor.rules().await?;
        let name = |code: &str, lang: Lang| {
            UnitCode::new(code).map_or_else(|_| code.to_owned(), |unit| rules.content.unit_name(&unit, lang))
        };
        let asked = [Some(case.id), case.follows()].into_iter().flatten();
        let mut clocks = Vec::new();
        let mut is_complete = true;
        for views in join_all(asked.map(|case| self.neighbours.clocks(case))).await {
            match views {
                Ok(views) => clocks.extend(views.into_iter().filter_map(|view| answer::public_clock(view, &name))),
                Err(status) => {
                    tracing::warn!(code = ?status.code(), "clocks could not be asked for");
                    is_complete = false;
                }
            }
        }
        Ok((clocks, is_complete))
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
        let (notices, is_complete) = self.worded_all(&case, &notices).await;
        Ok(proto::ListNoticesResponse { notices, incomplete: !is_complete })
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
        let (notice, is_complete) = self.worded(&case, &notice).await;
        Ok(proto::GetNoticeResponse { notice: Some(notice), incomplete: !is_complete })
    }
}
