//! 告知书: the pack's template with its blanks filled from codes and dates; never a word a person wrote.

use std::collections::BTreeMap;

use intake_domain::{Case, Delivery, NoticeKind, fill};
use jiff::Timestamp;
use jiff::civil::Date;
use pack::Label;
use vocab::calendar::day_of;
use vocab::{Citation, Lang, NoticeId, TemplateCode};

use crate::rules::Rules;
use crate::unit::{Notice, NoticeContent};

/// The template of a notice of acceptance.
const ACCEPTANCE: &str = "notice.acceptance";
/// The template of a notice of extension.
const EXTENSION: &str = "notice.extension";
/// The template of a reply.
const REPLY: &str = "notice.reply";

/// Writes a notice about a case as it stands after the decision.
#[must_use]
pub fn write(rules: &Rules, case: &Case, notice: NoticeId, kind: NoticeKind, round: u32, at: Timestamp) -> Notice {
    let code = template_code(rules, case, kind);
    let template = TemplateCode::new(code.as_str()).ok().and_then(|code| rules.template(&code));
    let (title, body, mut citations) = match template {
        Some(template) => (template.title.clone(), template.body.clone(), template.citations.clone()),
        None => plain(kind),
    };
    citations.extend(case.stage.verdict().map(|verdict| verdict.citation.clone()));
    if kind == NoticeKind::Extension {
        citations.extend(case.extension.as_ref().and_then(|extension| rules.extension_citation(&extension.rule)));
    }
    citations.dedup();
    let (zh, en) = (values(rules, case, &citations, at, Lang::Zh), values(rules, case, &citations, at, Lang::En));
    Notice {
        id: notice,
        case_id: case.id,
        kind,
        round,
        delivery: Delivery::of(case.facts.channel, case.registered_at == at),
        template: code,
        content: NoticeContent {
            title_zh: fill(&title.zh, &zh),
            title_en: fill(&title.en, &en),
            body_zh: fill(&body.zh, &zh),
            body_en: fill(&body.en, &en),
            citations,
            answered_at: case.stage.handling().filter(|_| kind == NoticeKind::Reply).map(|handling| handling.at),
        },
        served_at: at,
    }
}

fn template_code(rules: &Rules, case: &Case, kind: NoticeKind) -> String {
    match kind {
        NoticeKind::Acceptance => ACCEPTANCE.to_owned(),
        NoticeKind::Extension => EXTENSION.to_owned(),
        NoticeKind::Reply => REPLY.to_owned(),
        NoticeKind::Decline | NoticeKind::Route => case
            .stage
            .verdict()
            .and_then(|verdict| rules.ground(&verdict.rule))
            .map_or_else(String::new, |rule| rule.notice.to_string()),
    }
}

/// What is said where a county has no template for it: the duty to tell does not wait for one.
fn plain(kind: NoticeKind) -> (Label, Label, Vec<Citation>) {
    let label = |zh: &str, en: &str| Label { zh: zh.to_owned(), en: en.to_owned() };
    let (title, body) = match kind {
        NoticeKind::Acceptance => (
            label("受理告知书", "Notice of acceptance"),
            label(
                "您反映的事项 {case_no} 已于 {accepted_on} 受理。",
                "Your matter {case_no} was accepted on {accepted_on}.",
            ),
        ),
        NoticeKind::Decline => (
            label("不予受理告知书", "Notice of declining"),
            label(
                "您反映的事项 {case_no} 不予受理, 理由: {ground}。依据: {citation}。正确途径: {route}。",
                "Your matter {case_no} is not accepted: {ground}. Basis: {citation}. The right way: {route}.",
            ),
        ),
        NoticeKind::Route => (
            label("移送告知书", "Notice of hand-over"),
            label(
                "您反映的事项 {case_no} 已于 {handed_on} 移送, 理由: {ground}。依据: {citation}。途径说明: {route}。",
                "Your matter {case_no} was handed over on {handed_on}: {ground}. Basis: {citation}. About the way: {route}.",
            ),
        ),
        NoticeKind::Extension => (
            label("延期告知书", "Notice of extension"),
            label(
                "您反映的事项 {case_no} 因 {reason} 延长办理, 新的期限为 {due_on}。依据: {citation}。",
                "Your matter {case_no} takes longer because {reason}; it is now due by {due_on}. Basis: {citation}.",
            ),
        ),
        NoticeKind::Reply => (
            label("办理答复", "Reply"),
            label(
                "您反映的事项 {case_no} 已办理完毕: {opinion}。",
                "Your matter {case_no} has been handled: {opinion}.",
            ),
        ),
    };
    (title, body, Vec::new())
}

