//! 备份与恢复: a whole centre on one machine, copied while it runs and put into a new directory.
//!
//! All five databases live in one PostgreSQL, so one base backup holds them at one and the same moment. The JetStream store is not
//! needed: streams are made again from the journals.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::data_dir::{free_bytes, write_private};
use crate::process::{self, Identity};
use crate::{Binaries, DataDir, Postgres, PostgresOptions, ServersError, What};

/// What a centre keeps beside its databases, readable by its owner alone. Without `vault-key` no identity is ever read again.
const PRIVATE: &[&str] =
    &["secrets.json", "vault-key", "signing-key.pem", "verifying-key.pem", "centre-id", "pack.json"];
/// The databases, in a backup and in a data directory.
const CLUSTER: &str = "postgres";

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// How many bytes.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
}

/// Copies a centre into a new folder, whether it runs or not. What was committed before the call is in it.
pub async fn back_up(data: &Path, out: &Path, servers_dir: Option<&Path>) -> Result<Copied, ServersError> {
    let binaries = Binaries::find(servers_dir)?;
    empty_folder(out)?;
    for name in PRIVATE {
        let path = data.join(name);
        match fs::read(&path) {
            Ok(bytes) => write_private(&out.join(name), &bytes)?,
            // A centre without a pack has not kept its accounts yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound && *name == "pack.json" => {}
            Err(error) => return Err(ServersError::io(&path, error)),
        }
    }
    if DataDir::holder(data).is_some() {
        let port: BTreeMap<String, u16> = read_json(&data.join("ports.json"))?;
        let port = port.get("postgres").copied().ok_or_else(|| damaged(&data.join("ports.json")))?;
        base_backup(&binaries, data, out, port)?;
    } else {
        // Nobody runs it: for the time of the copy we do.
        let directory = DataDir::open(data)?;
        let postgres = Postgres::start(PostgresOptions {
            binaries: binaries.clone(),
            directory: directory.path().to_owned(),
            password: directory.secret("postgres")?,
            port: directory.port("postgres")?,
            fsync: true,
            throw_away: false,
        })
        .await?;
        let done = base_backup(&binaries, data, out, postgres.port());
        postgres.stop().await;
        done?;
    }
    check(&binaries, out)?;
    count(out)
}

fn base_backup(binaries: &Binaries, data: &Path, out: &Path, port: u16) -> Result<(), ServersError> {
    let secrets: BTreeMap<String, String> = read_json(&data.join("secrets.json"))?;
    let password = secrets.get("postgres").ok_or_else(|| damaged(&data.join("secrets.json")))?;
    let mut command = Command::new(beside(binaries, "pg_basebackup"));
    process::keep_environment_small(&mut command);
    command
        .env("PGPASSWORD", password)
        .args(["--host=127.0.0.1", "--username=postgres", "--no-password", "--wal-method=stream", "--checkpoint=fast"])
        .arg(format!("--port={port}"))
        .arg("--manifest-checksums=SHA256")
        .arg("--pgdata")
        .arg(out.join(CLUSTER));
    finish(command, out)
}

/// Refuses a backup whose files are not those that were written.
pub fn check(binaries: &Binaries, backup: &Path) -> Result<(), ServersError> {
    let mut command = Command::new(beside(binaries, "pg_verifybackup"));
    process::keep_environment_small(&mut command);
    command.arg("--quiet").arg("--no-parse-wal").arg(backup.join(CLUSTER));
    finish(command, backup)
}

