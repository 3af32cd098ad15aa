//! Places, matters, object types, facts.

use std::collections::BTreeSet;

use super::{Known, readable, refer, unique};
use crate::parse::{Draft, Reader};
use crate::place::FactKind;

pub(super) fn check(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    places(draft, known, reader);
    matters(draft, known, reader);
    unique(reader, &draft.object_types, ("对象类型", "object type"), |kind| kind.code.to_string());
    unique(reader, &draft.event_classes, ("事件大类", "event class"), |class| class.code.clone());
    facts(draft, reader);
}

fn places(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.towns, ("镇（街道）", "town"), |town| town.code.to_string());
    unique(reader, &draft.villages, ("村（社区）", "village"), |village| village.code.to_string());
    for town in &draft.towns {
        let code = town.value.code.as_str();
        readable(reader, town, ("名称", "name"), &town.value.name);
        if town.value.code.is_village() {
            reader.blame(
                town,
                code,
                format!("镇（街道）代码应为 9 位: {code}"),
                format!("a town has 9 digits: {code}"),
            );
        }
        let county = draft.county.as_ref().map(|county| county.value.code.as_str());
        if county.is_some_and(|county| county != town.value.code.county()) {
            reader.blame(town, code, format!("{code} 不在本县"), format!("{code} does not lie in this county"));
        }
        let unit = town.value.unit();
        if !known.units.contains(unit.as_str()) {
            let zh = format!("{} 没有镇政府（街道办事处）单位 {unit}", town.value.name);
            reader.blame(town, code, zh, format!("{} has no town government {unit}", town.value.name_en));
        }
    }
    for village in &draft.villages {
        let code = village.value.code.as_str();
        readable(reader, village, ("名称", "name"), &village.value.name);
        if !village.value.code.is_village() {
            reader.blame(
                village,
                code,
                format!("村（社区）代码应为 12 位: {code}"),
                format!("a village has 12 digits: {code}"),
            );
        } else if !known.regions.contains(village.value.code.town().as_str()) {
            let town = village.value.code.town();
            reader.blame(village, code, format!("没有镇（街道） {town}"), format!("there is no town {town}"));
        }
    }
}

fn matters(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.matters, ("事项", "matter"), |matter| matter.code.to_string());
    let parents: BTreeSet<_> = draft.matters.iter().filter_map(|matter| matter.value.parent.as_ref()).collect();
    for matter in &draft.matters {
        readable(reader, matter, ("名称", "name"), &matter.value.zh);
        readable(reader, matter, ("英文名称", "English name"), &matter.value.en);
        refer(reader, matter, &known.event_classes, ("事件大类", "event class"), &matter.value.event_class);
        if let Some(parent) = &matter.value.parent {
            refer(reader, matter, &known.matters, ("上级事项", "parent matter"), parent.as_str());
            if *parent == matter.value.code {
                reader.blame(matter, parent.as_str(), "事项不能是自己的上级", "a matter cannot be its own parent");
            }
        }
        if parents.contains(&matter.value.code) {
            continue;
        }
        let code = &matter.value.code;
        let powers = draft.power_items.iter().filter(|item| item.value.matters.contains(code));
        let duties = draft.responsibility_items.iter().filter(|item| item.value.matters.contains(code));
        let holders = powers.map(|item| &item.value.code).chain(duties.map(|item| &item.value.code)).next();
        match (holders, matter.value.gap_note.is_empty()) {
            (None, true) => {
                let zh = format!("事项 {code} 无人负责: 权责清单中没有对应条目; 确属盲区的, 请填写 gap_note");
                let en = format!(
                    "nobody answers for matter {code}: no item on any list covers it; a known gap needs a gap_note"
                );
                reader.blame(matter, code.as_str(), zh, en);
            }
            (Some(item), false) => {
                let zh = format!("事项 {code} 标为盲区, 但条目 {item} 覆盖了它");
                reader.blame(
                    matter,
                    code.as_str(),
                    zh,
                    format!("matter {code} is called a gap, but item {item} covers it"),
                );
            }
            _ => {}
        }
    }
}

fn facts(draft: &Draft, reader: &mut Reader<'_>) {
    unique(reader, &draft.facts, ("事实", "fact"), |fact| fact.code.to_string());
    for fact in &draft.facts {
        let code = fact.value.code.as_str();
        readable(reader, fact, ("询问语", "question"), &fact.value.question_zh);
        readable(reader, fact, ("英文询问语", "English question"), &fact.value.question_en);
        match fact.value.kind {
            FactKind::Code if fact.value.values.len() < 2 => {
                reader.blame(
                    fact,
                    code,
                    format!("事实 {code} 应列出至少两个取值"),
                    format!("fact {code} needs at least two values"),
                );
            }
            FactKind::Bool if !fact.value.values.is_empty() => {
                reader.blame(
                    fact,
                    code,
                    format!("是非事实 {code} 不应列出取值"),
                    format!("yes-or-no fact {code} has no list of values"),
                );
            }
            FactKind::Code | FactKind::Bool => {}
        }
        for value in &fact.value.values {
            if vocab::FactCode::new(value.as_str()).is_err() {
                reader.blame(fact, value, format!("取值不是代码: {value}"), format!("a value is not a code: {value}"));
            }
        }
    }
}
