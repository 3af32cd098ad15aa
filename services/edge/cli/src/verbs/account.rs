//! `account …`: who may call at all.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use client::call;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use rand::TryRngCore;
use serde_json::json as object;
use xiezhi_proto::assignment::v1::{DisableAccountRequest, RegisterAccountKeyRequest};

use super::case::recorded;
use crate::args::AccountCommand;
use crate::failure::Failure;
use crate::reflect::json;
use crate::say::{Say, Word, label};
use crate::screen::{Answer, Screen};
use crate::session::Session;

/// Does what an `account` verb says.
pub async fn run(session: &Session, screen: &mut Screen, command: AccountCommand) -> Result<Answer, Failure> {
    match command {
        AccountCommand::Disable { name } => disable(session, screen, name).await,
        AccountCommand::RegisterKey { name, public_key } => register_key(session, screen, name, &public_key).await,
        // Made without a centre, before one was looked for.
        AccountCommand::NewKey { .. } => Err(Failure::Usage(Say::Just(Word::Usage))),
    }
}

async fn disable(session: &Session, screen: &mut Screen, name: String) -> Result<Answer, Failure> {
    let event = "assignment.account.disabled";
    screen.sure(format!("{} {name}", label(event, session.lang)))?;
    let centre = &session.centre;
    let done = centre
        .command(|command_id| {
            let request = DisableAccountRequest { command_id, account_id: name.clone() };
            call!(centre.accounts().disable_account(request))
        })
        .await?;
    recorded(session, &done, event)
}

async fn register_key(
    session: &Session,
    screen: &mut Screen,
    account_id: String,
    public_key: &str,
) -> Result<Answer, Failure> {
    let public_key = parse_public_key(public_key)?;
    // With the key it had the account calls no more.
    screen.sure(format!("{} {account_id}", Word::ReplaceKey.text(session.lang)))?;
    let centre = &session.centre;
    let done = centre
        .command(|command_id| {
            let (account_id, public_key) = (account_id.clone(), public_key.clone());
            call!(centre.accounts().register_account_key(RegisterAccountKeyRequest {
                command_id,
                account_id,
                public_key
            }))
        })
        .await?;
    let what = format!("{} {account_id}", Word::AccountKey.text(session.lang));
    Ok(Answer::new(json(&done)?, Say::Done { what }.text(session.lang)))
}

/// 64 hexadecimal digits, as `account new-key` prints them.
fn parse_public_key(text: &str) -> Result<Bytes, Failure> {
    let bytes = hex::decode(text.trim()).ok().filter(|bytes| bytes.len() == 32);
    bytes.map(Bytes::from).ok_or_else(|| Failure::Usage(Say::NotAPublicKey { text: text.to_owned() }))
}

/// `account new-key`: the private half goes into a new file that only its owner can read, the public half is the answer.
pub fn new_key(out: &Path, screen: &mut Screen) -> Result<Answer, Failure> {
    let unwritable = |why: String| Failure::Says(Say::FileUnwritable { path: out.display().to_string(), why });
    let mut seed = [0_u8; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut seed).map_err(|error| unwritable(error.to_string()))?;
    let key = SigningKey::from_bytes(&seed);
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| unwritable(error.to_string()))?;
    in_a_new_file(out, |file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| unwritable(error.to_string()))?;
    let public_key = hex::encode(key.verifying_key().to_bytes());
    let path = out.display().to_string();
    screen.say(&Say::KeyWritten { path: path.clone() });
    Ok(Answer::new(object!({ "public_key": public_key, "private_key_file": path }), public_key))
}

/// Fills a new file that only its owner can read; where that does not go through, there is no file.
fn in_a_new_file(path: &Path, fill: impl FnOnce(&mut File) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    // A key that is there already may be in use.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let filled = fill(&mut options.open(path)?);
    if filled.is_err() {
        // Half a key would stand in the way of the next try, and fit nothing.
        let _ = std::fs::remove_file(path);
    }
    filled
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;
    use crate::Output;
    use crate::say::Lang;
    use crate::session::read_key;

    #[test]
    fn a_new_key_is_its_owners_alone_reads_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zf.pem");
        let mut screen =
            Screen::of(Lang::Zh, Output::Text, false, Box::new(std::io::sink()), Box::new(std::io::sink()));
        let answer = new_key(&path, &mut screen).unwrap();
        let public = read_key(&path).unwrap().verifying_key().to_bytes();
        assert_eq!(parse_public_key(&answer.text).unwrap().as_ref(), public);
        assert_eq!(answer.json["public_key"], hex::encode(public));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let before = std::fs::read(&path).unwrap();
        let refused = new_key(&path, &mut screen).unwrap_err().text(Lang::En);
        assert!(refused.contains("zf.pem"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_may_have_a_name_that_is_no_text() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff.pem"));
        let mut screen =
            Screen::of(Lang::Zh, Output::Json, false, Box::new(std::io::sink()), Box::new(std::io::sink()));
        let answer = new_key(&path, &mut screen).unwrap();
        assert_eq!(answer.json["private_key_file"], path.display().to_string());
        read_key(&path).unwrap();
    }

    #[test]
    fn a_key_that_was_not_written_to_its_end_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zf.pem");
        let full = |file: &mut File| {
            file.write_all(b"-----BEGIN PRIVATE")?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        };
        assert_eq!(in_a_new_file(&path, full).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        assert!(!path.exists(), "half a key is left");
        in_a_new_file(&path, |file| file.write_all(b"whole")).unwrap();
        assert!(in_a_new_file(&path, |_| Ok(())).is_err(), "what is there is somebody's");
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_public_key_is_64_hexadecimal_digits() {
        assert!(parse_public_key(&"0a".repeat(32)).is_ok());
        for wrong in ["", "0a", "zz", &"0a".repeat(33)] {
            assert!(parse_public_key(wrong).is_err(), "{wrong}");
        }
    }
}
