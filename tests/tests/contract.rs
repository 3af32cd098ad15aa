//! The contract guard: what every RPC and every event must say, and who must hear it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::{BTreeMap, BTreeSet};

use house_tests::contract::{Contract, service_of};
use house_tests::sources;
use prost_reflect::{Cardinality, Kind};

fn contract() -> Contract {
    Contract::load().expect("the descriptors can be read")
}

fn none(mistakes: &[String]) {
    assert!(mistakes.is_empty(), "{} mistakes:\n{}", mistakes.len(), mistakes.join("\n"));
}

fn is_snake(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !text.starts_with('_')
}

#[test]
fn every_rpc_declares_an_action_of_its_own_service() {
    let contract = contract();
    let methods = contract.methods();
    assert!(methods.len() > 60, "only {} RPCs", methods.len());
    let mut mistakes = Vec::new();
    for method in &methods {
        let action = contract.action_of(method);
        let parts: Vec<&str> = action.split('.').collect();
        let service = service_of(method.parent_service().package_name());
        if parts.len() != 3 || parts[0] != service || !parts.iter().all(|part| is_snake(part)) {
            mistakes.push(format!("{} declares {action:?}, not {service}.<noun>.<verb>", method.full_name()));
        }
    }
    none(&mistakes);
}

#[test]
fn everything_in_the_contract_says_what_it_means() {
    none(&contract().uncommented());
}

#[test]
fn each_rpc_has_its_own_request_and_response() {
    let mut mistakes = Vec::new();
    let mut seen = BTreeSet::new();
    for method in contract().methods() {
        for (message, ending) in [(method.input(), "Request"), (method.output(), "Response")] {
            let wanted = format!("{}.{}{ending}", method.parent_service().package_name(), method.name());
            if message.full_name() != wanted {
                mistakes.push(format!("{} uses {}, not {wanted}", method.full_name(), message.full_name()));
            }
            if !seen.insert(message.full_name().to_owned()) {
                mistakes.push(format!("{} is used twice", message.full_name()));
            }
        }
    }
    none(&mistakes);
}

/// Beginnings of RPCs that change nothing.
const READS: &[&str] = &["Get", "List", "Watch", "Read", "Find", "CheckStream", "Download", "HighWater", "Preview"];

/// RPCs that change something, or seem to, without a `command_id`.
const NO_COMMAND: &[(&str, &str)] = &[
    ("xiezhi.bus.v1.BusService.DecideParked", "the event's position names the decision; deciding it twice is refused"),
    ("xiezhi.bus.v1.BusService.RecoverJournal", "a journal that is whole again is not recovered twice"),
    ("xiezhi.bus.v1.BusService.SettleAffected", "the case names the decision; settling it twice is refused"),
    ("xiezhi.bus.v1.BusService.TurnClock", "`turn_id` is its command id"),
    ("xiezhi.bus.v1.BusService.ConfirmClock", "the time is right or it is not; confirming it twice changes nothing"),
    ("xiezhi.bus.v1.BlobService.UploadBlob", "a file is named by its content, so a repeat changes nothing"),
    ("xiezhi.assignment.v1.AssignmentService.Determine", "what the lists would say; it changes nothing"),
    ("xiezhi.assignment.v1.AccountService.CreateChallenge", "each call wants a new challenge"),
    ("xiezhi.assignment.v1.AccountService.IssueToken", "a challenge can be used once"),
];

#[test]
fn every_command_can_be_repeated_safely() {
    let contract = contract();
    let mut mistakes = Vec::new();
    let mut commands = 0;
    for method in contract.methods() {
        let read = READS.iter().any(|verb| method.name().starts_with(verb));
        let excepted = NO_COMMAND.iter().any(|(name, _)| *name == method.full_name());
        let field = method.input().get_field_by_name("command_id");
        let has =
            field.is_some_and(|field| field.kind() == Kind::String && field.cardinality() != Cardinality::Repeated);
        if !read && !excepted {
            commands += 1;
            if !has {
                mistakes.push(format!("{} has no command_id", method.full_name()));
            }
        }
    }
    for (name, _) in NO_COMMAND {
        assert!(contract.methods().iter().any(|method| method.full_name() == *name), "{name} is no RPC any more");
    }
    assert!(commands > 30, "only {commands} commands");
    none(&mistakes);
}

