//! Units, posts, persons, accounts, officers, resources.

use std::collections::BTreeSet;

use super::{Known, readable, refer, unique};
use crate::organisation::{AccountKind, AccountRole, UnitKind};
use crate::parse::{Draft, Reader, file};

pub(super) fn check(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    units(draft, known, reader);
    people(draft, known, reader);
    accounts(draft, known, reader);
    officers(draft, known, reader);
    certified(draft, reader);
    unique(reader, &draft.resources, ("资源", "resource"), |resource| resource.code.to_string());
    for resource in &draft.resources {
        refer(reader, resource, &known.units, ("单位", "unit"), resource.value.unit.as_str());
        if resource.value.capacity == 0 {
            reader.blame(resource, "0", "容量应当大于零", "the capacity must be above zero");
        }
    }
}

fn units(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.units, ("单位", "unit"), |unit| unit.code.to_string());
    let centres: Vec<_> = draft.units.iter().filter(|unit| unit.value.kind == UnitKind::Centre).collect();
    if centres.is_empty() {
        reader.say(file::UNITS, 1, "缺少联合执法中心 (kind = centre)", "there is no centre (kind = centre)");
    }
    for extra in centres.iter().skip(1) {
        reader.blame(extra, extra.value.code.as_str(), "只能有一个联合执法中心", "there can be only one centre");
    }
    for unit in &draft.units {
        let code = unit.value.code.as_str();
        readable(reader, unit, ("名称", "name"), &unit.value.name);
        if let Some(parent) = &unit.value.parent {
            refer(reader, unit, &known.units, ("上级单位", "parent unit"), parent.as_str());
        }
        match (unit.value.kind, &unit.value.region) {
            (UnitKind::Town, Some(region)) if unit.value.code == vocab::UnitCode::town_of(region) => {
                refer(reader, unit, &known.regions, ("区划", "region"), region.as_str());
            }
            (UnitKind::Town, _) => {
                let zh = format!("镇（街道）单位代码应为 town-加 9 位区划代码, 并填写 region: {code}");
                reader.blame(
                    unit,
                    code,
                    zh,
                    format!("a town's code is town- and its nine digits, with its region: {code}"),
                );
            }
            (UnitKind::Department | UnitKind::Centre, Some(region)) => {
                reader.blame(unit, region.as_str(), "只有镇（街道）单位填写 region", "only towns have a region");
            }
            (UnitKind::Department | UnitKind::Centre, None) => {}
        }
        let is_headed =
            draft.posts.iter().any(|post| post.value.unit == unit.value.code && post.value.kind == "unit_head");
        if !is_headed {
            let zh = format!("单位 {code} 没有负责人岗位 (unit_head), 无人能够批准延期");
            reader.blame(unit, code, zh, format!("unit {code} has no unit_head, so nobody could approve an extension"));
        }
    }
}

fn people(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.persons, ("人员", "person"), |person| person.code.to_string());
    unique(reader, &draft.posts, ("岗位", "post"), |post| post.code.to_string());
    for person in &draft.persons {
        readable(reader, person, ("姓名", "name"), &person.value.name);
        refer(reader, person, &known.units, ("单位", "unit"), person.value.unit.as_str());
    }
    for post in &draft.posts {
        refer(reader, post, &known.units, ("单位", "unit"), post.value.unit.as_str());
        match &post.value.person {
            Some(person) => refer(reader, post, &known.persons, ("人员", "person"), person.as_str()),
            None => {
                let code = &post.value.code;
                reader.blame(
                    post,
                    code.as_str(),
                    format!("岗位 {code} 没有人员"),
                    format!("post {code} is held by nobody"),
                );
            }
        }
    }
}

