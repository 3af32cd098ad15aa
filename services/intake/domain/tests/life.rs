//! The life of a case: every stage met with every command, in one table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::{BTreeMap, BTreeSet};

use intake_domain::cluster::{CatchUp, join};
use intake_domain::{
    Acceptance, Case, CaseNumber, Extension, Handling, Link, LinkKind, NoticeKind, Receipt, ReturnReason, Stage,
    StageName, TrackingCode, Verdict,
};
use intake_domain::{Command, Event, Refusal, Suggestion, Verb};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;
use vocab::{CaseFacts, CaseId, Channel, Citation, FactValue, HandlingMode, NoticeId, Track, Urgency};

fn noon() -> Timestamp {
    "2026-03-02T04:00:00Z".parse().unwrap()
}

fn later(hours: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(hours)
}

fn id(nth: u128) -> CaseId {
    CaseId::new(Uuid::from_u128(nth))
}

fn notice(nth: u128) -> NoticeId {
    NoticeId::new(Uuid::from_u128(0xA000 + nth))
}

fn facts() -> CaseFacts {
    CaseFacts {
        matters: vec!["noise.trade.night".parse().unwrap()],
        region: "330421103".parse().unwrap(),
        object_type: "catering".parse().unwrap(),
        declared: BTreeMap::new(),
        act_on: "2026-03-01".parse().unwrap(),
        channel: Channel::Phone,
        urgency: Urgency::Normal,
    }
}

fn verdict() -> Verdict {
    Verdict {
        rule: "D1.court".parse().unwrap(),
        code: "D1".into(),
        citation: Citation { law: "信访工作条例".into(), article: "第三十一条".into(), version_date: None },
        route_code: "court".into(),
    }
}

fn acceptance(round: u32) -> Acceptance {
    Acceptance { at: noon(), mode: HandlingMode::Joint, track: Track::Supervised, round, round_since: noon() }
}

fn handling() -> Handling {
    Handling { at: later(10), lead: "ZF".parse().unwrap(), conclusion: "supported".into(), notice: notice(9) }
}

fn extension() -> Extension {
    Extension { rule: "petition.finish".parse().unwrap(), unit: "ZF".parse().unwrap(), due_on: date(2026, 6, 1) }
}

fn stage(name: StageName) -> Stage {
    match name {
        StageName::Registered => Stage::Registered { since: noon() },
        StageName::Accepted => Stage::Accepted(acceptance(1)),
        StageName::Handled => Stage::Handled { acceptance: acceptance(1), handling: handling() },
        StageName::Declined => Stage::Declined { at: noon(), verdict: verdict(), notice: notice(1) },
        StageName::RoutedAway => Stage::RoutedAway { at: noon(), verdict: verdict(), notice: notice(1), receipt: None },
        StageName::Closed => Stage::Closed { acceptance: acceptance(1), handling: handling(), at: later(20) },
        StageName::Withdrawn => Stage::Withdrawn { at: later(1) },
    }
}

fn a_case(stage: Stage) -> Case {
    Case {
        id: id(5),
        number: CaseNumber::new("JS", 2026, 1),
        tracking: TrackingCode::from_bits(42),
        facts: facts(),
        registered_at: noon(),
        receiving_unit: "centre".parse().unwrap(),
        complainant: Uuid::from_u128(77),
        sealed_from: None,
        without_clerk: false,
        mask_confirmed: false,
        link: None,
        participants: BTreeSet::new(),
        inherited: BTreeSet::new(),
        suggestion: None,
        complainant_left_at: None,
        extension: None,
        forgotten_at: None,
        stage,
    }
}

