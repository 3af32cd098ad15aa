//! Texts: words that people wrote, sealed where they are stored. Every owner (whatever a service files words under) has a
//! key of its own, derived from the service's; a sealed text opens only in its own row.

use uuid::Uuid;

use crate::seal::{self, Key, SealError};
use crate::secret::{self, KeyError, KeyName};
use crate::settings::Settings;

/// What the secret of a service's texts is called.
pub const TEXT_KEY: KeyName = KeyName { secret: "texts", variable: "XIEZHI_TEXT_KEY" };

/// What seals and opens the texts of one service.
#[derive(Clone)]
pub struct Texts {
    key: Key,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texts")
    }
}

impl Texts {
    /// The texts of `service` under a secret of 32 bytes. Services may share the secret: their keys differ.
    pub fn new(secret: &[u8], service: &str) -> Result<Self, SealError> {
        let secret = seal::key(secret)?;
        Ok(Self { key: seal::keyed(secret.as_slice(), &[b"xiezhi/texts/", service.as_bytes()])? })
    }

    /// The texts of `service` under the secret that the settings, else the environment, give.
    pub fn of(settings: &Settings, service: &str) -> Result<Self, KeyError> {
        let secret = secret::find(settings, TEXT_KEY)?;
        Self::new(secret.as_slice(), service).map_err(|source| KeyError::Wrong { variable: TEXT_KEY.variable, source })
    }

    /// What proves which secret this is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Seals words for one place (a table's column) in one row.
    pub fn seal(&self, owner: Uuid, place: &str, row: Uuid, words: &str) -> Result<Vec<u8>, SealError> {
        seal::seal(&self.key_of(owner)?, &associated(place, row), words.as_bytes())
    }

    /// Opens the words of one row.
    pub fn open(&self, owner: Uuid, place: &str, row: Uuid, sealed: &[u8]) -> Result<String, SealError> {
        let words = seal::open(&self.key_of(owner)?, &associated(place, row), sealed)?;
        String::from_utf8(words).map_err(|_| SealError::Seal)
    }

    fn key_of(&self, owner: Uuid) -> Result<Key, SealError> {
        seal::keyed(self.key.as_slice(), &[owner.as_bytes()])
    }
}

fn associated(place: &str, row: Uuid) -> Vec<u8> {
    [place.as_bytes(), b"/", row.as_bytes().as_slice()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use proptest::prelude::*;

    use super::*;

    const PLACES: [&str; 3] = ["work_text.body", "written.words", "written"];

    proptest! {
        #[test]
        fn a_text_opens_in_its_own_row_and_nowhere_else(
            secret in any::<[u8; 32]>(),
            (owner, row) in any::<(u128, u128)>(),
            place in prop::sample::select(&PLACES[..]),
            words in "\\PC{0,40}",
            (byte, bit) in (any::<prop::sample::Index>(), 0..8_u32),
        ) {
            let texts = Texts::new(&secret, "one").unwrap();
            let (owner, row) = (Uuid::from_u128(owner), Uuid::from_u128(row));
            let sealed = texts.seal(owner, place, row, &words).unwrap();
            prop_assert_eq!(texts.open(owner, place, row, &sealed).unwrap(), words.clone());
            prop_assert!(words.len() < 4 || !sealed.windows(words.len()).any(|part| part == words.as_bytes()));
            prop_assert_ne!(&sealed, &texts.seal(owner, place, row, &words).unwrap());

            let next = |id: Uuid| Uuid::from_u128(id.as_u128().wrapping_add(1));
            prop_assert_eq!(texts.open(next(owner), place, row, &sealed), Err(SealError::Seal));
            prop_assert_eq!(texts.open(owner, place, next(row), &sealed), Err(SealError::Seal));
            for other in PLACES.into_iter().filter(|other| *other != place) {
                prop_assert_eq!(texts.open(owner, other, row, &sealed), Err(SealError::Seal));
            }
            let neighbour = Texts::new(&secret, "another").unwrap();
            prop_assert_eq!(neighbour.open(owner, place, row, &sealed), Err(SealError::Seal));
            let mut changed = secret;
            changed[0] ^= 1;
            prop_assert_eq!(Texts::new(&changed, "one").unwrap().open(owner, place, row, &sealed), Err(SealError::Seal));

            let mut bent = sealed.clone();
            let at = byte.index(bent.len());
            bent[at] ^= 1 << bit;
            let expected = if at == 0 { SealError::Algorithm } else { SealError::Seal };
            prop_assert_eq!(texts.open(owner, place, row, &bent), Err(expected));
            prop_assert!(texts.open(owner, place, row, &sealed[..at]).is_err());
        }
    }

    #[test]
    fn a_secret_has_32_bytes() {
        assert_eq!(Texts::new(&[7; 31], "one").unwrap_err(), SealError::Key);
        assert_eq!(format!("{:?}", Texts::new(&[7; 32], "one").unwrap()), "Texts");
    }
}
