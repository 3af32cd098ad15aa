//! The operator's screen: every verb of a centre, in Chinese by default, through its public API alone.

pub mod args;
pub mod choice;
pub mod county;
#[cfg(test)]
mod coverage;
mod failure;
mod files;
mod help;
pub mod journey;
pub mod names;
mod paged;
mod parse;
pub mod reflect;
mod resolve;
pub mod say;
pub mod screen;
pub mod session;
mod span;
mod timeline;
pub mod verbs;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

pub use args::Command;
pub use failure::Failure;
pub use help::localised;
pub use screen::{Answer, Output, Screen};
pub use session::{CENTRE_FILE, CentreFile, Session, Tokens};
pub use verbs::doctor::Here;
pub use verbs::journey::{StartThrowAway, ThrowAway};

use args::{AccountCommand, ClockCommand, PackCommand};
use say::{Lang, Say, Word};

/// The languages of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Language {
    /// 中文
    #[default]
    Zh,
    /// English
    En,
}

/// How to reach a centre, as whom, and how to print what it says.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The centre's address, e.g. http://127.0.0.1:7000
    #[arg(long, global = true, env = "XIEZHI_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The data directory of a centre on this machine
    #[arg(long, global = true, env = "XIEZHI_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A token to call with
    #[arg(long, global = true, env = "XIEZHI_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The account to call as, with its key
    #[arg(long, global = true, env = "XIEZHI_ACCOUNT", value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// The account's Ed25519 private key
    #[arg(long, global = true, env = "XIEZHI_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Act as an account of the pack, where this machine may give out its token
    #[arg(long = "as", global = true, value_name = "ACCOUNT")]
    pub as_account: Option<String>,
    /// The authority that signed the centre's certificate
    #[arg(long, global = true, env = "XIEZHI_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The language of the screen
    #[arg(long, global = true, env = "XIEZHI_LANG", value_enum, default_value_t)]
    pub lang: Language,
    /// How answers are printed
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Output,
    /// Answer every question with yes
    #[arg(long, global = true)]
    pub yes: bool,
}

impl Options {
    /// The reader's language.
    #[must_use]
    pub fn lang(&self) -> Lang {
        match self.lang {
            Language::Zh => Lang::Zh,
            Language::En => Lang::En,
        }
    }

    /// True where a centre is named, by address or directory.
    #[must_use]
    pub fn names_a_centre(&self) -> bool {
        self.server.is_some() || self.data.is_some()
    }
}

/// What only the program around these verbs can do.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Gives out tokens for accounts of the pack.
    pub tokens: Option<Arc<dyn Tokens>>,
    /// Starts centres for journeys that turn time.
    pub throw_away: Option<Arc<dyn StartThrowAway>>,
    /// What this machine knows of a centre that runs on it.
    pub here: Option<Here>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("tokens", &self.tokens.is_some())
            .field("throw_away", &self.throw_away.is_some())
            .finish()
    }
}

/// 县级联合执法指挥协调: the operator's verbs alone.
#[derive(Debug, Clone, Parser)]
#[command(name = "xiezhi", version, about = "Joint enforcement coordination of a county")]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// Reads a command line and does what it says: 0 done, 1 refused or falls short, 2 usage.
pub async fn run<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let lang = language_of(&arguments);
    let typed = localised(Cli::command(), lang)
        .try_get_matches_from(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match typed {
        Ok(cli) => execute(cli.options, cli.command, &Surroundings::default(), Cli::command()).await,
        Err(error) => usage(&error, lang),
    }
}

/// The language a command line asks for, before it is read as a whole: help must be in it too.
#[must_use]
pub fn language_of(arguments: &[OsString]) -> Lang {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let typed = texts.iter().enumerate().find_map(|(place, text)| match text.strip_prefix("--lang") {
        Some("") => texts.get(place + 1).copied(),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    });
    let typed = typed.map(str::to_owned).or_else(|| std::env::var("XIEZHI_LANG").ok());
    if typed.as_deref() == Some("en") { Lang::En } else { Lang::Zh }
}