fn commands() -> Vec<Command> {
    vec![
        Command::Accept { notice: notice(2), mode: None, track: None, with_head: None },
        Command::Decline { verdict: verdict(), notice: notice(2) },
        Command::RouteAway { verdict: verdict(), notice: notice(2) },
        Command::Receipt { number: "(2026)浙0421民初1号".into(), signed_at: None },
        Command::Return { reason: ReturnReason::NotTheirs },
        Command::Withdraw { others_go_on: false },
        Command::AddFacts { declared: BTreeMap::from([("premises.licensed".parse().unwrap(), FactValue::Bool(true))]) },
        Command::Diagnose {
            suggestion: Suggestion { mode: None, track: None, lead: None, made_at: noon() },
            units: BTreeSet::from(["ZF".parse().unwrap()]),
        },
        Command::Involve { units: BTreeSet::from(["GA".parse().unwrap()]) },
        Command::Inherit { units: BTreeSet::from(["WL".parse().unwrap()]) },
        Command::Answer { handling: handling(), round: 1 },
        Command::Extend { extension: extension(), notice: notice(2) },
        Command::Close { round: 1 },
        Command::Reopen { rated: Some(1), cause: "x".into(), to: 2 },
        Command::ConfirmMask,
        Command::Forget,
    ]
}

/// What follows: the stage after it, `-` for no effect, `=` for an effect within the stage, `x` for a refusal, `…` for too early.
fn follows(case: &Case, command: Command) -> &'static str {
    match case.decide(command, later(30)) {
        Err(Refusal::NotYet { .. }) => "…",
        Err(_) => "x",
        Ok(events) if events.is_empty() => "-",
        Ok(events) => {
            let after = case.clone().apply_all(&events, later(30)).stage.name();
            if after == case.stage.name() { "=" } else { after.as_str() }
        }
    }
}

#[test]
fn every_stage_meets_every_command() {
    use Verb::*;
    // One row a command, one column a stage.
    let columns = StageName::ALL;
    #[rustfmt::skip]
    let table: &[(Verb, [&str; 7])] = &[
        //             registered     accepted     handled   declined  routed_away   closed      withdrawn
        (Accept,      ["accepted",    "x",         "x",      "x",      "x",          "x",        "x"]),
        (Decline,     ["declined",    "x",         "x",      "x",      "x",          "x",        "x"]),
        (RouteAway,   ["routed_away", "x",         "x",      "x",      "x",          "x",        "x"]),
        (Receipt,     ["x",           "x",         "x",      "x",      "=",          "x",        "x"]),
        (Return,      ["x",           "x",         "x",      "x",      "registered", "x",        "x"]),
        (Withdraw,    ["withdrawn",   "withdrawn", "x",      "x",      "x",          "x",        "x"]),
        (AddFacts,    ["=",           "=",         "x",      "x",      "x",          "x",        "x"]),
        (Diagnose,    ["=",           "=",         "=",      "-",      "-",          "-",        "-"]),
        (Involve,     ["=",           "=",         "=",      "-",      "-",          "-",        "-"]),
        (Involve,     ["=",           "=",         "=",      "-",      "-",          "-",        "-"]),
        (Answer,      ["x",           "handled",   "=",      "-",      "-",          "-",        "-"]),
        (Extend,      ["-",           "=",         "=",      "-",      "-",          "-",        "-"]),
        (Close,       ["x",           "…",         "closed", "-",      "-",          "-",        "-"]),
        (Reopen,      ["x",           "x",         "x",      "-",      "-",          "accepted", "-"]),
        (ConfirmMask, ["=",           "=",         "=",      "=",      "=",          "=",        "="]),
        (Forget,      ["x",           "x",         "x",      "=",      "x",          "=",        "="]),
    ];
    let commands = commands();
    assert_eq!(commands.len(), table.len());
    for (command, (verb, expected)) in commands.into_iter().zip(table) {
        assert_eq!(command.verb(), *verb);
        for (name, expected) in columns.iter().zip(expected) {
            assert_eq!(follows(&a_case(stage(*name)), command.clone()), *expected, "{name:?} {verb:?}");
        }
    }
}

