//! Where the server programs are.

use std::path::{Path, PathBuf};

use crate::{ServersError, What};

/// The programs of both servers.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// Makes a new data directory for PostgreSQL.
    pub initdb: PathBuf,
    /// PostgreSQL itself.
    pub postgres: PathBuf,
    /// NATS itself.
    pub nats_server: PathBuf,
}

impl Binaries {
    /// Looks in the directory given, else in `XIEZHI_SERVERS_DIR`, else in `.local/servers` beside the running program
    /// or the working directory (or any folder above them), and last on `PATH` and where distributions put PostgreSQL.
    pub fn find(servers_dir: Option<&Path>) -> Result<Self, ServersError> {
        let named =
            servers_dir.map(Path::to_owned).or_else(|| std::env::var_os("XIEZHI_SERVERS_DIR").map(PathBuf::from));
        let homes = match named {
            // A directory somebody named is meant: nothing else is tried in its place.
            Some(home) => return Self::in_places(&postgres_in(&home), &nats_in(&home)),
            None => homes(),
        };
        let mut postgres: Vec<PathBuf> = homes.iter().flat_map(|home| postgres_in(home)).collect();
        let mut nats: Vec<PathBuf> = homes.iter().flat_map(|home| nats_in(home)).collect();
        let path: Vec<PathBuf> =
            std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        postgres.extend(path.iter().cloned());
        postgres.extend(distribution_folders());
        nats.extend(path);
        Self::in_places(&postgres, &nats)
    }

    fn in_places(postgres: &[PathBuf], nats: &[PathBuf]) -> Result<Self, ServersError> {
        let has_both = |place: &&PathBuf| place.join("postgres").is_file() && place.join("initdb").is_file();
        let postgres_bin = postgres.iter().find(has_both).ok_or_else(|| missing(What::Postgres, postgres))?;
        let nats_bin =
            nats.iter().find(|place| place.join("nats-server").is_file()).ok_or_else(|| missing(What::Nats, nats))?;
        Ok(Self {
            initdb: absolute(postgres_bin.join("initdb")),
            postgres: absolute(postgres_bin.join("postgres")),
            nats_server: absolute(nats_bin.join("nats-server")),
        })
    }
}

fn postgres_in(home: &Path) -> Vec<PathBuf> {
    vec![home.join("postgresql").join("bin")]
}

fn nats_in(home: &Path) -> Vec<PathBuf> {
    vec![home.join("nats")]
}

/// Servers run with another working directory, so their paths must not depend on ours.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn homes() -> Vec<PathBuf> {
    let starts = [std::env::current_exe().ok(), std::env::current_dir().ok()];
    let mut homes: Vec<PathBuf> = Vec::new();
    for start in starts.into_iter().flatten() {
        for above in start.ancestors() {
            let home = above.join(".local").join("servers");
            if home.is_dir() && !homes.contains(&home) {
                homes.push(home);
            }
        }
    }
    homes
}

/// Debian and others keep PostgreSQL's own programs off `PATH`; the newest comes first.
fn distribution_folders() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, path)| path).collect()
}

fn missing(what: What, places: &[PathBuf]) -> ServersError {
    let looked_in = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    ServersError::Missing { what, looked_in }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;
    use vocab::text::Lang;

    #[test]
    fn a_directory_somebody_named_is_the_only_place_looked_in() {
        let empty = tempfile::tempdir().unwrap();
        let error = Binaries::find(Some(empty.path())).unwrap_err();
        let sentence = error.sentence(Lang::Zh);
        assert!(sentence.contains("PostgreSQL") && sentence.contains("scripts/servers"), "{sentence}");
        assert!(sentence.contains(&empty.path().display().to_string()), "{sentence}");
    }
}
