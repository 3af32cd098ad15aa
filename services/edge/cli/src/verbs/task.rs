//! `task …`: what people have to do next, over all five services.

use client::{Error, call};
use serde::Serialize;
use serde_json::json as object;
use xiezhi_proto::{assignment, evaluation, intake, scheduling, supervision};

use super::View;
use crate::args::{TaskCommand, TaskListArgs};
use crate::failure::Failure;
use crate::paged;
use crate::resolve;
use crate::say::{Say, Word};
use crate::screen::{Answer, Output, Screen, Table};
use crate::session::Session;

/// The longest page that every service gives.
const PAGE: u32 = 500;

/// One thing to do, whichever service waits for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Task {
    service: &'static str,
    case_id: String,
    case_no: String,
    task_code: String,
    unit_code: String,
    reference: String,
    since: Option<jiff::Timestamp>,
    due_at: Option<jiff::Timestamp>,
}

/// Which tasks are asked for.
struct Wanted {
    case_id: String,
    unit_code: String,
    /// The centre's own code: what a service says of no unit is the centre's to do.
    centre: String,
}

impl Wanted {
    fn is(&self, task: &Task) -> bool {
        let whose = if task.unit_code.is_empty() { &self.centre } else { &task.unit_code };
        (self.case_id.is_empty() || self.case_id == task.case_id)
            && (self.unit_code.is_empty() || self.unit_code == *whose)
    }
}

/// Does what a `task` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: TaskCommand) -> Result<Answer, Failure> {
    let TaskCommand::List(TaskListArgs { case, unit, limit }) = command;
    let case_id = match case {
        Some(case) => resolve::case_id(session, &case).await?,
        None => String::new(),
    };
    let centre = session.names().await?.pack().and_then(pack::Pack::centre);
    let centre = centre.map(|unit| unit.code.to_string()).unwrap_or_default();
    let wanted = Wanted { case_id, unit_code: unit.unwrap_or_default(), centre };
    let (tasks, not_seen) = of_all_services(session, &wanted).await?;
    let (mut tasks, more) = first_due(tasks, usize::try_from(limit.limit).unwrap_or(usize::MAX));
    name_cases(session, &mut tasks).await?;
    let view = View::of(session).await?;
    if screen.output == Output::Text && !not_seen.is_empty() {
        let services: Vec<String> =
            not_seen.iter().map(|service| view.word(&format!("service.{service}")).to_owned()).collect();
        screen.say(&Say::TasksNotSeen { services: services.join(", ") });
    }
    let text = paged::shown(&render(&tasks, &view), tasks.is_empty(), if more { "more" } else { "" }, view.lang);
    Ok(Answer::new(object!({ "tasks": tasks, "more": more, "not_permitted": not_seen }), text))
}

/// Every task that is wanted, and the services that did not permit the reading: each role sees the services it works with,
/// and what the others wait for is not its own.
async fn of_all_services(session: &Session, wanted: &Wanted) -> Result<(Vec<Task>, Vec<&'static str>), Failure> {
    let (mut tasks, mut refused) = (Vec::new(), Vec::new());
    for service in client::SERVICES {
        match of_service(session, service, wanted).await.map_err(Failure::from) {
            Ok(found) => tasks.extend(found),
            Err(failure) if failure.is_not_permitted() => refused.push((service, failure)),
            Err(failure) => return Err(failure),
        }
    }
    let not_seen: Vec<&str> = refused.iter().map(|(service, _)| *service).collect();
    match refused.pop() {
        Some((_, failure)) if not_seen.len() == client::SERVICES.len() => Err(failure),
        _ => Ok((tasks, not_seen)),
    }
}

/// What is due first, then what has no date, by how long it waits; and whether there is more than so many.
fn first_due(mut tasks: Vec<Task>, limit: usize) -> (Vec<Task>, bool) {
    tasks.sort_by_key(|task| (task.due_at.is_none(), task.due_at, task.since.is_none(), task.since));
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    (tasks, more)
}

