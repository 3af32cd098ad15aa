//! `operation …`: joint operations.

use client::{call, moment, proto_time};
use xiezhi_proto::scheduling::v1 as scheduling;
use xiezhi_proto::scheduling::v1::{FollowUp, Operation, OperationKind, Plan, PlanTerms, UnitFinding};

use super::View;
use crate::args::{LimitArg, OperationCommand, TermsArgs};
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::say::{Lang, Say, Word, label};
use crate::screen::{Answer, Screen, Table, time};
use crate::session::Session;
use crate::{parse, resolve};

/// Does what an `operation` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: OperationCommand) -> Result<Answer, Failure> {
    match command {
        OperationCommand::List { case, unit, stage, limit } => {
            list(session, case, unit, stage.map(|stage| stage.0), &limit).await
        }
        OperationCommand::Bookings(args) => super::booking::list(session, args).await,
        OperationCommand::Show(operation) => show(session, &operation.operation).await,
        OperationCommand::Preview { operation, terms } => preview(session, &operation.operation, &terms).await,
        OperationCommand::Approve { operation, terms } => approve(session, &operation.operation, &terms).await,
        OperationCommand::Record { operation, findings, forms, evidence, words } => {
            let request = scheduling::RecordInspectionRequest {
                command_id: String::new(),
                operation_id: resolve::operation_id(session, &operation.operation).await?,
                form_codes: forms,
                findings: findings.iter().map(|text| finding(text)).collect::<Result<_, _>>()?,
                evidence_sha256: super::work_order::upload(session, "scheduling", &evidence).await?,
                words,
                unit_code: String::new(),
            };
            record(session, request).await
        }
        OperationCommand::Conclude { operation, follow_ups, words } => {
            let request = scheduling::ConcludeOperationRequest {
                command_id: String::new(),
                operation_id: resolve::operation_id(session, &operation.operation).await?,
                follow_ups: follow_ups.iter().map(|text| follow_up(text)).collect::<Result<_, _>>()?,
                words,
            };
            conclude(session, request).await
        }
        other => decide(session, screen, other).await,
    }
}

async fn list(
    session: &Session,
    case: Option<String>,
    unit_code: String,
    stage: Option<i32>,
    limit: &LimitArg,
) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = match case {
        Some(case) => resolve::case_id(session, &case).await?,
        None => String::new(),
    };
    let request = scheduling::ListOperationsRequest {
        case_id,
        unit_code,
        stages: stage.into_iter().collect(),
        ..scheduling::ListOperationsRequest::default()
    };
    let listed = paged::up_to(limit.limit, 200, |page_size, page_token| {
        let request = scheduling::ListOperationsRequest { page_size, page_token, ..request.clone() };
        async move {
            let page = centre.read(|| call!(centre.scheduling().list_operations(request.clone()))).await?;
            Ok((page.operations, page.next_page_token))
        }
    });
    let Listed { items: operations, next_page_token } = listed.await?;
    let page = scheduling::ListOperationsResponse { operations, next_page_token };
    let view = View::of(session).await?;
    let words = [Word::ColumnId, Word::ColumnState, Word::ColumnTime, Word::ColumnPlace, Word::ColumnUnit];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for operation in &page.operations {
        table.row([
            operation.operation_id.clone(),
            view.word(operation.stage().as_str_name()).to_owned(),
            operation.plan.as_ref().map_or_else(|| view.at(operation.proposed_at.as_ref()), |plan| slot(plan, &view)),
            view.names.region(&operation.region_code).to_owned(),
            view.names.units(operation.participations.iter().map(|unit| &unit.unit_code)),
        ]);
    }
    let text = paged::shown(&table.render(), page.operations.is_empty(), &page.next_page_token, view.lang);
    Ok(Answer::new(json(&page)?, text))
}

fn slot(plan: &Plan, view: &View<'_>) -> String {
    let span = moment(plan.starts_at.as_ref()).zip(moment(plan.ends_at.as_ref()));
    span.map(|(from, to)| time::span(from, to, view.now, view.lang)).unwrap_or_default()
}

