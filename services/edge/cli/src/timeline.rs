//! 时间线: what happened to a case over all five services, as a person would tell it.

use client::{call, moment};
use jiff::Timestamp;
use uuid::Uuid;
use xiezhi_proto::supervision::v1::{ClockState, ClockView, ListClocksRequest, TimelineEntry};

use crate::failure::Failure;
use crate::reflect::json;
use crate::resolve;
use crate::say::{Say, Word, label, short};
use crate::screen::{Answer, Table, time};
use crate::session::Session;
use crate::verbs::View;

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

/// One entry, told.
struct Telling<'a> {
    entry: &'a TimelineEntry,
    view: &'a View<'a>,
    detail: Detail,
}

impl Telling<'_> {
    /// An order's clocks start with its dispatch, which tells its due date already.
    fn repeats_an_order(&self) -> bool {
        let kinds = self.values("clocks.kind");
        self.detail != Detail::All
            && self.entry.code == "supervision.clocks.started"
            && !kinds.is_empty()
            && kinds.iter().all(|kind| kind.contains('/'))
    }

    fn text(&self) -> String {
        let entry = self.entry;
        let noun = entry.code.split('.').nth(1).unwrap_or_default();
        match noun {
            "case" if entry.service == "intake" => self.intake(),
            "notice" => self.enumeration("kind", "NOTICE_KIND"),
            "diagnosis" | "determination" => self.determination(),
            "ruling" => self.roles("shares"),
            "consultation" => self.consultation(),
            "work_order" => self.work_order(),
            "case" => self.handling(),
            "operation" | "participant" | "officers" | "inspection" => self.operation(),
            "clocks" => self.clocks(),
            "supervision_order" => self.pressed(),
            "rating" => self.rating(),
            "adjudication" => self.verdict("upheld", "CALLBACK_STATE_UPHELD", "CALLBACK_STATE_EXCLUDED"),
            _ => self.units(),
        }
    }

    fn values(&self, name: &str) -> &[String] {
        self.entry.details.iter().find(|detail| detail.name == name).map_or(&[], |detail| detail.values.as_slice())
    }

    fn value(&self, name: &str) -> &str {
        self.values(name).first().map_or("", String::as_str)
    }

    fn units(&self) -> String {
        self.view.names.units(&self.entry.unit_codes)
    }

    fn short(&self, prefix: &str, code: &str) -> String {
        short(prefix, code, self.view.lang).to_owned()
    }

    fn enumeration(&self, name: &str, prefix: &str) -> String {
        self.short(prefix, self.value(name))
    }

    fn verdict(&self, name: &str, yes: &str, no: &str) -> String {
        self.view.word(if self.value(name) == "true" { yes } else { no }).to_owned()
    }

    fn at(&self, name: &str) -> Option<Timestamp> {
        self.value(name).parse().ok()
    }

    fn due(&self, name: &str) -> String {
        self.at(name).map_or_else(String::new, |due| time::moment(due, self.view.now, self.view.lang))
    }

    fn intake(&self) -> String {
        let view = self.view;
        match self.entry.code.as_str() {
            "intake.case.registered" => {
                let what = view.names.matters(self.values("facts.matter_codes"));
                let place = view.names.region(self.value("facts.region_code"));
                joined([self.enumeration("facts.channel", "CHANNEL"), place.to_owned(), what])
            }
            "intake.case.accepted" if self.value("without_clerk") == "true" => {
                Word::WithoutClerk.text(view.lang).to_owned()
            }
            "intake.case.accepted" => {
                joined([self.enumeration("mode", "HANDLING_MODE"), self.enumeration("track", "TRACK")])
            }
            "intake.case.declined" => joined([self.value("code").to_owned(), self.citation()]),
            "intake.case.routed_away" => joined([self.value("route_code").to_owned(), self.citation()]),
            "intake.case.route_receipted" => self.value("receipt_no").to_owned(),
            "intake.case.linked" => self.enumeration("kind", "LINK_KIND"),
            "intake.case.facts_added" => {
                let pairs = self.values("facts.declared.code").iter().zip(self.values("facts.declared.value"));
                joined(pairs.map(|(code, value)| format!("{}={value}", view.names.fact(code))))
            }
            "intake.case.closed" | "intake.case.reopened" => {
                let round: u32 = self.value("round").parse().unwrap_or(0);
                if round > 1 { view.say(&Say::Round { round }) } else { String::new() }
            }
            _ => self.units(),
        }
    }

    fn citation(&self) -> String {
        format!("{}{}", self.value("citation.law"), self.value("citation.article"))
    }

    fn determination(&self) -> String {
        let kind = self.enumeration("kind", "DETERMINATION_KIND");
        let roles = self.roles("shares");
        let silent = self.values("positions.stance").iter().zip(self.values("positions.unit_code"));
        let stances =
            silent.map(|(stance, unit)| format!("{} {}", self.view.names.unit(unit), self.short("STANCE", stance)));
        joined([kind, roles].into_iter().chain(stances))
    }

    /// Who leads, then who supports; a unit with several duties is named once.
    fn roles(&self, field: &str) -> String {
        let units = self.values(&format!("{field}.unit_code"));
        let roles = self.values(&format!("{field}.role"));
        let with = |role: &str| {
            let mut found: Vec<&str> = Vec::new();
            for (unit, _) in units.iter().zip(roles).filter(|(_, is)| is.as_str() == role) {
                let name = self.view.names.unit(unit);
                if !found.contains(&name) {
                    found.push(name);
                }
            }
            found
        };
        let leads = with("lead").into_iter().map(|unit| self.view.say(&Say::Leads { unit: unit.to_owned() }));
        let support = with("support");
        let support =
            (!support.is_empty()).then(|| format!("{} {}", self.view.word("ROLE_SUPPORT"), support.join(" · ")));
        joined(leads.chain(support))
    }

    fn consultation(&self) -> String {
        match self.entry.code.as_str() {
            "assignment.consultation.answered" => {
                let item = self.value("position.citation.item_code");
                let cited = if item.is_empty() {
                    format!("{}{}", self.value("position.citation.law"), self.value("position.citation.article"))
                } else {
                    item.to_owned()
                };
                joined([self.units(), self.enumeration("position.stance", "STANCE"), cited])
            }
            _ => joined([self.units(), self.by(&self.due("answer_deadline.due_at"))]),
        }
    }

    /// "by …", where there is a date.
    fn by(&self, due: &str) -> String {
        if due.is_empty() { String::new() } else { format!("{} {due}", Word::ColumnDue.text(self.view.lang)) }
    }

    fn work_order(&self) -> String {
        let unit = self.units();
        match self.entry.code.as_str() {
            "assignment.work_order.dispatched" => joined([
                unit,
                self.enumeration("role", "ROLE"),
                self.enumeration("duty", "DUTY"),
                self.view.names.person(self.value("person_code")).to_owned(),
                self.by(&self.due("deadline.due_at")),
            ]),
            "assignment.work_order.completed" => joined([unit, self.enumeration("outcome", "OUTCOME")]),
            "assignment.work_order.objection_decided" => joined([
                unit,
                self.view
                    .word(if self.value("upheld") == "true" { "cause.objection" } else { "objection.rejected" })
                    .to_owned(),
            ]),
            "assignment.work_order.objected" => {
                joined([unit, self.value("citation.item_code").to_owned(), self.citation()])
            }
            _ => unit,
        }
    }

    fn handling(&self) -> String {
        let code = |field: &str, prefix: &str| {
            let code = format!("{prefix}.{}", self.value(field));
            self.view.word(&code).to_owned()
        };
        match self.entry.code.as_str() {
            "assignment.case.escalated" => joined([self.units(), code("ground_code", "ground")]),
            _ => joined([self.units(), code("conclusion", "conclusion")]),
        }
    }

    fn operation(&self) -> String {
        let view = self.view;
        match self.entry.code.as_str() {
            "scheduling.operation.fixed" | "scheduling.operation.rescheduled" => {
                let span = self.at("starts_at").zip(self.at("ends_at"));
                let span = span.map(|(from, to)| time::span(from, to, view.now, view.lang)).unwrap_or_default();
                let region = self.value("region_code");
                joined([span, view.names.region(region).to_owned(), self.units()])
            }
            "scheduling.operation.concluded" => {
                let pairs = self.values("follow_ups.unit_code").iter().zip(self.values("follow_ups.duty"));
                joined(pairs.map(|(unit, duty)| format!("{} {}", view.names.unit(unit), self.short("DUTY", duty))))
            }
            "scheduling.inspection.recorded" => {
                let pairs = self.values("findings.unit_code").iter().zip(self.values("findings.finding_code"));
                let word = |code: &str| view.word(&format!("finding.{code}")).to_owned();
                joined(pairs.map(|(unit, code)| format!("{} {}", view.names.unit(unit), word(code))))
            }
            "scheduling.participant.checked_in" | "scheduling.officers.replaced" => {
                joined([self.units(), view.names.persons(self.values("officer_codes"))])
            }
            _ => joined([self.units(), self.value("reason_code").to_owned()]),
        }
    }

    fn clocks(&self) -> String {
        let view = self.view;
        let stopped = self.values("kinds");
        if !stopped.is_empty() {
            return joined(counted(stopped.iter().map(|kind| view.names.clock(kind).to_owned())));
        }
        let kinds = self.values("clocks.kind").iter();
        let due = self.values("clocks.deadline.due_at").iter();
        let told = kinds.zip(due).map(|(kind, due)| {
            let due = due.parse().map_or_else(|_| due.clone(), |due| time::day(due, view.now, view.lang));
            format!("{} {}", view.names.clock(kind), due.trim())
        });
        let told = counted(told);
        // When clocks start, each has its own holder and the list would be long; later it matters who is late.
        let holders = if self.entry.code.ends_with("started") { String::new() } else { self.units() };
        joined(told.into_iter().chain([holders]))
    }

    fn pressed(&self) -> String {
        if self.entry.code.ends_with("answered") {
            return self.units();
        }
        joined([
            self.enumeration("rung", "RUNG"),
            self.units(),
            self.view.names.clock(self.value("clock_kind")).to_owned(),
            self.by(&self.due("answer_deadline.due_at")),
        ])
    }

    fn rating(&self) -> String {
        if self.value("rating.reached") != "true" {
            return self.view.word("CALLBACK_STATE_UNREACHED").to_owned();
        }
        let lang = self.view.lang;
        let word =
            |name: &str, yes: Word, no: Word| if self.value(name) == "true" { yes } else { no }.text(lang).to_owned();
        joined([
            word("rating.responded", Word::Responded, Word::NotResponded),
            word("rating.resolved", Word::Resolved, Word::NotResolved),
            word("rating.satisfied", Word::Satisfied, Word::NotSatisfied),
        ])
    }
}

/// The same thing several times over, told once with how often: each of five units has its own clock of one kind.
fn counted(parts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for part in parts {
        match found.iter_mut().find(|(known, _)| *known == part) {
            Some((_, times)) => *times += 1,
            None => found.push((part, 1)),
        }
    }
    found.into_iter().map(|(part, times)| if times > 1 { format!("{part} ×{times}") } else { part }).collect()
}

/// What there is, with dots between.
fn joined(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
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
