//! Every sentence a user can see, in both languages: [`zh`] and [`en`] hold the words, the compiler holds them complete.

mod en;
pub mod finding;
pub mod labels;
mod word;
mod zh;

use std::time::Duration;

pub use labels::{label, short};
pub use vocab::Lang;
pub use word::Word;

/// A sentence with what belongs into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    /// A word or sentence with nothing to fill in.
    Just(Word),

    // Parts of an answer
    /// A due date that lies ahead: so many days are left.
    DueIn {
        /// When.
        day: String,
        /// How many days.
        days: i64,
    },
    /// A due date that is over.
    DueOver {
        /// When.
        day: String,
        /// By how many days.
        days: i64,
    },
    /// A boundary rule decided.
    BoundaryRule {
        /// Its code and its source.
        rule: String,
    },
    /// A precedent decided.
    ByPrecedent {
        /// Its id.
        precedent: String,
    },
    /// The ruling that is in force instead.
    RulingInForce {
        /// Its id.
        ruling: String,
    },
    /// The proof's fingerprint.
    ProofHash {
        /// In hexadecimal.
        hash: String,
    },
    /// As of which day the lists were read.
    ValidOn {
        /// The day.
        day: String,
    },
    /// Valid from a day on, until further notice or until a day.
    ValidFromTo {
        /// The first day.
        from: String,
        /// The last, or empty.
        to: String,
    },
    /// 主办 of a unit.
    Leads {
        /// The unit.
        unit: String,
    },
    /// This one belongs to a head.
    FollowsHead {
        /// The head.
        head: String,
    },
    /// The same complainant comes again after an answer; handled on its own.
    ComesAgain {
        /// The earlier case.
        head: String,
    },
    /// So many cases follow this one.
    HasMembers {
        /// How many.
        members: usize,
    },
    /// The track code.
    TrackingCode {
        /// The code.
        code: String,
    },
    /// Services whose tasks the caller may not read.
    TasksNotSeen {
        /// Their names.
        services: String,
    },
    /// Which round of handling.
    Round {
        /// From 1.
        round: u32,
    },

    // What was done
    /// A case has its number.
    CaseRegistered {
        /// Its number.
        case: String,
        /// The tracking code.
        code: String,
        /// True where it is accepted already.
        accepted: bool,
    },
    /// Earlier cases may belong together with it.
    CandidatesFound {
        /// How many.
        count: usize,
    },
    /// A case is accepted.
    CaseAccepted {
        /// Its number.
        case: String,
        /// How many cases, members included.
        cases: usize,
    },
    /// A case is declined.
    CaseDeclined {
        /// Its number.
        case: String,
        /// The ground.
        ground: String,
        /// The right route.
        route: String,
    },
    /// A case is routed away.
    CaseRouted {
        /// Its number.
        case: String,
        /// Where to.
        route: String,
    },
    /// Something is recorded and needs no more words.
    Done {
        /// What it is about.
        what: String,
    },
    /// A case is joined to another.
    CaseLinked {
        /// The later.
        case: String,
        /// The earlier.
        head: String,
    },
    /// The identity was opened and the audit knows it.
    Revealed {
        /// The entry of the audit.
        reveal: String,
    },
    /// A ruling is made.
    Ruled {
        /// Its id.
        ruling: String,
        /// How many orders went out.
        orders: usize,
    },
    /// An operation is fixed.
    OperationFixed {
        /// When.
        span: String,
        /// Where.
        place: String,
    },
    /// Time was turned.
    Turned {
        /// What time it is.
        now: String,
        /// How many stops it took.
        steps: u32,
    },
    /// A stop on the way.
    TurnStop {
        /// What time it is.
        at: String,
    },
    /// The pack is in force.
    PackApplied {
        /// Its hash.
        hash: String,
    },
    /// The pack is the one in force already.
    PackSame {
        /// Its hash.
        hash: String,
    },
    /// The pack has no mistakes.
    PackFine {
        /// Its hash.
        hash: String,
    },
    /// The pack has mistakes.
    PackMistakes {
        /// How many.
        count: usize,
    },
    /// Everything holds.
    VerifyHolds {
        /// How many checks.
        checks: usize,
    },
    /// Something does not hold.
    VerifyFails {
        /// How many things.
        violations: u64,
    },
    /// Events that wait.
    VerifyParked {
        /// How many.
        count: usize,
    },
    /// Something is wrong with the centre.
    DoctorWrong {
        /// How many things.
        count: usize,
    },
    /// A service was brought forward.
    Recovered {
        /// Its name.
        service: String,
        /// How many events came back.
        imported: u64,
        /// How many decisions were put back.
        redone: u64,
        /// Where its journal ends now.
        last: i64,
    },
    /// A new epoch began.
    EpochBegan {
        /// Which.
        epoch: i32,
        /// The last position that is the same for everybody.
        base: i64,
    },
    /// Cases that wait for a person after a recovery.
    Affected {
        /// How many.
        count: u64,
    },
    /// One of them is settled.
    Settled {
        /// Which.
        what: String,
        /// How many are left of the same kind.
        left: u64,
    },
    /// Timers that fired late.
    VerifyLate {
        /// How many.
        count: u64,
    },
    /// More violations than are shown.
    VerifyMore {
        /// How many more.
        count: u64,
    },
    /// A journey went through.
    JourneyDone {
        /// Its name.
        name: String,
        /// How many steps.
        steps: usize,
        /// How long it took.
        took: Duration,
    },
    /// A journey stopped.
    JourneyFailed {
        /// Its name.
        name: String,
        /// The step, from 1.
        step: usize,
        /// What was wrong.
        why: String,
    },
    /// A step of a journey went otherwise.
    Mismatch {
        /// How, with the paths and values of the contract.
        why: String,
    },
    /// A step of a journey.
    JourneyStep {
        /// From 1.
        step: usize,
        /// Of how many.
        of: usize,
        /// What is done.
        what: String,
    },

    // Refusals of our own
    /// The data directory holds no running centre.
    CentreFileMissing {
        /// The file.
        path: String,
    },
    /// The centre's file does not read.
    CentreFileBroken {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The centre does not answer.
    Unreachable {
        /// What the transport said.
        why: String,
    },
    /// A file does not read.
    FileUnreadable {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A file is larger than anything that is read.
    FileTooLarge {
        /// The file.
        path: String,
        /// How many KiB are read.
        most_kib: u64,
    },
    /// A file cannot be made.
    FileUnwritable {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A new private key lies in a file.
    KeyWritten {
        /// The file.
        path: String,
    },
    /// A public key does not read.
    NotAPublicKey {
        /// As it was given.
        text: String,
    },
    /// Until and with a day.
    Until {
        /// The day.
        day: String,
    },
    /// An account's key is not one.
    KeyUnusable {
        /// The file.
        path: String,
    },
    /// Tokens of accounts are not given out here.
    CannotMint {
        /// The account.
        account: String,
        /// Why.
        why: String,
    },
    /// No such account in the pack.
    NoAccount {
        /// The account.
        account: String,
    },
    /// The pack does not read.
    PackUnreadable {
        /// Why.
        why: String,
    },
    /// Nothing fits a short name.
    NothingNamed {
        /// The name as it was given.
        name: String,
    },
    /// More than one thing fits a short name.
    SeveralNamed {
        /// The name as it was given.
        name: String,
        /// The ids.
        ids: String,
    },
    /// The centre's answer does not hold together.
    AnswerBroken {
        /// What is wrong.
        why: String,
    },
    /// A moment does not read.
    NotAMoment {
        /// As it was given.
        text: String,
    },
    /// A fact does not read.
    NotAFact {
        /// As it was given.
        text: String,
    },
    /// A share does not read.
    NotAShare {
        /// As it was given.
        text: String,
    },
    /// The rule is not in the pack.
    NoRule {
        /// The rule.
        rule: String,
    },
    /// The clock cannot be counted.
    CannotCount {
        /// Why.
        why: String,
    },
    /// Time cannot be turned.
    CannotTurn {
        /// Why.
        why: String,
    },
    /// The journey is not in the pack.
    NoJourney {
        /// Its name.
        name: String,
    },
    /// The journey does not read.
    JourneyBroken {
        /// What is wrong.
        why: String,
    },
    /// Asks before something that cannot be undone.
    Sure {
        /// What would be done.
        what: String,
    },
    /// A violation in words.
    Violation(Box<client::verify::Violation>),
}

impl Say {
    /// The sentence in a language, without a full stop.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => zh::text(self),
            Lang::En => en::text(self),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
