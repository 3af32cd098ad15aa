//! 解析: from files in memory to a checked pack, or to the list of everything that is wrong with them.

mod rows;
mod source;
mod words;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use vocab::{Calendar, ClockRule, Session};

use crate::check;
use crate::disk::Files;
use crate::organisation::{Account, Officer, OrganisationUnit, Person, Post};
use crate::{
    AcceptanceRule, Agreement, Assessment, BoundaryRule, CallbackScheme, ConsultationSettings, County, EventClass,
    Fact, Journey, Ladder, Matter, ModeRule, NoClerkClass, ObjectType, OperationSettings, Pack, PowerItem, Resource,
    ResponsibilityItem, Template, Town, TrackRule, Village,
};

pub(crate) use source::{Located, Reader};
pub use words::Mistake;

/// The names of a pack's files.
pub(crate) mod file {
    pub const COUNTY: &str = "county.yaml";
    pub const TOWNS: &str = "places/towns.csv";
    pub const VILLAGES: &str = "places/villages.csv";
    pub const UNITS: &str = "organisation/units.csv";
    pub const POSTS: &str = "organisation/posts.csv";
    pub const PERSONS: &str = "organisation/persons.csv";
    pub const ACCOUNTS: &str = "organisation/accounts.csv";
    pub const OFFICERS: &str = "organisation/officers.csv";
    pub const RESOURCES: &str = "organisation/resources.csv";
    pub const EVENT_CLASSES: &str = "catalogue/event_classes.csv";
    pub const MATTERS: &str = "catalogue/matters.csv";
    pub const OBJECT_TYPES: &str = "catalogue/object_types.csv";
    pub const FACTS: &str = "catalogue/facts.csv";
    pub const POWER_ITEMS: &str = "lists/power_items.yaml";
    pub const RESPONSIBILITY_ITEMS: &str = "lists/responsibility_items.yaml";
    pub const BOUNDARY_RULES: &str = "lists/boundary_rules.yaml";
    pub const ACCEPTANCE_RULES: &str = "intake/acceptance_rules.yaml";
    pub const NO_CLERK: &str = "intake/no_clerk.yaml";
    pub const MODES: &str = "intake/modes.yaml";
    pub const TRACKS: &str = "intake/tracks.yaml";
    pub const TEMPLATES: &str = "intake/templates.yaml";
    pub const CLOCK_RULES: &str = "clocks/rules.yaml";
    pub const CALENDAR: &str = "clocks/calendar.yaml";
    pub const CALENDAR_DAYS: &str = "clocks/calendar_days.csv";
    pub const CONSULTATION: &str = "assignment/consultation.yaml";
    pub const AGREEMENTS: &str = "assignment/agreements.yaml";
    pub const OPERATIONS: &str = "scheduling/operations.yaml";
    pub const LADDER: &str = "supervision/ladder.yaml";
    pub const CALLBACK: &str = "evaluation/callback.yaml";
    pub const ASSESSMENT: &str = "evaluation/assessment.yaml";
}

/// 日历设置: the part of the calendar that is not a list of days.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarSettings {
    pub version: u32,
    pub provisional_from: Option<Date>,
    pub sessions: Vec<Session>,
}

/// Everything that could be read, before it is known to fit together.
pub(crate) struct Draft {
    pub county: Option<Located<County>>,
    pub towns: Vec<Located<Town>>,
    pub villages: Vec<Located<Village>>,
    pub units: Vec<Located<OrganisationUnit>>,
    pub posts: Vec<Located<rows::PostRow>>,
    pub persons: Vec<Located<Person>>,
    pub accounts: Vec<Located<Account>>,
    pub officers: Vec<Located<rows::OfficerRow>>,
    pub resources: Vec<Located<Resource>>,
    pub event_classes: Vec<Located<EventClass>>,
    pub matters: Vec<Located<Matter>>,
    pub object_types: Vec<Located<ObjectType>>,
    pub facts: Vec<Located<Fact>>,
    pub power_items: Vec<Located<PowerItem>>,
    pub responsibility_items: Vec<Located<ResponsibilityItem>>,
    pub boundary_rules: Vec<Located<BoundaryRule>>,
    pub acceptance_rules: Vec<Located<AcceptanceRule>>,
    pub no_clerk: Vec<Located<NoClerkClass>>,
    pub modes: Vec<Located<ModeRule>>,
    pub tracks: Vec<Located<TrackRule>>,
    pub templates: Vec<Located<Template>>,
    pub clock_rules: Vec<Located<ClockRule>>,
    pub calendar: Option<Located<CalendarSettings>>,
    pub calendar_days: Vec<Located<rows::CalendarDayRow>>,
    pub consultation: Option<Located<ConsultationSettings>>,
    pub agreements: Vec<Located<Agreement>>,
    pub operations: Option<Located<OperationSettings>>,
    pub ladder: Option<Located<Ladder>>,
    pub callback: Option<Located<CallbackScheme>>,
    pub assessment: Option<Located<Assessment>>,
    pub journeys: Vec<Journey>,
}

/// Reads and checks a pack; when anything is wrong, everything that is wrong comes back, in the order of files and lines.
pub fn parse(files: &Files) -> Result<Pack, Vec<Mistake>> {
    let mut reader = Reader::new(files);
    let draft = read(&mut reader);
    reader.blame_strangers();
    check::everything(&draft, &mut reader);
    let mut mistakes = std::mem::take(&mut reader.mistakes);
    mistakes.sort();
    mistakes.dedup();
    if mistakes.is_empty()
        && let Some(pack) = draft.finish()
    {
        return Ok(pack);
    }
    Err(mistakes)
}