/// What a blank is filled with. What nobody knows yet has no entry and stays a blank.
fn values(
    rules: &Rules,
    case: &Case,
    citations: &[Citation],
    at: Timestamp,
    lang: Lang,
) -> BTreeMap<&'static str, String> {
    let pick = |zh: &str, en: &str| match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    };
    let today = day(day_of(at), lang);
    let mut values = BTreeMap::from([
        ("case_no", case.number.to_string()),
        ("tracking_code", case.tracking.to_string()),
        ("request", rules.matter_names(&case.facts, lang)),
        ("today", today.clone()),
        ("handed_on", today),
        ("appeal_to", pick("上一级机关", "the next higher authority")),
        ("review_by", pick("上一级机关", "the next higher authority")),
        ("facts", pick("见承办单位的书面答复", "see the written answer of the handling unit")),
    ]);
    if let Some(county) = Some(&rules.pack().county) {
        values.insert("county", pick(&county.zh, &county.en));
    }
    let cited = citations.iter().map(ToString::to_string).collect::<Vec<_>>();
    values.insert("citation", cited.join(&pick("、", ", ")));
    if let Some(acceptance) = case.stage.acceptance() {
        values.insert("accepted_on", day(day_of(acceptance.at), lang));
        if let Some(due) = rules.answer_due(case, acceptance) {
            values.insert("due_on", day(due, lang));
        }
        let lead = match (case.stage.handling(), case.suggestion.as_ref().and_then(|s| s.lead.as_ref())) {
            (Some(handling), _) => rules.unit_name(&handling.lead, lang),
            (None, Some(lead)) => rules.unit_name(lead, lang),
            (None, None) => pick("依职责清单确定的单位", "the unit the lists determine"),
        };
        values.insert("lead_unit", lead);
    }
    if let Some(extension) = &case.extension {
        values.insert("due_on", day(extension.due_on, lang));
        // The article's own words: why it is complicated is a person's text, and stays with supervision.
        values.insert("reason", pick("情况复杂", "the circumstances are complicated"));
        let unit = rules.unit_name(&extension.unit, lang);
        values.insert("approved_by", pick(&format!("{unit}负责人"), &format!("the head of {unit}")));
    }
    if let Some(handling) = case.stage.handling() {
        values.insert("opinion", conclusion(&handling.conclusion, lang));
    }
    if let Some(rule) = case.stage.verdict().and_then(|verdict| rules.ground(&verdict.rule)) {
        values.insert("ground", rule.name.get(lang).to_owned());
        values.insert("route", rule.route.get(lang).to_owned());
        values.insert("authority", pick("有权处理的机关", "the authority whose it is"));
    }
    values
}

fn conclusion(code: &str, lang: Lang) -> String {
    let (zh, en) = match code {
        "supported" => ("支持诉求", "the request is supported"),
        "explained" => ("已作解释说明", "it was explained"),
        _ => ("不支持诉求", "the request is not supported"),
    };
    match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    }
}

fn day(day: Date, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{}年{}月{}日", day.year(), day.month(), day.day()),
        Lang::En => day.to_string(),
    }
}