async fn show(session: &Session, name: &str) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = scheduling::GetOperationRequest { operation_id: resolve::operation_id(session, name).await? };
    let found = centre.read(|| call!(centre.scheduling().get_operation(request.clone()))).await?;
    let view = View::of(session).await?;
    let mut text = found.operation.as_ref().map(|operation| render(operation, &view)).unwrap_or_default();
    let mut record = Table::new().indented(2);
    for entry in &found.inspections {
        let findings = entry.findings.iter().map(|finding| {
            let word = view.word(&format!("finding.{}", finding.finding_code)).to_owned();
            format!("{} {word}", view.names.unit(&finding.unit_code))
        });
        record.row([
            view.at(entry.recorded_at.as_ref()),
            view.names.unit(&entry.unit_code).to_owned(),
            findings.collect::<Vec<_>>().join(" · "),
            entry.words.clone(),
        ]);
    }
    text.push_str(&record.render());
    Ok(Answer::new(json(&found)?, text))
}

fn render(operation: &Operation, view: &View<'_>) -> String {
    let mut head = vec![
        operation.operation_id.clone(),
        view.word(operation.stage().as_str_name()).to_owned(),
        view.names.region(&operation.region_code).to_owned(),
        view.names.matters(&operation.matter_codes),
    ];
    if let Some(plan) = &operation.plan {
        head.insert(2, slot(plan, view));
    }
    let mut text = format!("{}\n", head.join("    "));
    let mut table = Table::new().indented(2);
    for unit in &operation.participations {
        let duties: Vec<&str> = unit.duties().map(|duty| view.word(duty.as_str_name())).collect();
        let answer = match unit.answer() {
            scheduling::ParticipationAnswer::Unspecified => String::new(),
            answer => view.word(answer.as_str_name()).to_owned(),
        };
        table.row([
            view.names.unit(&unit.unit_code).to_owned(),
            view.word(unit.role().as_str_name()).to_owned(),
            duties.join(" · "),
            view.names.persons(&unit.officer_codes),
            answer,
            view.at(unit.checked_in_at.as_ref()),
        ]);
    }
    text.push_str(&table.render());
    if let Some(plan) = operation.plan.as_ref().filter(|plan| !plan.resource_codes.is_empty()) {
        let things: Vec<&str> = plan.resource_codes.iter().map(|code| view.names.resource(code)).collect();
        text.push_str(&format!("  {}\n", things.join(" · ")));
    }
    for follow_up in &operation.follow_ups {
        text.push_str(&format!(
            "  {} {}  {}\n",
            view.names.unit(&follow_up.unit_code),
            view.word(follow_up.duty().as_str_name()),
            view.word(&format!("finding.{}", follow_up.finding_code))
        ));
    }
    text
}

/// The terms that were typed; none where nothing was, so that the defaults hold.
fn terms(args: &TermsArgs) -> Option<PlanTerms> {
    let terms = PlanTerms {
        kind: args.kind.map_or(OperationKind::Unspecified.into(), |kind| kind.0),
        urgent: args.urgent,
        duration_minutes: args.minutes,
        ..PlanTerms::default()
    };
    (terms != PlanTerms::default()).then_some(terms)
}

/// A moment that was typed, where one was.
pub fn typed_moment(text: Option<&String>) -> Result<Option<prost_types::Timestamp>, Failure> {
    text.map(|text| parse::moment(text).map(proto_time)).transpose()
}

async fn preview(session: &Session, name: &str, args: &TermsArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = scheduling::PreviewPlanRequest {
        operation_id: resolve::operation_id(session, name).await?,
        terms: terms(args),
        not_before: typed_moment(args.not_before.as_ref())?,
        starts_at: typed_moment(args.at.as_ref())?,
    };
    let found = centre.read(|| call!(centre.scheduling().preview_plan(request.clone()))).await?;
    let view = View::of(session).await?;
    let mut text = String::new();
    if let Some(plan) = found.plan.as_ref().filter(|_| found.feasible) {
        text.push_str(&format!("{}\n", slot(plan, &view)));
        let mut table = Table::new().indented(2);
        for unit in &plan.participants {
            table.row([view.names.unit(&unit.unit_code).to_owned(), view.names.persons(&unit.officer_codes)]);
        }
        text.push_str(&table.render());
    }
    let passed_over = found.plan.iter().flat_map(|plan| &plan.passed_over);
    for obstacle in found.obstacles.iter().chain(passed_over) {
        let says = obstacle.says.clone().unwrap_or_default();
        text.push_str(&format!("  {}\n", if view.lang == Lang::Zh { says.zh } else { says.en }));
    }
    Ok(Answer { holds: found.feasible, ..Answer::new(json(&found)?, text) })
}