fn read(reader: &mut Reader<'_>) -> Draft {
    Draft {
        county: reader.document(file::COUNTY),
        towns: reader.rows(file::TOWNS),
        villages: reader.rows(file::VILLAGES),
        units: converted(reader.rows::<rows::UnitRow>(file::UNITS)),
        posts: reader.rows(file::POSTS),
        persons: reader.rows(file::PERSONS),
        accounts: converted(reader.rows::<rows::AccountRow>(file::ACCOUNTS)),
        officers: reader.rows(file::OFFICERS),
        resources: converted(reader.rows::<rows::ResourceRow>(file::RESOURCES)),
        event_classes: reader.rows(file::EVENT_CLASSES),
        matters: converted(reader.rows::<rows::MatterRow>(file::MATTERS)),
        object_types: converted(reader.rows::<rows::ObjectTypeRow>(file::OBJECT_TYPES)),
        facts: converted(reader.rows::<rows::FactRow>(file::FACTS)),
        power_items: reader.list(file::POWER_ITEMS),
        responsibility_items: reader.list(file::RESPONSIBILITY_ITEMS),
        boundary_rules: reader.list(file::BOUNDARY_RULES),
        acceptance_rules: reader.list(file::ACCEPTANCE_RULES),
        no_clerk: reader.list(file::NO_CLERK),
        modes: reader.list(file::MODES),
        tracks: reader.list(file::TRACKS),
        templates: reader.list(file::TEMPLATES),
        clock_rules: reader.list(file::CLOCK_RULES),
        calendar: reader.document(file::CALENDAR),
        calendar_days: reader.rows(file::CALENDAR_DAYS),
        consultation: reader.document(file::CONSULTATION),
        agreements: reader.list(file::AGREEMENTS),
        operations: reader.document(file::OPERATIONS),
        ladder: reader.document(file::LADDER),
        callback: reader.document(file::CALLBACK),
        assessment: reader.document(file::ASSESSMENT),
        journeys: journeys(reader),
    }
}

fn converted<Row, T: From<Row>>(rows: Vec<Located<Row>>) -> Vec<Located<T>> {
    rows.into_iter().map(|row| row.map(T::from)).collect()
}

fn journeys(reader: &mut Reader<'_>) -> Vec<Journey> {
    let mut journeys = Vec::new();
    for (path, text) in reader.journeys() {
        let name = path.trim_start_matches("journeys/").trim_end_matches(".yaml").to_owned();
        match serde_norway::from_str(text) {
            Ok(document) => {
                let journey = Journey { name, document };
                let told = journey.steps();
                if told.is_empty() || !told.iter().all(serde_json::Value::is_object) {
                    reader.say(
                        path,
                        1,
                        "剧本应当有 steps, 每一步是一个映射",
                        "a journey needs steps, each of them a mapping",
                    );
                }
                journeys.push(journey);
            }
            Err(error) => {
                let line = error.location().map_or(1, |location| words::to_line(location.line()));
                reader.say(path, line.max(1), "剧本无法读取", format!("the journey cannot be read: {error}"));
            }
        }
    }
    journeys
}

fn values<T>(located: Vec<Located<T>>) -> Vec<T> {
    located.into_iter().map(|entry| entry.value).collect()
}

impl Draft {
    /// The pack, once nothing is missing; the checks have already said what is.
    fn finish(self) -> Option<Pack> {
        let settings = self.calendar?.value;
        let days: BTreeMap<_, _> = self.calendar_days.iter().map(|row| (row.value.date, row.value.day())).collect();
        let posts = self.posts.into_iter().map(|row| row.value);
        Some(Pack {
            county: self.county?.value,
            towns: values(self.towns),
            villages: values(self.villages),
            units: values(self.units),
            posts: posts.map(finished_post).collect::<Option<_>>()?,
            persons: values(self.persons),
            accounts: values(self.accounts),
            officers: self.officers.iter().map(|row| row.value.read()).collect::<Option<Vec<Officer>>>()?,
            resources: values(self.resources),
            event_classes: values(self.event_classes),
            matters: values(self.matters),
            object_types: values(self.object_types),
            facts: values(self.facts),
            power_items: values(self.power_items),
            responsibility_items: values(self.responsibility_items),
            boundary_rules: values(self.boundary_rules),
            acceptance_rules: values(self.acceptance_rules),
            no_clerk: values(self.no_clerk),
            modes: values(self.modes),
            tracks: values(self.tracks),
            clock_rules: values(self.clock_rules),
            calendar: Calendar {
                version: settings.version,
                days,
                provisional_from: settings.provisional_from,
                sessions: settings.sessions,
            },
            ladder: self.ladder?.value,
            consultation: self.consultation?.value,
            agreements: values(self.agreements),
            callback: self.callback?.value,
            assessment: self.assessment?.value,
            templates: values(self.templates),
            operations: self.operations?.value,
            journeys: self.journeys,
        })
    }
}

fn finished_post(row: rows::PostRow) -> Option<Post> {
    Some(Post {
        code: row.code,
        unit: row.unit,
        kind: row.kind,
        title_zh: row.title_zh,
        title_en: row.title_en,
        person: row.person?,
    })
}
