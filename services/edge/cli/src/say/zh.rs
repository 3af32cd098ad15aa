//! 中文.

use client::verify::Violation;

use super::{Lang, Say};

pub(super) fn text(say: &Say) -> String {
    match say {
        Say::DueIn { day, days: 0 } => format!("{day} (今天到期)"),
        Say::DueIn { day, days } => format!("{day} (剩 {days} 天)"),
        Say::DueOver { day, days } => format!("{day} (超期 {days} 天)"),
        Say::BoundaryRule { rule } => format!("按职责边界规则 {rule}"),
        Say::ByPrecedent { precedent } => format!("按先例 {precedent}"),
        Say::RulingInForce { ruling } => format!("现以裁定为准 {ruling}"),
        Say::ProofHash { hash } => format!("依据指纹 {hash}"),
        Say::ValidOn { day } => format!("以 {day} 有效的清单认定"),
        Say::ValidFromTo { from, to } if to.is_empty() => format!("自 {from} 起"),
        Say::ValidFromTo { from, to } => format!("{from} 至 {to}"),
        Say::Leads { unit } => format!("{unit}牵头"),
        Say::FollowsHead { head } => format!("随 {head} 一并办理"),
        Say::ComesAgain { head } => format!("{head} 的重复访, 单独办理"),
        Say::HasMembers { members } => format!("另有 {members} 件同一问题随本件办理"),
        Say::TrackingCode { code } => format!("查询码 {code}"),
        Say::TasksNotSeen { services } => format!("未列出您无权查看的待办: {services}"),
        Say::Round { round } => format!("第 {round} 轮"),
        Say::CaseRegistered { case, code, accepted: false } => format!("{case} 已登记, 查询码 {code}"),
        Say::CaseRegistered { case, code, accepted: true } => format!("{case} 已登记并受理, 查询码 {code}"),
        Say::CandidatesFound { count } => format!("可能与 {count} 件先前的案件有关"),
        Say::CaseAccepted { case, cases: 1 } => format!("{case} 已受理, 告知书已送达"),
        Say::CaseAccepted { case, cases } => format!("{case} 等 {cases} 件已受理, 告知书已分别送达"),
        Say::CaseDeclined { case, ground, route } => format!("{case} 不予受理 ({ground}): {route}"),
        Say::CaseRouted { case, route } => format!("{case} 已转送: {route}"),
        Say::Done { what } => format!("{what} 已记录"),
        Say::CaseLinked { case, head } => format!("{case} 已并入 {head}"),
        Say::Revealed { reveal } => format!("查看已记入审计 {reveal}"),
        Say::Ruled { ruling, orders } => format!("裁定 {ruling} 已作出, 派出工单 {orders} 件"),
        Say::OperationFixed { span, place } => format!("已排定 {span} {place}"),
        Say::Turned { now, steps } => format!("现在是 {now}, 途中停了 {steps} 次"),
        Say::TurnStop { at } => format!("拨到 {at}"),
        Say::PackApplied { hash } => format!("配置包 {hash} 已生效"),
        Say::PackSame { hash } => format!("配置包 {hash} 早已生效, 无需再发布"),
        Say::PackFine { hash } => format!("配置包无误 {hash}"),
        Say::PackMistakes { count } => format!("配置包有 {count} 处错误"),
        Say::VerifyHolds { checks } => format!("{checks} 项全部成立"),
        Say::VerifyFails { violations } => format!("{violations} 处不成立"),
        Say::VerifyParked { count } => format!("{count} 个事件在等待处理: xiezhi bus parked list"),
        Say::DoctorWrong { count } => format!("{count} 处需要处理"),
        Say::Recovered { service, imported, redone, last } => {
            format!("{service} 已恢复: 找回事件 {imported} 条, 重做决定 {redone} 项, 日志至第 {last} 条")
        }
        Say::EpochBegan { epoch, base } => format!("第 {base} 条之后的事件已丢失, 从此为第 {epoch} 纪元"),
        Say::Affected { count } => format!("{count} 件待人工核对: xiezhi bus diverged list"),
        Say::Settled { what, left } => format!("{what} 已核对, 同类尚余 {left} 件"),
        Say::VerifyLate { count } => format!("{count} 个计时器晚于到期 5 秒以上触发 (停机或者拨钟所致)"),
        Say::VerifyMore { count } => format!("另有 {count} 处"),
        Say::JourneyDone { name, steps, took } => format!("剧本 {name} 走通, {steps} 步, {:.1} 秒", took.as_secs_f64()),
        Say::JourneyFailed { name, step, why } => format!("剧本 {name} 第 {step} 步不符: {why}"),
        Say::Mismatch { why } => format!("与剧本不符: {why}"),
        Say::JourneyStep { step, of, what } => format!("第 {step}/{of} 步  {what}"),
        Say::CentreFileMissing { path } => format!("这里没有正在运行的中心: {path}"),
        Say::CentreFileBroken { path, why } => format!("{path} 读不懂: {why}"),
        Say::Unreachable { why } => format!("连不上中心: {why}"),
        Say::FileUnreadable { path, why } => format!("读不了文件 {path}: {why}"),
        Say::FileTooLarge { path, most_kib } => format!("文件 {path} 太大, 最多 {most_kib} KiB"),
        Say::FileUnwritable { path, why } => format!("写不了文件 {path}: {why}"),
        Say::KeyWritten { path } => format!("私钥在 {path}, 请妥善保管; 公钥由管理员登记: xiezhi account register-key"),
        Say::NotAPublicKey { text } => format!("{text} 不是 Ed25519 公钥 (64 位十六进制)"),
        Say::Until { day } => format!("至 {day}"),
        Say::KeyUnusable { path } => format!("{path} 不是 Ed25519 私钥 (PEM 或者 64 位十六进制)"),
        Say::CannotMint { account, why } => format!("不能以 {account} 的身份调用: {why}"),
        Say::NoAccount { account } => format!("配置包里没有账号 {account}"),
        Say::PackUnreadable { why } => format!("配置包读不懂: {why}"),
        Say::NothingNamed { name } => format!("没有找到 {name}"),
        Say::SeveralNamed { name, ids } => format!("{name} 不止一个, 请用编号: {ids}"),
        Say::AnswerBroken { why } => format!("中心的答复前后不一: {why}"),
        Say::NotAMoment { text } => format!("{text} 不是时刻, 写法如 2026-03-06 或 \"2026-03-06 20:00\""),
        Say::NotAFact { text } => format!("{text} 不是事实, 写法如 premises.licensed=true"),
        Say::NotAShare { text } => format!("{text} 不是份额, 写法如 ZF:punish:PI012 (单位:职责:事项)"),
        Say::NoRule { rule } => format!("配置包里没有期限规则 {rule}"),
        Say::CannotCount { why } => format!("算不出到期日: {why}"),
        Say::CannotTurn { why } => format!("时间没有拨到位: {why}"),
        Say::NoJourney { name } => format!("配置包里没有剧本 {name}"),
        Say::JourneyBroken { why } => format!("剧本写法有误: {why}"),
        Say::Sure { what } => format!("{what} 之后不能撤销, 确定吗? [y/N] "),
        Say::Violation(violation) => violation_text(violation),
        Say::Just(word) => word.text(Lang::Zh).to_owned(),
    }
}

