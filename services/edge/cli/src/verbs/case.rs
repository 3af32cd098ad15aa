//! `case …`: the register.

use client::call;
use xiezhi_proto::common::v1::{CaseFacts, Channel, HandlingMode, Track, Urgency};
use xiezhi_proto::intake::v1 as intake;
use xiezhi_proto::intake::v1::{Case, CaseStage, GetCaseResponse, LinkKind, ReturnReason};
use xiezhi_proto::supervision::v1::ClockView;

use super::View;
use crate::args::{AcceptArgs, CaseArg, CaseCommand, CaseListArgs, DeclineArgs, RegisterArgs};
use crate::failure::Failure;
use crate::paged::{self, Listed};
use crate::reflect::json;
use crate::resolve;
use crate::say::{Lang, Say, Word, label};
use crate::screen::{Answer, Screen, Table, time};
use crate::session::Session;
use crate::{parse, timeline};

/// Does what a `case` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: CaseCommand) -> Result<Answer, Failure> {
    match command {
        CaseCommand::List(args) => list(session, args).await,
        CaseCommand::Show(case) => show(session, &case).await,
        CaseCommand::Register(args) => register(session, *args).await,
        CaseCommand::Accept(args) => accept(session, args).await,
        CaseCommand::Decline(args) => decline(session, screen, args).await,
        CaseCommand::RouteAway(args) => route_away(session, args).await,
        CaseCommand::Receipt { case, number } => receipt(session, &case, number).await,
        CaseCommand::Return { case, reason } => take_back(session, &case, reason.0).await,
        CaseCommand::Withdraw(case) => withdraw(session, screen, &case).await,
        CaseCommand::Link { case, to, kind } => link(session, &case, &to, kind.0).await,
        CaseCommand::AddFacts { case, facts } => add_facts(session, &case, &facts).await,
        CaseCommand::Reveals(args) => super::audit::reveals(session, args).await,
        CaseCommand::Reply { case, round } => super::reply::show(session, &case.case, round).await,
        CaseCommand::Timeline { case, all } => timeline::show(session, &case.case, all).await,
        other => super::case_text::run(session, screen, other).await,
    }
}

async fn list(session: &Session, args: CaseListArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let request = intake::ListCasesRequest {
        stage: args.stage.map_or(0, |stage| stage.0),
        region_code: args.region.unwrap_or_default(),
        matter_code: args.matter.unwrap_or_default(),
        channel: args.channel.map_or(0, |channel| channel.0),
        heads_only: args.heads,
        ..intake::ListCasesRequest::default()
    };
    let listed = paged::up_to(args.limit.limit, 200, |page_size, page_token| {
        let request = intake::ListCasesRequest { page_size, page_token, ..request.clone() };
        async move {
            let page = centre.read(|| call!(centre.intake().list_cases(request.clone()))).await?;
            Ok((page.cases, page.next_page_token))
        }
    });
    let Listed { items: cases, next_page_token } = listed.await?;
    let page = intake::ListCasesResponse { cases, next_page_token };
    let view = View::of(session).await?;
    Ok(Answer::new(json(&page)?, render_list(&page, &view)))
}

fn render_list(page: &intake::ListCasesResponse, view: &View<'_>) -> String {
    let words = [
        Word::ColumnCase,
        Word::ColumnStage,
        Word::ColumnRegistered,
        Word::ColumnChannel,
        Word::ColumnPlace,
        Word::ColumnMatter,
    ];
    let mut table = Table::with_heading(words.map(|word| word.text(view.lang)));
    for case in &page.cases {
        let facts = case.facts.clone().unwrap_or_default();
        table.row([
            case.case_no.clone(),
            view.word(case.stage().as_str_name()).to_owned(),
            view.at(case.registered_at.as_ref()),
            view.word(facts.channel().as_str_name()).to_owned(),
            view.names.region(&facts.region_code).to_owned(),
            view.names.matters(&facts.matter_codes),
        ]);
    }
    paged::shown(&table.render(), page.cases.is_empty(), &page.next_page_token, view.lang)
}

async fn show(session: &Session, case: &CaseArg) -> Result<Answer, Failure> {
    let found = resolve::case_and_diagnosis(session, &case.case).await?;
    let view = View::of(session).await?;
    let case = found.case.clone().unwrap_or_default();
    let entries = timeline::entries(session, &case.case_id).await?;
    // A unit that may see the case may still not see its clocks.
    let due = timeline::next_clock(session, &case.case_id).await.ok().flatten();
    let mut text = render_head(&found, due.as_ref(), &view);
    text.push_str(&timeline::render(&entries, &view, timeline::Detail::Main));
    Ok(Answer::new(json(&found)?, text))
}

