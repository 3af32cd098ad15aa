//! Who calls, and what a policy granted: taken from the token, never from the request.

use std::collections::BTreeSet;

use prost::Message;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::refusal::Refusal;

/// The kinds of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// 部门: a department's system or person.
    Department,
    /// 镇（街道）: a town's system or person.
    Town,
    /// 中心: staff of the centre.
    Centre,
    /// Another of our services, or the operator's own tools.
    Service,
    /// Somebody without a token: only what a policy opens to everybody.
    Anonymous,
}

impl CallerKind {
    /// The word in tokens and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::Town => "town",
            Self::Centre => "centre",
            Self::Service => "service",
            Self::Anonymous => "anonymous",
        }
    }
}

/// A caller as its token describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: String,
    /// What it is.
    pub kind: CallerKind,
    /// The unit it belongs to: a department, a town, "centre", or a service's name.
    pub unit: String,
    /// The person of the unit, a code; empty for a machine.
    pub person: String,
    /// Its roles, e.g. "window_clerk", "department_handler".
    pub roles: BTreeSet<String>,
}

impl Caller {
    /// Somebody without a token.
    pub fn anonymous() -> Self {
        Self {
            account: "anonymous".to_owned(),
            kind: CallerKind::Anonymous,
            unit: String::new(),
            person: String::new(),
            roles: BTreeSet::new(),
        }
    }

    /// What the journal remembers of a caller: its kind and account, never a citizen.
    pub fn actor(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.account)
    }

    /// True where the caller has the role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }
}

/// How far a grant reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every resource.
    Any,
    /// Only what the caller's own unit has a share in; all else is answered as if it did not exist.
    Own,
}

/// A caller, the RPC it called and how far its right to it reaches. The guard puts it beside every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Who calls.
    pub caller: Caller,
    /// The RPC's path.
    pub method: String,
    /// How far the right reaches.
    pub access: Access,
}

impl Granted {
    /// The grant beside a request; a request that passed no guard has none and is refused.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Refusal> {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Refusal::NotPermitted { action: "unauthenticated".to_owned() })
    }

    /// True where the caller may know of something these units have a share in.
    pub fn covers<'a>(&self, units: impl IntoIterator<Item = &'a str>) -> bool {
        match self.access {
            Access::Any => true,
            Access::Own => units.into_iter().any(|unit| unit == self.caller.unit),
        }
    }
}

/// A command as the corridor receives it: who sent it, its id, and a hash that tells a repeat from another request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The caller's own id for this command; a repeat gets the first answer.
    pub command_id: Uuid,
    /// Who calls and how far its right reaches.
    pub granted: Granted,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
}

impl Call {
    /// Reads what identifies a command from its request.
    pub fn of<T: Message>(request: &tonic::Request<T>, command_id: &str) -> Result<Self, Refusal> {
        let granted = Granted::of(request)?;
        let command_id = Uuid::parse_str(command_id)
            .ok()
            .filter(|id| !id.is_nil())
            .ok_or_else(|| Refusal::field("command_id", "must be a UUID that the caller makes up, and not nil"))?;
        Ok(Self {
            command_id,
            granted,
            request_hash: Sha256::digest(request.get_ref().encode_to_vec()).into(),
            traceparent: crate::telemetry::current_traceparent(),
        })
    }
}