/// A service's tasks, as far as they are wanted. Services page by id, so that what is due first may lie on the last page.
async fn of_service(session: &Session, service: &'static str, wanted: &Wanted) -> Result<Vec<Task>, Error> {
    client::pages::pages(|page_token| async move {
        let (tasks, next) = page(session, service, wanted, page_token).await?;
        Ok((tasks.into_iter().filter(|task| wanted.is(task)).collect(), next))
    })
    .await
}

async fn page(
    session: &Session,
    service: &'static str,
    wanted: &Wanted,
    page_token: String,
) -> Result<(Vec<Task>, String), Error> {
    let (centre, page_size) = (&session.centre, PAGE);
    let (unit_code, case_id) = (wanted.unit_code.clone(), wanted.case_id.clone());
    match service {
        "intake" => {
            let request = intake::v1::ListOpenTasksRequest { page_size, page_token };
            let page = centre.read(|| call!(centre.intake().list_open_tasks(request.clone()))).await?;
            Ok((page.tasks.into_iter().map(Task::from).collect(), page.next_page_token))
        }
        "assignment" => {
            let request = assignment::v1::ListOpenTasksRequest { unit_code, case_id, page_size, page_token };
            let page = centre.read(|| call!(centre.assignment().list_open_tasks(request.clone()))).await?;
            Ok((page.tasks.into_iter().map(Task::from).collect(), page.next_page_token))
        }
        "scheduling" => {
            let request = scheduling::v1::ListOpenTasksRequest { unit_code, case_id, page_size, page_token };
            let page = centre.read(|| call!(centre.scheduling().list_open_tasks(request.clone()))).await?;
            Ok((page.tasks.into_iter().map(Task::from).collect(), page.next_page_token))
        }
        "supervision" => {
            let request = supervision::v1::ListOpenTasksRequest { page_size, page_token };
            let page = centre.read(|| call!(centre.supervision().list_open_tasks(request.clone()))).await?;
            Ok((page.tasks.into_iter().map(Task::from).collect(), page.next_page_token))
        }
        _ => {
            let request = evaluation::v1::ListOpenTasksRequest { page_size, page_token };
            let page = centre.read(|| call!(centre.evaluation().list_open_tasks(request.clone()))).await?;
            Ok((page.tasks.into_iter().map(Task::from).collect(), page.next_page_token))
        }
    }
}

fn at(time: Option<&prost_types::Timestamp>) -> Option<jiff::Timestamp> {
    client::moment(time)
}

impl Task {
    fn new(service: &'static str, case_id: String, task_code: String) -> Self {
        let empty = String::new;
        let (case_no, unit_code, reference) = (empty(), empty(), empty());
        Self { service, case_id, case_no, task_code, unit_code, reference, since: None, due_at: None }
    }
}

impl From<intake::v1::OpenTask> for Task {
    fn from(task: intake::v1::OpenTask) -> Self {
        let since = at(task.since.as_ref());
        Self { case_no: task.case_no, since, ..Self::new("intake", task.case_id, task.task_code) }
    }
}

impl From<assignment::v1::OpenTask> for Task {
    fn from(task: assignment::v1::OpenTask) -> Self {
        let due_at = at(task.due_at.as_ref());
        let (unit_code, reference) = (task.unit_code, task.reference_id);
        Self { unit_code, reference, due_at, ..Self::new("assignment", task.case_id, task.task_code) }
    }
}

impl From<scheduling::v1::OpenTask> for Task {
    fn from(task: scheduling::v1::OpenTask) -> Self {
        let (since, due_at) = (at(task.since.as_ref()), at(task.due_at.as_ref()));
        let (unit_code, reference) = (task.unit_code, task.operation_id);
        Self { unit_code, reference, since, due_at, ..Self::new("scheduling", task.case_id, task.task_code) }
    }
}

impl From<supervision::v1::OpenTask> for Task {
    fn from(task: supervision::v1::OpenTask) -> Self {
        let since = at(task.since.as_ref());
        let (unit_code, reference) = (task.unit_code, task.subject);
        Self { unit_code, reference, since, ..Self::new("supervision", task.case_id, task.task_code) }
    }
}

impl From<evaluation::v1::OpenTask> for Task {
    fn from(task: evaluation::v1::OpenTask) -> Self {
        let since = at(task.since.as_ref());
        Self { reference: task.callback_id, since, ..Self::new("evaluation", task.case_id, task.task_code) }
    }
}

