//! A domain's no as a caller hears it: a stable reason, a sentence in both languages, and what to do instead.

use evaluation_domain::Refusal;
use kit::refusal::Refusal as No;

/// What was asked for does not exist, for this caller.
pub const fn no_callback() -> No {
    No::NotFound { what: "callback" }
}

/// Says no.
pub fn refuse(refusal: Refusal) -> No {
    let english = refusal.to_string();
    match refusal {
        Refusal::NoCallback => no_callback(),
        Refusal::OutOfTurn { state, verb } => {
            No::forbidden("evaluation.out_of_turn", format!("该回访{}, 不能{}", state.zh(), verb.zh()), english)
                .with_hint("查看该回访的当前状态", "see where the call-back stands")
        }
        Refusal::MadeTheCall => No::forbidden("evaluation.made_the_call", "登记该次回访的人不能作甄别决定", english)
            .with_hint("请由另一人甄别", "somebody else must decide it"),
    }
}
