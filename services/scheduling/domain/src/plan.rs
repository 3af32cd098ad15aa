//! 行动方案: one place in time, with certified officers of every enforcing body.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vocab::{PersonCode, ResourceCode, UnitCode};

use crate::planner::Obstacle;
use crate::{Hours, Kind, Span};

/// 批准条件: what was approved, and what a new plan must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What is done on the spot.
    pub kind: Kind,
    /// True where an urgent situation lifts what the law lets it lift.
    pub urgent: bool,
    /// How long it takes.
    pub minutes: u32,
    /// In which hours it makes sense.
    pub hours: Hours,
    /// How many vehicles it needs.
    pub vehicles: u32,
    /// Things it needs by name.
    pub resources: Vec<ResourceCode>,
    /// 回避: officers who must not take part.
    pub recused: BTreeSet<PersonCode>,
}

/// 参与单位的人员.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crew {
    /// The unit.
    pub unit: UnitCode,
    /// True of a body that enforces in its own name.
    pub enforcing: bool,
    /// Its officers, in the order of their codes.
    pub officers: Vec<PersonCode>,
}

/// 行动方案.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// From when until when.
    pub span: Span,
    /// Who comes, the lead first.
    pub crews: Vec<Crew>,
    /// Vehicles and instruments, with the units they belong to.
    pub resources: BTreeMap<ResourceCode, UnitCode>,
    /// What kept earlier slots from being chosen.
    #[serde(default)]
    pub passed_over: Vec<Obstacle>,
    /// True where no slot was left before the case's statutory end.
    #[serde(default)]
    pub after_deadline: bool,
}

impl Plan {
    /// The crew of a unit.
    #[must_use]
    pub fn crew(&self, unit: &UnitCode) -> Option<&Crew> {
        self.crews.iter().find(|crew| crew.unit == *unit)
    }
}