/// People know cases by their numbers; whoever may not read a case gets its UUID.
async fn name_cases(session: &Session, tasks: &mut [Task]) -> Result<(), Failure> {
    let unnamed = tasks.iter().filter(|task| task.case_no.is_empty()).map(|task| task.case_id.clone());
    let numbers = resolve::case_numbers(session, unnamed).await?;
    for task in tasks.iter_mut().filter(|task| task.case_no.is_empty()) {
        task.case_no = numbers.get(&task.case_id).cloned().unwrap_or_default();
    }
    Ok(())
}

fn render(tasks: &[Task], view: &View<'_>) -> String {
    let words =
        [Word::ColumnCase, Word::ColumnTask, Word::ColumnUnit, Word::ColumnSince, Word::ColumnDue, Word::ColumnId];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for task in tasks {
        let time = |at: Option<jiff::Timestamp>| at.map(client::proto_time);
        table.row([
            if task.case_no.is_empty() { task.case_id.clone() } else { task.case_no.clone() },
            view.word(&format!("task.{}", task.task_code)).to_owned(),
            view.names.unit(&task.unit_code).to_owned(),
            view.at(time(task.since).as_ref()),
            view.due(time(task.due_at).as_ref()),
            task.reference.clone(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;
    use crate::names::Names;
    use crate::say::Lang;

    #[test]
    fn tasks_are_listed_with_whose_they_are_and_until_when() {
        let order = Task {
            case_no: "JS-2026-000001".to_owned(),
            unit_code: "HB".to_owned(),
            due_at: Some("2026-03-17T15:59:59Z".parse().unwrap()),
            ..Task::new("assignment", "c".to_owned(), "order.acknowledge".to_owned())
        };
        let unnamed = Task::new("intake", "c2".to_owned(), "intake.decide".to_owned());
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-16T01:00:00Z".parse().unwrap() };
        let expected = "\
案号            待办          单位  起自  期限               编号
JS-2026-000001  签收工单      HB          3月17日 (剩 1 天)
c2              决定是否受理
";
        assert_eq!(render(&[order, unnamed], &view), expected);
    }

    #[test]
    fn tasks_of_another_unit_or_case_are_left_out() {
        let task =
            |unit: &str| Task { unit_code: unit.to_owned(), ..Task::new("assignment", "c".to_owned(), String::new()) };
        let wanted = |case: &str, unit: &str, task: &Task| {
            let (case_id, unit_code) = (case.to_owned(), unit.to_owned());
            Wanted { case_id, unit_code, centre: "ZX".to_owned() }.is(task)
        };
        for (case, unit) in [("", ""), ("c", ""), ("", "HB"), ("c", "HB")] {
            assert!(wanted(case, unit, &task("HB")), "{case} {unit}");
        }
        assert!(!wanted("d", "", &task("HB")) && !wanted("c", "ZF", &task("HB")));
        // The counter's own tasks name no unit.
        assert!(wanted("", "ZX", &task("")) && !wanted("", "HB", &task("")) && !wanted("", "ZX", &task("HB")));
    }

    #[test]
    fn what_is_due_first_stands_first_wherever_it_was_found() {
        let task = |code: &str, due: Option<&str>, since: Option<&str>| Task {
            due_at: due.map(|due| due.parse().unwrap()),
            since: since.map(|since| since.parse().unwrap()),
            ..Task::new("assignment", "c".to_owned(), code.to_owned())
        };
        let (may, june) = (Some("2026-05-01T00:00:00Z"), Some("2026-06-01T00:00:00Z"));
        let found = || {
            vec![
                task("c", None, may),
                task("e", None, None),
                task("d", None, june),
                task("b", june, None),
                task("a", may, None),
            ]
        };
        let codes = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.task_code).collect::<String>();
        let (all, more) = first_due(found(), 5);
        assert_eq!((codes(all).as_str(), more), ("abcde", false));
        let (first, more) = first_due(found(), 2);
        assert_eq!((codes(first).as_str(), more), ("ab", true));
    }
}
