//! N4, N5 and N6: what the house promises of every case, over all five services.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use tonic::Code;
use uuid::Uuid;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::evaluation::v1 as evaluation;
use xiezhi_proto::intake::v1::{self as intake, Case, CaseStage, LinkKind};
use xiezhi_proto::scheduling::v1 as scheduling;
use xiezhi_proto::supervision::v1::{self as supervision, TimelineEntry};

use super::violation::Violation;
use crate::centre::Centre;
use crate::pages::pages;
use crate::refused::Error;

/// How many histories are read at once.
const AT_ONCE: usize = 16;

/// Every case of the register.
pub async fn cases(centre: &Centre) -> Result<Vec<Case>, Error> {
    pages(|page_token| async move {
        let request = intake::ListCasesRequest { page_size: 200, page_token, ..Default::default() };
        let page = centre.read(|| call!(centre.intake().list_cases(request.clone()))).await?;
        Ok((page.cases, page.next_page_token))
    })
    .await
}

/// The key of every position of each journal, as it was read, and how far supervision had heard each journal before.
#[derive(Debug, Default)]
pub struct Keys {
    heard: BTreeMap<String, i64>,
    by_service: BTreeMap<String, BTreeMap<i64, Uuid>>,
    by_key: HashMap<Uuid, Vec<(String, i64)>>,
}

impl Keys {
    /// Notes how far supervision had heard a journal before the journal was read.
    pub fn heard(&mut self, service: &str, pos: i64) {
        self.heard.insert(service.to_owned(), pos);
    }

    /// True of a position after the last that was read: written since, so nothing is known of it.
    fn is_newer(&self, service: &str, pos: i64) -> bool {
        let last = self.by_service.get(service).and_then(|rows| rows.keys().next_back());
        last.is_none_or(|last| pos > *last)
    }

    /// True of a position that every history must tell, because supervision had heard it. What nobody said is not excused.
    fn must_be_told(&self, service: &str, pos: i64) -> bool {
        self.heard.get(service).is_none_or(|heard| pos <= *heard)
    }

    /// Notes a row.
    pub fn note(&mut self, service: &str, pos: i64, key: &str) {
        // A key that does not read is a violation of N2 and told there.
        let Ok(key) = Uuid::parse_str(key) else { return };
        self.by_service.entry(service.to_owned()).or_default().insert(pos, key);
        self.by_key.entry(key).or_default().push((service.to_owned(), pos));
    }
}

