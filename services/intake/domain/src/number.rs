//! 编号: the case number a clerk says and the tracking code a complainant keeps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use vocab::Malformed;

/// 案件编号: gap-free within a year, e.g. `JS-2026-000123`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseNumber(String);

impl CaseNumber {
    /// The number of the `nth` case of a year, from 1. The millionth case of a year gets seven digits and stays unique.
    #[must_use]
    pub fn new(prefix: &str, year: i16, nth: i64) -> Self {
        Self(format!("{prefix}-{year:04}-{nth:06}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CaseNumber {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed::new("case number", "not like JS-2026-000123");
        let mut parts = text.split('-');
        let (Some(prefix), Some(year), Some(nth), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = (1..=8).contains(&prefix.len())
            && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && year.len() == 4
            && digits(year)
            && (6..=12).contains(&nth.len())
            && digits(nth);
        if is_number { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for CaseNumber {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<CaseNumber> for String {
    fn from(number: CaseNumber) -> Self {
        number.0
    }
}

/// The digits of a tracking code: none that is mistaken for another on paper or over the phone.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How many digits a tracking code has: 60 random bits, too many to try.
const LENGTH: usize = 12;

/// 查询码: what a complainant asks for progress with. Random, so that nobody finds another's case by counting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrackingCode(String);

impl TrackingCode {
    /// The code of these random bits; the lowest 60 count.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        let digit = |place: usize| {
            let value = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
            DIGITS.get(value).copied().map(char::from)
        };
        Self((0..LENGTH).filter_map(digit).collect())
    }

    /// The twelve digits without dashes, as they are stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, digit) in self.0.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl FromStr for TrackingCode {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed::new("tracking code", "it has twelve letters and digits");
        if text.len() > 40 {
            return Err(wrong());
        }
        let mut code = String::with_capacity(LENGTH);
        for character in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let character = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            if !character.is_ascii() || !DIGITS.iter().any(|digit| char::from(*digit) == character) {
                return Err(wrong());
            }
            code.push(character);
        }
        if code.len() == LENGTH { Ok(Self(code)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for TrackingCode {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<TrackingCode> for String {
    fn from(code: TrackingCode) -> Self {
        code.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_case_number_counts_within_its_year() {
        assert_eq!(CaseNumber::new("JS", 2026, 123).as_str(), "JS-2026-000123");
        assert_eq!(CaseNumber::new("JS", 2026, 1_234_567).as_str(), "JS-2026-1234567");
        for wrong in ["", "JS-2026", "JS-2026-12", "JS-26-000001", "JS-2026-000001-1", "J S-2026-000001"] {
            assert!(wrong.parse::<CaseNumber>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tracking_code_is_read_the_way_people_write_it() {
        let code = TrackingCode::from_bits(0x0123_4567_89ab_cdef);
        let spoken = code.to_string();
        assert_eq!(spoken.len(), 14);
        assert_eq!(spoken.to_lowercase().replace('-', " ").parse::<TrackingCode>().unwrap(), code);
        assert_eq!("oooo-iiii-llll".parse::<TrackingCode>().unwrap().as_str(), "000011111111");
        for wrong in ["", "0000-0000-000", "0000-0000-00000", "0000-0000-000U", "００００-0000-0000"] {
            assert!(wrong.parse::<TrackingCode>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn numbers_and_codes_read_back(nth in 1_i64..9_999_999, bits: u64) {
            let number = CaseNumber::new("JS", 2026, nth);
            prop_assert_eq!(number.to_string().parse::<CaseNumber>().unwrap(), number);
            let code = TrackingCode::from_bits(bits);
            prop_assert_eq!(code.to_string().parse::<TrackingCode>().unwrap(), code);
        }

        #[test]
        fn other_bits_give_another_code(one in 0_u64..1 << 60, other in 0_u64..1 << 60) {
            prop_assert_eq!(TrackingCode::from_bits(one) == TrackingCode::from_bits(other), one == other);
        }
    }
}
