//! What can be wrong with a centre, each as data, so that any screen can say it in its own language.

use serde::Serialize;
use uuid::Uuid;

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "violation", rename_all = "snake_case")]
pub enum Violation {
    /// N1: a command that made events, or that a client had answered, is not known.
    CommandUnknown {
        /// The service.
        service: String,
        /// The command.
        command_id: Uuid,
    },
    /// N1: a command's events are not in the journal exactly once.
    CommandEventsDiffer {
        /// The service.
        service: String,
        /// The command.
        command_id: Uuid,
        /// How many events its service remembers.
        remembered: u32,
        /// At which positions the journal has them.
        found: Vec<i64>,
    },
    /// N2: a position is missing, or comes twice.
    PositionBroken {
        /// The service.
        service: String,
        /// The position that should have come.
        expected: i64,
        /// The one that came.
        found: i64,
    },
    /// N2: a row cannot be read.
    Unreadable {
        /// The service.
        service: String,
        /// Its position.
        pos: i64,
        /// What is wrong with it, in English.
        what: String,
    },
    /// N2: a row was changed after it was chained.
    HashDiffers {
        /// The service.
        service: String,
        /// Its position.
        pos: i64,
    },
    /// N2: a key's sequence has a gap or a repeat.
    KeySequenceBroken {
        /// The service.
        service: String,
        /// The position.
        pos: i64,
        /// The key.
        key: Uuid,
        /// The number that should have come.
        expected: i64,
        /// The one that came.
        found: i64,
    },
    /// N2: one event stands in the journal twice.
    EventTwice {
        /// The service.
        service: String,
        /// The second position.
        pos: i64,
        /// The event.
        event_id: Uuid,
    },
    /// N2: the journal does not end where its service says.
    HeadDiffers {
        /// The service.
        service: String,
        /// Where the service says it ends.
        head: i64,
        /// Where it ended when it was read.
        read: i64,
    },
    /// N2: a neighbour remembers another hash at a position.
    RememberedHashDiffers {
        /// Who remembers.
        consumer: String,
        /// Whose journal.
        producer: String,
        /// The position.
        pos: i64,
    },
    /// N3: a consumer has not heard everything.
    CursorBehind {
        /// Who listens.
        consumer: String,
        /// Who spoke.
        producer: String,
        /// How far it has come.
        pos: i64,
        /// How far the journal goes.
        head: i64,
    },
    /// N3: a consumer stands at a position its producer does not have.
    CursorAhead {
        /// Who listens.
        consumer: String,
        /// Who spoke.
        producer: String,
        /// Where it stands.
        pos: i64,
        /// How far the journal goes.
        head: i64,
    },
    /// N3: a consumer does not run.
    CursorNotRunning {
        /// Who listens.
        consumer: String,
        /// Who spoke.
        producer: String,
        /// "repairing", "diverged" or "paused".
        state: String,
    },
    /// N3: a service did not come to rest.
    Restless {
        /// What moved, in English.
        what: String,
    },
    /// N4: a history shows two events of a producer in another order than its journal.
    OrderDiffers {
        /// The case.
        case_id: Uuid,
        /// The producer.
        service: String,
        /// The position that is shown later.
        earlier: i64,
        /// The position that is shown before it.
        later: i64,
    },
    /// N4: a history misses an event that the journal has, or has one that the journal has not.
    HistoryDiffers {
        /// The case.
        case_id: Uuid,
        /// The producer.
        service: String,
        /// The position.
        pos: i64,
    },
    /// N5: nobody is responsible for an accepted case, and nothing will change that.
    NobodyResponsible {
        /// The case.
        case_id: Uuid,
    },
    /// N5: more than one decision is in force for a case.
    ResponsibleTwice {
        /// The case.
        case_id: Uuid,
        /// How many.
        decisions: u32,
    },
    /// N6: an open case has neither an armed timer nor an open task.
    Unattended {
        /// The case.
        case_id: Uuid,
        /// The stage it is in.
        stage: String,
    },
    /// N7: a timer fired before it was due.
    TimerEarly {
        /// The service.
        service: String,
        /// The key.
        key: String,
        /// What the timer was for.
        kind: String,
        /// Its generation.
        generation: i32,
    },
    /// N7: a timer is told twice.
    TimerTwice {
        /// The service.
        service: String,
        /// The key.
        key: String,
        /// What the timer was for.
        kind: String,
        /// Its generation.
        generation: i32,
    },
    /// N7: a timer that is due did not fire within five seconds while the centre was up.
    TimerOverdue {
        /// The service.
        service: String,
        /// The key.
        key: String,
        /// What the timer is for.
        kind: String,
        /// Its generation.
        generation: i32,
    },
    /// N10: a message of the stream is not the journal's row.
    StreamDiffers {
        /// The service.
        service: String,
        /// What differs, in the service's words.
        what: String,
    },
}