/// Lists that end by themselves.
const SHORT_LISTS: &[(&str, &str)] = &[
    ("xiezhi.bus.v1.BusService.ListCursors", "one for each consumer and producer, at most eight"),
    ("xiezhi.intake.v1.CaseService.ListNotices", "the notices of one case, a few for each round"),
    ("xiezhi.intake.v1.CaseService.ListClusterCandidates", "at most 20 by contract"),
    ("xiezhi.supervision.v1.SupervisionService.ListClocks", "the clocks of one case, a few for each order and round"),
];

#[test]
fn every_list_comes_in_pages() {
    let contract = contract();
    let mut mistakes = Vec::new();
    let mut lists = 0;
    for method in contract.methods().into_iter().filter(|method| method.name().starts_with("List")) {
        if SHORT_LISTS.iter().any(|(name, _)| *name == method.full_name()) {
            continue;
        }
        lists += 1;
        let has = |message: &prost_reflect::MessageDescriptor, name: &str| message.get_field_by_name(name).is_some();
        for field in ["page_size", "page_token"] {
            if !has(&method.input(), field) {
                mistakes.push(format!("{} has no {field}", method.input().full_name()));
            }
        }
        if !has(&method.output(), "next_page_token") {
            mistakes.push(format!("{} has no next_page_token", method.output().full_name()));
        }
    }
    assert!(lists > 10, "only {lists} lists");
    none(&mistakes);
}

#[test]
fn every_event_is_named_service_noun_past_participle() {
    let contract = contract();
    let events = contract.events().unwrap();
    assert!(events.len() > 40, "only {} events", events.len());
    let mut mistakes = Vec::new();
    let mut subjects = BTreeSet::new();
    for event in &events {
        let name = event.message.full_name();
        let service = service_of(event.message.package_name());
        let parts: Vec<&str> = event.subject.split('.').collect();
        // The bus's own events are said by every service on its own journal; the kit puts the service before the subject.
        let wanted = if service == "bus" { parts.len() == 2 } else { parts.len() == 3 && parts[0] == service };
        if !wanted || !parts.iter().all(|part| is_snake(part)) {
            mistakes.push(format!("{name} is published as {:?}", event.subject));
            continue;
        }
        let [noun, participle] = parts[parts.len() - 2..] else { unreachable!("two parts at least") };
        // `CaseAccepted` is `case.accepted`: who knows one name knows the other.
        let said: Vec<String> = sources::words_of(event.message.name());
        let subject: Vec<&str> = noun.split('_').chain(participle.split('_')).collect();
        if said != subject {
            mistakes.push(format!("{name} is published as {noun}.{participle}"));
        }
        if !subjects.insert(event.subject.clone()) {
            mistakes.push(format!("{} is published twice", event.subject));
        }
        if event.message.parent_message().is_some() {
            mistakes.push(format!("{name} is not at the top of its package"));
        }
    }
    none(&mistakes);
}

/// What a text field of an event may hold: names of ours, codes of the pack, days. All else is refused unheard.
const TEXT_ENDINGS: &[&str] = &["_id", "_ids", "_ref", "_code", "_codes", "_unit", "_units", "_no", "_number"];