/// The case in a few lines: number, matter, stage and due date, then what belongs to it.
fn render_head(found: &GetCaseResponse, due: Option<&ClockView>, view: &View<'_>) -> String {
    let case = found.case.clone().unwrap_or_default();
    let facts = case.facts.clone().unwrap_or_default();
    let over =
        matches!(case.stage(), CaseStage::Closed | CaseStage::Declined | CaseStage::Withdrawn | CaseStage::RoutedAway);
    let mut cells = vec![
        case.case_no.clone(),
        view.names.matters(&facts.matter_codes),
        view.word(case.stage().as_str_name()).to_owned(),
    ];
    if let Some(due) = due.filter(|_| !over) {
        let name = due.name.clone().unwrap_or_default();
        let name = if view.lang == Lang::Zh { name.zh } else { name.en };
        let deadline = due.clock.as_ref().and_then(|clock| clock.deadline.as_ref());
        cells.push(format!("{name} {}", view.deadline(deadline)));
    }
    let mut text = format!("{}\n", cells.join("    "));
    for line in about(&case, &facts, view) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn about(case: &Case, facts: &CaseFacts, view: &View<'_>) -> Vec<String> {
    let mut place = vec![view.names.region(&facts.region_code).to_owned()];
    if !facts.object_type.is_empty() {
        place.push(view.names.matter(&facts.object_type).to_owned());
    }
    place.push(view.word(facts.channel().as_str_name()).to_owned());
    if facts.urgency() != Urgency::Normal && facts.urgency() != Urgency::Unspecified {
        place.push(view.word(facts.urgency().as_str_name()).to_owned());
    }
    if case.mode() != HandlingMode::Unspecified {
        place.push(view.word(case.mode().as_str_name()).to_owned());
    }
    if case.track() != Track::Unspecified {
        place.push(view.word(case.track().as_str_name()).to_owned());
    }
    let mut lines = vec![place.join(" · ")];
    if !facts.declared.is_empty() {
        let declared = facts.declared.iter().map(|fact| format!("{}={}", view.names.fact(&fact.code), fact.value));
        lines.push(declared.collect::<Vec<_>>().join(" · "));
    }
    if !case.head_case_id.is_empty() {
        let head = case.head_case_id.clone();
        let comes_again = case.link_kind() == LinkKind::Repeat;
        lines.push(view.say(&if comes_again { Say::ComesAgain { head } } else { Say::FollowsHead { head } }));
    }
    if !case.member_case_ids.is_empty() {
        lines.push(view.say(&Say::HasMembers { members: case.member_case_ids.len() }));
    }
    if case.round > 1 {
        lines.push(view.say(&Say::Round { round: case.round }));
    }
    if !case.tracking_code.is_empty() {
        lines.push(view.say(&Say::TrackingCode { code: case.tracking_code.clone() }));
    }
    lines
}

async fn register(session: &Session, args: RegisterArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let body = super::case_text::body_or_file(args.body.clone(), args.body_file.as_deref())?.unwrap_or_default();
    let today = time::local(session.now().await?).date().to_string();
    let facts = CaseFacts {
        matter_codes: args.matters.clone(),
        region_code: args.region.clone(),
        object_type: args.object.clone(),
        declared: parse::facts(&args.facts)?,
        act_on: args.on.clone().unwrap_or(today),
        channel: Channel::try_from(args.channel.0).unwrap_or_default().into(),
        urgency: args.urgency.0,
    };
    let complainant = intake::Complainant {
        name: args.name.clone(),
        phone: args.phone.clone(),
        id_number: args.id_number.clone(),
        address: args.address.clone(),
    };
    let request = intake::RegisterCaseRequest {
        command_id: String::new(),
        complainant: (complainant != intake::Complainant::default()).then_some(complainant),
        title: args.title,
        body,
        masked_title: args.masked_title,
        masked_body: args.masked_body,
        facts: Some(facts),
        accused_unit: args.accused,
    };
    let done = centre
        .command(|command_id| {
            call!(centre.intake().register_case(intake::RegisterCaseRequest { command_id, ..request.clone() }))
        })
        .await?;
    let lang = session.lang;
    let said =
        Say::CaseRegistered { case: done.case_no.clone(), code: done.tracking_code.clone(), accepted: done.accepted };
    let mut text = format!("{}\n", said.text(lang));
    if !done.candidates.is_empty() {
        text.push_str(&format!("{}\n", Say::CandidatesFound { count: done.candidates.len() }.text(lang)));
        text.push_str(&super::case_text::render_candidates(&done.candidates, lang));
    }
    Ok(Answer::new(json(&done)?, text))
}

async fn accept(session: &Session, args: AcceptArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case = resolve::case(session, &args.case.case).await?;
    let (mode, track) = (args.mode.map_or(0, |mode| mode.0), args.track.map_or(0, |track| track.0));
    let done = centre
        .command(|command_id| {
            let case_id = case.case_id.clone();
            call!(centre.intake().accept_case(intake::AcceptCaseRequest { command_id, case_id, mode, track }))
        })
        .await?;
    let said = Say::CaseAccepted { case: case.case_no, cases: done.accepted_case_ids.len() };
    Ok(Answer::new(json(&done)?, said.text(session.lang)))
}

async fn decline(session: &Session, screen: &mut Screen, args: DeclineArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case = resolve::case(session, &args.case.case).await?;
    screen.sure(format!("{} {}", label("intake.case.declined", session.lang), case.case_no))?;
    let request = intake::DeclineCaseRequest {
        command_id: String::new(),
        case_id: case.case_id,
        rule_code: args.rule,
        considered: args.considered,
    };
    let done = centre
        .command(|command_id| {
            call!(centre.intake().decline_case(intake::DeclineCaseRequest { command_id, ..request.clone() }))
        })
        .await?;
    let said = Say::CaseDeclined {
        case: case.case_no,
        ground: done.ground.clone(),
        route: pick(session, &done.route_zh, &done.route_en),
    };
    Ok(Answer::new(json(&done)?, said.text(session.lang)))
}

async fn route_away(session: &Session, args: DeclineArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case = resolve::case(session, &args.case.case).await?;
    let request = intake::RouteAwayCaseRequest {
        command_id: String::new(),
        case_id: case.case_id,
        rule_code: args.rule,
        considered: args.considered,
    };
    let done = centre
        .command(|command_id| {
            call!(centre.intake().route_away_case(intake::RouteAwayCaseRequest { command_id, ..request.clone() }))
        })
        .await?;
    let said = Say::CaseRouted { case: case.case_no, route: pick(session, &done.route_zh, &done.route_en) };
    Ok(Answer::new(json(&done)?, said.text(session.lang)))
}

fn pick(session: &Session, zh: &str, en: &str) -> String {
    match session.lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    }
}

