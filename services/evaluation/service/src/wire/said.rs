//! What evaluation says, in the contract's words; each on the case's key.

use evaluation_domain::{Answer, Event};
use kit::context::Context;
use kit::wire::to_proto_time;
use vocab::CaseId;
use xiezhi_proto::evaluation::v1 as proto;

use crate::rules::Rules;

/// An answer, as events and views say it.
pub(super) fn rating(answer: Answer) -> proto::Rating {
    match answer {
        Answer::NotReached => proto::Rating { reached: false, responded: false, resolved: false, satisfied: false },
        Answer::Reached(opinion) => proto::Rating {
            reached: true,
            responded: opinion.responded,
            resolved: opinion.resolved,
            satisfied: opinion.satisfied,
        },
    }
}

/// Journals what was decided about a case.
pub fn say(cx: &mut Context<Rules>, case: CaseId, events: &[Event]) {
    let key = case.uuid();
    for event in events {
        let case_id = case.to_string();
        match event {
            Event::CallbackDrawn { callback, round, at } => {
                let (callback_id, drawn_at) = (callback.to_string(), Some(to_proto_time(*at)));
                cx.emit(key, &proto::CallbackDrawn { callback_id, case_id, round: *round, drawn_at });
            }
            Event::CallbackAttempted { callback, round, attempt, at } => {
                let attempted = proto::CallbackAttempted {
                    callback_id: callback.to_string(),
                    case_id,
                    round: *round,
                    attempt: *attempt,
                    attempted_at: Some(to_proto_time(*at)),
                };
                cx.emit(key, &attempted);
            }
            Event::RatingGiven { callback, round, answer, at } => {
                let given = proto::RatingGiven {
                    callback_id: callback.to_string(),
                    case_id,
                    rating: Some(rating(*answer)),
                    round: *round,
                    given_at: Some(to_proto_time(*at)),
                };
                cx.emit(key, &given);
            }
            Event::RatingDissatisfied { callback, round, at } => {
                let (callback_id, given_at) = (callback.to_string(), Some(to_proto_time(*at)));
                cx.emit(key, &proto::RatingDissatisfied { callback_id, case_id, round: *round, given_at });
            }
            Event::AdjudicationDecided { callback, upheld, at } => {
                let (callback_id, decided_at) = (callback.to_string(), Some(to_proto_time(*at)));
                cx.emit(key, &proto::AdjudicationDecided { case_id, callback_id, upheld: *upheld, decided_at });
            }
        }
    }
}
