//! What each verb does: ask the centre, say what it answered.

pub mod account;
pub mod audit;
pub mod booking;
pub mod bus;
pub mod case;
pub mod case_text;
pub mod clock;
pub mod clock_change;
pub mod closing;
pub mod doctor;
mod follow_up;
pub mod journey;
pub mod list;
pub mod officer;
pub mod operation;
pub mod packs;
pub mod precedent;
pub mod rating;
pub mod recovery;
pub mod reply;
pub mod responsibility;
pub mod task;
pub mod verify;
pub mod watch;
pub mod work_order;

use client::moment;
use jiff::Timestamp;
use xiezhi_proto::common::v1::{Citation, Deadline, Share};

use crate::names::Names;
use crate::say::{Lang, Say, label};
use crate::screen::{Table, time};
use crate::session::Session;

/// What rendering needs: the language, the names and what time it is.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The reader's language.
    pub lang: Lang,
    /// What codes are called.
    pub names: &'a Names,
    /// What time it is in the centre.
    pub now: Timestamp,
}

/// Services and the codes of their names.
const SERVICE_LABELS: [(&str, &str); 5] = [
    ("intake", "service.intake"),
    ("assignment", "service.assignment"),
    ("scheduling", "service.scheduling"),
    ("supervision", "service.supervision"),
    ("evaluation", "service.evaluation"),
];

impl<'a> View<'a> {
    /// The view of a session, with the centre's own time.
    pub async fn of(session: &'a Session) -> Result<View<'a>, crate::failure::Failure> {
        Ok(Self { lang: session.lang, names: session.names().await?, now: session.now().await? })
    }

    /// What a service is called.
    #[must_use]
    pub fn service(service: &str, lang: Lang) -> &'static str {
        SERVICE_LABELS.iter().find(|(name, _)| *name == service).map_or("", |(_, code)| label(code, lang))
    }

    /// A moment; nothing where it is absent.
    #[must_use]
    pub fn at(&self, at: Option<&prost_types::Timestamp>) -> String {
        moment(at).map_or_else(String::new, |at| time::moment(at, self.now, self.lang))
    }

    /// A due date with what is left of it.
    #[must_use]
    pub fn due(&self, at: Option<&prost_types::Timestamp>) -> String {
        let Some(due) = moment(at) else { return String::new() };
        let days = time::days_left(due, self.now);
        let day = time::day(due, self.now, self.lang);
        if due < self.now { Say::DueOver { day, days: -days } } else { Say::DueIn { day, days } }.text(self.lang)
    }

    /// A deadline with what is left of it.
    #[must_use]
    pub fn deadline(&self, deadline: Option<&Deadline>) -> String {
        self.due(deadline.and_then(|deadline| deadline.due_at.as_ref()))
    }

    /// The word for a code.
    #[must_use]
    pub fn word<'w>(&self, code: &'w str) -> &'w str {
        label(code, self.lang)
    }

    /// A citation as it is read: law, article, item.
    #[must_use]
    pub fn citation(&self, citation: &Citation) -> String {
        let mut text = match (citation.law.as_str(), citation.article.as_str()) {
            ("", "") => String::new(),
            ("", article) => article.to_owned(),
            (law, article) => format!("《{law}》{article}"),
        };
        if !citation.item_code.is_empty() {
            let name = self.names.item(&citation.item_code);
            let item =
                if name == citation.item_code { name.to_owned() } else { format!("{} {name}", citation.item_code) };
            text = if text.is_empty() { item } else { format!("{item} ({text})") };
        }
        text
    }

    /// Several citations.
    #[must_use]
    pub fn citations(&self, citations: &[Citation]) -> String {
        citations.iter().map(|citation| self.citation(citation)).collect::<Vec<_>>().join("; ")
    }

    /// Shares, one a row: unit, part, duty, what it rests on.
    #[must_use]
    pub fn shares(&self, shares: &[Share]) -> String {
        let mut table = Table::new().indented(2);
        for share in shares {
            table.row([
                self.names.unit(&share.unit_code).to_owned(),
                self.word(share.role().as_str_name()).to_owned(),
                self.word(share.duty().as_str_name()).to_owned(),
                self.citations(&share.citations),
            ]);
        }
        table.render()
    }

    /// The sentence in the reader's language.
    #[must_use]
    pub fn say(&self, say: &Say) -> String {
        say.text(self.lang)
    }
}
