//! 认定依据: everything an answer rests on, in a form whose bytes are the same for the same question.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vocab::{
    CaseFacts, Citation, Duty, FactCode, MatterCode, PowerItemCode, PrecedentId, RuleCode, UnitCode, Validity,
};

use crate::list::ItemKind;
use crate::share::Share;

/// 命中条目: an item that matched, in the hands of a unit of this place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MatchedItem {
    /// The unit.
    pub unit: UnitCode,
    /// Which list.
    pub kind: ItemKind,
    /// The item.
    pub item: PowerItemCode,
    /// Its Chinese name.
    pub zh: String,
    /// What it obliges to.
    pub duties: BTreeSet<Duty>,
    /// The article, with its version.
    pub citation: Citation,
    /// The matters of the case it covers.
    pub matters: BTreeSet<MatterCode>,
    /// When it is valid here.
    pub validity: Validity,
    /// The document that gives it to the unit.
    pub source: String,
}

/// 不符原因: the one thing for which an item did not match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Miss {
    /// 区域不符: the place lies elsewhere.
    Region,
    /// 对象类型不符: another kind of object.
    ObjectType,
    /// 事实不符: facts that are declared otherwise.
    Fact {
        /// Which.
        facts: BTreeSet<FactCode>,
    },
    /// 事实不明: facts that nobody has declared.
    FactUnknown {
        /// Which.
        facts: BTreeSet<FactCode>,
    },
    /// 不在有效期: not valid on the day of the act.
    Validity,
}

/// 近似条目: an item that would have matched but for one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NearMiss {
    /// The item, as it would have matched.
    pub item: MatchedItem,
    /// The one thing.
    pub miss: Miss,
}

/// 定案根据: what decided between several holders, or that nothing had to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "snake_case")]
pub enum Basis {
    /// The lists alone.
    Lists,
    /// A boundary rule.
    BoundaryRule {
        /// The rule.
        code: RuleCode,
        /// The document behind it.
        source: String,
    },
    /// An earlier ruling on a like case.
    Precedent {
        /// The precedent.
        precedent: PrecedentId,
    },
}

/// 认定依据: the question, what matched, what nearly did, what decided, and what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The facts that were matched.
    pub facts: CaseFacts,
    /// The day the items had to be valid on.
    pub valid_on: Date,
    /// The moment at which the list was read.
    pub known_at: Timestamp,
    /// What matched, in order.
    pub matched: Vec<MatchedItem>,
    /// What nearly matched, in order.
    pub near_misses: Vec<NearMiss>,
    /// What decided.
    pub basis: Basis,
    /// Facts that would change the answer and are not known.
    pub missing_facts: BTreeSet<FactCode>,
    /// The answer.
    pub answer: Determination,
}

/// 认定结果: every outcome has its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Determination {
    /// 单一主体: one unit has it all.
    Sole {
        /// The unit.
        lead: UnitCode,
        /// Its shares.
        shares: Vec<Share>,
    },
    /// 主办加协办: one leads, others support.
    LeadWithSupport {
        /// Who leads.
        lead: UnitCode,
        /// Who owes what, the lead's first.
        shares: Vec<Share>,
    },
    /// 职责交叉: several hold it and nothing says who leads.
    Overlap {
        /// Between whom it lies.
        contenders: BTreeSet<UnitCode>,
    },
    /// 监管盲区: nobody holds it.
    Gap,
}

impl Determination {
    /// Who owes what; nobody yet for an overlap or a gap.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        match self {
            Self::Sole { shares, .. } | Self::LeadWithSupport { shares, .. } => shares,
            Self::Overlap { .. } | Self::Gap => &[],
        }
    }

    /// True where somebody leads and orders can be dispatched.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Sole { .. } | Self::LeadWithSupport { .. })
    }
}