/// Single text fields that are codes, laws or days though their names do not end so.
const TEXT_FIELDS: &[(&str, &str)] = &[
    ("xiezhi.common.v1.CaseFacts.object_type", "a code of the pack"),
    ("xiezhi.common.v1.CaseFacts.act_on", "a day"),
    ("xiezhi.common.v1.Fact.code", "a code of the pack"),
    ("xiezhi.common.v1.Fact.value", "true, false or a code; intake refuses all else"),
    ("xiezhi.common.v1.Citation.law", "a law's title, from the pack"),
    ("xiezhi.common.v1.Citation.article", "an article's number, from the pack"),
    ("xiezhi.common.v1.Citation.version_date", "a day"),
    ("xiezhi.common.v1.Deadline.rule", "a code of the pack"),
    ("xiezhi.common.v1.BlobRef.media_type", "found by looking at the bytes, from a closed list"),
    ("xiezhi.intake.v1.CaseDeclined.code", "a code of the pack"),
    ("xiezhi.intake.v1.ContactRevealed.purpose", "one of five codes"),
    ("xiezhi.assignment.v1.DiagnosisMade.missing_facts", "codes of the pack"),
    ("xiezhi.assignment.v1.CaseHandled.conclusion", "one of three codes"),
    ("xiezhi.scheduling.v1.OfficerChanged.valid_from", "a day"),
    ("xiezhi.scheduling.v1.OfficerChanged.valid_to", "a day"),
    ("xiezhi.supervision.v1.Clock.kind", "a code of the pack, with an order's id"),
    ("xiezhi.supervision.v1.ClocksStopped.kinds", "codes of the pack, with an order's id"),
    ("xiezhi.supervision.v1.ClocksExtended.approved_by", "an account of ours"),
    ("xiezhi.supervision.v1.SupervisionOrderIssued.clock_kind", "a code of the pack, with an order's id"),
    ("xiezhi.supervision.v1.ClosingCheck.code", "one of five codes"),
];

#[test]
fn no_event_holds_a_person_or_a_word_a_person_wrote() {
    let contract = contract();
    let mut mistakes = Vec::new();
    let mut used = BTreeSet::new();
    for event in contract.events().unwrap() {
        for (path, field) in contract.fields_within(&event.message) {
            let name = field.full_name();
            if contract.is_personal(&field) {
                mistakes.push(format!("{}: {path} is personal", event.subject));
            }
            match field.kind() {
                Kind::String => {
                    let excepted = TEXT_FIELDS.iter().any(|(excepted, _)| *excepted == name);
                    if excepted {
                        used.insert(name.to_owned());
                    } else if !TEXT_ENDINGS.iter().any(|ending| field.name().ends_with(ending)) {
                        mistakes.push(format!("{}: {name} could be free text", event.subject));
                    }
                }
                Kind::Bytes if !["sha256", "pack_hash", "proof_sha256"].contains(&field.name()) => {
                    mistakes.push(format!("{}: {name} could hold anything", event.subject));
                }
                _ => {}
            }
        }
    }
    for (name, _) in TEXT_FIELDS {
        if !used.contains(*name) {
            mistakes.push(format!("{name} is in the list and in no event"));
        }
    }
    none(&mistakes);
}

/// Names under which a person's words or data would travel.
const TELLING: &[&str] = &["phone", "address", "id_number", "complainant", "petitioner"];

#[test]
fn a_field_whose_name_tells_of_a_person_is_marked_personal() {
    let contract = contract();
    let mut mistakes = Vec::new();
    let mut marked = 0;
    for message in contract.messages() {
        for field in message.fields().filter(|field| field.kind() == Kind::String) {
            marked += usize::from(contract.is_personal(&field));
            if TELLING.contains(&field.name()) && !contract.is_personal(&field) {
                mistakes.push(format!("{} is not marked", field.full_name()));
            }
        }
    }
    assert!(marked >= 8, "only {marked} fields are marked personal");
    none(&mistakes);
}