fn accounts(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.accounts, ("账号", "account"), |account| account.id.to_string());
    for account in &draft.accounts {
        let id = account.value.id.as_str();
        refer(reader, account, &known.units, ("单位", "unit"), account.value.unit.as_str());
        if let Some(person) = &account.value.person {
            refer(reader, account, &known.persons, ("人员", "person"), person.as_str());
        }
        if account.value.roles.is_empty() && account.value.kind != AccountKind::Service {
            reader.blame(account, id, format!("账号 {id} 没有角色"), format!("account {id} has no role"));
        }
        let unit = draft.units.iter().find(|unit| unit.value.code == account.value.unit);
        let fits = match (account.value.kind, unit.map(|unit| unit.value.kind)) {
            (_, None) | (AccountKind::Service, _) => true,
            (AccountKind::Department, Some(kind)) => kind == UnitKind::Department,
            (AccountKind::Town, Some(kind)) => kind == UnitKind::Town,
            (AccountKind::Centre, Some(kind)) => kind == UnitKind::Centre,
        };
        if !fits {
            let zh = format!("账号 {id} 的类型与单位类型不符");
            reader.blame(account, id, zh, format!("account {id} is of another kind than its unit"));
        }
        // The centre never handles a case itself, and no department supervises itself.
        let foreign = account.value.roles.iter().find(|role| {
            let of_department =
                matches!(role, AccountRole::DepartmentHandler | AccountRole::DepartmentHead | AccountRole::Officer);
            of_department == (account.value.kind == AccountKind::Centre)
        });
        if let (Some(role), true) = (foreign, account.value.kind != AccountKind::Service) {
            let role = role.as_str();
            let zh = format!("账号 {id} 不能有角色 {role}");
            reader.blame(account, role, zh, format!("account {id} cannot be {role}"));
        }
    }
}

fn officers(draft: &Draft, known: &Known<'_>, reader: &mut Reader<'_>) {
    unique(reader, &draft.officers, ("执法人员", "officer"), |officer| officer.person.to_string());
    let mut numbers = BTreeSet::new();
    for officer in &draft.officers {
        let person = officer.value.person.as_str();
        refer(reader, officer, &known.persons, ("人员", "person"), person);
        refer(reader, officer, &known.units, ("单位", "unit"), officer.value.unit.as_str());
        let Some(read) = officer.value.read() else {
            let zh = format!("{person} 的执法证应同时有编号、起止日期");
            reader.blame(officer, person, zh, format!("the certificate of {person} needs a number and both dates"));
            continue;
        };
        match (&read.certificate, read.auxiliary) {
            (Some(certificate), false) => {
                if certificate.valid_to < certificate.valid_from {
                    let zh = format!("执法证 {} 的截止日期早于起始日期", certificate.number);
                    let en = format!("certificate {} ends before it begins", certificate.number);
                    reader.blame(officer, &certificate.number, zh, en);
                }
                if !numbers.insert(certificate.number.clone()) {
                    let zh = format!("执法证编号 {} 重复", certificate.number);
                    let en = format!("certificate {} belongs to someone else already", certificate.number);
                    reader.blame(officer, &certificate.number, zh, en);
                }
            }
            (Some(_), true) => {
                let zh = format!("辅助人员 {person} 不能持有执法证");
                reader.blame(officer, person, zh, format!("auxiliary {person} cannot hold a certificate"));
            }
            (None, false) => {
                let zh = format!("执法人员 {person} 没有执法证");
                reader.blame(officer, person, zh, format!("officer {person} has no certificate"));
            }
            (None, true) => {}
        }
    }
}

/// 执法主体至少两名持证人员 (行政处罚法第四十二条).
fn certified(draft: &Draft, reader: &mut Reader<'_>) {
    let needed = draft.operations.as_ref().map_or(2, |settings| settings.value.min_certified_officers);
    for unit in draft.units.iter().filter(|unit| unit.value.enforcing) {
        let own = draft.officers.iter().filter(|officer| officer.value.unit == unit.value.code);
        let certified = own.filter(|officer| officer.value.certificate.is_some() && !officer.value.auxiliary).count();
        if usize::try_from(needed).is_ok_and(|needed| certified < needed) {
            let code = unit.value.code.as_str();
            let zh = format!("执法主体 {code} 只有 {certified} 名持证执法人员, 至少需要 {needed} 名");
            let en = format!("enforcing body {code} has {certified} certified officers, {needed} are needed");
            reader.blame(unit, code, zh, en);
        }
    }
}
