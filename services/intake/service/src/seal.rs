//! Sealing at the doors: what a person wrote is sealed before it reaches the corridor, so that no decision ever holds it.

use intake_domain::{Known, TrackingCode, mask};
use kit::refusal::Refusal;
use uuid::Uuid;
use vocab::CaseId;

use crate::app::register::{Registration, SealedComplainant};
use crate::store::read;
use crate::unit::MaskedText;
use crate::vault::{DataKey, Owner, Place, Trait, Vault, random_bits};
use crate::wire::complaint::{Identity, Register, Words};

/// Gives a complaint its ids and keys and seals its words.
pub fn registration(vault: &Vault, wanted: Register) -> Result<Registration, Refusal> {
    let id = Uuid::now_v7();
    let complainant = Uuid::now_v7();
    let digests = [(Trait::Phone, &wanted.identity.phone), (Trait::IdNumber, &wanted.identity.id_number)]
        .into_iter()
        .filter_map(|(what, value)| vault.blind(what, value))
        .collect();
    let mask_confirmed = wanted.masked.is_some();
    let masked = wanted.masked.unwrap_or_else(|| masked(&wanted.words, &wanted.identity));
    Ok(Registration {
        id: CaseId::new(id),
        tracking: TrackingCode::from_bits(random_bits()?),
        facts: wanted.facts,
        accused: wanted.accused,
        complainant: sealed_complainant(vault, complainant, &wanted.identity, &wanted.words)?,
        text: new_text(vault, id, &masked)?,
        mask_confirmed,
        digests,
    })
}

fn masked(words: &Words, identity: &Identity) -> Words {
    let known = Known {
        name: &identity.name,
        phone: &identity.phone,
        id_number: &identity.id_number,
        address: &identity.address,
    };
    Words { title: mask(&words.title, known), body: mask(&words.body, known) }
}

fn sealed_complainant(
    vault: &Vault,
    id: Uuid,
    identity: &Identity,
    words: &Words,
) -> Result<SealedComplainant, Refusal> {
    let (key, wrapped_key) = vault.new_key(Owner::Complainant(id))?;
    let identity = serde_json::to_vec(identity).map_err(|_| Refusal::Internal("an identity".to_owned()))?;
    Ok(SealedComplainant {
        id,
        wrapped_key,
        identity: key.seal(Place::Identity, id, &identity)?,
        title: key.seal(Place::Title, id, words.title.as_bytes())?,
        body: key.seal(Place::Body, id, words.body.as_bytes())?,
    })
}

fn new_text(vault: &Vault, case: Uuid, masked: &Words) -> Result<MaskedText, Refusal> {
    let (key, wrapped_key) = vault.new_key(Owner::Case(case))?;
    text_under(&key, wrapped_key, case, masked)
}

fn text_under(key: &DataKey, wrapped_key: Vec<u8>, case: Uuid, masked: &Words) -> Result<MaskedText, Refusal> {
    Ok(MaskedText {
        wrapped_key,
        title: key.seal(Place::MaskedTitle, case, masked.title.as_bytes())?,
        body: key.seal(Place::MaskedBody, case, masked.body.as_bytes())?,
    })
}

/// A confirmed masked text under the key the case has already.
pub fn confirmed(vault: &Vault, case: CaseId, known: read::SealedText, words: &Words) -> Result<MaskedText, Refusal> {
    let key = vault.open_key(Owner::Case(case.uuid()), &known.wrapped_key)?;
    text_under(&key, known.wrapped_key, case.uuid(), words)
}

/// A masked text, opened.
pub fn open_text(vault: &Vault, case: CaseId, sealed: &read::SealedText) -> Result<Words, Refusal> {
    let key = vault.open_key(Owner::Case(case.uuid()), &sealed.wrapped_key)?;
    Ok(Words {
        title: key.open_text(Place::MaskedTitle, case.uuid(), &sealed.masked_title)?,
        body: key.open_text(Place::MaskedBody, case.uuid(), &sealed.masked_body)?,
    })
}

/// A complainant, opened.
pub struct Opened {
    /// The key, for what else it sealed.
    pub key: DataKey,
    /// Who it is.
    pub identity: Identity,
    /// In which words it was raised.
    pub words: Words,
}

/// Opens a complainant. Only for a reveal whose entry is committed.
pub fn open_complainant(vault: &Vault, id: Uuid, sealed: &read::SealedComplainant) -> Result<Opened, Refusal> {
    let key = vault.open_key(Owner::Complainant(id), &sealed.wrapped_key)?;
    let identity = key.open(Place::Identity, id, &sealed.identity)?;
    let identity = serde_json::from_slice(&identity)
        .map_err(|_| Refusal::Internal("an identity does not read back".to_owned()))?;
    let words = Words {
        title: key.open_text(Place::Title, id, &sealed.title)?,
        body: key.open_text(Place::Body, id, &sealed.body)?,
    };
    Ok(Opened { key, identity, words })
}