fn violation_text(violation: &Violation) -> String {
    match violation {
        Violation::CommandUnknown { service, command_id } => format!("{service} 不认得命令 {command_id}"),
        Violation::CommandEventsDiffer { service, command_id, remembered, found } => {
            format!("{service} 命令 {command_id} 记有 {remembered} 个事件, 日志里在 {found:?}")
        }
        Violation::PositionBroken { service, expected, found } => {
            format!("{service} 应为第 {expected} 位, 却是第 {found} 位")
        }
        Violation::Unreadable { service, pos, what } => format!("{service} 第 {pos} 位读不懂: {what}"),
        Violation::HashDiffers { service, pos } => format!("{service} 第 {pos} 位被改动过, 哈希链在此断开"),
        Violation::KeySequenceBroken { service, pos, key, expected, found } => {
            format!("{service} 第 {pos} 位: {key} 应为第 {expected} 号, 却是第 {found} 号")
        }
        Violation::EventTwice { service, pos, event_id } => format!("{service} 第 {pos} 位重复了事件 {event_id}"),
        Violation::HeadDiffers { service, head, read } => {
            format!("{service} 自称到第 {head} 位, 实际读到第 {read} 位或者哈希不同")
        }
        Violation::RememberedHashDiffers { consumer, producer, pos } => {
            format!("{consumer} 记得的 {producer} 第 {pos} 位哈希不同")
        }
        Violation::CursorBehind { consumer, producer, pos, head } => {
            format!("{consumer} 只听到 {producer} 的第 {pos} 位, 共 {head} 位")
        }
        Violation::CursorAhead { consumer, producer, pos, head } => {
            format!("{consumer} 听到 {producer} 的第 {pos} 位, 但它只有 {head} 位")
        }
        Violation::CursorNotRunning { consumer, producer, state } => {
            format!("{consumer} 对 {producer} 的状态是 {state}")
        }
        Violation::Restless { what } => format!("中心没有静下来: {what}"),
        Violation::OrderDiffers { case_id, service, earlier, later } => {
            format!("{case_id} 的时间线把 {service} 第 {later} 位排在第 {earlier} 位之前")
        }
        Violation::HistoryDiffers { case_id, service, pos } => {
            format!("{case_id} 的时间线与 {service} 的日志在第 {pos} 位不一致")
        }
        Violation::NobodyResponsible { case_id } => format!("{case_id} 无人负责"),
        Violation::ResponsibleTwice { case_id, decisions } => format!("{case_id} 有 {decisions} 个有效决定"),
        Violation::Unattended { case_id, stage } => format!("{case_id} ({stage}) 既无时钟也无待办"),
        Violation::TimerEarly { service, key, kind, generation } => {
            format!("{service} 的 {kind} ({generation}) 对 {key} 提前触发")
        }
        Violation::TimerTwice { service, key, kind, generation } => {
            format!("{service} 的 {kind} ({generation}) 对 {key} 出现两次")
        }
        Violation::TimerOverdue { service, key, kind, generation } => {
            format!("{service} 的 {kind} ({generation}) 对 {key} 已到期而未触发")
        }
        Violation::StreamDiffers { service, what } => format!("{service} 的消息流不一致: {what}"),
    }
}