async fn approve(session: &Session, name: &str, args: &TermsArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = scheduling::ApproveOperationRequest {
        command_id: String::new(),
        operation_id: resolve::operation_id(session, name).await?,
        terms: terms(args),
        not_before: typed_moment(args.not_before.as_ref())?,
        starts_at: typed_moment(args.at.as_ref())?,
    };
    let done = centre
        .command(|command_id| {
            let request = scheduling::ApproveOperationRequest { command_id, ..request.clone() };
            call!(centre.scheduling().approve_operation(request))
        })
        .await?;
    let view = View::of(session).await?;
    let operation = done.operation.clone().unwrap_or_default();
    let span = operation.plan.as_ref().map(|plan| slot(plan, &view)).unwrap_or_default();
    let place = view.names.region(&operation.region_code).to_owned();
    let text = format!("{}\n{}", view.say(&Say::OperationFixed { span, place }), render(&operation, &view));
    Ok(Answer::new(json(&done)?, text))
}

/// `UNIT:finding`.
fn finding(text: &str) -> Result<UnitFinding, Failure> {
    match text.split_once(':') {
        Some((unit, finding)) if !unit.is_empty() && !finding.is_empty() => {
            Ok(UnitFinding { unit_code: unit.to_owned(), finding_code: finding.to_owned() })
        }
        _ => Err(Failure::Usage(Say::NotAShare { text: text.to_owned() })),
    }
}

/// `UNIT:DUTY:ITEM`; the finding is taken from the record.
fn follow_up(text: &str) -> Result<FollowUp, Failure> {
    let (unit_code, duty, item) = parse::share_parts(text)?;
    let power_item_codes = item.into_iter().collect();
    Ok(FollowUp { unit_code, duty: duty.into(), power_item_codes, finding_code: String::new() })
}

async fn record(session: &Session, request: scheduling::RecordInspectionRequest) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let done = centre
        .command(|command_id| {
            let request = scheduling::RecordInspectionRequest { command_id, ..request.clone() };
            call!(centre.scheduling().record_inspection(request))
        })
        .await?;
    let what = Word::Inspection.text(session.lang).to_owned();
    Ok(Answer::new(json(&done)?, Say::Done { what }.text(session.lang)))
}

async fn conclude(session: &Session, request: scheduling::ConcludeOperationRequest) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let done = centre
        .command(|command_id| {
            let request = scheduling::ConcludeOperationRequest { command_id, ..request.clone() };
            call!(centre.scheduling().conclude_operation(request))
        })
        .await?;
    decided(session, json(&done)?, done.operation.as_ref()).await
}

