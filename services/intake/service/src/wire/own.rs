//! Our own events read back, as the domain knew what they say.

use intake_domain::cluster::{Link, LinkKind};
use intake_domain::stage::{Acceptance, Receipt, ReturnReason};
use intake_domain::{Event, NoticeKind};
use jiff::Timestamp;
use kit::envelope::Envelope;
use kit::service::Failed;
use words::{Mistakes, read};
use xiezhi_proto::Event as _;
use xiezhi_proto::intake::v1 as proto;

/// Words of a journal that do not read back.
pub fn broken(mistakes: Mistakes) -> Failed {
    Failed::Broken(mistakes.to_string())
}

/// A word of the vocabulary.
pub fn word<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Failed> {
    read::word(field, text).map_err(broken)
}

/// What an event of ours says, as the domain knows it.
pub fn happened(event: &Envelope, at: Timestamp) -> Result<Event, Failed> {
    Ok(match event.type_name.as_str() {
        proto::CaseAccepted::TYPE => {
            let body: proto::CaseAccepted = event.body()?;
            let since = read::time("accepted_at", body.accepted_at.as_ref()).map_err(broken)?;
            let mode = read::mode(body.mode).map_err(broken)?;
            let track = read::track(body.track).map_err(broken)?;
            Event::Accepted { acceptance: Acceptance { at: since, mode, track, round: 1, round_since: since } }
        }
        proto::NoticeServed::TYPE => {
            let body: proto::NoticeServed = event.body()?;
            let notice = vocab::NoticeId::new(word("notice_id", &body.notice_id)?);
            Event::NoticeServed { notice, kind: notice_kind(body.kind())?, round: body.round }
        }
        proto::CaseRouteReceipted::TYPE => {
            let body: proto::CaseRouteReceipted = event.body()?;
            let signed = read::time("receipted_at", body.receipted_at.as_ref()).map_err(broken)?;
            Event::Receipted { receipt: Receipt { number: body.receipt_no, at: signed } }
        }
        proto::CaseReturnedFromRoute::TYPE => {
            let body: proto::CaseReturnedFromRoute = event.body()?;
            Event::Returned { reason: return_reason(&body.reason_code)? }
        }
        proto::CaseWithdrawn::TYPE => Event::Withdrawn,
        proto::ComplainantLeft::TYPE => Event::ComplainantLeft,
        proto::CaseFactsAdded::TYPE => {
            let body: proto::CaseFactsAdded = event.body()?;
            Event::FactsAdded { facts: read::facts(body.facts.as_ref()).map_err(broken)? }
        }
        proto::CaseLinked::TYPE => {
            let body: proto::CaseLinked = event.body()?;
            let link = Link { head: word("head_case_id", &body.head_case_id)?, kind: link_kind(body.kind())?, at };
            let left = read::maybe_word("left_head_case_id", &body.left_head_case_id).map_err(broken)?;
            Event::Linked { link, left }
        }
        proto::ComplainantForgotten::TYPE => Event::Forgotten,
        // The rule behind a declining, and why an identity was opened, are in no event.
        other => return Err(Failed::Broken(format!("{other} does not tell all that was decided"))),
    })
}

fn notice_kind(kind: proto::NoticeKind) -> Result<NoticeKind, Failed> {
    match kind {
        proto::NoticeKind::Acceptance => Ok(NoticeKind::Acceptance),
        proto::NoticeKind::Extension => Ok(NoticeKind::Extension),
        proto::NoticeKind::Reply => Ok(NoticeKind::Reply),
        other => Err(Failed::Broken(format!("a notice of kind {} does not tell its ground", other.as_str_name()))),
    }
}

fn link_kind(kind: proto::LinkKind) -> Result<LinkKind, Failed> {
    match kind {
        proto::LinkKind::Duplicate => Ok(LinkKind::Duplicate),
        proto::LinkKind::Repeat => Ok(LinkKind::Repeat),
        proto::LinkKind::ClusterMember => Ok(LinkKind::ClusterMember),
        proto::LinkKind::Unspecified => Err(Failed::Broken("how it was joined is not told".to_owned())),
    }
}

fn return_reason(code: &str) -> Result<ReturnReason, Failed> {
    use ReturnReason::{NotFiled, NotTheirs, ProcedureEnded, SentByMistake};
    let known = [NotTheirs, NotFiled, ProcedureEnded, SentByMistake].into_iter().find(|reason| reason.as_str() == code);
    known.ok_or_else(|| Failed::Broken(format!("{code} is no reason for coming back")))
}
