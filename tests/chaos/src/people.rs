//! The people of a centre as its clients: each with a token of its own, each repeating a command until it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use client::{Centre as Connection, ClientOptions, Refused};
use house_tests::raw::RawCodec;
use http::uri::PathAndQuery;
use kit::auth::token::{Issuer, TokenSigner};
use kit::caller::{Caller, CallerKind};
use prost::Message;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::history::{Command, Ending, History};

/// How long one try may take.
const TRY_WITHIN: Duration = Duration::from_secs(6);
/// How long a verification waits for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a command is repeated before its client gives up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);
/// How long a token is used; it lives a little longer.
const TOKEN_FOR: Duration = Duration::from_secs(10 * 60);
/// A clock of the operator's.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// Everybody who calls.
#[derive(Debug)]
pub struct People {
    signer: TokenSigner,
    callers: BTreeMap<String, Caller>,
    tokens: Mutex<BTreeMap<String, (String, Instant)>>,
    connection: Connection,
    patient: Connection,
    /// What they know.
    pub history: Arc<History>,
    /// So many commands of a thousand are sent three times at once.
    pub tripled_per_mille: AtomicU64,
}

/// What became of a command.
#[derive(Debug)]
pub enum Outcome<A> {
    /// It was carried out.
    Done(A),
    /// It was refused, for this reason.
    Refused(String),
    /// Nobody answered in time.
    Unknown,
}

impl<A> Outcome<A> {
    /// The answer, or the end of a story that was in vain.
    pub fn done(self) -> anyhow::Result<A> {
        match self {
            Self::Done(answer) => Ok(answer),
            Self::Refused(reason) => anyhow::bail!("refused: {reason}"),
            Self::Unknown => anyhow::bail!("nobody answered"),
        }
    }

    /// True where it was refused for this reason.
    pub fn is_refused(&self, reason: &str) -> bool {
        matches!(self, Self::Refused(why) if why == reason)
    }
}

impl People {
    /// The accounts of a pack, at a centre.
    pub async fn of(centre: &crate::centre::Centre, history: Arc<History>) -> anyhow::Result<Self> {
        let (id, key) = &centre.issuer;
        let signer = TokenSigner::from_pem(key, Issuer { centre: id.clone(), simulated: true })?;
        let options = ClientOptions { call_timeout: TRY_WITHIN, ..ClientOptions::new(centre.ingress.url()) };
        let connection = Connection::connect(options).await?;
        let patient = ClientOptions { call_timeout: PATIENCE, ..ClientOptions::new(centre.ingress.url()) };
        let patient = Connection::connect(patient).await?;
        let callers = accounts(&crate::centre::read(&centre.folder.join("pack/organisation/accounts.csv"))?)?;
        let (tokens, tripled_per_mille) = (Mutex::default(), AtomicU64::new(20));
        Ok(Self { signer, callers, tokens, connection, patient, history, tripled_per_mille })
    }

    /// The centre as an account meets it; "operator" is one of them.
    pub fn at(&self, account: &str) -> anyhow::Result<Connection> {
        Ok(self.connection.with_token(&self.token(account)?)?)
    }

    /// The same for whoever reads a whole centre and waits for it.
    pub fn patiently_at(&self, account: &str) -> anyhow::Result<Connection> {
        Ok(self.patient.with_token(&self.token(account)?)?)
    }

