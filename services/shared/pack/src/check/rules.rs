//! Clock rules, acceptance rules, modes, tracks, templates.

use vocab::clock::MAX_AMOUNT;
use vocab::{ClockRule, count::same_family};

use super::{Known, lists, readable, refer, unique};
use crate::intake::DeclineCode;
use crate::parse::{Draft, Located, Reader, file};

pub(super) fn check(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.clock_rules, ("期限规则", "clock rule"), |rule| rule.id.to_string());
    for rule in &draft.clock_rules {
        clock(rule, known, reader);
    }
    let profile = draft.county.as_ref().map(|county| &county.value.profile);
    if let (Some(profile), Some(county)) = (profile, &draft.county)
        && !draft.clock_rules.iter().any(|rule| rule.value.profile == *profile && rule.value.active)
    {
        let zh = format!("期限规则中没有启用的 {profile}");
        reader.blame(county, profile, zh, format!("no active clock rule belongs to profile {profile}"));
    }
    acceptance(draft, known, reader);
    handling(draft, known, reader);
    templates(draft, reader);
}

fn clock(rule: &Located<ClockRule>, known: &Known<'_>, reader: &mut Reader<'_>) {
    let value = &rule.value;
    let id = value.id.as_str();
    readable(reader, rule, ("名称", "name"), &value.zh);
    readable(reader, rule, ("英文名称", "English name"), &value.en);
    if value.citation.law.trim().is_empty() || value.citation.article.trim().is_empty() {
        reader.blame(
            rule,
            "citation",
            format!("期限规则 {id} 没有条款依据"),
            format!("clock rule {id} cites no article"),
        );
    }
    if value.amount == 0 || value.amount > MAX_AMOUNT {
        let zh = format!("期限规则 {id} 的期限应在 1 与 {MAX_AMOUNT} 之间");
        reader.blame(rule, "amount", zh, format!("the amount of clock rule {id} must be between 1 and {MAX_AMOUNT}"));
    }
    if value.anchor.trim().is_empty() || value.stops.is_empty() {
        let zh = format!("期限规则 {id} 没有起算事件或者停止事件");
        reader.blame(rule, "anchor", zh, format!("clock rule {id} lacks the event that starts or stops it"));
    }
    lists::validity(reader, rule, value.validity);
    if let Some(extension) = &value.extension {
        lists::citation(reader, rule, &extension.citation);
        if !same_family(value.unit, extension.unit) {
            let zh = format!("期限规则 {id} 的延长单位与期限单位不能连算");
            reader.blame(rule, "extension", zh, format!("clock rule {id} cannot be extended in that unit"));
        }
        if extension.times != 1 || extension.max_amount == 0 || extension.max_amount > MAX_AMOUNT {
            let zh = format!("期限规则 {id} 只能延长一次, 延长时间应大于零");
            reader.blame(rule, "extension", zh, format!("clock rule {id} can be extended once, by more than nothing"));
        }
        if !known.post_kinds.contains(&extension.approver) {
            let approver = &extension.approver;
            let zh = format!("没有岗位类型 {approver}, 无人能批准延期");
            reader.blame(rule, approver, zh, format!("no post is of the kind {approver}, so nobody could approve"));
        }
    }
    for (fact, wanted) in &value.applies.facts {
        let condition = vocab::Condition {
            fact: fact.clone(),
            operator: vocab::Operator::Is,
            value: vocab::Operand::One(wanted.clone()),
        };
        lists::conditions(reader, rule, known, std::slice::from_ref(&condition));
    }
}

fn acceptance(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.acceptance_rules, ("受理规则", "acceptance rule"), |rule| rule.code.to_string());
    for rule in &draft.acceptance_rules {
        let value = &rule.value;
        refer(reader, rule, &known.templates, ("文书模板", "template"), value.notice.as_str());
        lists::citation(reader, rule, &value.citation);
        lists::conditions(reader, rule, known, &value.conditions);
        readable(reader, rule, ("正确途径", "right route"), &value.route.zh);
        readable(reader, rule, ("英文途径", "English route"), &value.route.en);
        if value.conditions.is_empty() {
            let zh = format!("受理规则 {} 没有条件, 会拒绝所有事项", value.code);
            reader.blame(
                rule,
                value.code.as_str(),
                zh,
                format!("rule {} has no condition and would decline everything", value.code),
            );
        }
    }
    for ground in DeclineCode::ALL {
        if !draft.acceptance_rules.iter().any(|rule| rule.value.ground == *ground) {
            let ground = ground.as_str();
            reader.say(
                file::ACCEPTANCE_RULES,
                1,
                format!("缺少理由 {ground} 的规则"),
                format!("no rule has the ground {ground}"),
            );
        }
    }
    unique(reader, &draft.no_clerk, ("登记即受理类别", "no-clerk class"), |class| class.code.to_string());
    for class in &draft.no_clerk {
        lists::all_matters(reader, class, known, &class.value.matters);
        lists::conditions(reader, class, known, &class.value.conditions);
        readable(reader, class, ("来源", "source"), &class.value.source);
    }
}

fn handling(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.modes, ("办理方式", "mode"), |mode| mode.mode.to_string());
    unique(reader, &draft.tracks, ("办理途径", "track"), |track| track.track.to_string());
    for mode in &draft.modes {
        lists::conditions(reader, mode, known, &mode.value.conditions);
        for clock in &mode.value.clocks {
            refer(reader, mode, &known.clocks, ("期限规则", "clock rule"), clock.as_str());
        }
    }
    for track in &draft.tracks {
        refer(reader, track, &known.clocks, ("期限规则", "clock rule"), track.value.order_clock.as_str());
    }
    for mode in vocab::HandlingMode::ALL {
        if !draft.modes.iter().any(|rule| rule.value.mode == *mode) {
            reader.say(file::MODES, 1, format!("缺少办理方式 {}", mode.zh()), format!("mode {mode} is missing"));
        }
    }
    for track in vocab::Track::ALL {
        if !draft.tracks.iter().any(|rule| rule.value.track == *track) {
            reader.say(file::TRACKS, 1, format!("缺少办理途径 {}", track.zh()), format!("track {track} is missing"));
        }
    }
}

fn templates(draft: &Draft, reader: &mut Reader<'_>) {
    unique(reader, &draft.templates, ("文书模板", "template"), |template| template.code.to_string());
    for template in &draft.templates {
        let value = &template.value;
        let code = value.code.as_str();
        readable(reader, template, ("标题", "title"), &value.title.zh);
        readable(reader, template, ("正文", "body"), &value.body.zh);
        for text in [&value.title.zh, &value.title.en, &value.body.zh, &value.body.en] {
            if text.matches('{').count() != text.matches('}').count() {
                let zh = format!("文书模板 {code} 的花括号不成对");
                reader.blame(template, code, zh, format!("template {code} has unpaired braces"));
            }
        }
        for name in value.placeholders() {
            let slot = format!("{{{name}}}");
            let in_zh = value.title.zh.contains(&slot) || value.body.zh.contains(&slot);
            let in_en = value.title.en.contains(&slot) || value.body.en.contains(&slot);
            if in_zh != in_en {
                let zh = format!("文书模板 {code} 的占位符 {slot} 中英文不一致");
                reader.blame(
                    template,
                    &slot,
                    zh,
                    format!("placeholder {slot} of template {code} is in one language only"),
                );
            }
        }
    }
}