impl Violation {
    /// The case it is about, where it is about one.
    #[must_use]
    pub fn case_id(&self) -> Option<Uuid> {
        match self {
            Self::OrderDiffers { case_id, .. }
            | Self::HistoryDiffers { case_id, .. }
            | Self::NobodyResponsible { case_id }
            | Self::ResponsibleTwice { case_id, .. }
            | Self::Unattended { case_id, .. } => Some(*case_id),
            _ => None,
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommandUnknown { service, command_id } => write!(f, "{service} does not know command {command_id}"),
            Self::CommandEventsDiffer { service, command_id, remembered, found } => {
                write!(f, "{service} made {remembered} events for command {command_id}, its journal has {found:?}")
            }
            Self::PositionBroken { service, expected, found } => {
                write!(f, "{service} has position {found} where {expected} should be")
            }
            Self::Unreadable { service, pos, what } => write!(f, "{service} {pos} cannot be read: {what}"),
            Self::HashDiffers { service, pos } => write!(f, "{service} {pos} was changed: the chain breaks there"),
            Self::KeySequenceBroken { service, pos, key, expected, found } => {
                write!(f, "{service} {pos} has number {found} of key {key} where {expected} should be")
            }
            Self::EventTwice { service, pos, event_id } => write!(f, "{service} {pos} repeats event {event_id}"),
            Self::HeadDiffers { service, head, read } => {
                write!(f, "{service} says its journal ends at {head}, it ended at {read} or with another hash")
            }
            Self::RememberedHashDiffers { consumer, producer, pos } => {
                write!(f, "{consumer} remembers another hash of {producer} at {pos}")
            }
            Self::CursorBehind { consumer, producer, pos, head } => {
                write!(f, "{consumer} has heard {pos} of {head} from {producer}")
            }
            Self::CursorAhead { consumer, producer, pos, head } => {
                write!(f, "{consumer} has heard {pos} from {producer}, which has only {head}")
            }
            Self::CursorNotRunning { consumer, producer, state } => {
                write!(f, "{consumer} is {state} for {producer}")
            }
            Self::Restless { what } => write!(f, "the centre does not come to rest: {what}"),
            Self::OrderDiffers { case_id, service, earlier, later } => {
                write!(f, "the history of {case_id} shows {service} {later} before {earlier}")
            }
            Self::HistoryDiffers { case_id, service, pos } => {
                write!(f, "the history of {case_id} and the journal of {service} differ at {pos}")
            }
            Self::NobodyResponsible { case_id } => write!(f, "nobody is responsible for {case_id}"),
            Self::ResponsibleTwice { case_id, decisions } => {
                write!(f, "{decisions} decisions are in force for {case_id}")
            }
            Self::Unattended { case_id, stage } => {
                write!(f, "{case_id} is {stage} and has neither an armed timer nor an open task")
            }
            Self::TimerEarly { service, key, kind, generation } => {
                write!(f, "{service} fired {kind} ({generation}) of {key} before it was due")
            }
            Self::TimerTwice { service, key, kind, generation } => {
                write!(f, "{service} tells {kind} ({generation}) of {key} twice")
            }
            Self::TimerOverdue { service, key, kind, generation } => {
                write!(f, "{service} has not fired {kind} ({generation}) of {key}, which is due")
            }
            Self::StreamDiffers { service, what } => write!(f, "the stream of {service} differs: {what}"),
        }
    }
}
