//! Sealing: what one key wrote, only that key reads, and only in the place it was written for.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// How many bytes a key has.
pub const KEY_BYTES: usize = 32;
/// The first byte of everything sealed: AES-256-GCM-SIV. Another algorithm gets another byte beside this one.
const AES_256_GCM_SIV: u8 = 1;
const NONCE_BYTES: usize = 12;

/// A key; its memory is wiped when it is dropped.
pub type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Why something could not be sealed or opened. Never says what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key is not 32 bytes.
    #[error("密钥应为 32 字节 / a key must have 32 bytes")]
    Key,
    /// Sealed by an algorithm this version does not know.
    #[error("sealed by an unknown algorithm")]
    Algorithm,
    /// Changed, moved to another row, or sealed under another key.
    #[error("it does not open: changed, misplaced, or sealed under another key")]
    Seal,
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

/// A key from bytes that must be 32.
pub fn key(bytes: &[u8]) -> Result<Key, SealError> {
    <[u8; KEY_BYTES]>::try_from(bytes).map(Zeroizing::new).map_err(|_| SealError::Key)
}

/// A key nobody had before.
pub fn new_key() -> Result<Key, SealError> {
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    fill_random(key.as_mut_slice())?;
    Ok(key)
}

/// Bytes from the operating system's source of randomness.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), SealError> {
    OsRng.try_fill_bytes(bytes).map_err(|_| SealError::Random)
}

/// HMAC-SHA256 over the parts, one after the other: a key derived from a key, or a hash only its holder can make.
pub fn keyed(key: &[u8], parts: &[&[u8]]) -> Result<Key, SealError> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).map_err(|_| SealError::Key)?;
    for part in parts {
        mac.update(part);
    }
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// Seals what is plain for the place that `associated` names: algorithm, nonce, cipher text.
pub fn seal(key: &Key, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let cipher = Aes256GcmSiv::new_from_slice(key.as_slice()).map_err(|_| SealError::Key)?;
    let mut nonce = [0_u8; NONCE_BYTES];
    fill_random(&mut nonce)?;
    let payload = Payload { msg: plain, aad: associated };
    let body = cipher.encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| SealError::Seal)?;
    Ok([&[AES_256_GCM_SIV][..], &nonce, &body].concat())
}

/// Opens what was sealed for the place that `associated` names.
pub fn open(key: &Key, associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (algorithm, rest) = sealed.split_first().ok_or(SealError::Seal)?;
    if *algorithm != AES_256_GCM_SIV {
        return Err(SealError::Algorithm);
    }
    let (nonce, body) = rest.split_at_checked(NONCE_BYTES).ok_or(SealError::Seal)?;
    let cipher = Aes256GcmSiv::new_from_slice(key.as_slice()).map_err(|_| SealError::Key)?;
    cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: body, aad: associated }).map_err(|_| SealError::Seal)
}
