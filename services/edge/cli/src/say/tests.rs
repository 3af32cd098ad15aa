//! What every sentence must be: in its own language, and only that.

use super::*;

/// True of a text with at least one Chinese character.
pub fn is_chinese(text: &str) -> bool {
    text.chars().any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character))
}

#[test]
fn a_sentence_speaks_the_language_it_is_asked_in() {
    let told = Say::DueIn { day: "17".to_owned(), days: 6 };
    assert_eq!(told.text(Lang::Zh), "17 (剩 6 天)");
    assert_eq!(told.text(Lang::En), "17 (6 days left)");
}

#[test]
fn chinese_sentences_are_chinese_and_english_ones_are_not() {
    for say in samples() {
        let (zh, en) = (say.text(Lang::Zh), say.text(Lang::En));
        assert!(is_chinese(&zh), "{say:?}: {zh}");
        assert!(!en.is_empty() && !is_chinese(&en), "{say:?}: {en}");
    }
}

/// Sentences without Chinese inside, so that the words around are what is judged. Exhaustiveness is the compiler's.
fn samples() -> Vec<Say> {
    let x = || "x".to_owned();
    vec![
        Say::DueOver { day: x(), days: 2 },
        Say::BoundaryRule { rule: x() },
        Say::ByPrecedent { precedent: x() },
        Say::RulingInForce { ruling: x() },
        Say::ProofHash { hash: x() },
        Say::ValidOn { day: x() },
        Say::ValidFromTo { from: x(), to: x() },
        Say::ValidFromTo { from: x(), to: String::new() },
        Say::Leads { unit: x() },
        Say::FollowsHead { head: x() },
        Say::ComesAgain { head: x() },
        Say::HasMembers { members: 2 },
        Say::TrackingCode { code: x() },
        Say::TasksNotSeen { services: x() },
        Say::Round { round: 2 },
        Say::CaseRegistered { case: x(), code: x(), accepted: true },
        Say::CandidatesFound { count: 2 },
        Say::CaseAccepted { case: x(), cases: 3 },
        Say::CaseDeclined { case: x(), ground: x(), route: x() },
        Say::CaseRouted { case: x(), route: x() },
        Say::Done { what: x() },
        Say::CaseLinked { case: x(), head: x() },
        Say::Revealed { reveal: x() },
        Say::Ruled { ruling: x(), orders: 2 },
        Say::OperationFixed { span: x(), place: x() },
        Say::Turned { now: x(), steps: 2 },
        Say::TurnStop { at: x() },
        Say::PackApplied { hash: x() },
        Say::PackSame { hash: x() },
        Say::PackFine { hash: x() },
        Say::PackMistakes { count: 2 },
        Say::VerifyHolds { checks: 8 },
        Say::VerifyFails { violations: 2 },
        Say::VerifyParked { count: 2 },
        Say::DoctorWrong { count: 2 },
        Say::Recovered { service: x(), imported: 2, redone: 2, last: 9 },
        Say::EpochBegan { epoch: 2, base: 7 },
        Say::Affected { count: 2 },
        Say::Settled { what: x(), left: 1 },
        Say::VerifyLate { count: 2 },
        Say::VerifyMore { count: 2 },
        Say::JourneyDone { name: x(), steps: 2, took: Duration::from_secs(2) },
        Say::JourneyFailed { name: x(), step: 2, why: x() },
        Say::Mismatch { why: x() },
        Say::JourneyStep { step: 1, of: 2, what: x() },
        Say::CentreFileMissing { path: x() },
        Say::CentreFileBroken { path: x(), why: x() },
        Say::Unreachable { why: x() },
        Say::FileUnreadable { path: x(), why: x() },
        Say::FileTooLarge { path: x(), most_kib: 1 },
        Say::FileUnwritable { path: x(), why: x() },
        Say::KeyWritten { path: x() },
        Say::NotAPublicKey { text: x() },
        Say::Until { day: x() },
        Say::KeyUnusable { path: x() },
        Say::CannotMint { account: x(), why: x() },
        Say::NoAccount { account: x() },
        Say::PackUnreadable { why: x() },
        Say::NothingNamed { name: x() },
        Say::SeveralNamed { name: x(), ids: x() },
        Say::AnswerBroken { why: x() },
        Say::NotAMoment { text: x() },
        Say::NotAFact { text: x() },
        Say::NotAShare { text: x() },
        Say::NoRule { rule: x() },
        Say::CannotCount { why: x() },
        Say::CannotTurn { why: x() },
        Say::NoJourney { name: x() },
        Say::JourneyBroken { why: x() },
        Say::Sure { what: x() },
        Say::Violation(Box::new(client::verify::Violation::HashDiffers { service: x(), pos: 1 })),
    ]
}
