//! `clock extend`, `clock pause` and `clock resume`: what a person may do to a statutory clock.

use client::call;
use xiezhi_proto::supervision::v1 as supervision;
use xiezhi_proto::supervision::v1::ClockView;

use super::{View, clock};
use crate::args::{ClockArgs, ClockCommand};
use crate::failure::Failure;
use crate::reflect::json;
use crate::resolve;
use crate::say::{Say, Word};
use crate::screen::Answer;
use crate::session::Session;

/// Does what a verb that changes a clock says.
pub async fn run(session: &Session, command: ClockCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    macro_rules! send {
        ($method:ident($request:ident { $($field:ident),* })) => {{
            let done = centre
                .command(|command_id| {
                    let request = supervision::$request { command_id, $($field: $field.clone()),* };
                    call!(centre.supervision().$method(request))
                })
                .await?;
            (json(&done)?, done.clock)
        }};
    }
    let (json, changed) = match command {
        ClockCommand::Extend { clock, by: amount, reason } => {
            let (case_id, kind) = meant(session, &clock).await?;
            send!(extend_clock(ExtendClockRequest { case_id, kind, amount, reason }))
        }
        ClockCommand::Pause { clock, reason: reason_code } => {
            let (case_id, kind) = meant(session, &clock).await?;
            send!(pause_clock(PauseClockRequest { case_id, kind, reason_code }))
        }
        ClockCommand::Resume(clock) => {
            let (case_id, kind) = meant(session, &clock).await?;
            send!(resume_clock(ResumeClockRequest { case_id, kind }))
        }
        // Every other verb is done elsewhere and never comes here.
        _ => return Err(Failure::Usage(Say::Just(Word::Usage))),
    };
    let view = View::of(session).await?;
    Ok(Answer::new(json, changed.map(|changed| clock::render(&changed, &view)).unwrap_or_default()))
}

/// The case and the kind of the one clock that a rule, a name or a kind means.
async fn meant(session: &Session, args: &ClockArgs) -> Result<(String, String), Failure> {
    let centre = &session.centre;
    let case_id = resolve::case_id(session, &args.case.case).await?;
    let request = supervision::ListClocksRequest { case_id: case_id.clone() };
    let found = centre.read(|| call!(centre.supervision().list_clocks(request.clone()))).await?;
    let kind = resolve::one(&args.clock, kinds(&found.clocks, &args.clock, args.unit.as_deref()))?;
    Ok((case_id, kind))
}

/// The kinds that fit: those of clocks that have not stopped before those of clocks that have.
fn kinds(clocks: &[ClockView], named: &str, unit: Option<&str>) -> Vec<String> {
    let fits = |clock: &&ClockView| {
        let owed = clock.clock.clone().unwrap_or_default();
        let name = clock.name.clone().unwrap_or_default();
        let rule = owed.kind.split('/').next().unwrap_or_default();
        let is_named = [owed.kind.as_str(), rule, &name.zh, &name.en].contains(&named);
        is_named && unit.is_none_or(|unit| owed.holder_unit == unit)
    };
    let (going, stopped): (Vec<&ClockView>, Vec<&ClockView>) =
        clocks.iter().filter(fits).partition(|clock| clock.stopped_at.is_none());
    let fitting = if going.is_empty() { stopped } else { going };
    let mut kinds: Vec<String> = fitting.iter().filter_map(|clock| Some(clock.clock.as_ref()?.kind.clone())).collect();
    // The rounds of a case have clocks of the same kind.
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use xiezhi_proto::supervision::v1::{Clock, Sentence};

    use super::*;

    fn clock(kind: &str, unit: &str, stopped: bool) -> ClockView {
        ClockView {
            clock: Some(Clock { kind: kind.to_owned(), holder_unit: unit.to_owned(), ..Clock::default() }),
            name: Some(Sentence { zh: "办结".to_owned(), en: "finishing".to_owned() }),
            stopped_at: stopped.then(prost_types::Timestamp::default),
            ..ClockView::default()
        }
    }

    #[test]
    fn a_clock_is_named_by_its_kind_its_rule_or_its_name_and_one_that_goes_on_comes_first() {
        let clocks = [clock("order.finish/1", "ZF", false), clock("order.finish/2", "HB", false)];
        assert_eq!(kinds(&clocks, "order.finish", None).len(), 2);
        assert_eq!(kinds(&clocks, "order.finish", Some("HB")), ["order.finish/2"]);
        assert_eq!(kinds(&clocks, "order.finish/1", None), ["order.finish/1"]);
        assert_eq!(kinds(&clocks, "办结", Some("ZF")), ["order.finish/1"]);
        assert_eq!(kinds(&clocks, "inform", None), [""; 0]);
        let rounds = [clock("finish", "ZF", true), clock("finish", "ZF", true), clock("finish", "ZF", false)];
        assert_eq!(kinds(&rounds, "finish", None), ["finish"]);
        assert_eq!(kinds(&rounds[..2], "finish", None), ["finish"]);
    }
}
