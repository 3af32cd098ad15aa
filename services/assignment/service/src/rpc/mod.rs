//! The door for people and departments: it parses, asks the corridor or the store, and phrases the answer.

mod accounts;
mod cases;
mod consultations;
mod diagnoses;
mod follow_ups;
mod lists;
mod orders;
mod service;
mod watch;

use assignment_domain::case::Case;
use kit::Node;
use kit::auth::{Issuer, TokenSigner};
use kit::caller::{Access, Granted};
use kit::corridor::{Corridor, unavailable};
use kit::refusal::Refusal;
use kit::service::StoreError;
use kit::settings::{ClockKind, Settings};
use vocab::{CaseId, ConsultationId, WorkOrderId};
use xiezhi_proto::assignment::v1::account_service_server::AccountServiceServer;
use xiezhi_proto::assignment::v1::assignment_service_server::AssignmentServiceServer;

use crate::service::Assignment;
use crate::store::read;
use crate::wire::write::Reasons;

/// The doors of assignment.
#[derive(Clone)]
pub struct Door {
    /// The way in which state changes.
    pub corridor: Corridor<Assignment>,
}

/// The door that trades signed challenges for tokens. Only it holds the signing key.
#[derive(Clone)]
pub struct TokenDoor {
    /// The way in which state changes.
    pub corridor: Corridor<Assignment>,
    /// The key; without one no token is issued here.
    pub signer: Option<TokenSigner>,
}

/// The secret that holds the signing key (PKCS #8, PEM).
pub const SIGNING_KEY: &str = "token.signing_key";
/// The secret that holds the centre's id, which tokens name as their issuer.
pub const CENTRE_ID: &str = "token.centre";

/// Opens the doors of a node.
pub fn open(node: Node<Assignment>, settings: &Settings) -> anyhow::Result<kit::Running> {
    let signer = signer(settings)?;
    let door = Door { corridor: node.corridor.clone() };
    let tokens = TokenDoor { corridor: node.corridor.clone(), signer };
    Ok(node.running(move |routes| {
        routes.add_service(AssignmentServiceServer::new(door));
        routes.add_service(AccountServiceServer::new(tokens));
    }))
}

fn signer(settings: &Settings) -> anyhow::Result<Option<TokenSigner>> {
    let (Some(pem), Some(centre)) = (settings.secrets.get(SIGNING_KEY), settings.secrets.get(CENTRE_ID)) else {
        return Ok(None);
    };
    let issuer = Issuer {
        centre: String::from_utf8(centre.to_vec())?,
        simulated: matches!(settings.clock, ClockKind::Simulated { .. }),
    };
    Ok(Some(TokenSigner::from_pem(std::str::from_utf8(pem)?, issuer)?))
}

/// A store error as a caller hears it.
pub(crate) fn stored(error: StoreError) -> Refusal {
    match error {
        StoreError::Database(error) => unavailable(error),
        error @ StoreError::Unreadable { .. } => {
            tracing::error!(%error, "the store holds what cannot be read");
            Refusal::Internal("store".to_owned())
        }
    }
}

/// The unit behind the second wall, for a caller that sees only its own.
pub(crate) fn asking(granted: &Granted) -> Option<&str> {
    (granted.access == Access::Own).then_some(granted.caller.unit.as_str())
}

impl Door {
    pub(crate) async fn case_of_order(&self, order: WorkOrderId) -> Result<CaseId, Refusal> {
        let case = read::case_of_order(self.corridor.pool(), order).await.map_err(stored)?;
        case.ok_or(Refusal::NotFound { what: "work order" })
    }

    pub(crate) async fn case_of_consultation(&self, id: ConsultationId) -> Result<CaseId, Refusal> {
        let case = read::case_of_consultation(self.corridor.pool(), id).await.map_err(stored)?;
        case.ok_or(Refusal::NotFound { what: "consultation" })
    }

    /// A case, if the caller may know of it.
    pub(crate) async fn case(&self, granted: &Granted, case: CaseId) -> Result<Case, Refusal> {
        let known = read::find_case(self.corridor.pool(), asking(granted), case).await.map_err(stored)?;
        let known = known.filter(|known| granted.covers(known.units.iter().map(String::as_str)));
        known.map(|known| known.case).ok_or(Refusal::NotFound { what: "case" })
    }

    /// What was written about something, for a caller that may know of it.
    pub(crate) async fn texts(&self, granted: &Granted, subject: uuid::Uuid) -> Result<Vec<read::Written>, Refusal> {
        let (pool, texts) = (self.corridor.pool(), self.corridor.service().texts());
        read::list_texts(pool, texts, asking(granted), subject).await.map_err(stored)
    }

    /// The last words of each unit about something.
    pub(crate) async fn reasons(&self, granted: &Granted, subject: uuid::Uuid, kind: &str) -> Result<Reasons, Refusal> {
        let texts = self.texts(granted, subject).await?;
        Ok(texts.into_iter().filter(|text| text.kind == kind).map(|text| (text.unit, text.body)).collect())
    }
}
