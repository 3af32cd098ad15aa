//! 时间线: what happened to a case over all five services, as a person would tell it.

mod telling;

use client::{call, moment};
use jiff::Timestamp;
use uuid::Uuid;
use xiezhi_proto::supervision::v1::{ClockState, ClockView, ListClocksRequest, TimelineEntry};

use crate::failure::Failure;
use crate::reflect::json;
use crate::resolve;
use crate::say::{Say, label};
use crate::screen::{Answer, Table};
use crate::session::Session;
use crate::verbs::View;
use telling::Telling;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The turning points.
    Main,
    /// What people do, and what presses them.
    Usual,
    /// Everything, small print included.
    All,
}

/// `case timeline`.
pub async fn show(session: &Session, case: &str, all: bool) -> Result<Answer, Failure> {
    let case_id = resolve::case_id(session, case).await?;
    let entries = entries(session, &case_id).await?;
    let view = View::of(session).await?;
    let told = entries.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    let detail = if all { Detail::All } else { Detail::Usual };
    Ok(Answer::new(serde_json::json!({ "case_id": case_id, "entries": told }), render(&entries, &view, detail)))
}

/// All that supervision tells of a case.
pub async fn entries(session: &Session, case_id: &str) -> Result<Vec<TimelineEntry>, Failure> {
    let id = Uuid::parse_str(case_id).map_err(|_| Failure::Says(Say::NothingNamed { name: case_id.to_owned() }))?;
    Ok(client::verify::timeline(&session.centre, id).await?)
}

/// The case's own clock that runs out first, with its name and due date.
pub async fn next_clock(session: &Session, case_id: &str) -> Result<Option<ClockView>, Failure> {
    let centre = &session.centre;
    let request = ListClocksRequest { case_id: case_id.to_owned() };
    let clocks = centre.read(|| call!(centre.supervision().list_clocks(request.clone()))).await?.clocks;
    Ok(first_due(clocks))
}

fn first_due(clocks: Vec<ClockView>) -> Option<ClockView> {
    let due = |view: &ClockView| {
        let deadline = view.clock.as_ref().and_then(|clock| clock.deadline.as_ref());
        moment(deadline.and_then(|deadline| deadline.due_at.as_ref())).unwrap_or(Timestamp::MAX)
    };
    clocks
        .into_iter()
        .filter(|view| matches!(view.state(), ClockState::Running | ClockState::Breached))
        .filter(|view| view.clock.as_ref().is_some_and(|clock| clock.work_order_id.is_empty()))
        .min_by_key(due)
}

/// The entries as lines that line up: when, what, by whom and how.
#[must_use]
pub fn render(entries: &[TimelineEntry], view: &View<'_>, detail: Detail) -> String {
    let mut table = Table::new().indented(2);
    for entry in entries.iter().filter(|entry| is_told(&entry.code, detail)) {
        let telling = Telling { entry, view, detail };
        if !telling.repeats_an_order() {
            table.row([view.at(entry.at.as_ref()), label(&entry.code, view.lang).to_owned(), telling.text()]);
        }
    }
    table.render()
}

/// The turning points of a case.
const MAIN: &[&str] = &[
    "intake.case.registered",
    "intake.case.accepted",
    "intake.case.declined",
    "intake.case.routed_away",
    "intake.case.returned_from_route",
    "intake.case.withdrawn",
    "intake.case.linked",
    "intake.case.closed",
    "intake.case.reopened",
    "assignment.determination.made",
    "assignment.consultation.opened",
    "assignment.ruling.made",
    "assignment.case.escalated",
    "assignment.case.handled",
    "scheduling.operation.rejected",
    "scheduling.operation.fixed",
    "scheduling.operation.rescheduled",
    "scheduling.operation.concluded",
    "scheduling.operation.cancelled",
    "supervision.clocks.breached",
    "supervision.closing.approved",
    "supervision.closing.refused",
    "evaluation.rating.given",
    "evaluation.adjudication.decided",
];

/// What only the careful reader wants.
const SMALL_PRINT: &[&str] = &[
    "supervision.clocks.stopped",
    "supervision.clocks.moved",
    "evaluation.callback.drawn",
    "evaluation.rating.dissatisfied",
    "scheduling.operation.approved",
    "scheduling.operation.reminded",
];

