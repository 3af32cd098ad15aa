//! Grounds for declining and candidates for linking, as tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::BTreeMap;

use intake_domain::Refusal;
use intake_domain::ground::{Considered, Ground};
use intake_domain::{CaseNumber, LinkKind, Neighbour, Reason, Seeker, StageName, Windows, candidates};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use vocab::{CaseFacts, CaseId, Channel, Citation, Condition, FactValue, Operand, Operator, RegionCode, Urgency};

fn noon() -> Timestamp {
    "2026-03-02T04:00:00Z".parse().unwrap()
}

fn facts(declared: &[(&str, bool)]) -> CaseFacts {
    CaseFacts {
        matters: vec!["noise.trade.night".parse().unwrap(), "fume.barbecue".parse().unwrap()],
        region: "330421103201".parse().unwrap(),
        object_type: "catering".parse().unwrap(),
        declared: declared
            .iter()
            .map(|(code, value)| (code.parse().unwrap(), FactValue::Bool(*value)))
            .collect::<BTreeMap<_, _>>(),
        act_on: "2026-03-01".parse().unwrap(),
        channel: Channel::Visit,
        urgency: Urgency::Normal,
    }
}

fn ground(needs_person: bool) -> Ground {
    Ground {
        rule: "accept.d1".parse().unwrap(),
        code: "D1".into(),
        channels: vec![Channel::Visit],
        conditions: vec![Condition {
            fact: "route.in_litigation".parse().unwrap(),
            operator: Operator::Is,
            value: Operand::One(FactValue::Bool(true)),
        }],
        citation: Citation { law: "信访工作条例".into(), article: "第三十一条".into(), version_date: None },
        route_code: "court".into(),
        hand_over: true,
        needs_person,
        personal: false,
    }
}

#[test]
fn a_ground_holds_on_known_facts_or_on_a_persons_record() {
    let yes = facts(&[("route.in_litigation", true)]);
    let no = facts(&[("route.in_litigation", false)]);
    let unknown = facts(&[]);
    let plain = ground(false);
    assert_eq!(plain.weigh(&yes, Considered::No).unwrap().code, "D1");
    assert!(matches!(plain.weigh(&no, Considered::OnRecord), Err(Refusal::GroundFails { .. })));
    let asked = plain.weigh(&unknown, Considered::OnRecord).unwrap_err();
    assert!(matches!(asked, Refusal::FactsMissing { missing, .. } if missing.len() == 1));
    let weighed = ground(true);
    assert!(matches!(weighed.weigh(&yes, Considered::No), Err(Refusal::NeedsPerson { .. })));
    assert!(weighed.weigh(&unknown, Considered::OnRecord).is_ok());
    assert!(matches!(weighed.weigh(&no, Considered::OnRecord), Err(Refusal::GroundFails { .. })));
    let by_phone = CaseFacts { channel: Channel::Phone, ..yes };
    assert!(matches!(plain.weigh(&by_phone, Considered::No), Err(Refusal::GroundFails { .. })));
}

fn neighbour(nth: u128) -> Neighbour {
    Neighbour {
        id: CaseId::new(Uuid::from_u128(nth)),
        number: CaseNumber::new("JS", 2026, i64::try_from(nth).unwrap()),
        matters: vec!["noise.trade.night".parse().unwrap()],
        region: "330421103201".parse().unwrap(),
        object_type: "catering".parse().unwrap(),
        registered_at: noon() - SignedDuration::from_hours(24),
        stage: StageName::Registered,
        head: None,
        same_complainant: false,
        sealed: false,
    }
}

fn found(neighbours: &[Neighbour]) -> Vec<(u128, LinkKind)> {
    let facts = facts(&[]);
    let seeker = Seeker { id: CaseId::new(Uuid::from_u128(100)), facts: &facts, registered_at: noon() };
    candidates(seeker, neighbours, Windows::default(), 10)
        .into_iter()
        .map(|candidate| (candidate.neighbour.id.uuid().as_u128(), candidate.kind))
        .collect()
}

#[test]
fn another_complainant_with_the_same_problem_is_a_member_of_its_cluster() {
    assert_eq!(found(&[neighbour(1)]), [(1, LinkKind::ClusterMember)]);
    let region = |code: &str| -> RegionCode { code.parse().unwrap() };
    for (change, belongs) in [
        (Neighbour { region: region("330421103"), ..neighbour(1) }, true),
        (Neighbour { region: region("330421103202"), ..neighbour(1) }, false),
        (Neighbour { region: region("330421104"), ..neighbour(1) }, false),
        (Neighbour { matters: vec!["waste.dump".parse().unwrap()], ..neighbour(1) }, false),
        (Neighbour { stage: StageName::Closed, ..neighbour(1) }, false),
        (Neighbour { registered_at: noon() - SignedDuration::from_hours(24 * 31), ..neighbour(1) }, false),
        (Neighbour { sealed: true, ..neighbour(1) }, false),
        (neighbour(100), false),
        (neighbour(101), false),
    ] {
        assert_eq!(!found(std::slice::from_ref(&change)).is_empty(), belongs, "{change:?}");
    }
}

#[test]
fn the_same_complainant_is_a_duplicate_before_the_answer_and_a_repeat_after_it() {
    let same = |nth, stage, days: i64| Neighbour {
        same_complainant: true,
        stage,
        registered_at: noon() - SignedDuration::from_hours(24 * days),
        ..neighbour(nth)
    };
    assert_eq!(found(&[same(1, StageName::Accepted, 100)]), [(1, LinkKind::Duplicate)]);
    assert_eq!(found(&[same(1, StageName::Closed, 100)]), [(1, LinkKind::Repeat)]);
    assert_eq!(found(&[same(1, StageName::Closed, 181)]), []);
}

#[test]
fn the_likeliest_stands_first_with_its_reasons() {
    let mut same = neighbour(2);
    same.same_complainant = true;
    let mut town_only = neighbour(3);
    town_only.region = "330421103".parse().unwrap();
    assert_eq!(
        found(&[town_only.clone(), neighbour(1), same.clone()]).iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [2, 1, 3]
    );
    let facts = facts(&[]);
    let seeker = Seeker { id: CaseId::new(Uuid::from_u128(100)), facts: &facts, registered_at: noon() };
    let reasons = candidates(seeker, &[same], Windows::default(), 1).remove(0).reasons;
    assert_eq!(reasons, [Reason::SameComplainant, Reason::SameMatter, Reason::SameVillage, Reason::SameObject]);
    assert_eq!(candidates(seeker, &[neighbour(1), neighbour(2)], Windows::default(), 1).len(), 1);
}