/// The verbs that only say yes or no, or that somebody is there.
async fn decide(session: &Session, screen: &mut Screen, command: OperationCommand) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let id = |name: String| async move { resolve::operation_id(session, &name).await };
    macro_rules! send {
        ($method:ident($request:ident { $($field:ident),* })) => {{
            let done = centre
                .command(|command_id| {
                    let request = scheduling::$request { command_id, $($field: $field.clone()),* };
                    call!(centre.scheduling().$method(request))
                })
                .await?;
            (json(&done)?, done.operation)
        }};
    }
    let (json, operation) = match command {
        OperationCommand::Reject { operation, reason } => {
            let (operation_id, reason_code, words) = (id(operation.operation).await?, reason.reason, reason.words);
            send!(reject_operation(RejectOperationRequest { operation_id, reason_code, words }))
        }
        OperationCommand::Confirm { operation, unit: unit_code } => {
            let operation_id = id(operation.operation).await?;
            send!(confirm_participation(ConfirmParticipationRequest { operation_id, unit_code }))
        }
        OperationCommand::Decline { operation, unit: unit_code, reason } => {
            let (operation_id, reason_code, words) = (id(operation.operation).await?, reason.reason, reason.words);
            send!(decline_participation(DeclineParticipationRequest { operation_id, unit_code, reason_code, words }))
        }
        OperationCommand::ReplaceOfficers { operation, unit: unit_code, officers: officer_codes } => {
            let operation_id = id(operation.operation).await?;
            send!(replace_officers(ReplaceOfficersRequest { operation_id, unit_code, officer_codes }))
        }
        OperationCommand::Reschedule { operation, reason, terms: typed } => {
            let (operation_id, reason_code, words) = (id(operation.operation).await?, reason.reason, reason.words);
            let (not_before, starts_at) = (typed_moment(typed.not_before.as_ref())?, typed_moment(typed.at.as_ref())?);
            let terms = terms(&typed);
            send!(reschedule_operation(RescheduleOperationRequest {
                operation_id,
                reason_code,
                words,
                terms,
                not_before,
                starts_at
            }))
        }
        OperationCommand::CheckIn { operation, unit: unit_code, officers: officer_codes } => {
            let operation_id = id(operation.operation).await?;
            send!(check_in(CheckInRequest { operation_id, unit_code, officer_codes }))
        }
        OperationCommand::Start(operation) => {
            let operation_id = id(operation.operation).await?;
            send!(start_operation(StartOperationRequest { operation_id }))
        }
        OperationCommand::Cancel { operation, reason } => {
            screen.sure(label("scheduling.operation.cancelled", session.lang).to_owned())?;
            let (operation_id, reason_code, words) = (id(operation.operation).await?, reason.reason, reason.words);
            send!(cancel_operation(CancelOperationRequest { operation_id, reason_code, words }))
        }
        // Every other verb is done elsewhere and never comes here.
        _ => return Err(Failure::Usage(Say::Just(Word::Usage))),
    };
    decided(session, json, operation.as_ref()).await
}

async fn decided(session: &Session, json: serde_json::Value, operation: Option<&Operation>) -> Result<Answer, Failure> {
    let view = View::of(session).await?;
    Ok(Answer::new(json, operation.map(|operation| render(operation, &view)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use xiezhi_proto::common::v1::{Duty, Role};
    use xiezhi_proto::scheduling::v1::{OperationStage, Participation, ParticipationAnswer};

    use super::*;
    use crate::names::Names;

    #[test]
    fn an_operation_names_its_slot_and_its_people() {
        let at = |text: &str| Some(proto_time(text.parse().unwrap()));
        let operation = Operation {
            operation_id: "o".to_owned(),
            stage: OperationStage::Fixed.into(),
            region_code: "330421103".to_owned(),
            plan: Some(Plan {
                starts_at: at("2026-03-06T12:00:00Z"),
                ends_at: at("2026-03-06T15:00:00Z"),
                ..Plan::default()
            }),
            participations: vec![Participation {
                unit_code: "ZF".to_owned(),
                role: Role::Lead.into(),
                duties: vec![Duty::Punish.into()],
                officer_codes: vec!["ZF-O01".to_owned(), "ZF-O02".to_owned()],
                answer: ParticipationAnswer::Confirmed.into(),
                ..Participation::default()
            }],
            ..Operation::default()
        };
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-04T01:00:00Z".parse().unwrap() };
        let expected = "o    已排定    3月06日 20:00–23:00    330421103    \n  ZF  主办  处罚  ZF-O01 ZF-O02  已确认\n";
        assert_eq!(render(&operation, &view), expected);
    }

    #[test]
    fn follow_ups_and_findings_are_typed_with_colons() {
        let follow_up = follow_up("ZF:punish:PI012").unwrap();
        assert_eq!((follow_up.duty(), follow_up.power_item_codes), (Duty::Punish, vec!["PI012".to_owned()]));
        assert_eq!(finding("HB:violation").unwrap().finding_code, "violation");
        assert!(finding("HB").is_err());
    }
}