async fn receipt(session: &Session, case: &CaseArg, number: String) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = resolve::case_id(session, &case.case).await?;
    let request =
        intake::ReceiptRouteRequest { command_id: String::new(), case_id, receipt_no: number, receipted_at: None };
    let done = centre
        .command(|command_id| {
            call!(centre.intake().receipt_route(intake::ReceiptRouteRequest { command_id, ..request.clone() }))
        })
        .await?;
    recorded(session, &done, "intake.case.route_receipted")
}

async fn take_back(session: &Session, case: &CaseArg, reason: i32) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = resolve::case_id(session, &case.case).await?;
    let reason = ReturnReason::try_from(reason).unwrap_or_default().into();
    let done = centre
        .command(|command_id| {
            let case_id = case_id.clone();
            let request = intake::ReturnCaseFromRouteRequest { command_id, case_id, reason };
            call!(centre.intake().return_case_from_route(request))
        })
        .await?;
    recorded(session, &done, "intake.case.returned_from_route")
}

async fn withdraw(session: &Session, screen: &mut Screen, case: &CaseArg) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case = resolve::case(session, &case.case).await?;
    screen.sure(format!("{} {}", label("intake.case.withdrawn", session.lang), case.case_no))?;
    let done = centre
        .command(|command_id| {
            let case_id = case.case_id.clone();
            call!(centre.intake().withdraw_case(intake::WithdrawCaseRequest { command_id, case_id }))
        })
        .await?;
    recorded(session, &done, if done.ended { "intake.case.withdrawn" } else { "intake.complainant.left" })
}

