//! The county itself and the documents of settings: consultation, ladder, agreements, call-back, assessment, operations.

use super::{Known, lists, readable, refer, unique};
use crate::parse::{Draft, Reader};
use crate::rules::RungKind;

pub(super) fn check(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    county(draft, reader);
    consultation(draft, known, reader);
    ladder(draft, known, reader);
    callback(draft, known, reader);
    assessment(draft, known, reader);
    operations(draft, known, reader);
}

fn county(draft: &Draft, reader: &mut Reader<'_>) {
    let Some(county) = &draft.county else { return };
    let value = &county.value;
    if value.code.len() != 6 || !value.code.bytes().all(|byte| byte.is_ascii_digit()) {
        reader.blame(county, "code", "县代码应为 6 位数字", "a county's code has six digits");
    }
    let is_prefix =
        (1..=8).contains(&value.case_prefix.len()) && value.case_prefix.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_prefix {
        reader.blame(
            county,
            "case_prefix",
            "案号前缀应为 1 至 8 个大写字母",
            "a case prefix has 1 to 8 capital letters",
        );
    }
    if value.zone != "Asia/Shanghai" {
        reader.blame(county, "zone", "时区应为 Asia/Shanghai", "the zone must be Asia/Shanghai");
    }
    readable(reader, county, ("县名", "name"), &value.zh);
}

fn consultation(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    if let Some(settings) = &draft.consultation {
        let value = &settings.value;
        let rules = [
            &value.triage_rule,
            &value.answer_rule,
            &value.ruling_rule,
            &value.objection_rule,
            &value.objection_decision_rule,
            &value.acknowledge_rule,
        ];
        for rule in rules {
            refer(reader, settings, &known.clocks, ("期限规则", "clock rule"), rule.as_str());
        }
        if value.hop_budget == 0 {
            reader.blame(settings, "hop_budget", "流转上限应大于零", "the hop budget must be above zero");
        }
    }
    unique(reader, &draft.agreements, ("协作协议", "agreement"), |agreement| agreement.code.to_string());
    for agreement in &draft.agreements {
        let value = &agreement.value;
        for unit in value.asking.iter().chain(&value.answering) {
            refer(reader, agreement, &known.units, ("单位", "unit"), unit.as_str());
        }
        refer(reader, agreement, &known.clocks, ("期限规则", "clock rule"), value.answer_rule.as_str());
        if value.asking.is_empty() || value.answering.is_empty() {
            let zh = format!("协作协议 {} 应有请求方与答复方", value.code);
            reader.blame(
                agreement,
                value.code.as_str(),
                zh,
                format!("agreement {} needs who asks and who answers", value.code),
            );
        }
    }
}

fn ladder(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    let Some(ladder) = &draft.ladder else { return };
    if ladder.value.rungs.is_empty() {
        reader.blame(ladder, "rungs", "督办阶梯没有任何一级", "the ladder has no rung");
    }
    for (place, rung) in ladder.value.rungs.iter().enumerate() {
        let code = rung.code.as_str();
        if ladder.value.rungs.iter().take(place).any(|earlier| earlier.code == rung.code) {
            reader.blame(ladder, code, format!("阶梯 {code} 重复"), format!("rung {code} is there twice"));
        }
        match (&rung.answer_rule, rung.kind) {
            (Some(rule), _) => refer(reader, ladder, &known.clocks, ("期限规则", "clock rule"), rule.as_str()),
            (None, RungKind::SupervisionOrder) => {
                let zh = format!("督办单 {code} 没有答复期限规则");
                reader.blame(ladder, code, zh, format!("supervision order {code} has no clock for its answer"));
            }
            (None, RungKind::Remind | RungKind::Urge) => {}
        }
        for kind in &rung.serve_on {
            if !known.post_kinds.contains(kind) {
                reader.blame(ladder, kind, format!("没有岗位类型 {kind}"), format!("no post is of the kind {kind}"));
            }
        }
    }
}

