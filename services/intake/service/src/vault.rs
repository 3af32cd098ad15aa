//! 信息库: what alone can read who complained and in which words. One key per complainant seals identity and raw text, one per case
//! the masked text; both are wrapped by a master key that no database knows. Destroying a wrapped key destroys what it sealed.

use kit::seal::{self, Key, SealError};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What a sealed value is; it opens only in its own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A complainant's identity.
    Identity,
    /// The title as it was written.
    Title,
    /// The body as it was written.
    Body,
    /// The masked title.
    MaskedTitle,
    /// The masked body.
    MaskedBody,
    /// What a person weighed.
    Considered,
    /// Why an identity was opened.
    Reason,
}

impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Title => "title",
            Self::Body => "body",
            Self::MaskedTitle => "masked_title",
            Self::MaskedBody => "masked_body",
            Self::Considered => "considered",
            Self::Reason => "reason",
        }
    }
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A complainant's.
    Complainant(Uuid),
    /// A case's.
    Case(Uuid),
}

impl Owner {
    fn associated(self) -> Vec<u8> {
        let (kind, id) = match self {
            Self::Complainant(id) => ("key/complainant/", id),
            Self::Case(id) => ("key/case/", id),
        };
        [kind.as_bytes(), id.as_bytes()].concat()
    }
}

/// What a blind index is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trait {
    /// 电话.
    Phone,
    /// 证件号码.
    IdNumber,
}

/// The vault's own keys, derived from the master key.
#[derive(Clone)]
pub struct Vault {
    wrapping: Key,
    index: Key,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

/// The key of one complainant or one case.
#[derive(Clone)]
pub struct DataKey(Key);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl Vault {
    /// A vault over a master key.
    pub fn new(master: &[u8]) -> Result<Self, SealError> {
        let master = seal::key(master)?;
        let derive = |purpose: &str| seal::keyed(master.as_slice(), &[purpose.as_bytes()]);
        Ok(Self { wrapping: derive("xiezhi/intake/wrap")?, index: derive("xiezhi/intake/index")? })
    }

    /// What proves which master key this is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.wrapping
    }

    /// A new key, and the same key wrapped for the database.
    pub fn new_key(&self, owner: Owner) -> Result<(DataKey, Vec<u8>), SealError> {
        let key = seal::new_key()?;
        let wrapped = seal::seal(&self.wrapping, &owner.associated(), key.as_slice())?;
        Ok((DataKey(key), wrapped))
    }

    /// A key from the database.
    pub fn open_key(&self, owner: Owner, wrapped: &[u8]) -> Result<DataKey, SealError> {
        let key = Zeroizing::new(seal::open(&self.wrapping, &owner.associated(), wrapped)?);
        seal::key(&key).map(DataKey).map_err(|_| SealError::Seal)
    }

    /// 盲索引: the same phone or document gives the same hash, and only whoever has the master key can try one.
    #[must_use]
    pub fn blind(&self, what: Trait, value: &str) -> Option<Vec<u8>> {
        let (kind, canonical): (&str, String) = match what {
            Trait::Phone => ("phone", canonical_phone(value)),
            Trait::IdNumber => (
                "id_number",
                value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect(),
            ),
        };
        // A number this short is shared by too many to point at anybody.
        if canonical.len() < 5 {
            return None;
        }
        seal::keyed(self.index.as_slice(), &[kind.as_bytes(), &[0], canonical.as_bytes()])
            .ok()
            .map(|hash| hash.to_vec())
    }
}

/// Digits alone, without the country's code, so that one phone has one form.
fn canonical_phone(value: &str) -> String {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let inner = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")).unwrap_or(&digits);
    if inner.len() == 11 { inner.to_owned() } else { digits }
}

impl DataKey {
    /// Seals a value in its place.
    pub fn seal(&self, place: Place, id: Uuid, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal::seal(&self.0, &associated(place, id), plain)
    }

    /// Opens a value that was sealed in this place.
    pub fn open(&self, place: Place, id: Uuid, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        seal::open(&self.0, &associated(place, id), sealed)
    }

