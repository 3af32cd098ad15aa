//! Identifiers: one type for each thing, so that a work order cannot be passed where a case is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::Malformed;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident => $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an existing UUID; new ones are version 7, made at the doors.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                Uuid::try_parse(text).map(Self).map_err(|_| Malformed::new($kind, "not a UUID"))
            }
        }
    )+};
}

ids! {
    /// 案件: one complaint from registration to archive.
    CaseId => "case id";
    /// 同一问题: one problem raised by many complainants.
    ClusterId => "cluster id";
    /// 工单: one unit's share of a case.
    WorkOrderId => "work order id";
    /// 会商: one consultation on who is responsible.
    ConsultationId => "consultation id";
    /// 责任认定: one determination of who is responsible.
    DeterminationId => "determination id";
    /// 协调意见: one binding ruling after a dispute.
    RulingId => "ruling id";
    /// 先例: a ruling kept to route the next like case.
    PrecedentId => "precedent id";
    /// 协助函: one written request for assistance.
    AssistanceId => "assistance id";
    /// 联合行动: one scheduled joint operation.
    OperationId => "operation id";
    /// 联合执法建议: one proposal for a joint operation.
    ProposalId => "proposal id";
    /// 占用: one reservation of an officer or a resource.
    ReservationId => "reservation id";
    /// 专项行动: one campaign of several operations.
    CampaignId => "campaign id";
    /// 告知书: one written notice to a complainant.
    NoticeId => "notice id";
    /// 督办单: one supervision order.
    SupervisionOrderId => "supervision order id";
    /// 建议书: one written advice of the supervisor.
    AdviceId => "advice id";
    /// 抽查: one audit of a closed case.
    AuditId => "audit id";
    /// 回访: one call-back to a complainant.
    CallbackId => "callback id";
    /// 评价: one rating given by a complainant.
    RatingId => "rating id";
}

/// 证据摘要: the SHA-256 of a stored blob, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobRef([u8; 32]);

impl BlobRef {
    /// Wraps a digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest inside.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobRef({self})")
    }
}

impl FromStr for BlobRef {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |reason| Malformed::new("blob reference", reason);
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(wrong("not 64 hexadecimal digits"));
        }
        let mut digest = [0_u8; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            let mut value = 0_u8;
            for digit in pair {
                let nibble = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return Err(wrong("not lower-case hexadecimal")),
                };
                value = value << 4 | nibble;
            }
            *byte = value;
        }
        Ok(Self(digest))
    }
}

impl Serialize for BlobRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlobRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text_and_from_json() {
        let id = CaseId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string().parse::<CaseId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<CaseId>(&json).unwrap(), id);
        assert!("JS-2026-000001".parse::<CaseId>().is_err());
    }

    #[test]
    fn a_blob_reference_is_exactly_64_lower_case_hexadecimal_digits() {
        let text = "00ff".repeat(16);
        let blob: BlobRef = text.parse().unwrap();
        assert_eq!(blob.to_string(), text);
        assert_eq!(serde_json::from_str::<BlobRef>(&format!("\"{text}\"")).unwrap(), blob);
        for wrong in ["", "00", &"00FF".repeat(16), &"é0".repeat(21), &"0g".repeat(32)] {
            assert!(wrong.parse::<BlobRef>().is_err(), "{wrong}");
        }
    }
}
