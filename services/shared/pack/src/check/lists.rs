//! Power items, responsibility items, boundary rules, and the conditions they share with other tables.

use vocab::{Body, Citation, Condition, FactValue, MatterCode, ObjectTypeCode, Operand, Operator, Scope, Validity};

use super::{Known, readable, refer, unique};
use crate::lists::{BoundaryRule, PowerItem};
use crate::parse::{Draft, Located, Reader};
use crate::place::FactKind;

pub(super) fn check(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.power_items, ("权力事项", "power item"), |item| item.code.to_string());
    unique(reader, &draft.responsibility_items, ("责任事项", "responsibility item"), |item| item.code.to_string());
    unique(reader, &draft.boundary_rules, ("边界规则", "boundary rule"), |rule| rule.code.to_string());
    for item in &draft.power_items {
        power_item(draft, item, known, reader);
    }
    for item in &draft.responsibility_items {
        let value = &item.value;
        readable(reader, item, ("名称", "name"), &value.zh);
        if draft.power_items.iter().any(|power| power.value.code == value.code) {
            let zh = format!("条目代码 {} 已用于权力清单", value.code);
            reader.blame(
                item,
                value.code.as_str(),
                zh,
                format!("code {} belongs to the power list already", value.code),
            );
        }
        matters(reader, item, known, &value.matters, true);
        object_types(reader, item, known, &value.object_types);
        conditions(reader, item, known, &value.conditions);
        body(reader, item, known, &value.unit);
        scope(reader, item, known, &value.towns);
        citation(reader, item, &value.citation);
        validity(reader, item, value.validity);
        if value.duties.is_empty() {
            reader.blame(item, "duties", "没有写明职责 (duties)", "it names no duty");
        }
    }
    for rule in &draft.boundary_rules {
        boundary(rule, known, reader);
    }
}

fn power_item(draft: &Draft, item: &Located<PowerItem>, known: &Known<'_>, reader: &mut Reader<'_>) {
    let value = &item.value;
    readable(reader, item, ("名称", "name"), &value.zh);
    matters(reader, item, known, &value.matters, true);
    object_types(reader, item, known, &value.object_types);
    conditions(reader, item, known, &value.conditions);
    citation(reader, item, &value.citation);
    validity(reader, item, value.validity);
    if value.duties.is_empty() {
        reader.blame(item, "duties", "没有写明职责 (duties)", "it names no duty");
    }
    if value.holdings.is_empty() {
        let zh = format!("权力事项 {} 没有持有单位", value.code);
        reader.blame(item, value.code.as_str(), zh, format!("power item {} has no holder", value.code));
    }
    for (place, holding) in value.holdings.iter().enumerate() {
        body(reader, item, known, &holding.holder);
        scope(reader, item, known, &holding.towns);
        validity(reader, item, holding.validity);
        let earlier = value.holdings.iter().take(place);
        let twice = earlier.filter(|other| {
            other.holder == holding.holder
                && other.validity.overlaps(&holding.validity)
                && other.towns.overlaps(&holding.towns)
        });
        if twice.count() > 0 {
            let holder = holding.holder.to_string();
            let zh = format!("权力事项 {} 的持有单位 {holder} 有效期重叠", value.code);
            let en = format!("power item {} is held by {holder} twice at the same time and place", value.code);
            reader.blame_nth(item, "holder", place, zh, en);
        }
    }
    if let Some(transfer) = &value.transfer {
        body(reader, item, known, &transfer.from);
        body(reader, item, known, &transfer.to);
        citation(reader, item, &transfer.kept.citation);
        if !value.holdings.iter().any(|holding| holding.holder == transfer.to) {
            let to = transfer.to.to_string();
            let zh = format!("权力事项 {} 划转给 {to}, 但 {to} 不是持有单位", value.code);
            reader.blame(
                item,
                &to,
                zh,
                format!("power item {} was transferred to {to}, which does not hold it", value.code),
            );
        }
    }
    if let Some(successor) = &value.replaced_by {
        refer(reader, item, &known.items, ("权力事项", "power item"), successor.as_str());
        let newer = draft.power_items.iter().find(|other| other.value.code == *successor);
        if newer.is_some_and(|newer| newer.value.validity.overlaps(&value.validity)) {
            let zh = format!("新旧法条目 {} 与 {successor} 有效期重叠", value.code);
            let en = format!("items {} and {successor}, of the old law and the new, are in force at once", value.code);
            reader.blame(item, successor.as_str(), zh, en);
        }
    }
}

