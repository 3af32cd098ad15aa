//! 授权矩阵: who calls, with which request, about whose things, and what the reviewed policies promise for it.

pub mod callers;
pub mod cells;
pub mod requests;
pub mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aho_corasick::AhoCorasick;
use anyhow::{Context, bail};
use client::{Centre, Refused};
use prost_reflect::MethodDescriptor;
use tonic::{Code, Request, Status};

use crate::raw::RawCodec;
use crate::sources;

/// The policies as they were reviewed, role by role; the policies' own test keeps this file and the policies equal.
const REVIEWED: &str = "services/shared/kit/tests/policy_matrix.txt";
/// A watch has no end: when it has been still for so long, it has said what there was to say.
const STILL: Duration = Duration::from_millis(700);
/// Everything else ends by itself; what takes longer is a fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far a right reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Every resource.
    Any,
    /// What the caller's own unit has a share in.
    Own,
}

/// Who may do what, as it was reviewed.
#[derive(Debug)]
pub struct Matrix(BTreeMap<String, BTreeMap<String, Option<Reach>>>);

impl Matrix {
    /// Reads the reviewed matrix.
    pub fn reviewed() -> anyhow::Result<Self> {
        let path = sources::root().join(REVIEWED);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut rights: BTreeMap<String, BTreeMap<String, Option<Reach>>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let [action, role, reach] = words[..] else { bail!("{REVIEWED}: {line:?} is no right") };
            let reach = match reach {
                "any" => Some(Reach::Any),
                "own" => Some(Reach::Own),
                "-" => None,
                other => bail!("{REVIEWED}: {other:?} is no reach"),
            };
            rights.entry(action.to_owned()).or_default().insert(role.to_owned(), reach);
        }
        Ok(Self(rights))
    }

    /// Every role of the matrix; nobody is none.
    #[must_use]
    pub fn roles(&self) -> Vec<&str> {
        let mut roles: Vec<&str> = self.0.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
        roles.sort_unstable();
        roles.dedup();
        roles.retain(|role| *role != "anonymous");
        roles
    }

    /// How far a role's right to an action reaches; an action that nobody reviewed is an error.
    pub fn reach(&self, action: &str, role: &str) -> anyhow::Result<Option<Reach>> {
        let rights = self.0.get(action).with_context(|| format!("no policy was reviewed for the action {action:?}"))?;
        rights.get(role).copied().with_context(|| format!("no policy was reviewed for {action} by {role}"))
    }

    /// True where everybody may, without a token.
    pub fn is_public(&self, action: &str) -> anyhow::Result<bool> {
        Ok(self.reach(action, "anonymous")?.is_some())
    }

    /// True where at least one role may.
    #[must_use]
    pub fn is_somebodys(&self, action: &str) -> bool {
        self.0.get(action).is_some_and(|rights| rights.values().any(Option::is_some))
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The code.
    pub code: Code,
    /// What was said with a refusal.
    pub message: String,
    /// The details of a refusal, read: on the wire their order may differ.
    pub details: Option<Refused>,
    /// How long those details were.
    pub length: usize,
    /// The messages of an answer, one after the other.
    pub bytes: Vec<u8>,
}

impl Answer {
    fn refused(status: &Status) -> Self {
        let (code, message, length) = (status.code(), status.message().to_owned(), status.details().len());
        Self { code, message, details: Some(Refused::from(status)), length, bytes: Vec::new() }
    }

    fn of(bytes: Vec<u8>) -> Self {
        Self { code: Code::Ok, message: String::new(), details: None, length: 0, bytes }
    }

    /// The stable reason of a refusal.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.details.as_ref().map(|refused| refused.reason.as_str()).unwrap_or_default()
    }

    /// Which of these texts are somewhere in the answer, by place.
    pub fn shows(&self, texts: &[&str]) -> anyhow::Result<BTreeSet<usize>> {
        let search = AhoCorasick::new(texts)?;
        Ok(search.find_overlapping_iter(&self.bytes).map(|hit| hit.pattern().as_usize()).collect())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Code::Ok => write!(f, "OK with {} bytes", self.bytes.len()),
            code => write!(f, "{code:?} {:?}", self.message),
        }
    }
}

/// Sends one request and takes in everything that comes back. On the wire a unary call is a stream of one.
pub async fn send(centre: &Centre, method: &MethodDescriptor, body: Vec<u8>) -> anyhow::Result<Answer> {
    let service = method.parent_service();
    let path = format!("/{}/{}", service.full_name(), method.name()).parse()?;
    let mut raw = tonic::client::Grpc::new(centre.door(crate::contract::service_of(service.package_name())));
    raw.ready().await?;
    let request = Request::new(futures::stream::iter([body]));
    let mut messages = match raw.streaming(request, path, RawCodec).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(Answer::refused(&status)),
    };
    let mut bytes = Vec::new();
    loop {
        let is_watch = method.name().starts_with("Watch");
        let next = match tokio::time::timeout(if is_watch { STILL } else { PATIENCE }, messages.message()).await {
            Ok(next) => next,
            Err(_) if is_watch => break,
            Err(_) => bail!("{} does not end", method.full_name()),
        };
        match next {
            Ok(Some(message)) => bytes.extend_from_slice(&message),
            Ok(None) => break,
            Err(status) => return Ok(Answer::refused(&status)),
        }
    }
    Ok(Answer::of(bytes))
}