/// N4: the timeline of each of these cases has the order of the journals it tells, and all of them.
pub async fn histories(centre: &Centre, cases: &[Uuid], keys: &Keys) -> Result<Vec<Violation>, Error> {
    let found: Vec<Vec<Violation>> = stream::iter(cases.iter().copied())
        .map(|case_id| async move {
            let entries = match timeline(centre, case_id).await {
                // Supervision has not heard of it yet: a history without a word, which holds where none was owed.
                Err(error) if error.refused().is_some_and(|refused| refused.grpc_code() == Code::NotFound) => {
                    Vec::new()
                }
                told => told?,
            };
            Ok::<_, Error>(history(case_id, &entries, keys))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// All that supervision tells of a case.
pub async fn timeline(centre: &Centre, case_id: Uuid) -> Result<Vec<TimelineEntry>, Error> {
    pages(|page_token| async move {
        let request = supervision::GetTimelineRequest { case_id: case_id.to_string(), page_size: 500, page_token };
        let page = centre.read(|| call!(centre.supervision().get_timeline(request.clone()))).await?;
        Ok((page.entries, page.next_page_token))
    })
    .await
}

/// Supervision's own words carry another number than a position, so only what it heard from others is compared. Others may
/// write meanwhile: a history is read after the journals and may tell more, and what came late to a journal may be missing.
fn history(case_id: Uuid, entries: &[TimelineEntry], keys: &Keys) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut last: HashMap<(&str, Uuid), i64> = HashMap::new();
    let mut told: BTreeSet<(&str, i64)> = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.service != "supervision") {
        let (service, pos) = (entry.service.as_str(), entry.pos);
        let Some(key) = keys.by_service.get(service).and_then(|rows| rows.get(&pos)) else {
            if keys.is_newer(service, pos) {
                continue;
            }
            found.push(Violation::HistoryDiffers { case_id, service: service.to_owned(), pos });
            continue;
        };
        told.insert((service, pos));
        let before = last.entry((service, *key)).or_insert(0);
        if pos <= *before {
            let service = service.to_owned();
            found.push(Violation::OrderDiffers { case_id, service, earlier: pos, later: *before });
        }
        *before = pos.max(*before);
    }
    for (service, pos) in keys.by_key.get(&case_id).into_iter().flatten() {
        let is_owed = service != "supervision" && keys.must_be_told(service, *pos);
        if is_owed && !told.contains(&(service.as_str(), *pos)) {
            found.push(Violation::HistoryDiffers { case_id, service: service.clone(), pos: *pos });
        }
    }
    found
}

/// N5: every accepted case, a cluster by its head, has one decision in force or an open consultation whose timer runs.
pub async fn responsibilities(centre: &Centre, cases: &[Case]) -> Result<(u64, Vec<Violation>), Error> {
    let rows = pages(|page_token| async move {
        let request = assignment::ListResponsibilitiesRequest { case_id: String::new(), page_size: 500, page_token };
        let page = centre.read(|| call!(centre.assignment().list_responsibilities(request.clone()))).await?;
        Ok((page.responsibilities, page.next_page_token))
    })
    .await?;
    Ok(check_responsibilities(cases, &rows))
}

fn check_responsibilities(cases: &[Case], rows: &[assignment::Responsibility]) -> (u64, Vec<Violation>) {
    let mut by_case: HashMap<&str, Vec<&assignment::Responsibility>> = HashMap::new();
    for row in rows {
        by_case.entry(&row.case_id).or_default().push(row);
    }
    let mut found = Vec::new();
    let mut counted = 0;
    for case in cases.iter().filter(|case| is_answered_for(case)) {
        let Ok(case_id) = Uuid::parse_str(&case.case_id) else { continue };
        counted += 1;
        let rows = by_case.get(case.case_id.as_str()).map_or(&[][..], Vec::as_slice);
        let decisions = rows.iter().map(|row| decisions(row)).sum::<u32>();
        let consulting = rows.iter().filter(|row| !row.consultation_id.is_empty());
        let waits = consulting.clone().all(|row| row.timer_armed) && consulting.count() == 1;
        match (decisions, waits) {
            (1, false) | (0, true) => {}
            (0, false) => found.push(Violation::NobodyResponsible { case_id }),
            (decisions, waits) => {
                found.push(Violation::ResponsibleTwice { case_id, decisions: decisions + u32::from(waits) });
            }
        }
    }
    (counted, found)
}

fn decisions(row: &assignment::Responsibility) -> u32 {
    u32::from(!row.determination_id.is_empty()) + u32::from(!row.ruling_id.is_empty())
}

/// Accepted and not yet closed, and not answered by another case.
fn is_answered_for(case: &Case) -> bool {
    matches!(case.stage(), CaseStage::Accepted | CaseStage::Handled) && follows(case).is_none()
}

/// The head a case is decided and closed with. 重复访 names an earlier case too, and yet stands on its own.
fn follows(case: &Case) -> Option<&String> {
    matches!(case.link_kind(), LinkKind::Duplicate | LinkKind::ClusterMember).then_some(&case.head_case_id)
}

/// The cases for which a person has something to do, over all services.
pub async fn cases_with_tasks(centre: &Centre) -> Result<HashSet<String>, Error> {
    let intake = pages(|page_token| async move {
        let request = intake::ListOpenTasksRequest { page_size: 500, page_token };
        let page = centre.read(|| call!(centre.intake().list_open_tasks(request.clone()))).await?;
        Ok((page.tasks.into_iter().map(|task| task.case_id).collect(), page.next_page_token))
    });
    let assignment = pages(|page_token| async move {
        let request = assignment::ListOpenTasksRequest { page_size: 500, page_token, ..Default::default() };
        let page = centre.read(|| call!(centre.assignment().list_open_tasks(request.clone()))).await?;
        Ok((page.tasks.into_iter().map(|task| task.case_id).collect(), page.next_page_token))
    });
    let supervision = pages(|page_token| async move {
        let request = supervision::ListOpenTasksRequest { page_size: 1000, page_token };
        let page = centre.read(|| call!(centre.supervision().list_open_tasks(request.clone()))).await?;
        Ok((page.tasks.into_iter().map(|task| task.case_id).collect(), page.next_page_token))
    });
    let evaluation = pages(|page_token| async move {
        let request = evaluation::ListOpenTasksRequest { page_size: 1000, page_token };
        let page = centre.read(|| call!(centre.evaluation().list_open_tasks(request.clone()))).await?;
        Ok((page.tasks.into_iter().map(|task| task.case_id).collect(), page.next_page_token))
    });
    let scheduling = pages(|page_token| async move {
        let request = scheduling::ListOpenTasksRequest { page_size: 500, page_token, ..Default::default() };
        let page = centre.read(|| call!(centre.scheduling().list_open_tasks(request.clone()))).await?;
        Ok((page.tasks.into_iter().map(|task| task.case_id).collect(), page.next_page_token))
    });
    let found: [Vec<String>; 5] =
        futures::future::try_join5(intake, assignment, scheduling, supervision, evaluation).await?.into();
    Ok(found.into_iter().flatten().collect())
}

/// N6: every case that is not over has an armed timer or an open task; a member of a cluster may have its head's.
#[must_use]
pub fn attended(cases: &[Case], armed: &HashSet<String>, tasks: &HashSet<String>) -> (u64, Vec<Violation>) {
    let has = |case_id: &String| armed.contains(case_id) || tasks.contains(case_id);
    let mut counted = 0;
    let mut found = Vec::new();
    for case in cases.iter().filter(|case| is_open(case)) {
        counted += 1;
        let Ok(case_id) = Uuid::parse_str(&case.case_id) else { continue };
        if !has(&case.case_id) && !follows(case).is_some_and(has) {
            let stage = case.stage().as_str_name().trim_start_matches("CASE_STAGE_").to_lowercase();
            found.push(Violation::Unattended { case_id, stage });
        }
    }
    (counted, found)
}

/// A matter that was handed over is over once the other authority has signed for it.
fn is_open(case: &Case) -> bool {
    match case.stage() {
        CaseStage::Registered | CaseStage::Accepted | CaseStage::Handled | CaseStage::Unspecified => true,
        CaseStage::RoutedAway => case.receipt_no.is_empty(),
        CaseStage::Declined | CaseStage::Closed | CaseStage::Withdrawn => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn case(number: u128, stage: CaseStage) -> Case {
        Case { case_id: id(number).to_string(), stage: stage.into(), ..Case::default() }
    }

    fn row(number: u128) -> assignment::Responsibility {
        assignment::Responsibility { case_id: id(number).to_string(), ..Default::default() }
    }

    fn told(service: &str, pos: i64) -> TimelineEntry {
        TimelineEntry { service: service.to_owned(), pos, ..TimelineEntry::default() }
    }

    fn keys() -> Keys {
        let mut keys = Keys::default();
        for (service, pos, key) in [("intake", 1, 1), ("intake", 2, 9), ("intake", 3, 1), ("assignment", 1, 1)] {
            keys.note(service, pos, &id(key).to_string());
        }
        keys
    }

    #[test]
    fn a_history_in_the_order_of_its_journals_holds() {
        let entries = [told("intake", 1), told("assignment", 1), told("supervision", 77), told("intake", 3)];
        assert_eq!(history(id(1), &entries, &keys()), []);
    }

    #[test]
    fn a_history_in_another_order_is_found() {
        let entries = [told("intake", 3), told("intake", 1), told("assignment", 1)];
        let service = "intake".to_owned();
        let found = history(id(1), &entries, &keys());
        assert_eq!(found, [Violation::OrderDiffers { case_id: id(1), service, earlier: 1, later: 3 }]);
    }

    #[test]
    fn an_event_told_twice_is_found() {
        let entries = [told("intake", 1), told("intake", 1), told("intake", 3), told("assignment", 1)];
        assert_eq!(history(id(1), &entries, &keys()).len(), 1);
    }

    #[test]
    fn an_event_that_a_history_leaves_out_or_makes_up_is_found() {
        let left_out = history(id(1), &[told("intake", 1), told("assignment", 1)], &keys());
        assert!(matches!(left_out[..], [Violation::HistoryDiffers { pos: 3, .. }]));
        let made_up = [told("intake", 1), told("intake", 3), told("assignment", 1), told("assignment", 0)];
        assert!(matches!(history(id(1), &made_up, &keys())[..], [Violation::HistoryDiffers { pos: 0, .. }]));
    }

    #[test]
    fn what_is_written_while_a_history_is_read_is_no_difference() {
        let newer = [told("intake", 1), told("assignment", 1), told("intake", 3), told("intake", 4)];
        assert_eq!(history(id(1), &newer, &keys()), []);
        let mut late = keys();
        late.heard("intake", 2);
        late.heard("assignment", 1);
        assert_eq!(history(id(1), &[told("intake", 1), told("assignment", 1)], &late), []);
        let left_out = history(id(1), &[told("intake", 3), told("assignment", 1)], &late);
        assert!(matches!(left_out[..], [Violation::HistoryDiffers { pos: 1, .. }]));
    }

    #[test]
    fn one_decision_or_one_waiting_consultation_is_right() {
        let cases = [1, 2, 3].map(|number| case(number, CaseStage::Accepted));
        let determined = assignment::Responsibility { determination_id: "d".to_owned(), ..row(1) };
        let ruled = assignment::Responsibility { ruling_id: "r".to_owned(), ..row(2) };
        let consulting = assignment::Responsibility { consultation_id: "c".to_owned(), timer_armed: true, ..row(3) };
        assert_eq!(check_responsibilities(&cases, &[determined, ruled, consulting]), (3, vec![]));
    }

    #[test]
    fn nobody_two_and_a_consultation_without_its_timer_are_wrong() {
        let cases = [1, 2, 3, 4].map(|number| case(number, CaseStage::Accepted));
        let both = assignment::Responsibility { determination_id: "d".to_owned(), ruling_id: "r".to_owned(), ..row(2) };
        let asleep = assignment::Responsibility { consultation_id: "c".to_owned(), ..row(3) };
        let torn = assignment::Responsibility {
            determination_id: "d".to_owned(),
            consultation_id: "c".to_owned(),
            timer_armed: true,
            ..row(4)
        };
        let (_, found) = check_responsibilities(&cases, &[both, asleep, torn]);
        let wrong = [
            Violation::NobodyResponsible { case_id: id(1) },
            Violation::ResponsibleTwice { case_id: id(2), decisions: 2 },
            Violation::NobodyResponsible { case_id: id(3) },
            Violation::ResponsibleTwice { case_id: id(4), decisions: 2 },
        ];
        assert_eq!(found, wrong);
    }

    #[test]
    fn a_member_is_answered_for_by_its_head() {
        for kind in [LinkKind::ClusterMember, LinkKind::Duplicate] {
            let member =
                Case { head_case_id: id(1).to_string(), link_kind: kind.into(), ..case(2, CaseStage::Accepted) };
            assert_eq!(check_responsibilities(std::slice::from_ref(&member), &[]), (0, vec![]));
            let armed = HashSet::from([id(1).to_string()]);
            assert_eq!(attended(&[member], &armed, &HashSet::new()), (1, vec![]));
        }
    }

    #[test]
    fn a_complainant_who_comes_again_is_answered_on_its_own() {
        let link_kind = LinkKind::Repeat.into();
        let again = Case { head_case_id: id(1).to_string(), link_kind, ..case(2, CaseStage::Accepted) };
        let nobody = Violation::NobodyResponsible { case_id: id(2) };
        assert_eq!(check_responsibilities(std::slice::from_ref(&again), &[]), (1, vec![nobody]));
        let armed = HashSet::from([id(1).to_string()]);
        let unattended = Violation::Unattended { case_id: id(2), stage: "accepted".to_owned() };
        assert_eq!(attended(&[again], &armed, &HashSet::new()), (1, vec![unattended]));
    }

    #[test]
    fn an_open_case_that_nobody_and_nothing_waits_for_is_found() {
        let cases = [case(1, CaseStage::Registered), case(2, CaseStage::Closed), case(3, CaseStage::RoutedAway)];
        let (counted, found) = attended(&cases, &HashSet::new(), &HashSet::from([id(3).to_string()]));
        assert_eq!(counted, 2);
        assert_eq!(found, [Violation::Unattended { case_id: id(1), stage: "registered".to_owned() }]);
    }
}
