//! What intake must be told beside what every service is told: the vault's master key.

use crate::vault::{Vault, VaultError};

/// The name of the master key among the settings' secrets: 32 bytes.
pub const VAULT_SECRET: &str = "intake.vault";
/// The environment variable with the master key: 64 hexadecimal digits, or the path of a file that holds them or the 32 bytes.
pub const VAULT_VARIABLE: &str = "XIEZHI_VAULT_KEY";

/// Why there is no vault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nobody gave a key.
    #[error(
        "intake needs the vault's master key: set {VAULT_VARIABLE} to 64 hexadecimal digits or to the path of a key file"
    )]
    Missing,
    /// The file cannot be read.
    #[error("the key file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no key.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The vault as the settings, else the environment, give its key. Without a key intake does not start: it never makes one up.
pub fn vault(settings: &kit::Settings) -> Result<Vault, ConfigError> {
    if let Some(key) = settings.secrets.get(VAULT_SECRET) {
        return Ok(Vault::new(&key_of(key)?)?);
    }
    match std::env::var(VAULT_VARIABLE) {
        Ok(value) if !value.trim().is_empty() => from_variable(value.trim()),
        _ => Err(ConfigError::Missing),
    }
}

fn from_variable(value: &str) -> Result<Vault, ConfigError> {
    if let Ok(key) = hex::decode(value) {
        return Ok(Vault::new(&key)?);
    }
    let bytes = std::fs::read(value).map_err(|source| ConfigError::Unreadable { path: value.to_owned(), source })?;
    Ok(Vault::new(&key_of(&bytes)?)?)
}

/// 32 bytes as they are, or written as 64 hexadecimal digits.
fn key_of(bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
    if bytes.len() == 32 {
        return Ok(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| VaultError::MasterKey)?;
    hex::decode(text.trim()).map_err(|_| VaultError::MasterKey)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn a_key_is_32_bytes_or_64_digits_in_the_variable_or_in_a_file() {
        assert!(from_variable(&"ab".repeat(32)).is_ok());
        assert!(matches!(from_variable(&"ab".repeat(16)), Err(ConfigError::Vault(VaultError::MasterKey))));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        assert!(matches!(from_variable(file.to_str().unwrap()), Err(ConfigError::Unreadable { .. })));
        for (content, is_key) in [(vec![9; 32], true), (b"0f".repeat(32), true), (vec![9; 31], false)] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(from_variable(file.to_str().unwrap()).is_ok(), is_key);
        }
    }
}
