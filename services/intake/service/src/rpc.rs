//! The door for people and departments: parse, ask the corridor, phrase the answer.

mod commands;
mod reads;
mod reveals;
mod told;

use intake_domain::Case;
use kit::caller::{Access, Granted};
use kit::corridor::{Corridor, unavailable};
use kit::refusal::Refusal;
use kit::service::StoreError;
use tonic::{Request, Response, Status};
use vocab::CaseId;
use xiezhi_proto::intake::v1 as proto;
use xiezhi_proto::intake::v1::case_service_server::CaseService;

use crate::app::may_know;
use crate::error::NO_CASE;
use crate::neighbours::Neighbours;
use crate::service::Intake;
use crate::store::read;

/// Intake's doors.
pub struct Doors {
    corridor: Corridor<Intake>,
    neighbours: Neighbours,
}

impl Doors {
    /// Doors to this corridor; what only the neighbours know is asked of them.
    #[must_use]
    pub fn new(corridor: Corridor<Intake>, neighbours: Neighbours) -> Self {
        Self { corridor, neighbours }
    }

    fn pool(&self) -> &sqlx::PgPool {
        self.corridor.pool()
    }

    async fn find_shown(&self, granted: &Granted, id: CaseId) -> Result<Case, Refusal> {
        let found = read::find_case(self.pool(), asking(granted), id).await.map_err(unread)?;
        shown(granted, found)
    }
}

/// A case as this caller may know of it; a foreign one is answered like a missing one.
fn shown(granted: &Granted, case: Option<Case>) -> Result<Case, Refusal> {
    case.filter(|case| may_know(granted, case)).ok_or(NO_CASE)
}

/// The unit that reads behind the second wall; none for the centre.
fn asking(granted: &Granted) -> Option<&str> {
    match granted.access {
        Access::Any => None,
        Access::Own => Some(granted.caller.unit.as_str()),
    }
}

/// A failed read as a caller hears it.
fn unread(error: StoreError) -> Refusal {
    match error {
        StoreError::Database(error) => unavailable(error),
        unreadable @ StoreError::Unreadable { .. } => {
            tracing::error!(error = %unreadable, "a row does not read back");
            Refusal::Internal("store".to_owned())
        }
    }
}

/// Each RPC and the function that answers it.
macro_rules! doors {
    ($($rpc:ident($request:ident) -> $response:ident;)+) => {
        #[tonic::async_trait]
        impl CaseService for Doors {
            $(async fn $rpc(&self, request: Request<proto::$request>) -> Result<Response<proto::$response>, Status> {
                Ok(Response::new(self.answer_to(request).await?))
            })+
        }
    };
}

/// Answers one kind of request.
trait Answers<Q> {
    /// The answer.
    type Answer;

    /// Parses, asks, phrases.
    async fn answer_to(&self, request: Request<Q>) -> Result<Self::Answer, Refusal>;
}

doors! {
    register_case(RegisterCaseRequest) -> RegisterCaseResponse;
    get_case(GetCaseRequest) -> GetCaseResponse;
    list_cases(ListCasesRequest) -> ListCasesResponse;
    accept_case(AcceptCaseRequest) -> AcceptCaseResponse;
    decline_case(DeclineCaseRequest) -> DeclineCaseResponse;
    route_away_case(RouteAwayCaseRequest) -> RouteAwayCaseResponse;
    receipt_route(ReceiptRouteRequest) -> ReceiptRouteResponse;
    return_case_from_route(ReturnCaseFromRouteRequest) -> ReturnCaseFromRouteResponse;
    withdraw_case(WithdrawCaseRequest) -> WithdrawCaseResponse;
    add_case_facts(AddCaseFactsRequest) -> AddCaseFactsResponse;
    link_cases(LinkCasesRequest) -> LinkCasesResponse;
    list_cluster_candidates(ListClusterCandidatesRequest) -> ListClusterCandidatesResponse;
    reveal_contact(RevealContactRequest) -> RevealContactResponse;
    list_reveals(ListRevealsRequest) -> ListRevealsResponse;
    read_masked_text(ReadMaskedTextRequest) -> ReadMaskedTextResponse;
    confirm_masked_text(ConfirmMaskedTextRequest) -> ConfirmMaskedTextResponse;
    forget_complainant(ForgetComplainantRequest) -> ForgetComplainantResponse;
    get_by_tracking_code(GetByTrackingCodeRequest) -> GetByTrackingCodeResponse;
    list_notices(ListNoticesRequest) -> ListNoticesResponse;
    get_notice(GetNoticeRequest) -> GetNoticeResponse;
    list_open_tasks(ListOpenTasksRequest) -> ListOpenTasksResponse;
}