/// Puts a backup into a new or empty data directory, with the streams of another where there are any. `xiezhi up` starts it.
pub fn restore(
    backup: &Path,
    data: &Path,
    streams: Option<&Path>,
    servers_dir: Option<&Path>,
) -> Result<Copied, ServersError> {
    let binaries = Binaries::find(servers_dir)?;
    check(&binaries, backup)?;
    empty_folder(data)?;
    let wanted = count(backup)?;
    if free_bytes(data).is_some_and(|free| free < wanted.bytes) {
        return Err(ServersError::DiskFull { path: data.to_owned() });
    }
    let directory = DataDir::open(data)?;
    for name in PRIVATE {
        match fs::read(backup.join(name)) {
            Ok(bytes) => directory.write_private(name, &bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && *name == "pack.json" => {}
            Err(error) => return Err(ServersError::io(&backup.join(name), error)),
        }
    }
    let identity = Identity::not_root()?;
    // Under another name first: what has the final name is complete.
    let partial = data.join("postgres.restored");
    copy_tree(&backup.join(CLUSTER), &partial, identity)?;
    let cluster = data.join(CLUSTER);
    fs::rename(&partial, &cluster).map_err(|error| ServersError::io(&cluster, error))?;
    if let Some(streams) = streams {
        let store = Path::new("nats").join("store");
        let parent = data.join("nats");
        DirBuilder::new().mode(0o700).create(&parent).map_err(|error| ServersError::io(&parent, error))?;
        copy_tree(&streams.join(&store), &data.join(&store), identity)?;
    }
    Ok(wanted)
}

/// A new folder, or one with nothing in it, readable by its owner alone.
fn empty_folder(path: &Path) -> Result<(), ServersError> {
    let wrong = |error| ServersError::io(path, error);
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong)?;
    if fs::read_dir(path).map_err(wrong)?.next().is_some() {
        return Err(ServersError::NotOurs { path: path.to_owned() });
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(wrong)
}

fn copy_tree(from: &Path, to: &Path, identity: Identity) -> Result<(), ServersError> {
    DirBuilder::new().mode(0o700).create(to).map_err(|error| ServersError::io(to, error))?;
    identity.give(to)?;
    for entry in fs::read_dir(from).map_err(|error| ServersError::io(from, error))? {
        let entry = entry.map_err(|error| ServersError::io(from, error))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(|error| ServersError::io(&source, error))?.is_dir() {
            copy_tree(&source, &target, identity)?;
            continue;
        }
        fs::copy(&source, &target).map_err(|error| ServersError::io(&target, error))?;
        fs::set_permissions(&target, Permissions::from_mode(0o600))
            .map_err(|error| ServersError::io(&target, error))?;
        identity.give(&target)?;
    }
    Ok(())
}

fn count(path: &Path) -> Result<Copied, ServersError> {
    let mut copied = Copied { bytes: 0, files: 0 };
    for entry in fs::read_dir(path).map_err(|error| ServersError::io(path, error))? {
        let entry = entry.map_err(|error| ServersError::io(path, error))?;
        let facts = entry.metadata().map_err(|error| ServersError::io(&entry.path(), error))?;
        if facts.is_dir() {
            let inside = count(&entry.path())?;
            copied.bytes += inside.bytes;
            copied.files += inside.files;
        } else {
            copied.bytes += facts.len();
            copied.files += 1;
        }
    }
    Ok(copied)
}

/// A program that comes with the server, in the same folder.
fn beside(binaries: &Binaries, name: &str) -> PathBuf {
    binaries.postgres.with_file_name(name)
}

fn finish(mut command: Command, place: &Path) -> Result<(), ServersError> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).output().map_err(|error| ServersError::io(&program, error))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if process::says_disk_full(&words) {
        return Err(ServersError::DiskFull { path: place.to_owned() });
    }
    Err(ServersError::Backup { path: place.to_owned(), said: process::last_line(&words) })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ServersError> {
    let bytes = fs::read(path).map_err(|error| ServersError::io(path, error))?;
    serde_json::from_slice(&bytes).map_err(|_| damaged(path))
}

fn damaged(path: &Path) -> ServersError {
    ServersError::Damaged { path: path.to_owned() }
}

/// The version of a server program as it says itself, for whoever must compare.
#[must_use]
pub fn version(binaries: &Binaries, what: What) -> Option<String> {
    let program = match what {
        What::Postgres => &binaries.postgres,
        What::Nats => &binaries.nats_server,
    };
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .find(|word| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()))
        .map(|word| word.trim_start_matches('v').to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("thesis.txt"), "mine").unwrap();
        assert!(matches!(empty_folder(place.path()), Err(ServersError::NotOurs { .. })));
        let new = place.path().join("new");
        empty_folder(&new).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_tree_is_copied_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let from = place.path().join("from");
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::write(from.join("deep/file"), "words").unwrap();
        fs::set_permissions(from.join("deep/file"), Permissions::from_mode(0o644)).unwrap();
        let to = place.path().join("to");
        copy_tree(&from, &to, Identity::Ours).unwrap();
        assert_eq!(fs::read_to_string(to.join("deep/file")).unwrap(), "words");
        assert_eq!(fs::metadata(to.join("deep/file")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(count(&to).unwrap(), Copied { bytes: 5, files: 1 });
    }
}