async fn link(session: &Session, case: &CaseArg, head: &str, kind: i32) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let later = resolve::case(session, &case.case).await?;
    let head = resolve::case(session, head).await?;
    let kind = LinkKind::try_from(kind).unwrap_or_default();
    let comes_again = kind == LinkKind::Repeat;
    let kind = kind.into();
    let done = centre
        .command(|command_id| {
            let (case_id, head_case_id) = (later.case_id.clone(), head.case_id.clone());
            call!(centre.intake().link_cases(intake::LinkCasesRequest { command_id, case_id, head_case_id, kind }))
        })
        .await?;
    let said = if comes_again {
        Say::ComesAgain { head: head.case_no }
    } else {
        Say::CaseLinked { case: later.case_no, head: head.case_no }
    };
    Ok(Answer::new(json(&done)?, said.text(session.lang)))
}

async fn add_facts(session: &Session, case: &CaseArg, facts: &[String]) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = resolve::case_id(session, &case.case).await?;
    let declared = parse::facts(facts)?;
    let done = centre
        .command(|command_id| {
            let (case_id, declared) = (case_id.clone(), declared.clone());
            call!(centre.intake().add_case_facts(intake::AddCaseFactsRequest { command_id, case_id, declared }))
        })
        .await?;
    recorded(session, &done, "intake.case.facts_added")
}

/// What is said of a decision whose event says it all.
pub fn recorded<M: prost::Message + prost::Name>(session: &Session, done: &M, event: &str) -> Result<Answer, Failure> {
    let what = label(event, session.lang).to_owned();
    Ok(Answer::new(json(done)?, Say::Done { what }.text(session.lang)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use client::proto_time;

    use super::*;
    use xiezhi_proto::common::v1::Deadline;
    use xiezhi_proto::supervision::v1::{Clock, Sentence};

    use crate::names::Names;

    fn at(text: &str) -> prost_types::Timestamp {
        proto_time(text.parse().unwrap())
    }

    fn case() -> Case {
        Case {
            case_no: "JS-2026-000123".to_owned(),
            stage: CaseStage::Accepted.into(),
            registered_at: Some(at("2026-03-02T04:00:00Z")),
            facts: Some(CaseFacts {
                matter_codes: vec!["fume.barbecue".to_owned()],
                region_code: "330421103".to_owned(),
                object_type: "stall".to_owned(),
                channel: Channel::Phone.into(),
                ..CaseFacts::default()
            }),
            mode: HandlingMode::Joint.into(),
            member_case_ids: vec!["a".to_owned(), "b".to_owned()],
            ..Case::default()
        }
    }

    fn reply_by(due: &str) -> ClockView {
        let deadline = Deadline { due_at: Some(at(due)), ..Deadline::default() };
        ClockView {
            clock: Some(Clock { deadline: Some(deadline), ..Clock::default() }),
            name: Some(Sentence { zh: "承诺答复".to_owned(), en: "promised reply".to_owned() }),
            ..ClockView::default()
        }
    }

    #[test]
    fn a_case_is_told_in_a_few_lines() {
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() };
        let found = GetCaseResponse { case: Some(case()), diagnosis: None };
        let due = reply_by("2026-03-17T15:59:59Z");
        assert_eq!(
            render_head(&found, Some(&due), &view),
            "JS-2026-000123    fume.barbecue    已受理    承诺答复 3月17日 (剩 6 天)\n  330421103 · stall · 来电 · 联办\n  另有 2 件同一问题随本件办理\n"
        );
    }

    #[test]
    fn a_case_that_is_over_has_no_due_date() {
        let names = Names::default();
        let view = View { lang: Lang::En, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() };
        let closed = Case { stage: CaseStage::Closed.into(), ..case() };
        let found = GetCaseResponse { case: Some(closed), diagnosis: None };
        let due = reply_by("2026-03-17T15:59:59Z");
        assert!(render_head(&found, Some(&due), &view).starts_with("JS-2026-000123    fume.barbecue    closed\n"));
    }

    #[test]
    fn a_list_lines_up() {
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: "2026-03-11T01:00:00Z".parse().unwrap() };
        let page = intake::ListCasesResponse { cases: vec![case()], next_page_token: "x".to_owned() };
        let expected = "\
案号            阶段    登记时间       渠道  地点       事项
JS-2026-000123  已受理  3月02日 12:00  来电  330421103  fume.barbecue
还有更多, 请加 --limit 或者筛选条件
";
        assert_eq!(render_list(&page, &view), expected);
        let empty = intake::ListCasesResponse::default();
        assert_eq!(render_list(&empty, &view), "没有\n");
    }
}