    /// Opens a text that was sealed in this place.
    pub fn open_text(&self, place: Place, id: Uuid, sealed: &[u8]) -> Result<String, SealError> {
        String::from_utf8(self.open(place, id, sealed)?).map_err(|_| SealError::Seal)
    }
}

fn associated(place: Place, id: Uuid) -> Vec<u8> {
    [place.as_str().as_bytes(), b"/", id.as_bytes().as_slice()].concat()
}

/// Sixty random bits for a tracking code.
pub fn random_bits() -> Result<u64, SealError> {
    let mut bytes = [0_u8; 8];
    seal::fill_random(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    fn vault() -> Vault {
        Vault::new(&[7; 32]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_in_its_own_place_under_its_own_key() {
        let owner = Owner::Complainant(Uuid::from_u128(1));
        let (key, wrapped) = vault().new_key(owner).unwrap();
        let sealed = key.seal(Place::Identity, Uuid::from_u128(1), "陈某某".as_bytes()).unwrap();
        let again = vault().open_key(owner, &wrapped).unwrap();
        assert_eq!(again.open_text(Place::Identity, Uuid::from_u128(1), &sealed).unwrap(), "陈某某");
        for wrong in [
            again.open(Place::Identity, Uuid::from_u128(2), &sealed),
            again.open(Place::Title, Uuid::from_u128(1), &sealed),
            vault().new_key(owner).unwrap().0.open(Place::Identity, Uuid::from_u128(1), &sealed),
            again.open(Place::Identity, Uuid::from_u128(1), &[]),
            again.open(Place::Identity, Uuid::from_u128(1), &sealed[..10]),
        ] {
            assert_eq!(wrong, Err(SealError::Seal));
        }
        let mut other = sealed.clone();
        other[0] = 9;
        assert_eq!(again.open(Place::Identity, Uuid::from_u128(1), &other), Err(SealError::Algorithm));
        for byte in 1..sealed.len() {
            let mut bent = sealed.clone();
            bent[byte] ^= 1;
            assert_eq!(again.open(Place::Identity, Uuid::from_u128(1), &bent), Err(SealError::Seal));
        }
    }

    #[test]
    fn a_wrapped_key_is_its_owners_and_the_masters_alone() {
        let owner = Owner::Complainant(Uuid::from_u128(1));
        let (_, wrapped) = vault().new_key(owner).unwrap();
        assert!(vault().open_key(Owner::Case(Uuid::from_u128(1)), &wrapped).is_err());
        assert!(vault().open_key(Owner::Complainant(Uuid::from_u128(2)), &wrapped).is_err());
        assert!(Vault::new(&[8; 32]).unwrap().open_key(owner, &wrapped).is_err());
        assert_eq!(Vault::new(&[7; 31]).unwrap_err(), SealError::Key);
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let (key, _) = vault().new_key(Owner::Case(Uuid::nil())).unwrap();
        let seal = || key.seal(Place::Body, Uuid::nil(), b"same").unwrap();
        assert_ne!(seal(), seal());
        assert!(!seal().windows(4).any(|part| part == b"same"));
    }

    #[test]
    fn one_phone_has_one_blind_index_however_it_is_written() {
        let blind = |value| vault().blind(Trait::Phone, value);
        assert_eq!(blind("13805731234"), blind("+86 138-0573-1234"));
        assert_eq!(blind("0573-84021234"), blind("0573 84021234"));
        assert_ne!(blind("13805731234"), blind("13805731235"));
        assert_ne!(blind("13805731234"), vault().blind(Trait::IdNumber, "13805731234"));
        assert_ne!(blind("13805731234"), Vault::new(&[8; 32]).unwrap().blind(Trait::Phone, "13805731234"));
        assert_eq!(
            vault().blind(Trait::IdNumber, "33042119800101123x"),
            vault().blind(Trait::IdNumber, "33042119800101123X")
        );
        assert_eq!((blind(""), blind("110")), (None, None));
    }
}
