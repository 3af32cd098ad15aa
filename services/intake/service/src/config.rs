//! What intake must be told beside what every service is told: the vault's master key.

use kit::secret::{self, KeyError, KeyName};

use crate::vault::Vault;

/// What the master key is called.
pub const VAULT_KEY: KeyName = KeyName { secret: "intake.vault", variable: "XIEZHI_VAULT_KEY" };

/// The vault as the settings, else the environment, give its key. Without a key intake does not start.
pub fn vault(settings: &kit::Settings) -> Result<Vault, KeyError> {
    let master = secret::find(settings, VAULT_KEY)?;
    Vault::new(master.as_slice()).map_err(|source| KeyError::Wrong { variable: VAULT_KEY.variable, source })
}
