//! `journey …`: stories of the pack.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use client::Centre;
use client::verify::{Options as VerifyOptions, verify};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json as object;

use crate::args::{JourneyCommand, JourneyRunArgs};
use crate::failure::Failure;
use crate::journey::{Journey, Watcher, play};
use crate::say::{Say, Word};
use crate::screen::{Answer, Screen, Table};
use crate::session::{Session, Tokens};
use crate::{Options, Surroundings, county, files, parse};

/// A centre that exists for one journey and is gone when it is dropped.
pub struct ThrowAway {
    /// The centre, called by its operator.
    pub centre: Centre,
    /// Tokens for the accounts of its pack.
    pub tokens: Arc<dyn Tokens>,
    /// Keeps it running.
    pub keep: Box<dyn std::any::Any + Send>,
}

impl std::fmt::Debug for ThrowAway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThrowAway").field("centre", &self.centre).finish_non_exhaustive()
    }
}

/// Starts centres for journeys that turn time.
pub trait StartThrowAway: Send + Sync {
    /// A simulated centre that begins at this moment, with this pack in force; or why there is none.
    fn start<'a>(&'a self, pack: &'a pack::Pack, at: Option<Timestamp>) -> BoxFuture<'a, Result<ThrowAway, String>>;
}

/// Does what a `journey` verb says.
pub async fn run(
    options: &Options,
    surroundings: &Surroundings,
    screen: &mut Screen,
    command: JourneyCommand,
) -> Result<Answer, Failure> {
    match command {
        JourneyCommand::List => list(options, surroundings).await,
        JourneyCommand::Run(args) => play_named(options, surroundings, screen, &args).await,
    }
}

/// The journeys of the pack in force, or of the pack that travels inside where no centre is named.
async fn pack_of(options: &Options, surroundings: &Surroundings) -> Result<pack::Pack, Failure> {
    if options.names_a_centre() {
        let session = Session::open(options, surroundings.tokens.clone()).await?;
        return Ok(session.pack().await?.clone());
    }
    county::sound(Path::new(county::DEFAULT))
}

async fn list(options: &Options, surroundings: &Surroundings) -> Result<Answer, Failure> {
    let pack = pack_of(options, surroundings).await?;
    let lang = options.lang();
    let mut table = Table::new();
    let mut told = Vec::new();
    for journey in &pack.journeys {
        let read = Journey::of(&journey.document)?;
        table.row([journey.name.clone(), read.title.get(lang).to_owned(), read.steps.len().to_string()]);
        told.push(object!({ "name": journey.name, "title": { "zh": read.title.zh, "en": read.title.en },
            "steps": read.steps.len(), "turns_time": read.turns_time() }));
    }
    let text = if told.is_empty() { Word::Nothing.text(lang).to_owned() } else { table.render() };
    Ok(Answer::new(object!({ "journeys": told }), text))
}

async fn play_named(
    options: &Options,
    surroundings: &Surroundings,
    screen: &mut Screen,
    args: &JourneyRunArgs,
) -> Result<Answer, Failure> {
    let pack = pack_of(options, surroundings).await?;
    let journey = match &args.file {
        Some(path) => {
            let text = files::read_text(path, files::TEXT_BYTES)?;
            Journey::from_yaml(&text)?
        }
        None => {
            let known = pack.journeys.iter().find(|journey| journey.name == args.name);
            let known = known.ok_or_else(|| Failure::Says(Say::NoJourney { name: args.name.clone() }))?;
            Journey::of(&known.document)?
        }
    };
    let own_centre = surroundings.throw_away.as_ref().filter(|_| !args.here && journey.turns_time());
    let Some(starter) = own_centre else {
        let session = Session::open(options, surroundings.tokens.clone()).await?;
        return play_on(&session, &args.name, &journey, screen).await;
    };
    let at = journey.start.as_deref().map(parse::moment).transpose()?;
    let throw_away = starter.start(&pack, at).await.map_err(|why| Failure::Says(Say::Unreachable { why }))?;
    let session = Session::with(throw_away.centre.clone(), options.lang(), Some(throw_away.tokens.clone()));
    let answer = play_on(&session, &args.name, &journey, screen).await;
    drop(throw_away);
    answer
}

struct Telling<'a> {
    screen: &'a mut Screen,
}

impl Watcher for Telling<'_> {
    fn step(&mut self, step: usize, of: usize, what: &str) {
        self.screen.say(&Say::JourneyStep { step, of, what: what.to_owned() });
    }

    fn says(&mut self, text: &str) {
        self.screen.line(&format!("# {text}"));
    }
}

/// Plays a journey on a centre and verifies the centre afterwards.
pub async fn play_on(session: &Session, name: &str, journey: &Journey, screen: &mut Screen) -> Result<Answer, Failure> {
    let begun = Instant::now();
    let lang = session.lang;
    let played = play(session, journey, &mut Telling { screen }).await;
    let outcome = played.map_err(|stopped| Failure::Stopped {
        name: name.to_owned(),
        step: stopped.step,
        why: Box::new(stopped.why),
    })?;
    let options = VerifyOptions { answered: outcome.answered.clone(), ..VerifyOptions::default() };
    let report = verify(&session.centre, &options).await?;
    let took = begun.elapsed();
    let said = Say::JourneyDone { name: name.to_owned(), steps: outcome.steps, took };
    let verified = super::verify::render(&report, lang);
    let json = object!({
        "journey": name,
        "steps": outcome.steps,
        "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "saved": outcome.saved,
        "verify": report,
    });
    Ok(Answer { holds: report.holds(), ..Answer::new(json, format!("{verified}{}", said.text(lang))) })
}
