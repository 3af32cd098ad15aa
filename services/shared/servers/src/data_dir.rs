//! The one directory where a centre keeps everything.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ServersError;

const LOCK: &str = "xiezhi.lock";
const PORTS: &str = "ports.json";
const SECRETS: &str = "secrets.json";
/// Below this a new PostgreSQL cannot even be made, and a running one is in danger.
const ROOM_NEEDED: u64 = 300 << 20;

/// 数据目录: a centre's directory, locked for as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Makes the directory (readable by its owner only) if it is not there, and takes its lock.
    pub fn open(path: &Path) -> Result<Self, ServersError> {
        let path = std::path::absolute(path).map_err(|error| ServersError::io(path, error))?;
        let wrong = |error| ServersError::io(&path, error);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(wrong)?;
        if !path.join(LOCK).exists() && fs::read_dir(&path).map_err(wrong)?.next().is_some() {
            return Err(ServersError::NotOurs { path });
        }
        // The system frees the lock when its holder dies, however it dies: there are no stale ones.
        let mut lock = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(wrong)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ServersError::InUse { pid: read_pid(&mut lock), path });
            }
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
        fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(wrong)?;
        lock.set_len(0).map_err(wrong)?;
        writeln!(lock, "{}", std::process::id()).map_err(wrong)?;
        let directory = Self { path, lock };
        directory.check_room()?;
        Ok(directory)
    }

    /// The process that runs on this directory now, if any; what a stale file says is not believed.
    #[must_use]
    pub fn holder(path: &Path) -> Option<u32> {
        let mut lock = File::open(path.join(LOCK)).ok()?;
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_pid(&mut lock),
            _ => None,
        }
    }

    /// The process that held the directory last, whether it still does or not. No lock is asked for, so nobody is kept out.
    #[must_use]
    pub fn last_holder(path: &Path) -> Option<u32> {
        read_pid(&mut File::open(path.join(LOCK)).ok()?)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only its owner can read, whole or not at all.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), ServersError> {
        write_private(&self.path.join(name), bytes)
    }

    /// Reads a file of the directory, if it is there.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ServersError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ServersError::io(&path, error)),
        }
    }

    /// The secret of this name, made at random and kept the first time it is asked for.
    pub fn secret(&self, name: &str) -> Result<String, ServersError> {
        let mut secrets: BTreeMap<String, String> = self.read_json(SECRETS)?;
        if let Some(secret) = secrets.get(name) {
            return Ok(secret.clone());
        }
        let secret = random_secret();
        secrets.insert(name.to_owned(), secret.clone());
        self.write_json(SECRETS, &secrets)?;
        Ok(secret)
    }

    /// The port remembered under this name.
    pub fn port(&self, name: &str) -> Result<Option<u16>, ServersError> {
        let ports: BTreeMap<String, u16> = self.read_json(PORTS)?;
        Ok(ports.get(name).copied())
    }

    /// Remembers a port, so that addresses stay the same from one start to the next.
    pub fn remember_port(&self, name: &str, port: u16) -> Result<(), ServersError> {
        let mut ports: BTreeMap<String, u16> = self.read_json(PORTS)?;
        if ports.insert(name.to_owned(), port) == Some(port) {
            return Ok(());
        }
        self.write_json(PORTS, &ports)
    }

    fn read_json<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, ServersError> {
        match self.read(name)? {
            None => Ok(T::default()),
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|_| ServersError::Damaged { path: self.path.join(name) })
            }
        }
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), ServersError> {
        let bytes =
            serde_json::to_vec_pretty(value).map_err(|_| ServersError::Damaged { path: self.path.join(name) })?;
        self.write_private(name, &bytes)
    }

    fn check_room(&self) -> Result<(), ServersError> {
        match free_bytes(&self.path) {
            Some(free) if free < ROOM_NEEDED => Err(ServersError::DiskFull { path: self.path.clone() }),
            _ => Ok(()),
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // The pid stays in the file, but `holder` believes the lock alone; closing the file would free it as well.
        let _ = self.lock.unlock();
    }
}

/// Free room on the disk of a directory, as far as an ordinary user may fill it.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Free and whole room on the disk of a directory, in bytes.
#[must_use]
pub fn room(path: &Path) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

/// 32 hexadecimal characters, 128 bits.
pub(crate) fn random_secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}

pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), ServersError> {
    let wrong = |error| ServersError::io(path, error);
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&partial).map_err(wrong)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(wrong)?;
    fs::rename(&partial, path).map_err(wrong)
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;
    use vocab::text::Lang;

    #[test]
    fn a_second_centre_on_the_same_directory_is_refused_with_the_first_ones_pid() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a centre");
        let first = DataDir::open(&path).unwrap();
        let refused = DataDir::open(&path).unwrap_err();
        assert!(
            matches!(refused, ServersError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
            "{refused:?}"
        );
        assert!(refused.sentence(Lang::En).contains("scripts/down"));
        assert_eq!(DataDir::holder(&path), Some(std::process::id()));
        drop(first);
        assert_eq!((DataDir::holder(&path), DataDir::last_holder(&path)), (None, Some(std::process::id())));
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn somebody_elses_directory_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("thesis.txt"), "mine").unwrap();
        assert!(matches!(DataDir::open(place.path()), Err(ServersError::NotOurs { .. })));
        assert!(!place.path().join(LOCK).exists());
    }

    #[test]
    fn secrets_and_ports_survive_and_are_private() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("centre");
        let secret = DataDir::open(&path).unwrap().secret("nats.intake").unwrap();
        let directory = DataDir::open(&path).unwrap();
        assert_eq!(directory.secret("nats.intake").unwrap(), secret);
        assert_ne!(directory.secret("nats.assignment").unwrap(), secret);
        directory.remember_port("api", 4711).unwrap();
        assert_eq!(directory.port("api").unwrap(), Some(4711));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join(SECRETS))), (0o700, 0o600));
    }

    #[test]
    fn a_torn_file_is_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("centre");
        let directory = DataDir::open(&path).unwrap();
        fs::write(path.join(PORTS), "{").unwrap();
        let sentence = directory.port("api").unwrap_err().sentence(Lang::Zh);
        assert!(sentence.contains(PORTS), "{sentence}");
    }
}
