//! 清单与试算: the lists as they are or as they stood, and what they would say.

use assignment_domain::determine::{AsOf, determine};
use assignment_domain::list::Lists;
use jiff::Timestamp;
use jiff::civil::Date;
use kit::caller::Granted;
use kit::paging::{decode_token, encode_token, page_size};
use kit::refusal::Refusal;
use sha2::{Digest, Sha256};
use tonic::Request;
use uuid::Uuid;
use vocab::{Body, MatterCode};
use xiezhi_proto::assignment::v1 as wire;

use super::consultations::cut;
use super::{Door, stored};
use crate::app::canonical;
use crate::store::read as rows;
use crate::unit::matter_set;
use crate::wire::{read, write};

impl Door {
    pub(super) async fn determine(
        &self,
        request: Request<wire::DetermineRequest>,
    ) -> Result<wire::DetermineResponse, Refusal> {
        Granted::of(&request)?;
        let request = request.into_inner();
        let facts =
            words::read::facts(request.facts.as_ref()).map_err(|mistakes| read::refuse(mistakes.within("facts")))?;
        let valid_on = day("valid_on", &request.valid_on)?.unwrap_or(facts.act_on);
        let now = self.corridor.now().await?;
        let rules = self.corridor.rules().await?;
        let pool = self.corridor.pool();
        let precedents = rows::precedents_of(pool, &matter_set(&facts.matters)).await.map_err(stored)?;
        let known_at = known_at(request.known_at.as_ref(), now)?;
        let proof = match known_at {
            None => determine(&facts, &rules.content.lists, &precedents, AsOf { valid_on, known_at: now }),
            Some(known_at) => {
                let (items, boundary_rules) = rows::lists_at(pool, known_at).await.map_err(stored)?;
                determine(&facts, &Lists::new(items, boundary_rules), &precedents, AsOf { valid_on, known_at })
            }
        };
        let proof_sha256 = Sha256::digest(canonical(&proof)?).to_vec().into();
        Ok(wire::DetermineResponse { result: Some(write::result(&proof, &rules.content)), proof_sha256 })
    }

    pub(super) async fn list_power_items(
        &self,
        request: Request<wire::ListPowerItemsRequest>,
    ) -> Result<wire::ListPowerItemsResponse, Refusal> {
        Granted::of(&request)?;
        let request = request.into_inner();
        let matter: Option<MatterCode> = read::maybe_id("matter_code", &request.matter_code)?;
        let holder: Option<Body> = if request.unit_code.is_empty() {
            None
        } else {
            let body = Body::try_from(request.unit_code);
            Some(body.map_err(|error| Refusal::field("unit_code", error.to_string()))?)
        };
        let kind = match wire::ItemKind::try_from(request.kind) {
            Ok(wire::ItemKind::Unspecified) => None,
            Ok(wire::ItemKind::Power) => Some("power"),
            Ok(wire::ItemKind::Responsibility) => Some("responsibility"),
            Ok(wire::ItemKind::KeptDuty) => Some("kept_duty"),
            Err(_) => return Err(Refusal::field("kind", "is not in the list")),
        };
        let limit = page_size(request.page_size, 100, 500)?;
        let now = self.corridor.now().await?;
        let filter = rows::ItemFilter {
            valid_on: day("valid_on", &request.valid_on)?,
            known_at: known_at(request.known_at.as_ref(), now)?.unwrap_or(now),
            matter: matter.map(String::from),
            holder: holder.map(String::from),
            kind,
            after: decode_token::<(String, String, Uuid)>(&request.page_token)?,
            limit: limit + 1,
        };
        let mut found = rows::list_items(self.corridor.pool(), &filter).await.map_err(stored)?;
        let next_page_token =
            cut(&mut found, limit, |(id, item)| encode_token(&(item.code.as_str(), item.holder.to_string(), id)));
        let items = found.iter().map(|(_, item)| write::listed_item(item)).collect();
        Ok(wire::ListPowerItemsResponse { items, next_page_token })
    }
}

fn day(field: &str, text: &str) -> Result<Option<Date>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    words::read::date(field, text).map(Some).map_err(read::refuse)
}

/// A moment at which the list is read: none for now, and none in the future.
fn known_at(message: Option<&prost_types::Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let Some(message) = message else { return Ok(None) };
    let at = words::read::time("known_at", Some(message)).map_err(read::refuse)?;
    if at > now {
        return Err(Refusal::field("known_at", "lies in the future"));
    }
    Ok(Some(at))
}
