//! 查阅: the only way an identity leaves. First the entry in the audit is committed, then, and only if it reads back, the vault opens.

use intake_domain::contact::REPEAT_MINUTES;
use jiff::SignedDuration;
use kit::caller::{Call, Granted};
use kit::paging::{decode_token, page_size};
use kit::refusal::Refusal;
use kit::service::Keys;
use tonic::Request;
use uuid::Uuid;
use words::read::maybe_word;
use xiezhi_proto::intake::v1 as proto;

use super::reads::next_page;
use super::{Answers, Doors, unread};
use crate::app::reveal::{self, Wanted};
use crate::error::NO_CASE;
use crate::seal;
use crate::store::read;
use crate::unit::Needs;
use crate::vault::{Owner, Place};
use crate::wire::{answer, invalid, request as wire};

impl Answers<proto::RevealContactRequest> for Doors {
    type Answer = proto::RevealContactResponse;

    async fn answer_to(&self, request: Request<proto::RevealContactRequest>) -> Result<Self::Answer, Refusal> {
        let call = Call::of(&request, &request.get_ref().command_id)?;
        let asked = wire::reveal(request.get_ref())?;
        let case = self.find_shown(&call.granted, asked.case).await?;
        let id = Uuid::now_v7();
        let wanted = Wanted {
            id,
            case: case.id,
            purpose: asked.purpose,
            reason: self.sealed_why(&case, id, &asked.reason).await?,
            with_text: asked.with_text,
        };
        let needs = Needs { accounts: [call.granted.caller.account.clone()].into(), ..Needs::default() };
        // The stored answer names the entry and nobody: an identity is never kept as an answer.
        let entry: proto::RevealContactResponse = self
            .corridor
            .command(call, Keys::one(case.id.uuid()).and(needs), move |unit, cx| {
                reveal::audit(unit, cx, &wanted)
                    .map(|id| proto::RevealContactResponse { reveal_id: id.to_string(), ..Default::default() })
            })
            .await?;
        self.open(&case, entry.reveal_id).await
    }
}

impl Doors {
    async fn sealed_why(&self, case: &intake_domain::Case, id: Uuid, why: &str) -> Result<Vec<u8>, Refusal> {
        let text = read::find_text(self.pool(), case.id).await.map_err(unread)?.ok_or(NO_CASE)?;
        let key = self.corridor.service().vault().open_key(Owner::Case(case.id.uuid()), &text.wrapped_key)?;
        Ok(key.seal(Place::Reason, id, why.as_bytes())?)
    }

    async fn open(&self, case: &intake_domain::Case, entry: String) -> Result<proto::RevealContactResponse, Refusal> {
        let id: Uuid = entry.parse().map_err(|_| Refusal::Internal("an entry without an id".to_owned()))?;
        let entry = read::find_reveal(self.pool(), id).await.map_err(unread)?;
        let entry = entry
            .filter(|entry| entry.case_id == case.id)
            .ok_or_else(|| Refusal::Internal("the entry in the audit is not there".to_owned()))?;
        let age = self.corridor.now().await?.duration_since(entry.at);
        if age > SignedDuration::from_mins(REPEAT_MINUTES) {
            return Err(Refusal::forbidden(
                "intake.reveal_expired",
                "该次查阅已过期, 请重新申请",
                "this opening has expired; ask again with a new command_id",
            ));
        }
        let sealed = read::find_complainant(self.pool(), case.complainant).await.map_err(unread)?;
        let sealed = sealed.ok_or_else(|| reveal::forgotten(case.number.as_str()))?;
        let opened = seal::open_complainant(self.corridor.service().vault(), case.complainant, &sealed)?;
        let mut answer = proto::RevealContactResponse {
            reveal_id: id.to_string(),
            complainant: Some(answer::complainant(opened.identity)),
            ..Default::default()
        };
        if entry.with_text {
            for (id, sealed) in read::list_considered(self.pool(), case.id).await.map_err(unread)? {
                answer.considered.push(opened.key.open_text(Place::Considered, id, &sealed)?);
            }
            answer.title = opened.words.title;
            answer.body = opened.words.body;
        }
        Ok(answer)
    }
}

impl Answers<proto::ListRevealsRequest> for Doors {
    type Answer = proto::ListRevealsResponse;

    async fn answer_to(&self, request: Request<proto::ListRevealsRequest>) -> Result<Self::Answer, Refusal> {
        Granted::of(&request)?;
        let request = request.get_ref();
        let size = page_size(request.page_size, 50, 200)?;
        let after: Option<Uuid> = decode_token(&request.page_token)?;
        let case = maybe_word("case_id", &request.case_id).map_err(invalid)?;
        let account = (!request.account.is_empty()).then_some(request.account.as_str());
        let mut rows = read::list_reveals(self.pool(), case, account, after, size + 1).await.map_err(unread)?;
        let next_page_token = next_page(&mut rows, size, |(reveal, _)| reveal.id);
        let vault = self.corridor.service().vault();
        let mut reveals = Vec::with_capacity(rows.len());
        for (entry, wrapped_key) in rows {
            let key = vault.open_key(Owner::Case(entry.case_id.uuid()), &wrapped_key)?;
            let reason = key.open_text(Place::Reason, entry.id, &entry.reason)?;
            reveals.push(answer::reveal(&entry, reason));
        }
        Ok(proto::ListRevealsResponse { reveals, next_page_token })
    }
}