#[test]
fn acceptance_takes_the_clerks_word_then_the_diagnosis_then_the_default() {
    let how = |case: &Case, mode| {
        let accept = Command::Accept { notice: notice(2), mode, track: None, with_head: None };
        let events = case.decide(accept, noon()).unwrap();
        let case = case.clone().apply_all(&events, noon());
        let acceptance = case.stage.acceptance().unwrap();
        (acceptance.mode, acceptance.track)
    };
    let mut case = a_case(stage(StageName::Registered));
    assert_eq!(how(&case, None), (HandlingMode::Careful, Track::Assigned));
    case.suggestion = Some(Suggestion {
        mode: Some(HandlingMode::Joint),
        track: Some(Track::Supervised),
        lead: None,
        made_at: noon(),
    });
    assert_eq!(how(&case, None), (HandlingMode::Joint, Track::Supervised));
    assert_eq!(how(&case, Some(HandlingMode::Fast)), (HandlingMode::Fast, Track::Supervised));
}

#[test]
fn every_decision_about_a_complainant_comes_with_its_notice() {
    let registered = a_case(stage(StageName::Registered));
    for (command, kind) in
        commands().into_iter().take(3).zip([NoticeKind::Acceptance, NoticeKind::Decline, NoticeKind::Route])
    {
        let events = registered.decide(command, noon()).unwrap();
        assert!(
            events.iter().any(|event| matches!(event, Event::NoticeServed { kind: served, .. } if *served == kind)),
            "{events:?}"
        );
    }
}

#[test]
fn more_time_is_told_and_ends_with_its_round() {
    let accepted = a_case(stage(StageName::Accepted));
    let extend = Command::Extend { extension: extension(), notice: notice(2) };
    let events = accepted.decide(extend, noon()).unwrap();
    let served = Event::NoticeServed { notice: notice(2), kind: NoticeKind::Extension, round: 1 };
    assert_eq!(events, [Event::Extended { extension: extension() }, served]);
    let longer = accepted.apply_all(&events, noon());
    assert_eq!(longer.extension, Some(extension()));
    let reopened = longer.apply(&Event::Reopened { round: 2, cause: "x".into() }, later(9));
    assert_eq!(reopened.extension, None);
}

#[test]
fn a_routed_case_comes_back_and_can_be_accepted_under_its_number() {
    let routed = a_case(stage(StageName::RoutedAway));
    let signed = Command::Receipt { number: "17".into(), signed_at: Some(later(2)) };
    let events = routed.decide(signed.clone(), later(3)).unwrap();
    let signed_for = routed.apply_all(&events, later(3));
    assert!(
        matches!(&signed_for.stage, Stage::RoutedAway { receipt: Some(Receipt { at, .. }), .. } if *at == later(2))
    );
    assert_eq!(signed_for.decide(signed, later(4)), Err(Refusal::AlreadyReceipted));
    let events = signed_for.decide(Command::Return { reason: ReturnReason::NotFiled }, later(5)).unwrap();
    let back = signed_for.apply_all(&events, later(5));
    assert_eq!(back.stage, Stage::Registered { since: later(5) });
    assert!(back.decide(commands().remove(0), later(6)).is_ok());
}

#[test]
fn nobody_signs_before_it_is_sent_or_in_the_future() {
    let routed = a_case(stage(StageName::RoutedAway));
    for wrong in [later(-1), later(4)] {
        let signed = Command::Receipt { number: "17".into(), signed_at: Some(wrong) };
        assert_eq!(routed.decide(signed, later(3)), Err(Refusal::ReceiptOutOfTime));
    }
}

#[test]
fn what_belongs_to_another_round_waits_or_has_no_effect() {
    let mut second = a_case(Stage::Accepted(acceptance(2)));
    assert_eq!(second.decide(Command::Answer { handling: handling(), round: 1 }, noon()), Ok(vec![]));
    assert!(matches!(
        second.decide(Command::Answer { handling: handling(), round: 3 }, noon()),
        Err(Refusal::NotYet { .. })
    ));
    assert_eq!(second.decide(Command::Close { round: 1 }, noon()), Ok(vec![]));
    let again = Command::Reopen { rated: Some(1), cause: "x".into(), to: 2 };
    assert_eq!(second.decide(again.clone(), noon()), Ok(vec![]), "it was reopened for this already");
    second.stage = Stage::Closed { acceptance: acceptance(2), handling: handling(), at: noon() };
    assert_eq!(second.decide(again, noon()), Ok(vec![]));
    let upheld = Command::Reopen { rated: None, cause: "panel".into(), to: 3 };
    let events = second.decide(upheld, noon()).unwrap();
    assert_eq!(second.apply_all(&events, noon()).stage.round(), 3);
}