#[test]
fn an_enum_begins_with_what_was_not_said() {
    let contract = contract();
    let mut mistakes = Vec::new();
    for value in contract.pool.all_enums().filter(|value| value.package_name().starts_with("xiezhi.")) {
        let prefix = sources::words_of(value.name()).join("_").to_uppercase();
        for entry in value.values() {
            if !entry.name().starts_with(&format!("{prefix}_")) {
                mistakes.push(format!("{} does not begin with {prefix}_", entry.full_name()));
            }
        }
        if value.get_value(0).is_none_or(|zero| zero.name() != format!("{prefix}_UNSPECIFIED")) {
            mistakes.push(format!("{} has no {prefix}_UNSPECIFIED = 0", value.full_name()));
        }
    }
    none(&mistakes);
}

/// Who must act on which event. All others may keep what they like of it.
const HEARERS: &[(&str, &[&str])] = &[
    ("intake.case.registered", &["assignment", "supervision"]),
    ("intake.notice.served", &["supervision"]),
    ("intake.case.accepted", &["assignment", "supervision"]),
    ("intake.case.facts_added", &["assignment", "supervision"]),
    ("intake.case.declined", &["assignment", "scheduling", "supervision"]),
    ("intake.case.routed_away", &["assignment", "scheduling", "supervision"]),
    ("intake.case.returned_from_route", &["assignment", "scheduling", "supervision"]),
    ("intake.case.withdrawn", &["assignment", "scheduling", "supervision"]),
    ("intake.case.linked", &["assignment", "supervision", "evaluation"]),
    ("intake.case.closed", &["assignment", "scheduling", "supervision", "evaluation"]),
    ("intake.case.reopened", &["assignment", "scheduling", "supervision", "evaluation"]),
    ("assignment.diagnosis.made", &["intake"]),
    ("assignment.determination.made", &["supervision"]),
    ("assignment.consultation.opened", &["supervision"]),
    ("assignment.ruling.made", &["supervision"]),
    ("assignment.work_order.dispatched", &["supervision"]),
    ("assignment.work_order.acknowledged", &["supervision"]),
    ("assignment.work_order.objected", &["supervision"]),
    ("assignment.work_order.objection_decided", &["supervision"]),
    ("assignment.work_order.withdrawn", &["supervision", "scheduling"]),
    ("assignment.work_order.reported", &["supervision"]),
    ("assignment.work_order.completed", &["supervision"]),
    ("assignment.case.escalated", &["scheduling"]),
    ("assignment.case.handled", &["intake", "supervision"]),
    ("assignment.account.disabled", &["intake", "scheduling", "supervision", "evaluation"]),
    ("scheduling.operation.proposed", &["supervision"]),
    ("scheduling.operation.rejected", &["assignment", "supervision"]),
    ("scheduling.operation.approved", &["supervision"]),
    ("scheduling.operation.fixed", &["supervision"]),
    ("scheduling.operation.rescheduled", &["supervision"]),
    ("scheduling.operation.started", &["supervision"]),
    ("scheduling.operation.concluded", &["assignment", "supervision"]),
    ("scheduling.operation.cancelled", &["assignment", "supervision"]),
    ("supervision.clocks.started", &["scheduling"]),
    ("supervision.clocks.warned", &["scheduling"]),
    ("supervision.clocks.breached", &["scheduling", "evaluation"]),
    ("supervision.clocks.paused", &["scheduling"]),
    ("supervision.clocks.extended", &["intake", "assignment", "scheduling"]),
    ("supervision.clocks.moved", &["assignment", "scheduling"]),
    ("supervision.clocks.stopped", &["scheduling"]),
    ("supervision.supervision_order.issued", &["assignment"]),
    ("supervision.closing.approved", &["intake"]),
    ("supervision.closing.refused", &["assignment", "scheduling"]),
    ("evaluation.rating.given", &["supervision"]),
    ("evaluation.rating.dissatisfied", &["intake"]),
    ("evaluation.adjudication.decided", &["intake", "supervision"]),
];

