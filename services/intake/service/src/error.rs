//! How intake says no: the domain's refusals in the words a clerk reads, with a stable reason and what to do instead.

use intake_domain::Refusal as Domain;
use kit::refusal::Refusal;
use kit::service::Failed;

/// No such case, or none this caller may know of.
pub const NO_CASE: Refusal = Refusal::NotFound { what: "case" };

/// A refusal of the domain as a caller hears it; `number` is the case's.
pub fn refusal(number: &str, refusal: Domain) -> Refusal {
    let en = format!("{number}: {refusal}");
    match refusal {
        Domain::OutOfTurn { stage, verb } => {
            let zh = format!("{number} {}, 不能{}", stage.zh(), verb.zh());
            Refusal::forbidden("intake.out_of_turn", zh, en)
                .with_hint(format!("xiezhi case show {number}"), format!("xiezhi case show {number}"))
        }
        Domain::FollowsHead { .. } => {
            Refusal::forbidden("intake.follows_head", format!("{number} 已并入同一问题的首件, 随首件一并决定"), en)
                .with_hint("对首件操作", "decide the head instead")
        }
        Domain::HasMembers => {
            Refusal::forbidden("intake.has_members", format!("{number} 是其他案件的首件, 不能并入别的案件"), en)
        }
        Domain::NotAHead { .. } => Refusal::forbidden("intake.not_a_head", "目标案件本身已并入首件", en)
            .with_hint("请并入该首件", "join its head instead"),
        Domain::Itself => Refusal::forbidden("intake.itself", "案件不能与自身关联", en),
        Domain::NotLater => Refusal::forbidden("intake.not_later", "只能把后登记的案件并入先登记的案件", en)
            .with_hint("请交换两个案件", "swap the two cases"),
        Domain::AlreadyLinked => {
            Refusal::forbidden("intake.already_linked", format!("{number} 已与其他案件关联, 且已受理"), en)
        }
        Domain::HeadBehind => Refusal::forbidden("intake.head_behind", "首件尚未受理, 而后件已受理", en)
            .with_hint("请先受理首件", "accept the earlier case first"),
        Domain::HeadDone { stage } => {
            Refusal::forbidden("intake.head_done", format!("首件{}, 不再并入新件", stage.zh()), en)
                .with_hint("同一信访人可按重复访关联", "link the same complainant's new case as a repeat")
        }
        Domain::RepeatOfOpen => Refusal::forbidden("intake.repeat_of_open", "前件尚未答复, 不是重复访", en)
            .with_hint("请按重复件关联", "link it as a duplicate"),
        Domain::SealedApart => {
            Refusal::forbidden("intake.sealed_apart", "检举控告件只能与同一被检举单位的案件关联", en)
        }
        Domain::GroundFails { rule } => {
            Refusal::forbidden("intake.ground_fails", format!("{number} 的情况不符合规则 {rule}"), en)
        }
        Domain::NeedsPerson { rule } => {
            Refusal::forbidden("intake.needs_person", format!("规则 {rule} 须由人认定并记录理由"), en)
                .with_hint("请填写 considered", "fill in considered")
        }
        Domain::FactsMissing { rule, missing } => {
            let facts = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Refusal::forbidden("intake.facts_missing", format!("规则 {rule} 所依据的事实尚不清楚: {facts}"), en)
                .with_hint(format!("请先补充事实: {facts}"), format!("add these facts first: {facts}"))
        }
        Domain::PersonalGround { rule } => Refusal::forbidden(
            "intake.personal_ground",
            format!("规则 {rule} 针对信访人本人, 不能用于还有其他信访人的首件"),
            en,
        ),
        Domain::AlreadyReceipted => {
            Refusal::forbidden("intake.already_receipted", format!("{number} 的移送回执已登记"), en)
        }
        Domain::ReceiptOutOfTime => Refusal::field("receipted_at", "must lie between the hand-over and now"),
        Domain::AlreadyForgotten => {
            Refusal::forbidden("intake.already_forgotten", format!("{number} 的信访人信息已删除"), en)
        }
        // Only other services' events come too early; a caller never meets this.
        Domain::NotYet { what } => Refusal::Unavailable(what.to_owned()),
    }
}

/// A refusal of the domain as the bus hears it: wait for the earlier fact, or park for a person.
pub fn failed(number: &str, refusal: &Domain) -> Failed {
    match refusal {
        Domain::NotYet { what } => Failed::NotYet(format!("{number}: {what}")),
        other => Failed::Broken(format!("{number}: {other}")),
    }
}