#[test]
fn a_head_whose_complainant_leaves_goes_on_for_the_others() {
    let head = a_case(stage(StageName::Accepted));
    let events = head.decide(Command::Withdraw { others_go_on: true }, noon()).unwrap();
    assert_eq!(events, [Event::ComplainantLeft]);
    let left = head.apply_all(&events, noon());
    assert_eq!(left.stage.name(), StageName::Accepted);
    assert!(left.decide(Command::Withdraw { others_go_on: true }, noon()).is_err());
    assert!(left.decide(Command::Withdraw { others_go_on: false }, noon()).is_ok());
}

#[test]
fn facts_said_again_change_nothing() {
    let case = a_case(stage(StageName::Registered));
    let add = commands().remove(6);
    let events = case.decide(add.clone(), noon()).unwrap();
    let known = case.apply_all(&events, noon());
    assert_eq!(known.decide(add, noon()), Ok(vec![]));
}

#[test]
fn a_complainant_is_forgotten_once_and_only_when_nobody_needs_to_answer_any_more() {
    let closed = a_case(stage(StageName::Closed));
    let events = closed.decide(Command::Forget, noon()).unwrap();
    assert_eq!(closed.apply_all(&events, noon()).decide(Command::Forget, noon()), Err(Refusal::AlreadyForgotten));
    let mut routed = a_case(stage(StageName::RoutedAway));
    assert!(routed.decide(Command::Forget, noon()).is_err(), "it may still come back");
    let signed = Event::Receipted { receipt: Receipt { number: "1".into(), at: noon() } };
    routed = routed.apply(&signed, noon());
    assert!(routed.decide(Command::Forget, noon()).is_ok());
}

#[test]
fn the_accused_unit_never_sees_a_sealed_case() {
    let mut case = a_case(stage(StageName::Accepted));
    case.participants = BTreeSet::from(["ZF".parse().unwrap(), "GA".parse().unwrap()]);
    assert!(case.is_shown_to("ZF") && case.is_shown_to("centre") && !case.is_shown_to("HB"));
    case.sealed_from = Some("ZF".parse().unwrap());
    assert!(!case.is_shown_to("ZF") && case.is_shown_to("GA"));
}

fn pair(head: Stage, later: Stage) -> (Case, Case) {
    let head = Case { id: id(1), ..a_case(head) };
    let later = Case { id: id(2), ..a_case(later) };
    (head, later)
}

const NOTICES: CatchUp =
    CatchUp { acceptance: NoticeId::new(Uuid::from_u128(31)), reply: NoticeId::new(Uuid::from_u128(32)) };

#[test]
fn a_member_reaches_what_its_head_has_reached() {
    use StageName::*;
    for (head_stage, member_stage, expected) in [
        (Registered, Registered, Some(Registered)),
        (Accepted, Registered, Some(Accepted)),
        (Handled, Registered, Some(Handled)),
        (Registered, Accepted, None),
        (Accepted, Accepted, Some(Accepted)),
        (Handled, Accepted, Some(Handled)),
        (Closed, Registered, None),
        (Declined, Registered, None),
        (Accepted, Handled, None),
        (Accepted, Closed, None),
        (Accepted, Withdrawn, None),
    ] {
        let (head, member) = pair(stage(head_stage), stage(member_stage));
        let joined = join(&member, &head, false, LinkKind::ClusterMember, NOTICES, noon());
        let reached = joined.map(|events| member.clone().apply_all(&events, noon()));
        assert_eq!(reached.as_ref().ok().map(|case| case.stage.name()), expected, "{head_stage:?} {member_stage:?}");
        if let Ok(case) = reached {
            assert_eq!(case.head(), head.id);
            assert_eq!(case.stage.round(), head.stage.round());
        }
    }
}

