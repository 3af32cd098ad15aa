//! The domain's refusals as a caller hears them: a stable reason, a sentence in both languages, and what to do instead.

use assignment_domain::refusal::Refusal as No;
use kit::refusal::Refusal;
use vocab::UnitCode;

/// Phrases a refusal of the domain.
pub fn refuse(no: No) -> Refusal {
    let en = no.to_string();
    match no {
        No::NotFound { thing } => Refusal::NotFound { what: thing },
        No::OutOfTurn { thing, stage, verb } => Refusal::forbidden(
            "assignment.out_of_turn",
            format!("{}{}, 不能{}", thing_zh(thing), stage_zh(stage), verb_zh(verb)),
            en,
        ),
        No::NotAsked { unit } => Refusal::forbidden("assignment.not_asked", format!("{unit} 不在征求意见之列"), en),
        No::ObjectionTooLate { due_at } => {
            Refusal::forbidden("assignment.objection_too_late", format!("异议期限已于 {} 届满", beijing(due_at)), en)
        }
        No::RuledAlready => Refusal::forbidden("assignment.ruled_already", "该工单依协调意见派发, 不得再次退回", en)
            .with_hint(
                "签收并办理; 力量不足的可提请联合执法",
                "acknowledge it; what one unit cannot solve can be escalated",
            ),
        No::ObjectionDecided => {
            Refusal::forbidden("assignment.objection_decided", "对该工单的异议已审查不成立, 不得再次提出", en)
        }
        No::HopsSpent { budget } => {
            Refusal::forbidden("assignment.hops_spent", format!("该件已退回 {budget} 次, 不得再退"), en)
        }
        No::OrdersOpen { units } => Refusal::forbidden(
            "assignment.orders_open",
            format!("尚有未办结的工单: {}", listed(&units)),
            format!("{en}: {}", listed(&units)),
        ),
        No::FollowUpsWaiting { units } => Refusal::forbidden(
            "assignment.follow_ups_waiting",
            format!("联合行动的后续处置尚未派出: {}", listed(&units)),
            format!("{en}: {}", listed(&units)),
        )
        .with_hint(
            "请指挥协调中心在配置包中补齐该单位的承办岗位或所涉事项, 发布后即行派出; 或改交其他单位、予以了结\
             （xiezhi work-order settle-follow-up）",
            "the centre gives the unit a post, or the lists the item, in the pack, and it goes out once that is published; \
             or it gives the follow-up to another unit or ends it (xiezhi work-order settle-follow-up)",
        ),
        No::NothingCompleted => Refusal::forbidden("assignment.nothing_completed", "本轮没有办结的工单", en),
        No::OperationOpen => Refusal::forbidden("assignment.operation_open", "联合行动尚未结束", en),
        No::NotTheLead => Refusal::forbidden("assignment.not_the_lead", "只有主办单位可以这样做", en),
        // What stands in place of a code is not repeated: it may be anything.
        No::UnknownItem { .. } => Refusal::field("citation.item_code", "is on no list"),
        No::UnknownUnit { unit } => Refusal::field("unit_code", format!("{unit} does not exist")),
        No::TownNotListed { unit } => Refusal::forbidden(
            "assignment.town_not_listed",
            format!("{unit} 的清单中没有所引事项, 部门职责不得转嫁给镇（街道）"),
            en,
        ),
        No::LeadCount { count } => Refusal::field("shares", format!("must name exactly one lead unit, names {count}")),
        No::NamedTwice { unit } => Refusal::field("shares", format!("{unit} has one duty twice, or both parts")),
        No::AnswersOutstanding { units } => Refusal::forbidden(
            "assignment.answers_outstanding",
            format!("尚有单位未表态且期限未满: {}", listed(&units)),
            format!("{en}: {}", listed(&units)),
        ),
        No::NoPost { unit } => Refusal::forbidden("assignment.no_post", format!("{unit} 没有可以承办的岗位"), en),
        No::NotOfTheUnit { person } => {
            Refusal::field("person_code", format!("{person} does not hold such a post in the unit"))
        }
        No::NotEvidence { media_type } => Refusal::field(
            "evidence_sha256",
            format!("a file of type {media_type} is not evidence; pictures, sound, video and documents are"),
        ),
        No::EvidenceCount { max } => Refusal::field("evidence_sha256", format!("must be 1 to {max} different files")),
        No::Clock(error) => Refusal::forbidden(
            "assignment.no_due_date",
            "期限无法计算: 工作日历不足",
            format!("a due date cannot be counted: {error}"),
        ),
    }
}

fn listed(units: &[UnitCode]) -> String {
    units.iter().map(UnitCode::as_str).collect::<Vec<_>>().join(", ")
}

fn beijing(at: jiff::Timestamp) -> String {
    at.to_zoned(vocab::calendar::zone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn thing_zh(thing: &str) -> &str {
    match thing {
        "case" => "案件",
        "work order" => "工单",
        "consultation" => "会商",
        "account" => "账号",
        other => other,
    }
}

fn stage_zh(stage: &str) -> &str {
    match stage {
        "diagnosing" => "正在诊断",
        "awaiting_acceptance" => "尚待受理",
        "consulting" => "正在会商",
        "determined" => "已认定",
        "ruled" => "已裁定",
        "handled" => "已办理完毕",
        "linked" => "已并案",
        "ended" => "已终结",
        "dispatched" => "尚未签收",
        "acknowledged" => "已签收",
        "objected" => "正在异议",
        "completed" => "已办结",
        "withdrawn" => "已撤销",
        "open" => "正在征求意见",
        "answered" => "尚待裁定",
        "over" => "已结束",
        "disabled" => "已停用",
        other => other,
    }
}

fn verb_zh(verb: &str) -> &str {
    match verb {
        "answered" => "表态",
        "diagnosed" => "诊断",
        "accepted" => "受理",
        "given facts" => "补充事实",
        "linked" => "并案",
        "ended" => "终结",
        "returned" => "退回登记",
        "reopened" => "重新办理",
        "timed out" | "reminded of" => "计时",
        "ruled" => "裁定",
        "acknowledged" => "签收",
        "objected to" => "提出异议",
        "decided upon" => "审查异议",
        "reported on" => "报告进展",
        "completed" => "办结",
        "withdrawn" => "撤销",
        "reassigned" => "改派",
        "given another deadline" => "变更期限",
        "pressed" => "督办",
        "watched" => "跟踪期限",
        "bound" => "改由裁定约束",
        "escalated" => "提请联合执法",
        "joined with an operation" => "并入联合行动",
        "handed over" => "交接",
        "relieved of a follow-up" => "了结后续处置",
        "refused" => "退回",
        "enrolled" => "登记公钥",
        "disabled" => "停用",
        other => other,
    }
}
