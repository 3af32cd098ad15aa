//! N5 and N6: what the house promises of every case, over all five services.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::evaluation::v1 as evaluation;
use xiezhi_proto::intake::v1::{self as intake, Case, CaseStage, LinkKind};
use xiezhi_proto::scheduling::v1 as scheduling;
use xiezhi_proto::supervision::v1 as supervision;

use super::violation::Violation;
use crate::centre::Centre;
use crate::pages::pages;
use crate::refused::Error;

/// Every case of the register.
pub async fn cases(centre: &Centre) -> Result<Vec<Case>, Error> {
    pages(|page_token| async move {
        let request = intake::ListCasesRequest { page_size: 200, page_token, ..Default::default() };
        let page = centre.read(|| call!(centre.intake().list_cases(request.clone()))).await?;
        Ok((page.cases, page.next_page_token))
    })
    .await
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