fn is_told(code: &str, detail: Detail) -> bool {
    match detail {
        Detail::Main => MAIN.contains(&code),
        Detail::Usual => !SMALL_PRINT.contains(&code),
        Detail::All => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use client::proto_time;
    use xiezhi_proto::common::v1::Deadline;
    use xiezhi_proto::supervision::v1::{Clock, TimelineDetail};

    use super::*;
    use crate::names::Names;
    use crate::say::Lang;

    fn entry(code: &str, at: &str, units: &[&str], details: &[(&str, &[&str])]) -> TimelineEntry {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        TimelineEntry {
            code: code.to_owned(),
            service: code.split('.').next().unwrap_or_default().to_owned(),
            at: Some(proto_time(at.parse().unwrap())),
            unit_codes: texts(units),
            details: details
                .iter()
                .map(|(name, values)| TimelineDetail { name: (*name).to_owned(), values: texts(values) })
                .collect(),
            ..TimelineEntry::default()
        }
    }

    fn story() -> Vec<TimelineEntry> {
        vec![
            entry(
                "intake.case.accepted",
                "2026-03-02T04:00:00Z",
                &[],
                &[("mode", &["joint"]), ("track", &["supervised"])],
            ),
            entry("assignment.determination.made", "2026-03-02T04:00:00Z", &[], &[("kind", &["overlap"])]),
            entry("assignment.consultation.opened", "2026-03-02T04:00:00Z", &["SJ", "HB"], &[]),
            entry(
                "assignment.ruling.made",
                "2026-03-03T01:30:00Z",
                &["ZF", "HB"],
                &[("shares.unit_code", &["ZF", "HB", "ZF"]), ("shares.role", &["lead", "support", "lead"])],
            ),
            entry("supervision.clocks.stopped", "2026-03-03T01:30:00Z", &[], &[("kinds", &["intake.inform"])]),
            entry(
                "scheduling.operation.fixed",
                "2026-03-04T02:10:00Z",
                &["ZF", "GA"],
                &[
                    ("starts_at", &["2026-03-06T12:00:00Z"]),
                    ("ends_at", &["2026-03-06T15:00:00Z"]),
                    ("region_code", &["330421103"]),
                ],
            ),
        ]
    }

    fn render_in(lang: Lang, detail: Detail) -> String {
        let names = Names::default();
        render(&story(), &View { lang, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() }, detail)
    }

    #[test]
    fn a_story_lines_up_in_chinese() {
        let expected = "  \
  3月02日 12:00  受理      联办 · 督办
  3月02日 12:00  责任认定  职责交叉
  3月02日 12:00  会商      SJ · HB
  3月03日 09:30  裁定      ZF牵头 · 协办 HB
  3月04日 10:10  排定      3月06日 20:00–23:00 · 330421103 · ZF · GA
";
        assert_eq!(render_in(Lang::Zh, Detail::Main), expected);
    }

    #[test]
    fn small_print_is_told_only_when_asked_for() {
        assert!(!render_in(Lang::En, Detail::Usual).contains("clocks stopped"));
        assert!(render_in(Lang::En, Detail::All).contains("clocks stopped  intake.inform"));
    }

    #[test]
    fn clocks_of_one_kind_are_told_once_with_how_many() {
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() };
        let due = "2026-03-04T01:00:00Z";
        let kinds: &[&str] = &["order.acknowledge/a", "order.finish/a", "order.acknowledge/b"];
        let details: &[(&str, &[&str])] = &[("clocks.kind", kinds), ("clocks.deadline.due_at", &[due, due, due])];
        let entries = [entry("supervision.clocks.breached", "2026-03-04T01:00:00Z", &[], details)];
        let told = render(&entries, &view, Detail::Usual);
        assert_eq!(told, "  3月04日 09:00  超期  order.acknowledge 3月04日 ×2 · order.finish 3月04日\n");
    }

    #[test]
    fn a_settled_follow_up_is_told_with_whose_it_was_who_takes_it_and_why() {
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() };
        let settled = |details| [entry("assignment.follow_up.settled", "2026-03-04T01:00:00Z", &["XX"], details)];
        let given = settled(&[("to_unit_code", &["WL"]), ("reason", &["nobody_to_answer"])]);
        let line = "  3月04日 09:00  后续处置了结  XX · → WL · 单位无人承办\n";
        assert_eq!(render(&given, &view, Detail::Usual), line);
        let ended = render(&settled(&[("reason", &["case_ended"])]), &view, Detail::Usual);
        assert_eq!(ended, "  3月04日 09:00  后续处置了结  XX · 案件终结\n");
    }

    #[test]
    fn an_event_from_a_newer_centre_is_told_by_its_code() {
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() };
        let entries = [entry("scheduling.whistle.blown", "2026-03-02T04:00:00Z", &["XF"], &[])];
        assert_eq!(render(&entries, &view, Detail::Usual), "  3月02日 12:00  scheduling.whistle.blown  XF\n");
    }

    #[test]
    fn every_event_about_a_case_is_told_without_its_details() {
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() };
        for kind in xiezhi_proto::EVENTS {
            let told = render(&[entry(kind.subject, "2026-03-02T04:00:00Z", &[], &[])], &view, Detail::All);
            assert_eq!(told.lines().count(), 1, "{}", kind.subject);
        }
    }

    #[test]
    fn the_next_clock_of_a_case_is_its_own_and_runs() {
        let clock = |kind: &str, due: &str, order: &str, state: ClockState| ClockView {
            clock: Some(Clock {
                kind: kind.to_owned(),
                work_order_id: order.to_owned(),
                deadline: Some(Deadline { due_at: Some(proto_time(due.parse().unwrap())), ..Deadline::default() }),
                ..Clock::default()
            }),
            state: state.into(),
            ..ClockView::default()
        };
        let clocks = vec![
            clock("petition.finish", "2026-05-01T00:00:00Z", "", ClockState::Running),
            clock("order.finish", "2026-03-05T00:00:00Z", "o", ClockState::Running),
            clock("intake.inform", "2026-03-04T00:00:00Z", "", ClockState::Stopped),
            clock("reply.first", "2026-03-17T00:00:00Z", "", ClockState::Running),
        ];
        let kind = first_due(clocks).and_then(|view| view.clock).map(|clock| clock.kind);
        assert_eq!(kind.as_deref(), Some("reply.first"));
    }
}
