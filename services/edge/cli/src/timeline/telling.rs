//! One entry of a timeline in words: each kind of event tells what matters to a person.

use jiff::Timestamp;
use xiezhi_proto::supervision::v1::TimelineEntry;

use super::Detail;
use crate::say::{Say, Word, short};
use crate::screen::time;
use crate::verbs::View;

/// One entry, told.
pub(super) struct Telling<'a> {
    pub entry: &'a TimelineEntry,
    pub view: &'a View<'a>,
    pub detail: Detail,
}

impl Telling<'_> {
    /// An order's clocks start with its dispatch, which tells its due date already.
    pub fn repeats_an_order(&self) -> bool {
        let kinds = self.values("clocks.kind");
        self.detail != Detail::All
            && self.entry.code == "supervision.clocks.started"
            && !kinds.is_empty()
            && kinds.iter().all(|kind| kind.contains('/'))
    }

    /// What it says, in one line.
    pub fn text(&self) -> String {
        let entry = self.entry;
        let noun = entry.code.split('.').nth(1).unwrap_or_default();
        match noun {
            "case" if entry.service == "intake" => self.intake(),
            "notice" => self.enumeration("kind", "NOTICE_KIND"),
            "diagnosis" | "determination" => self.determination(),
            "ruling" => self.roles("shares"),
            "consultation" => self.consultation(),
            "work_order" => self.work_order(),
            "follow_up" => self.settled(),
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

    /// Whose follow-up it was, who takes it, and why.
    fn settled(&self) -> String {
        let taker = self.values("to_unit_code").iter().map(|unit| format!("→ {}", self.view.names.unit(unit)));
        let reason = self.enumeration("reason", "SETTLING_REASON");
        joined([self.units()].into_iter().chain(taker).chain([reason]))
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
