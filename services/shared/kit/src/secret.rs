//! Keys an operator keeps: 32 bytes, written as 64 hexadecimal digits or lying in a file.

use zeroize::Zeroizing;

use crate::seal::{self, Key, SealError};
use crate::settings::Settings;

/// What one key is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyName {
    /// Among the settings' secrets.
    pub secret: &'static str,
    /// In the environment.
    pub variable: &'static str,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nobody gave one.
    #[error(
        "缺少密钥: 请将 {variable} 设为 64 位十六进制数或密钥文件的路径 / a key is missing: set {variable} to 64 hexadecimal digits or to the path of a key file"
    )]
    Missing {
        /// Where it is looked for.
        variable: &'static str,
    },
    /// The file cannot be read.
    #[error(
        "{variable}: 既不是 64 位十六进制数, 也不是可读取的密钥文件 / neither 64 hexadecimal digits nor the path of a key file that can be read"
    )]
    Unreadable {
        /// Who named it. What it named is not repeated: it may be a key written in another way.
        variable: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no key.
    #[error("{variable}: {source}")]
    Wrong {
        /// Where it was given.
        variable: &'static str,
        /// What is wrong with it.
        source: SealError,
    },
}

/// The key as the settings, else the environment, give it. Nobody makes one up.
pub fn find(settings: &Settings, name: KeyName) -> Result<Key, KeyError> {
    if let Some(bytes) = settings.secrets.get(name.secret) {
        return key_of(name.variable, bytes);
    }
    match std::env::var(name.variable) {
        Ok(value) if !value.trim().is_empty() => given(name.variable, value.trim()),
        _ => Err(KeyError::Missing { variable: name.variable }),
    }
}

/// A key as `variable` gives it: its digits, or the path of a file that holds them or the 32 bytes.
pub fn given(variable: &'static str, value: &str) -> Result<Key, KeyError> {
    if let Ok(bytes) = hex::decode(value).map(Zeroizing::new) {
        return seal::key(&bytes).map_err(|source| KeyError::Wrong { variable, source });
    }
    let bytes = std::fs::read(value).map_err(|source| KeyError::Unreadable { variable, source })?;
    key_of(variable, &Zeroizing::new(bytes))
}

/// 32 bytes as they are, or written as 64 hexadecimal digits.
fn key_of(variable: &'static str, bytes: &[u8]) -> Result<Key, KeyError> {
    let wrong = |source| KeyError::Wrong { variable, source };
    if bytes.len() == seal::KEY_BYTES {
        return seal::key(bytes).map_err(wrong);
    }
    let digits = bytes.trim_ascii();
    let decoded = hex::decode(digits).map(Zeroizing::new).map_err(|_| wrong(SealError::Key))?;
    seal::key(&decoded).map_err(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn a_key_is_32_bytes_or_64_digits_in_the_variable_or_in_a_file() {
        let given = |value: &str| given("A_KEY", value);
        assert_eq!(*given(&"ab".repeat(32)).unwrap(), [0xab; 32]);
        assert!(matches!(given(&"ab".repeat(16)), Err(KeyError::Wrong { source: SealError::Key, .. })));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        assert!(matches!(given(file.to_str().unwrap()), Err(KeyError::Unreadable { .. })));
        for (content, is_key) in [
            (vec![9; 32], true),
            (b"0f".repeat(32), true),
            ([b"0f".repeat(32), vec![b'\n']].concat(), true),
            (vec![9; 31], false),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(given(file.to_str().unwrap()).is_ok(), is_key);
        }
    }

    #[test]
    fn a_mistyped_key_is_not_repeated() {
        for mistyped in [format!("{}x", "ab".repeat(32)), "abab/cdcd+q83vEjRWeJCrze8SNFZ4kKvN7xI=".to_owned()] {
            let said = given("A_KEY", &mistyped).unwrap_err();
            assert!(format!("{said}").contains("A_KEY"), "{said}");
            assert!(!format!("{said} {said:?}").contains("abab"), "{said:?}");
        }
    }
}
