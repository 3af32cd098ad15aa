//! The county pack as supervision uses it.

use std::collections::{BTreeMap, BTreeSet};

use pack::{Pack, RungKind, RungSide};
use supervision_domain as domain;
use supervision_domain::{Ladder, Quiet, RuleBook};
use vocab::{PersonCode, RuleCode, UnitCode};

/// The rules in force: the pack, and what supervision looks up in it for every decision.
pub struct Rules {
    /// Clock rules, calendar and ladder.
    pub book: RuleBook,
    posts: BTreeMap<(UnitCode, PersonCode), Vec<String>>,
}

impl Rules {
    /// Reads a canonical pack.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let pack = Pack::from_canonical(bytes).map_err(|error| vec![error.to_string()])?;
        let centre =
            pack.centre().map(|unit| unit.code.clone()).ok_or_else(|| vec!["the pack has no centre".to_owned()])?;
        Ok(Self { book: book(&pack, centre), posts: posts(&pack) })
    }

    /// The kinds of post a person holds in a unit.
    pub fn posts_of(&self, unit: &str, person: &str) -> Vec<String> {
        let (Ok(unit), Ok(person)) = (UnitCode::new(unit), PersonCode::new(person)) else {
            return Vec::new();
        };
        self.posts.get(&(unit, person)).cloned().unwrap_or_default()
    }
}

fn book(pack: &Pack, centre: UnitCode) -> RuleBook {
    let mut mode_bound: BTreeMap<RuleCode, BTreeSet<_>> = BTreeMap::new();
    for mode in &pack.modes {
        for clock in &mode.clocks {
            mode_bound.entry(clock.clone()).or_default().insert(mode.mode);
        }
    }
    let consultation = &pack.consultation;
    let adopted = [&consultation.answer_rule, &consultation.acknowledge_rule, &consultation.objection_rule]
        .into_iter()
        .chain(pack.tracks.iter().map(|track| &track.order_clock))
        .cloned()
        .collect();
    RuleBook::new(
        pack.clock_rules.iter().cloned(),
        mode_bound,
        adopted,
        pack.calendar.clone(),
        ladder(&pack.ladder),
        centre,
    )
}

fn ladder(ladder: &pack::Ladder) -> Ladder {
    let rungs = ladder.rungs.iter().map(|rung| domain::Rung {
        code: rung.code.clone(),
        kind: match rung.kind {
            RungKind::Remind => domain::RungKind::Remind,
            RungKind::Urge => domain::RungKind::Urge,
            RungKind::SupervisionOrder => domain::RungKind::SupervisionOrder,
        },
        amount: rung.amount,
        unit: rung.unit,
        side: match rung.side {
            RungSide::Before => domain::RungSide::Before,
            RungSide::After => domain::RungSide::After,
        },
        served_on: rung.serve_on.clone(),
        answer_rule: rung.answer_rule.clone(),
    });
    Ladder {
        rungs: rungs.collect(),
        quiet: Quiet { from: ladder.quiet.from, to: ladder.quiet.to, non_working_days: ladder.quiet.non_working_days },
    }
}

fn posts(pack: &Pack) -> BTreeMap<(UnitCode, PersonCode), Vec<String>> {
    let mut posts: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for post in &pack.posts {
        posts.entry((post.unit.clone(), post.person.clone())).or_default().push(post.kind.clone());
    }
    posts
}