    /// Every department and town that has somebody who handles orders.
    pub fn handlers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.callers
            .iter()
            .filter(|(account, _)| account.ends_with(".handler"))
            .map(|(account, caller)| (account.as_str(), caller.unit.as_str()))
    }

    /// The account that handles a unit's orders.
    pub fn handler_of(&self, unit: &str) -> anyhow::Result<&str> {
        let mut handlers = self.handlers();
        handlers
            .find(|(_, of)| *of == unit)
            .map(|(account, _)| account)
            .with_context(|| format!("nobody handles for {unit}"))
    }

    fn token(&self, account: &str) -> anyhow::Result<String> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, since)) = tokens.get(account)
            && since.elapsed() < TOKEN_FOR
        {
            return Ok(token.clone());
        }
        let caller = self.callers.get(account).with_context(|| format!("no account {account}"))?;
        let token = self.signer.sign(caller, TOKEN_LIFE).map_err(|error| anyhow::anyhow!("{error}"))?.token;
        tokens.insert(account.to_owned(), (token.clone(), Instant::now()));
        Ok(token)
    }

    /// Sends a command and repeats it under its id until somebody answers.
    pub async fn command<A: Message + Default>(
        &self,
        account: &str,
        path: &'static str,
        request: impl FnOnce(String) -> Vec<u8>,
    ) -> anyhow::Result<Outcome<A>> {
        let command_id = Uuid::now_v7();
        let request = request(command_id.to_string());
        let command = Command { account: account.to_owned(), path, command_id, request };
        self.history.sent(&command);
        let (ending, tries) = self.carry_out(&command).await?;
        self.history.ended(&command, &ending, tries);
        Ok(match ending {
            Ending::Done(answer) => Outcome::Done(A::decode(answer.as_slice())?),
            Ending::Refused(reason) => Outcome::Refused(reason),
            Ending::Unknown(_) => Outcome::Unknown,
        })
    }

    async fn carry_out(&self, command: &Command) -> anyhow::Result<(Ending, u32)> {
        let began = Instant::now();
        let tripled = command.command_id.as_u128() % 1000 < u128::from(self.tripled_per_mille.load(Ordering::Relaxed));
        let mut tries = 1;
        if tripled {
            let (one, two, three) = tokio::join!(self.send(command), self.send(command), self.send(command));
            tries = 3;
            if let Some(ending) = self.agree(command, [one?, two?, three?]) {
                return Ok((ending, 1));
            }
        }
        loop {
            let ending = self.send(command).await?;
            let Ending::Unknown(why) = ending else { return Ok((ending, tries)) };
            if began.elapsed() > GIVE_UP_AFTER {
                return Ok((Ending::Unknown(why), tries));
            }
            let pause = 50_u64 << tries.min(5);
            tokio::time::sleep(Duration::from_millis(pause / 2 + command.command_id.as_u128() as u64 % pause)).await;
            tries += 1;
        }
    }

    /// Three answers to one command are one answer.
    fn agree(&self, command: &Command, endings: [Ending; 3]) -> Option<Ending> {
        let known: Vec<&Ending> = endings.iter().filter(|ending| !matches!(ending, Ending::Unknown(_))).collect();
        let first = *known.first()?;
        let done = known.iter().find(|ending| matches!(ending, Ending::Done(_)));
        if let Some(done) = done {
            if known.iter().any(|other| other != done) {
                self.history.broke(format!(
                    "N1: {} {} was sent three times at once and answered in different ways: {known:?}",
                    command.name(),
                    command.command_id
                ));
            }
            return Some((**done).clone());
        }
        Some(first.clone())
    }

    /// One try.
    pub async fn send(&self, command: &Command) -> anyhow::Result<Ending> {
        let status = match self.call(&command.account, command.path, command.request.clone()).await? {
            Ok(answer) => return Ok(Ending::Done(answer)),
            Err(status) => status,
        };
        let refused = Refused::from(&status);
        let reason = if refused.reason.is_empty() { refused.code.clone() } else { refused.reason.clone() };
        if refused.is_transient() || refused.is_unauthenticated() {
            return Ok(Ending::Unknown(reason));
        }
        if matches!(status.code(), tonic::Code::Internal | tonic::Code::Unknown | tonic::Code::DataLoss) {
            // A connection that breaks in the middle of an answer looks like that, too; only the centre gives a reason.
            if !refused.reason.is_empty() {
                self.history.broke(format!(
                    "{} {} failed inside the centre: {status:?}",
                    command.name(),
                    command.command_id
                ));
            }
            return Ok(Ending::Unknown(reason));
        }
        Ok(Ending::Refused(reason))
    }

    /// One call, bytes in and bytes out.
    pub async fn call(
        &self,
        account: &str,
        path: &'static str,
        request: Vec<u8>,
    ) -> anyhow::Result<Result<Vec<u8>, Status>> {
        let service = path.trim_start_matches("/xiezhi.").split('.').next().unwrap_or_default();
        let mut client = tonic::client::Grpc::new(self.at(account)?.door(service));
        let exchange = async {
            client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            client.unary(Request::new(request), PathAndQuery::from_static(path), RawCodec).await
        };
        Ok(match tokio::time::timeout(TRY_WITHIN, exchange).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("no answer")),
        })
    }
}

/// The accounts of a pack's table, and the operator.
fn accounts(table: &str) -> anyhow::Result<BTreeMap<String, Caller>> {
    let mut callers = BTreeMap::new();
    for row in csv::Reader::from_reader(table.as_bytes()).records() {
        let row = row?;
        let field = |index: usize| row.get(index).unwrap_or_default().to_owned();
        let kind = match field(2).as_str() {
            "department" => CallerKind::Department,
            "town" => CallerKind::Town,
            "centre" => CallerKind::Centre,
            _ => CallerKind::Service,
        };
        let roles = field(4).split(';').map(str::to_owned).collect();
        callers.insert(field(0), Caller { account: field(0), kind, unit: field(1), person: field(3), roles });
    }
    let operator = Caller {
        account: "operator".to_owned(),
        kind: CallerKind::Service,
        unit: "centre".to_owned(),
        person: String::new(),
        roles: BTreeSet::from(["operator".to_owned()]),
    };
    callers.insert("operator".to_owned(), operator);
    Ok(callers)
}