#[test]
fn a_member_is_told_what_its_head_was_told() {
    let (head, member) = pair(stage(StageName::Handled), stage(StageName::Registered));
    let events = join(&member, &head, false, LinkKind::Duplicate, NOTICES, noon()).unwrap();
    let told: Vec<NoticeKind> = events
        .iter()
        .filter_map(|event| match event {
            Event::NoticeServed { kind, .. } => Some(*kind),
            _ => None,
        })
        .collect();
    assert_eq!(told, [NoticeKind::Acceptance, NoticeKind::Reply]);
}

#[test]
fn clusters_are_one_deep_and_point_backwards() {
    let (mut head, mut member) = pair(stage(StageName::Registered), stage(StageName::Registered));
    let cluster =
        |later: &Case, head: &Case, members| join(later, head, members, LinkKind::ClusterMember, NOTICES, noon());
    assert_eq!(cluster(&head, &member, false), Err(Refusal::NotLater));
    assert_eq!(cluster(&head, &head, false), Err(Refusal::Itself));
    assert_eq!(cluster(&member, &head, true), Err(Refusal::HasMembers));
    member.sealed_from = Some("ZF".parse().unwrap());
    assert_eq!(cluster(&member, &head, false), Err(Refusal::SealedApart));
    member.sealed_from = None;
    head.link = Some(Link { head: id(0), kind: LinkKind::Duplicate, at: noon() });
    assert_eq!(cluster(&member, &head, false), Err(Refusal::NotAHead { head: id(0) }));
    head.link = Some(Link { head: id(0), kind: LinkKind::Repeat, at: noon() });
    assert!(cluster(&member, &head, false).is_ok(), "a repeat stands on its own and may be a head");
}

#[test]
fn a_member_is_decided_with_its_head_only() {
    let (head, member) = pair(stage(StageName::Registered), stage(StageName::Registered));
    let events = join(&member, &head, false, LinkKind::ClusterMember, NOTICES, noon()).unwrap();
    let member = member.apply_all(&events, noon());
    let accept = |with_head| Command::Accept { notice: notice(3), mode: None, track: None, with_head };
    assert_eq!(member.decide(accept(None), noon()), Err(Refusal::FollowsHead { head: head.id }));
    assert!(member.decide(accept(Some(head.id)), noon()).is_ok());
    assert_eq!(member.decide(commands().remove(6), noon()), Err(Refusal::FollowsHead { head: head.id }));
    let again = join(&member, &head, false, LinkKind::ClusterMember, NOTICES, noon());
    assert_eq!(again, Ok(vec![]), "said twice is said once");
}

#[test]
fn a_registered_member_moves_to_the_right_head_and_the_wrong_one_hears_of_it() {
    let (wrong, member) = pair(stage(StageName::Registered), stage(StageName::Registered));
    let unit = |code: &str| BTreeSet::from([code.parse().unwrap()]);
    let wrong = Case { participants: unit("GA"), ..wrong };
    let right = Case { id: id(6), participants: unit("ZF"), ..a_case(stage(StageName::Registered)) };
    let member = Case { id: id(7), ..member };
    let to = |member: &Case, head: &Case, kind| join(member, head, false, kind, NOTICES, noon());
    let events = to(&member, &wrong, LinkKind::ClusterMember).unwrap();
    assert!(matches!(&events[0], Event::Linked { left: None, .. }), "{events:?}");
    let member = member.apply_all(&events, noon());
    let events = to(&member, &right, LinkKind::ClusterMember).unwrap();
    assert!(matches!(&events[0], Event::Linked { left: Some(left), .. } if *left == wrong.id), "{events:?}");
    let member = member.apply_all(&events, noon());
    assert_eq!(member.follows(), Some(right.id));
    assert_eq!(member.units(), unit("ZF").iter().collect(), "whoever handles the wrong head knows of it no more");
    let closed = Case { id: id(4), ..a_case(stage(StageName::Closed)) };
    assert_eq!(to(&member, &closed, LinkKind::Repeat), Err(Refusal::AlreadyLinked));
}