fn callback(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    let Some(scheme) = &draft.callback else {
        return;
    };
    let value = &scheme.value;
    refer(reader, scheme, &known.clocks, ("期限规则", "clock rule"), value.rule.as_str());
    lists::citation(reader, scheme, &value.citation);
    if value.draw_per_mille > 1000 {
        reader.blame(
            scheme,
            "draw_per_mille",
            "抽取比例不能超过千分之一千",
            "no more than 1000 of a thousand can be drawn",
        );
    }
    if value.attempts == 0 {
        reader.blame(scheme, "attempts", "回访次数应大于零", "a complainant must be tried at least once");
    }
    for code in ["response", "resolution", "satisfaction"] {
        if value.rates.iter().filter(|rate| rate.code == code).count() != 1 {
            reader.blame(
                scheme,
                "rates",
                format!("三率之一 {code} 应当恰有一个定义"),
                format!("rate {code} needs exactly one definition"),
            );
        }
    }
    let total: u64 = value.rates.iter().map(|rate| u64::from(rate.weight_percent)).sum();
    if total != 100 {
        let zh = format!("三率权重之和应为 100, 现为 {total}");
        reader.blame(scheme, "rates", zh, format!("the weights of the rates make {total}, not 100"));
    }
}

fn assessment(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    let Some(scheme) = &draft.assessment else {
        return;
    };
    let value = &scheme.value;
    for unit in value.groups.iter().flat_map(|group| &group.units) {
        refer(reader, scheme, &known.units, ("单位", "unit"), unit.as_str());
        let times = value.groups.iter().flat_map(|group| &group.units).filter(|other| *other == unit).count();
        if times > 1 {
            reader.blame(
                scheme,
                unit.as_str(),
                format!("单位 {unit} 属于多个考核组"),
                format!("unit {unit} is in several groups"),
            );
        }
    }
    let total: u64 = value.items.iter().map(|item| u64::from(item.weight_points)).sum();
    if total != 100 {
        let zh = format!("考核分值之和应为 100, 现为 {total}");
        reader.blame(scheme, "items", zh, format!("the points of the assessment make {total}, not 100"));
    }
    let falls =
        value.bands.windows(2).all(|pair| matches!(pair, [above, below] if above.from_points > below.from_points));
    if !falls || value.bands.last().is_none_or(|band| band.from_points != 0) {
        reader.blame(
            scheme,
            "bands",
            "等次应从高到低排列, 最后一级从 0 分起",
            "grades go from best to worst, the last from 0 points",
        );
    }
}

fn operations(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    let Some(settings) = &draft.operations else {
        return;
    };
    let value = &settings.value;
    refer(reader, settings, &known.clocks, ("期限规则", "clock rule"), value.confirm_rule.as_str());
    lists::citation(reader, settings, &value.min_certified_citation);
    if value.min_certified_officers < 2 {
        let zh = "每个执法主体至少两名持证人员 (行政处罚法第四十二条)";
        reader.blame(
            settings,
            "min_certified_officers",
            zh,
            "the law asks for at least two certified officers of each body",
        );
    }
    if value.slot_minutes == 0 || value.default_minutes == 0 || value.horizon_days == 0 {
        reader.blame(
            settings,
            "slot_minutes",
            "时段、时长与排期天数应大于零",
            "slot, length and horizon must be above zero",
        );
    }
    for hours in &value.matter_hours {
        for matter in &hours.matters {
            refer(reader, settings, &known.matters, ("事项", "matter"), matter.as_str());
        }
    }
    for slot in &value.forbidden_slots {
        if slot.citation.law.trim().is_empty() || slot.citation.article.trim().is_empty() {
            let code = slot.code.as_str();
            reader.blame(
                settings,
                code,
                format!("禁止时段 {code} 没有依据"),
                format!("forbidden slot {code} cites no article"),
            );
        }
    }
}