/// Prints help on stdout, or what is wrong with a command line on stderr, and gives the exit code.
#[must_use]
pub fn usage(error: &clap::Error, lang: Lang) -> ExitCode {
    if error.use_stderr() {
        eprintln!("{}  {}", Word::Error.text(lang), Word::Usage.text(lang));
    }
    // Where the pipe is closed nobody reads it any more.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

/// Does what a command says and prints the answer. `root` is the whole program's command, for completions.
pub async fn execute(options: Options, command: Command, surroundings: &Surroundings, root: clap::Command) -> ExitCode {
    let mut screen = Screen::standard(options.lang(), options.output, options.yes);
    screen.is_stream = matches!(command, Command::WorkOrder(args::WorkOrderCommand::Watch { .. }));
    if let Command::Completions { shell } = command {
        let (mut root, name) = (root, "xiezhi");
        clap_complete::generate(shell, &mut root, name, &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    match answer(&options, command, surroundings, &mut screen).await {
        Ok(answer) => match screen.answer(&answer) {
            Ok(()) if answer.holds => ExitCode::SUCCESS,
            // Whoever closed the pipe has read enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            _ => ExitCode::from(1),
        },
        Err(failure) => {
            let _ = screen.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Does what a command says.
pub async fn answer(
    options: &Options,
    command: Command,
    surroundings: &Surroundings,
    screen: &mut Screen,
) -> Result<Answer, Failure> {
    let command = match command {
        Command::Clock(ClockCommand::Due(args)) => return verbs::clock::due(&args, options.lang()),
        Command::Pack(PackCommand::Check { directory }) => return verbs::packs::check(&directory, options.lang()),
        Command::Pack(PackCommand::Diff { directory, against: Some(against) }) => {
            return verbs::packs::diff_directories(&directory, &against, options.lang());
        }
        Command::Account(AccountCommand::NewKey { out }) => return verbs::account::new_key(&out, screen),
        // Its mistakes are told before a centre is asked for anything.
        Command::Pack(PackCommand::Apply { directory }) => {
            let pack = county::sound(&directory)?;
            let session = Session::open(options, surroundings.tokens.clone()).await?;
            return verbs::packs::apply(&session, &pack).await;
        }
        Command::Verify(args) => {
            let session = Session::open_patiently(options, surroundings.tokens.clone()).await?;
            return verbs::verify::run(&session, args).await;
        }
        Command::Doctor => {
            let session = Session::open(options, surroundings.tokens.clone()).await?;
            return verbs::doctor::run(&session, surroundings.here.clone()).await;
        }
        Command::Journey(journey) => return verbs::journey::run(options, surroundings, screen, journey).await,
        other => other,
    };
    let session = Session::open(options, surroundings.tokens.clone()).await?;
    with_centre(&session, screen, command).await
}

async fn with_centre(session: &Session, screen: &mut Screen, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Case(command) => verbs::case::run(session, screen, command).await,
        Command::Diagnosis(command) => verbs::responsibility::diagnosis(session, command).await,
        Command::Determination(command) => verbs::responsibility::determination(session, command).await,
        Command::Consultation(command) => verbs::responsibility::consultation(session, command).await,
        Command::Precedent(command) => verbs::precedent::run(session, command).await,
        Command::Task(command) => verbs::task::run(session, screen, command).await,
        Command::WorkOrder(command) => verbs::work_order::run(session, screen, command).await,
        Command::Operation(command) => verbs::operation::run(session, screen, command).await,
        Command::Officer(command) => verbs::officer::run(session, command).await,
        Command::SupervisionOrder(command) => verbs::closing::supervision_order(session, command).await,
        Command::Clock(command) => verbs::clock::run(session, screen, command).await,
        Command::Closing(command) => verbs::closing::run(session, command).await,
        Command::Callback(command) => verbs::rating::callback(session, command).await,
        Command::Rates(command) => verbs::rating::rates(session, command).await,
        Command::List(command) => verbs::list::run(session, command).await,
        Command::Bus(command) => verbs::bus::run(session, screen, command).await,
        Command::Pack(PackCommand::Diff { directory, .. }) => verbs::packs::diff_in_force(session, &directory).await,
        Command::Account(command) => verbs::account::run(session, screen, command).await,
        // Those that need no centre, or something else first, were done before one was looked for.
        Command::Pack(PackCommand::Check { .. } | PackCommand::Apply { .. })
        | Command::Journey(_)
        | Command::Verify(_)
        | Command::Doctor
        | Command::Completions { .. } => Err(Failure::Usage(Say::Just(Word::Usage))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_language_is_known_before_the_rest_is_read() {
        let of = |arguments: &[&str]| language_of(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["xiezhi", "--lang", "en", "case"]), Lang::En);
        assert_eq!(of(&["xiezhi", "--lang=en"]), Lang::En);
        assert_eq!(of(&["xiezhi", "--lang", "zh"]), Lang::Zh);
    }

    #[test]
    fn every_choice_of_an_enumeration_is_offered() {
        let typed = Cli::try_parse_from(["xiezhi", "case", "list", "--channel", "grid-patrol"]).unwrap();
        assert!(
            matches!(typed.command, Command::Case(args::CaseCommand::List(list)) if list.channel == Some(choice::Choice(5)))
        );
        assert!(Cli::try_parse_from(["xiezhi", "case", "list", "--channel", "pigeon"]).is_err());
        let mut unnamed = Vec::new();
        without_choices(&Cli::command(), &mut unnamed);
        assert_eq!(unnamed, [""; 0]);
    }

    /// Arguments whose list of values came out empty, because the contract does not have their enumeration.
    fn without_choices(command: &clap::Command, found: &mut Vec<String>) {
        for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
            let offered = argument.get_value_parser().possible_values().map(Iterator::count);
            if offered == Some(0) {
                found.push(format!("{} {}", command.get_name(), argument.get_id()));
            }
        }
        command.get_subcommands().for_each(|inner| without_choices(inner, found));
    }

    #[tokio::test]
    async fn what_needs_no_centre_asks_for_none() {
        let typed =
            Cli::try_parse_from(["xiezhi", "clock", "due", "--from", "2026-03-02", "--amount", "15", "--unit", "day"])
                .unwrap();
        let mut screen = Screen::standard(Lang::Zh, Output::Text, false);
        let answer = answer(&typed.options, typed.command, &Surroundings::default(), &mut screen).await.unwrap();
        assert_eq!(answer.json["due"], "2026-03-17");
    }

    #[tokio::test]
    async fn a_verb_without_a_centre_says_what_to_do() {
        let typed = Cli::try_parse_from(["xiezhi", "case", "show", "JS-2026-000001"]).unwrap();
        if typed.options.names_a_centre() {
            return;
        }
        let mut screen = Screen::standard(Lang::Zh, Output::Text, false);
        let failure = answer(&typed.options, typed.command, &Surroundings::default(), &mut screen).await.unwrap_err();
        assert!(failure.text(Lang::Zh).contains("--data"), "{}", failure.text(Lang::Zh));
    }
}