#[test]
fn every_event_that_is_not_terminal_has_somebody_who_acts_on_it() {
    let events = contract().events().unwrap();
    let table: BTreeMap<&str, &[&str]> = HEARERS.iter().copied().collect();
    assert_eq!(table.len(), HEARERS.len(), "an event stands twice in the table");
    let mut mistakes = Vec::new();
    for event in &events {
        match table.get(event.subject.as_str()) {
            Some(_) if event.terminal => mistakes.push(format!("{} is terminal and has hearers", event.subject)),
            None if !event.terminal => mistakes.push(format!("{} has no hearer", event.subject)),
            _ => {}
        }
    }
    for (subject, hearers) in HEARERS {
        if !events.iter().any(|event| event.subject == *subject) {
            mistakes.push(format!("{subject} is in the table and not in the contract"));
        }
        if hearers.is_empty() || hearers.iter().any(|hearer| subject.starts_with(&format!("{hearer}."))) {
            mistakes.push(format!("{subject} needs hearers other than its own service"));
        }
    }
    none(&mistakes);
}

#[test]
fn each_hearer_has_a_handler() {
    let events = contract().events().unwrap();
    let mut sources_of: BTreeMap<&str, Vec<sources::Source>> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (subject, hearers) in HEARERS {
        let Some(event) = events.iter().find(|event| event.subject == *subject) else { continue };
        for hearer in *hearers {
            let sources = sources_of
                .entry(hearer)
                .or_insert_with(|| sources::rust(&format!("services/{hearer}/service/src")).unwrap());
            let name = event.message.name();
            // Supervision keeps every event that names its cases in their timelines, of whatever type it is.
            let names_cases =
                ["case_id", "case_ids"].iter().any(|field| event.message.get_field_by_name(field).is_some());
            let in_timeline = *hearer == "supervision" && names_cases && sources.iter().any(keeps_a_timeline);
            if !in_timeline && !sources.iter().any(|source| reads(source, name)) {
                mistakes.push(format!("{hearer} never reads {name} ({subject})"));
            }
        }
    }
    none(&mistakes);
}

/// True where every event's cases are asked for and each gets the event into its timeline.
fn keeps_a_timeline(source: &sources::Source) -> bool {
    source.path.ends_with("consume.rs") && source.names("cases_of") && !source.lines_saying("timeline.push(").is_empty()
}

/// True where the source takes an event of this type out of its envelope: `X::TYPE` in a match, or `body::<…X>()`.
fn reads(source: &sources::Source, name: &str) -> bool {
    let by_type = !source.lines_with(&[name, ":", ":", "TYPE"]).is_empty();
    let words = &source.words;
    let by_body = words.windows(2).enumerate().any(|(at, pair)| {
        pair[0].text == name
            && pair[1].text == ">"
            && words[at.saturating_sub(12)..at].iter().any(|word| word.text == "body")
    });
    by_type || by_body
}

#[test]
fn each_service_hears_every_service_whose_events_it_must_act_on() {
    let mut mistakes = Vec::new();
    for hearer in ["intake", "assignment", "scheduling", "supervision", "evaluation"] {
        let producers: BTreeSet<&str> = HEARERS
            .iter()
            .filter(|(_, hearers)| hearers.contains(&hearer))
            .filter_map(|(subject, _)| subject.split('.').next())
            .collect();
        let heard = hears(hearer);
        for producer in producers.iter().filter(|producer| !heard.contains(**producer)) {
            mistakes.push(format!("{hearer} does not hear {producer}"));
        }
    }
    none(&mistakes);
}

/// The names in `const HEARS` of a service.
fn hears(service: &str) -> BTreeSet<String> {
    for source in sources::rust(&format!("services/{service}/service/src")).unwrap() {
        let words = &source.words;
        if let Some(at) = words.iter().position(|word| word.text == "HEARS") {
            let until = words[at..].iter().position(|word| word.text == ";").map_or(words.len(), |end| at + end);
            let literals = words[at..until].iter().filter(|word| word.kind == sources::Kind::Literal);
            return literals.map(|word| word.text.trim_matches('"').to_owned()).collect();
        }
    }
    BTreeSet::new()
}
