//! 三率: response, resolution and satisfaction, each with what is above the line and what is below it. What does not count is
//! shown beside it, never dropped. There is no official formula; the county's scheme says what is counted in words.

use std::collections::BTreeMap;

use vocab::UnitCode;

use crate::callback::{Opinion, State};

/// 率: which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateCode {
    /// 响应率: orders acknowledged in time, of those dispatched and not withdrawn.
    Response,
    /// 解决率: call-backs that say solved, of those in which somebody was reached.
    Resolution,
    /// 满意率: call-backs that say satisfied, of those in which somebody was reached.
    Satisfaction,
}

impl RateCode {
    /// The three rates.
    pub const ALL: [Self; 3] = [Self::Response, Self::Resolution, Self::Satisfaction];

    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Resolution => "resolution",
            Self::Satisfaction => "satisfaction",
        }
    }
}

/// 权重: what each rate weighs in the composite, in hundredths; they make a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// 响应率.
    pub response: u32,
    /// 解决率.
    pub resolution: u32,
    /// 满意率.
    pub satisfaction: u32,
}

impl Weights {
    /// The weight of a rate.
    #[must_use]
    pub const fn of(self, code: RateCode) -> u32 {
        match code {
            RateCode::Response => self.response,
            RateCode::Resolution => self.resolution,
            RateCode::Satisfaction => self.satisfaction,
        }
    }
}

/// Closed rounds that are alike in all that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatingGroup {
    /// Who led.
    pub unit: UnitCode,
    /// Where their call-backs stand; none where none was drawn.
    pub state: Option<State>,
    /// What the complainants said.
    pub opinion: Option<Opinion>,
    /// How many.
    pub rounds: u64,
}

/// Orders of closed rounds that are alike in all that counts; withdrawn ones are not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderGroup {
    /// Who owed them.
    pub unit: UnitCode,
    /// Whether they were acknowledged in time.
    pub acknowledged_in_time: bool,
    /// How many.
    pub orders: u64,
}

/// A rate: what is above the line and what is below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Which.
    pub code: RateCode,
    /// Above the line.
    pub numerator: u64,
    /// Below the line.
    pub denominator: u64,
}

/// The 97.5th percentile of the normal distribution: two sides of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A count as a real number; exact up to 2^53, which no county reaches.
#[allow(clippy::cast_precision_loss)] // counts of cases stay far below 2^53
const fn real(count: u64) -> f64 {
    count as f64
}

impl Rate {
    /// Numerator by denominator, in percent.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        (self.denominator > 0).then(|| 100.0 * real(self.numerator) / real(self.denominator))
    }

    /// The 95 % Wilson interval, in percent: a unit with one lucky case has a wide one.
    #[must_use]
    pub fn interval_percent(&self) -> Option<(f64, f64)> {
        if self.denominator == 0 {
            return None;
        }
        let n = real(self.denominator);
        let share = real(self.numerator) / n;
        let shrink = 1.0 + Z * Z / n;
        let middle = (share + Z * Z / (2.0 * n)) / shrink;
        let half = Z / shrink * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        // At the ends the formula meets 0 and 1 exactly; arithmetic does not.
        let low = if self.numerator == 0 { 0.0 } else { (middle - half).max(0.0) };
        let high = if self.numerator == self.denominator { 1.0 } else { (middle + half).min(1.0) };
        Some((100.0 * low, 100.0 * high))
    }
}

/// 三率: one unit in one period.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitRates {
    /// The unit.
    pub unit: UnitCode,
    /// Rounds it led that were closed, excluded ones not among them.
    pub closed: u64,
    /// Of these, drawn.
    pub drawn: u64,
    /// Of the drawn, not called yet.
    pub waiting: u64,
    /// Of the drawn, tried and not reached.
    pub unreached: u64,
    /// Of the drawn, taken up again before the call was made.
    pub lapsed: u64,
    /// Of the drawn, reached: the valid call-backs.
    pub reached: u64,
    /// Of the reached, those who say that the unit was in touch.
    pub responded: u64,
    /// Left out after adjudication.
    pub excluded: u64,
    /// The three.
    pub rates: [Rate; 3],
    /// The weighted sum, in percent; none while a rate has nothing below its line.
    pub composite_percent: Option<f64>,
}

#[derive(Default)]
struct Tally {
    undrawn: u64,
    waiting: u64,
    unreached: u64,
    lapsed: u64,
    reached: u64,
    responded: u64,
    resolved: u64,
    satisfied: u64,
    excluded: u64,
    orders: u64,
    acknowledged: u64,
}

impl Tally {
    fn add(&mut self, group: &RatingGroup) {
        let count = group.rounds;
        match (group.state, group.opinion) {
            (None, _) => self.undrawn += count,
            (Some(State::Drawn), _) => self.waiting += count,
            (Some(State::Lapsed), _) => self.lapsed += count,
            (Some(State::Excluded), _) => self.excluded += count,
            (Some(State::Recorded | State::Adjudication | State::Upheld), Some(opinion)) => {
                let counted = |holds: bool| if holds { count } else { 0 };
                self.reached += count;
                self.responded += counted(opinion.responded);
                self.resolved += counted(opinion.resolved);
                self.satisfied += counted(opinion.satisfied);
            }
            (Some(State::Unreached | State::Recorded | State::Adjudication | State::Upheld), _) => {
                self.unreached += count;
            }
        }
    }

    fn rates(self, unit: UnitCode, weights: Weights) -> UnitRates {
        let rate = |code, numerator, denominator| Rate { code, numerator, denominator };
        let rates = [
            rate(RateCode::Response, self.acknowledged, self.orders),
            rate(RateCode::Resolution, self.resolved, self.reached),
            rate(RateCode::Satisfaction, self.satisfied, self.reached),
        ];
        let drawn = self.waiting + self.unreached + self.lapsed + self.reached;
        UnitRates {
            unit,
            closed: self.undrawn + drawn,
            drawn,
            waiting: self.waiting,
            unreached: self.unreached,
            lapsed: self.lapsed,
            reached: self.reached,
            responded: self.responded,
            excluded: self.excluded,
            rates,
            composite_percent: composite(&rates, weights),
        }
    }
}

/// A rate without a denominator is neither 0 nor 100: there is no composite then.
fn composite(rates: &[Rate; 3], weights: Weights) -> Option<f64> {
    rates.iter().try_fold(0.0, |sum, rate| Some(sum + f64::from(weights.of(rate.code)) / 100.0 * rate.percent()?))
}

/// The three rates of every unit that led a closed round or owed one of its orders, in the order of their codes.
#[must_use]
pub fn three_rates(ratings: &[RatingGroup], orders: &[OrderGroup], weights: Weights) -> Vec<UnitRates> {
    let mut tallies: BTreeMap<UnitCode, Tally> = BTreeMap::new();
    for group in ratings {
        tallies.entry(group.unit.clone()).or_default().add(group);
    }
    for group in orders {
        let tally = tallies.entry(group.unit.clone()).or_default();
        tally.orders += group.orders;
        tally.acknowledged += if group.acknowledged_in_time { group.orders } else { 0 };
    }
    tallies.into_iter().map(|(unit, tally)| tally.rates(unit, weights)).collect()
}

/// The rates of a unit that had nothing in the period: zeros, and no percentages.
#[must_use]
pub fn nothing(unit: UnitCode, weights: Weights) -> UnitRates {
    Tally::default().rates(unit, weights)
}
