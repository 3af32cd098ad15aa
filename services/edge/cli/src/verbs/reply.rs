//! `case reply` and `determination try`: what was answered, and what the lists would say.

use client::call;
use xiezhi_proto::assignment::v1 as assignment;
use xiezhi_proto::common::v1::{CaseFacts, Channel};

use super::View;
use super::responsibility::render_result;
use crate::args::TryArgs;
use crate::failure::Failure;
use crate::reflect::json;
use crate::say::Say;
use crate::screen::{Answer, time};
use crate::session::Session;
use crate::{parse, resolve};

/// The lead's reply of a round, the latest where none is named.
pub async fn show(session: &Session, case: &str, round: u32) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let case_id = resolve::case_id(session, case).await?;
    let request = assignment::GetReplyRequest { case_id, round, handled_at: None };
    let found = centre.read(|| call!(centre.assignment().get_reply(request.clone()))).await?;
    let view = View::of(session).await?;
    Ok(Answer::new(json(&found)?, render(&found, &view)))
}

/// When, who, what it comes to and in which round, then the words.
fn render(found: &assignment::GetReplyResponse, view: &View<'_>) -> String {
    let conclusion = format!("conclusion.{}", found.conclusion);
    let mut head = vec![view.at(found.written_at.as_ref()), view.names.unit(&found.lead_unit).to_owned()];
    if !found.conclusion.is_empty() {
        head.push(view.word(&conclusion).to_owned());
    }
    head.push(view.say(&Say::Round { round: found.round }));
    format!("{}\n\n{}\n", head.join("    "), found.reply)
}

/// What the lists say of facts that belong to no case; changes nothing.
pub async fn try_out(session: &Session, args: TryArgs) -> Result<Answer, Failure> {
    let centre = &session.centre;
    let today = time::local(session.now().await?).date().to_string();
    let facts = CaseFacts {
        matter_codes: args.matters,
        region_code: args.region,
        object_type: args.object,
        declared: parse::facts(&args.facts)?,
        act_on: args.on.unwrap_or(today),
        // Facts come by some channel; no list asks by which.
        channel: Channel::Web.into(),
        ..CaseFacts::default()
    };
    let request = assignment::DetermineRequest { facts: Some(facts), valid_on: args.valid_on, known_at: None };
    let found = centre.read(|| call!(centre.assignment().determine(request.clone()))).await?;
    let view = View::of(session).await?;
    let mut text = found.result.as_ref().map(|result| render_result(result, &view)).unwrap_or_default();
    text.push_str(&view.say(&Say::ProofHash { hash: hex::encode(&found.proof_sha256) }));
    Ok(Answer::new(json(&found)?, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;
    use crate::say::Lang;

    #[test]
    fn a_reply_says_what_it_comes_to_where_that_is_known() {
        let names = Names::default();
        let view = View { lang: Lang::Zh, names: &names, now: jiff::Timestamp::UNIX_EPOCH };
        let told = |conclusion: &str| {
            let found = assignment::GetReplyResponse {
                lead_unit: "ZF".to_owned(),
                conclusion: conclusion.to_owned(),
                reply: "已依法处理".to_owned(),
                round: 2,
                written_at: Some(client::proto_time(jiff::Timestamp::UNIX_EPOCH)),
            };
            render(&found, &view)
        };
        assert_eq!(told("supported"), "1月01日 08:00    ZF    支持    第 2 轮\n\n已依法处理\n");
        assert_eq!(told(""), "1月01日 08:00    ZF    第 2 轮\n\n已依法处理\n");
    }
}
