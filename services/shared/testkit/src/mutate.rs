//! 变异: bytes that went wrong in many ways, the same ways whenever a test runs.

/// Words that readers of numbers, times, texts and tables stumble over.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\"",
    b"\"\"\"",
    b",",
    b",,,,,,,,",
    b"\n",
    b"\r",
    b"{{{{{{{{",
    b"[[[[[[[[",
    b"- - - - ",
    b": ",
    b"&a *a",
    b"!!binary ",
    b"%s%n",
    b"../../../../",
    b"-1",
    b"0",
    b"99999999999999999999",
    b"-9223372036854775808",
    b"1e999",
    b"NaN",
    b"9999-12-31T23:59:60Z",
    b"-009999-01-01",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    "\u{202e}".as_bytes(),
    "\u{1f9ff}".as_bytes(),
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\xff\xff\xff\xff\x0f",
];

/// Makes wrong bytes out of right ones. One seed always makes the same.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// A mutator of its own for this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next random bits (SplitMix64).
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below this one; 0 below 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// One of these.
    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// So many random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits().to_le_bytes()[0]).collect()
    }

    /// These bytes with one to four things wrong; `other` lends what does not belong.
    pub fn mutate(&mut self, right: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = right.to_vec();
        for _ in 0..=self.below(4) {
            self.spoil(&mut bytes, other);
        }
        bytes
    }

    fn spoil(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let end = at + self.below((bytes.len() - at).min(64) + 1);
        match self.below(9) {
            0 => {
                let bit = 1 << self.below(8);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
            }
            1 => {
                let byte = *self.one_of(&[0, 1, 0x7f, 0x80, 0xff, b'\\', b'"']).unwrap_or(&0);
                bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte);
            }
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let length = self.below(16);
                let random = self.bytes(length);
                bytes.splice(at..at, random);
            }
            5 => {
                let word = self.one_of(WORDS).copied().unwrap_or_default();
                bytes.splice(at..end, word.iter().copied());
            }
            6 => bytes.truncate(at),
            7 => {
                let from = self.below(other.len() + 1);
                let until = from + self.below((other.len() - from).min(64) + 1);
                bytes.splice(at..end, other.get(from..until).unwrap_or_default().iter().copied());
            }
            _ => {
                let many = 1 << self.below(10);
                let piece = bytes.get(at..end.min(at + 8)).unwrap_or_default().repeat(many);
                bytes.splice(at..at, piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_spoils_the_same_way_again_and_another_in_another() {
        let spoilt = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..50).map(|_| mutator.mutate(b"JS-2026-000001,road.occupation", b"other")).collect::<Vec<_>>()
        };
        assert_eq!(spoilt(1), spoilt(1));
        assert_ne!(spoilt(1), spoilt(2));
        let changed = spoilt(1).iter().filter(|bytes| bytes.as_slice() != b"JS-2026-000001,road.occupation").count();
        assert!(changed > 40, "{changed} of 50 are spoilt");
    }

    #[test]
    fn nothing_and_very_much_can_be_spoilt() {
        let mut mutator = Mutator::new(3);
        for _ in 0..200 {
            assert!(mutator.mutate(b"", b"").len() < 10_000);
            mutator.mutate(&[7; 5000], b"x");
        }
    }
}