fn boundary(rule: &Located<BoundaryRule>, known: &Known<'_>, reader: &mut Reader<'_>) {
    let value = &rule.value;
    readable(reader, rule, ("名称", "name"), &value.zh);
    readable(reader, rule, ("来源", "source"), &value.source);
    let code = value.code.as_str();
    if value.all_of.is_empty() && value.any_of.is_empty() {
        reader.blame(rule, code, format!("边界规则 {code} 没有事项"), format!("boundary rule {code} names no matter"));
    }
    matters(reader, rule, known, &value.all_of, false);
    matters(reader, rule, known, &value.any_of, false);
    object_types(reader, rule, known, &value.object_types);
    conditions(reader, rule, known, &value.conditions);
    scope(reader, rule, known, &value.towns);
    validity(reader, rule, value.validity);
    body(reader, rule, known, &value.lead);
    for support in &value.support {
        body(reader, rule, known, support);
        if *support == value.lead {
            let zh = format!("边界规则 {code} 的主办单位同时是协办单位");
            reader.blame(rule, "support", zh, format!("the lead of boundary rule {code} supports itself"));
        }
    }
}

fn matters<T>(reader: &mut Reader<'_>, at: &Located<T>, known: &Known<'_>, codes: &[MatterCode], needed: bool) {
    if needed && codes.is_empty() {
        reader.blame(at, "matters", "没有事项 (matters)", "it names no matter");
    }
    for (place, code) in codes.iter().enumerate() {
        refer(reader, at, &known.matters, ("事项", "matter"), code.as_str());
        if codes.iter().take(place).any(|earlier| earlier == code) {
            reader.blame(at, code.as_str(), format!("事项 {code} 重复"), format!("matter {code} is named twice"));
        }
    }
}

pub(super) fn all_matters<T>(reader: &mut Reader<'_>, at: &Located<T>, known: &Known<'_>, codes: &[MatterCode]) {
    matters(reader, at, known, codes, true);
}

fn object_types<T>(reader: &mut Reader<'_>, at: &Located<T>, known: &Known<'_>, codes: &[ObjectTypeCode]) {
    for code in codes {
        refer(reader, at, &known.object_types, ("对象类型", "object type"), code.as_str());
    }
}

fn body<T>(reader: &mut Reader<'_>, at: &Located<T>, known: &Known<'_>, body: &Body) {
    if let Body::Unit(unit) = body {
        refer(reader, at, &known.units, ("单位", "unit"), unit.as_str());
    }
}

fn scope<T>(reader: &mut Reader<'_>, at: &Located<T>, known: &Known<'_>, scope: &Scope) {
    for region in &scope.regions {
        refer(reader, at, &known.regions, ("区划", "region"), region.as_str());
    }
}

pub(super) fn citation<T>(reader: &mut Reader<'_>, at: &Located<T>, citation: &Citation) {
    if citation.law.trim().is_empty() || citation.article.trim().is_empty() {
        reader.blame(at, "citation", "依据缺少法律名称或者条款", "the citation lacks its law or its article");
    }
}

pub(super) fn validity<T>(reader: &mut Reader<'_>, at: &Located<T>, validity: Validity) {
    if let (false, Some(to)) = (validity.is_ordered(), validity.to) {
        let zh = format!("有效期的截止日 {to} 早于起始日 {}", validity.from);
        reader.blame(at, &to.to_string(), zh, format!("it ends on {to}, before it begins on {}", validity.from));
    }
}

pub(super) fn conditions<T>(reader: &mut Reader<'_>, at: &Located<T>, known: &Known<'_>, conditions: &[Condition]) {
    for condition in conditions {
        let code = condition.fact.as_str();
        let Some(fact) = known.facts.get(code) else {
            reader.blame(at, code, format!("没有事实 {code}"), format!("there is no fact {code}"));
            continue;
        };
        let wants_list = matches!(condition.operator, Operator::In | Operator::NotIn);
        let values = match (&condition.value, wants_list) {
            (Operand::One(value), false) => std::slice::from_ref(value),
            (Operand::Many(values), true) if !values.is_empty() => values.as_slice(),
            _ => {
                let zh = format!("对 {code} 的条件: is 与 is_not 用单个值, in 与 not_in 用列表");
                reader.blame(
                    at,
                    code,
                    zh,
                    format!("condition on {code}: is and is_not take one value, in and not_in a list"),
                );
                continue;
            }
        };
        let Some(fact) = fact else { continue };
        for value in values {
            let fits = match (value, fact.kind) {
                (FactValue::Bool(_), FactKind::Bool) => true,
                (FactValue::Code(code), FactKind::Code) => fact.values.contains(code),
                _ => false,
            };
            if !fits {
                let zh = format!("事实 {code} 没有取值 {value}");
                reader.blame(at, code, zh, format!("fact {code} cannot have the value {value}"));
            }
        }
    }
}
