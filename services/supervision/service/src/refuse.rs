//! A domain's no as a caller hears it: a stable reason, a sentence in both languages, and what to do instead.

use kit::refusal::Refusal as No;
use supervision_domain::{CheckCode, Refusal};

/// What was asked for does not exist, for this caller.
pub const fn no_case() -> No {
    No::NotFound { what: "case" }
}

/// Says no.
pub fn refuse(refusal: Refusal) -> No {
    let english = refusal.to_string();
    let say = |reason: &'static str, zh: &str| No::forbidden(reason, zh, english.clone());
    match refusal {
        Refusal::NoClock(_) => No::NotFound { what: "clock" },
        Refusal::NoSupervisionOrder => No::NotFound { what: "supervision order" },
        Refusal::NoClosing => No::NotFound { what: "closing" },
        Refusal::Stopped => say("supervision.clock_stopped", "时钟已经停止"),
        Refusal::Breached => say("supervision.clock_breached", "期限已过, 不能再中止或者延期"),
        Refusal::Paused => {
            say("supervision.clock_paused", "时钟已经中止").with_hint("先恢复计时", "resume the clock first")
        }
        Refusal::NotPaused => say("supervision.clock_not_paused", "时钟没有中止"),
        Refusal::NotExtensible(rule) => say("supervision.not_extensible", &format!("规则 {rule} 不允许延期")),
        Refusal::ExtendedBefore => say("supervision.extended_before", "已经延期一次, 不能再延"),
        Refusal::TooMuch { max } => say("supervision.extension_too_long", &format!("最多延期 {max}")),
        Refusal::NotTheHolder { holder } => say("supervision.not_the_holder", &format!("该期限由 {holder} 承担")),
        Refusal::NotTheHead => say("supervision.not_the_head", "延期只能由单位负责人批准")
            .with_hint("请单位负责人用本人账号办理", "the unit's head must do it with a personal account"),
        Refusal::NotPausable { rule, reason } => {
            say("supervision.not_pausable", &format!("规则 {rule} 不因“{reason}”中止"))
        }
        Refusal::NoAnswerAsked => say("supervision.no_answer_asked", "提醒和催办不需要书面回复"),
        Refusal::Answered => say("supervision.answered", "督办单已经回复"),
        Refusal::Decided => say("supervision.closing_decided", "结案审核已经作出"),
        Refusal::CaseEnded => say("supervision.case_ended", "案件已经终结"),
        Refusal::ChecksMissing(codes) => checks_missing(&codes),
        Refusal::HandledIt { unit } => say("supervision.handled_it", &format!("{unit} 参与了办理, 不能审核结案"))
            .with_hint("由没有份额的单位审核", "a unit without a share must check"),
        Refusal::NotTheHeadCase => {
            say("supervision.not_the_head_case", "同案成员随主件结案").with_hint("审核主件", "check the head case")
        }
        Refusal::NotAShare(_) => say("supervision.not_a_share", "该工单不是本轮办结的份额"),
        Refusal::Clock(_) => say("supervision.cannot_count", "期限无法计算"),
        Refusal::Facts(error) => No::Internal(error.to_string()),
    }
}

fn checks_missing(codes: &[CheckCode]) -> No {
    let zh: Vec<&str> = codes
        .iter()
        .map(|code| match code {
            CheckCode::Evidence => "证据",
            CheckCode::SharesClosed => "份额办结",
            CheckCode::OperationsFinished => "联合执法结束",
            CheckCode::NoticeServed => "答复送达",
            CheckCode::SecondUnit => "第二单位审核",
        })
        .collect();
    let en: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    No::forbidden(
        "supervision.checks_missing",
        format!("结案条件不具备: {}", zh.join("、")),
        format!("these checks do not hold: {}", en.join(", ")),
    )
    .with_hint("查看结案证明", "see the closing proof")
}