#[test]
fn who_was_asked_about_a_member_itself_knows_of_it_whenever_it_moves_to_another_head() {
    let units =
        |codes: &[&str]| -> BTreeSet<vocab::UnitCode> { codes.iter().map(|code| code.parse().unwrap()).collect() };
    let (wrong, member) = pair(stage(StageName::Registered), stage(StageName::Registered));
    let wrong = Case { participants: units(&["GA", "SJ"]), ..wrong };
    let right = Case { id: id(6), participants: units(&["ZF"]), ..a_case(stage(StageName::Registered)) };
    let member = Case { id: id(7), ..member };
    let linked = |member: Case, head: &Case| {
        let events = join(&member, head, false, LinkKind::ClusterMember, NOTICES, noon()).unwrap();
        member.apply_all(&events, noon())
    };
    // GA was asked about the wrong head and about the member itself.
    let asked = |member: Case| {
        let suggestion = Suggestion { mode: None, track: None, lead: None, made_at: noon() };
        let diagnosed = member.decide(Command::Diagnose { suggestion, units: units(&["HB"]) }, noon()).unwrap();
        let member = member.apply_all(&diagnosed, noon());
        let involved = member.decide(Command::Involve { units: units(&["GA"]) }, noon()).unwrap();
        member.apply_all(&involved, noon())
    };
    let heard = |member: Case, codes: &[&str]| {
        let inherited = member.decide(Command::Inherit { units: units(codes) }, noon()).unwrap();
        member.apply_all(&inherited, noon())
    };
    let first = heard(linked(linked(asked(member.clone()), &wrong), &right), &["WL"]);
    let between = heard(linked(asked(heard(linked(member.clone(), &wrong), &["TS"])), &right), &["WL"]);
    let last = asked(heard(linked(linked(member, &wrong), &right), &["WL"]));
    for (when, member) in [("before", first), ("between", between), ("afterwards", last)] {
        assert_eq!(member.units(), units(&["GA", "HB", "WL", "ZF"]).iter().collect(), "asked {when}");
    }
}

#[test]
fn a_repeat_comes_after_an_answer_and_stands_on_its_own() {
    let (open, repeat) = pair(stage(StageName::Accepted), stage(StageName::Registered));
    assert_eq!(join(&repeat, &open, false, LinkKind::Repeat, NOTICES, noon()), Err(Refusal::RepeatOfOpen));
    let (closed, repeat) = pair(stage(StageName::Closed), stage(StageName::Registered));
    let events = join(&repeat, &closed, false, LinkKind::Repeat, NOTICES, noon()).unwrap();
    let repeat = repeat.apply_all(&events, noon());
    assert_eq!((repeat.follows(), repeat.head()), (None, repeat.id));
    assert!(repeat.decide(commands().remove(0), noon()).is_ok());
}

fn any_stage() -> impl Strategy<Value = StageName> {
    proptest::sample::select(StageName::ALL)
}

proptest! {
    /// Whatever is asked in whatever order: a case reads back, its round never falls, and a notice is never served for nothing.
    #[test]
    fn any_walk_keeps_a_case_whole(start in any_stage(), picks in proptest::collection::vec(0_usize..15, 0..40)) {
        let mut case = a_case(stage(start));
        let commands = commands();
        for (step, pick) in picks.into_iter().enumerate() {
            let at = later(40 + i64::try_from(step).unwrap());
            let mut command = commands[pick].clone();
            if let Command::Reopen { rated, to, .. } = &mut command {
                *rated = Some(case.stage.round());
                *to = case.stage.round() + 1;
            }
            let Ok(events) = case.decide(command, at) else { continue };
            let round = case.stage.round();
            let after = case.clone().apply_all(&events, at);
            let reregistered = matches!(after.stage, Stage::Registered { .. });
            prop_assert!(after.stage.round() >= round || reregistered || after.stage.name() == StageName::Withdrawn);
            prop_assert_eq!(&after.id, &case.id);
            prop_assert_eq!(&after.number, &case.number);
            if events.is_empty() {
                prop_assert_eq!(&after, &case);
            }
            let json = serde_json::to_string(&after).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Case>(&json).unwrap(), &after);
            case = after;
        }
    }
}
