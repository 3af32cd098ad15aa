//! English.

use super::{Lang, Say};

pub(super) fn text(say: &Say) -> String {
    match say {
        Say::DueIn { day, days: 0 } => format!("{day} (today)"),
        Say::DueIn { day, days } => format!("{day} ({days} days left)"),
        Say::DueOver { day, days } => format!("{day} ({days} days over)"),
        Say::BoundaryRule { rule } => format!("by boundary rule {rule}"),
        Say::ByPrecedent { precedent } => format!("by precedent {precedent}"),
        Say::RulingInForce { ruling } => format!("ruling {ruling} is in force instead"),
        Say::ProofHash { hash } => format!("fingerprint of the proof {hash}"),
        Say::ValidOn { day } => format!("by the lists as valid on {day}"),
        Say::ValidFromTo { from, to } if to.is_empty() => format!("from {from} on"),
        Say::ValidFromTo { from, to } => format!("{from} to {to}"),
        Say::Leads { unit } => format!("{unit} leads"),
        Say::FollowsHead { head } => format!("is handled with {head}"),
        Say::ComesAgain { head } => format!("comes again after {head} and is handled on its own"),
        Say::HasMembers { members } => format!("{members} more with the same problem are handled with it"),
        Say::TrackingCode { code } => format!("tracking code {code}"),
        Say::TasksNotSeen { services } => format!("not listed, as you may not read them: tasks of {services}"),
        Say::Round { round } => format!("round {round}"),
        Say::CaseRegistered { case, code, accepted: false } => format!("{case} is registered, tracking code {code}"),
        Say::CaseRegistered { case, code, accepted: true } => {
            format!("{case} is registered and accepted, tracking code {code}")
        }
        Say::CandidatesFound { count } => format!("it may belong together with {count} earlier cases"),
        Say::CaseAccepted { case, cases: 1 } => format!("{case} is accepted, its notice is served"),
        Say::CaseAccepted { case, cases } => {
            format!("{case} and its members, {cases} in all, are accepted, each with its own notice")
        }
        Say::CaseDeclined { case, ground, route } => format!("{case} is declined ({ground}): {route}"),
        Say::CaseRouted { case, route } => format!("{case} is routed away: {route}"),
        Say::Done { what } => format!("{what} is recorded"),
        Say::CaseLinked { case, head } => format!("{case} now belongs to {head}"),
        Say::Revealed { reveal } => format!("the audit knows it as {reveal}"),
        Say::Ruled { ruling, orders } => format!("ruling {ruling} is made, {orders} work orders are out"),
        Say::OperationFixed { span, place } => format!("fixed for {span} {place}"),
        Say::Turned { now, steps } => format!("it is now {now}, after {steps} stops"),
        Say::TurnStop { at } => format!("turned to {at}"),
        Say::PackApplied { hash } => format!("pack {hash} is in force"),
        Say::PackSame { hash } => format!("pack {hash} was in force already"),
        Say::PackFine { hash } => format!("the pack has no mistakes {hash}"),
        Say::PackMistakes { count } => format!("the pack has {count} mistakes"),
        Say::VerifyHolds { checks } => format!("all {checks} hold"),
        Say::VerifyFails { violations } => format!("{violations} do not hold"),
        Say::VerifyParked { count } => format!("{count} events wait: xiezhi bus parked list"),
        Say::DoctorWrong { count } => format!("{count} things need somebody"),
        Say::Recovered { service, imported, redone, last } => {
            format!(
                "{service} is recovered: {imported} events came back, {redone} decisions were redone, the journal ends at {last}"
            )
        }
        Say::EpochBegan { epoch, base } => format!("what came after {base} is lost; epoch {epoch} begins"),
        Say::Affected { count } => format!("{count} cases wait for a person: xiezhi bus diverged list"),
        Say::Settled { what, left } => format!("{what} is settled, {left} left of its kind"),
        Say::VerifyLate { count } => {
            format!("{count} timers fired more than 5 s after they were due (an outage, or turned time)")
        }
        Say::VerifyMore { count } => format!("and {count} more"),
        Say::JourneyDone { name, steps, took } => {
            format!("journey {name} went through, {steps} steps, {:.1} s", took.as_secs_f64())
        }
        Say::JourneyFailed { name, step, why } => format!("journey {name} stopped at step {step}: {why}"),
        Say::Mismatch { why } => format!("not as the journey says: {why}"),
        Say::JourneyStep { step, of, what } => format!("step {step}/{of}  {what}"),
        Say::CentreFileMissing { path } => format!("no running centre here: {path}"),
        Say::CentreFileBroken { path, why } => format!("{path} does not read: {why}"),
        Say::Unreachable { why } => format!("the centre cannot be reached: {why}"),
        Say::FileUnreadable { path, why } => format!("cannot read {path}: {why}"),
        Say::FileTooLarge { path, most_kib } => format!("{path} is too large; at most {most_kib} KiB are read"),
        Say::FileUnwritable { path, why } => format!("cannot write {path}: {why}"),
        Say::KeyWritten { path } => {
            format!(
                "the private key lies in {path}, keep it safe; an administrator enrols the public one: xiezhi account register-key"
            )
        }
        Say::NotAPublicKey { text } => format!("{text} is no Ed25519 public key (64 hexadecimal digits)"),
        Say::Until { day } => format!("until {day}"),
        Say::KeyUnusable { path } => format!("{path} is no Ed25519 private key (PEM or 64 hexadecimal digits)"),
        Say::CannotMint { account, why } => format!("cannot call as {account}: {why}"),
        Say::NoAccount { account } => format!("the pack has no account {account}"),
        Say::PackUnreadable { why } => format!("the pack does not read: {why}"),
        Say::NothingNamed { name } => format!("{name} was not found"),
        Say::SeveralNamed { name, ids } => format!("there is more than one {name}; use an id: {ids}"),
        Say::AnswerBroken { why } => format!("the centre's answer does not hold together: {why}"),
        Say::NotAMoment { text } => format!("{text} is no moment; write 2026-03-06 or \"2026-03-06 20:00\""),
        Say::NotAFact { text } => format!("{text} is no fact; write premises.licensed=true"),
        Say::NotAShare { text } => format!("{text} is no share; write ZF:punish:PI012 (unit:duty:item)"),
        Say::NoRule { rule } => format!("the pack has no clock rule {rule}"),
        Say::CannotCount { why } => format!("the due date cannot be counted: {why}"),
        Say::CannotTurn { why } => format!("time was not turned all the way: {why}"),
        Say::NoJourney { name } => format!("the pack has no journey {name}"),
        Say::JourneyBroken { why } => format!("the journey does not read: {why}"),
        Say::Sure { what } => format!("{what} cannot be undone. Sure? [y/N] "),
        Say::Violation(violation) => violation.to_string(),
        Say::Just(word) => word.text(Lang::En).to_owned(),
    }
}
