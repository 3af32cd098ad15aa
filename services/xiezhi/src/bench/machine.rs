//! On what a measurement was made; without it a figure means nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use sqlx::{Connection, PgConnection};

use super::private::Store;

/// How this program was built; the centre it starts is the same program.
pub const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

/// What has to be known of a build whose figures mean little.
#[must_use]
pub fn note_on_build(profile: &str) -> Option<Note> {
    (profile != "release").then(|| Note {
        zh: "这不是优化构建, 数字只供检查, 请用 cargo build --release 后再测".to_owned(),
        en: "this is no release build, the figures only show that it works; measure after cargo build --release"
            .to_owned(),
    })
}

/// The machine, the build and the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// How many cores this process may use.
    pub cores: usize,
    /// How much memory the machine has, in MiB.
    pub memory_mib: u64,
    /// "release", or "debug" where the build is not optimised.
    pub profile: &'static str,
    /// True where PostgreSQL waits for the disk.
    pub fsync: bool,
    /// PostgreSQL's version.
    pub postgresql: String,
    /// The file system below the centre's folder, e.g. "ext4".
    pub file_system: String,
}

impl Machine {
    /// Looks around. A store that does not wait for the disk is refused: it would be another measurement.
    pub async fn look(store: &Store, folder: &Path) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(&store.url("postgres")).await?;
        let (fsync, commit, postgresql): (String, String, String) = sqlx::query_as(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_version')",
        )
        .fetch_one(&mut connection)
        .await?;
        connection.close().await?;
        if fsync != "on" || commit != "on" {
            bail!(
                "PostgreSQL 不等待写盘, 测量没有意义 / PostgreSQL does not wait for the disk: fsync is {fsync}, synchronous_commit is {commit}"
            );
        }
        let memory = fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: memory_kib(&memory).context("/proc/meminfo")? / 1024,
            profile: PROFILE,
            fsync: true,
            postgresql,
            file_system: file_system(&mounts, &fs::canonicalize(folder)?).unwrap_or_default(),
        })
    }

    /// What whoever reads the figures must know first.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::from_iter(note_on_build(self.profile));
        if ["tmpfs", "ramfs"].contains(&self.file_system.as_str()) {
            notes.push(Note {
                zh: "临时目录在内存中, 写盘没有代价, 请用 TMPDIR 指定磁盘上的目录".to_owned(),
                en:
                    "the folder lies in memory, where a write to the disk costs nothing; name one on a disk with TMPDIR"
                        .to_owned(),
            });
        }
        notes
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "注意  {} / {}", self.zh, self.en)
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

fn memory_kib(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The type of the mount that is nearest above a path.
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let above = |line: &str| -> Option<(usize, String)> {
        let (mount, kind) = line.split_once(" - ")?;
        // Blanks in names are written as \040; such a mount point is not met by a temporary folder.
        let point = Path::new(mount.split_ascii_whitespace().nth(4)?);
        let kind = kind.split_ascii_whitespace().next()?;
        path.starts_with(point).then(|| (point.components().count(), kind.to_owned()))
    };
    // Of two mounts at one place the later one is seen.
    mounts.lines().filter_map(above).max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts_and_of_two_the_later() {
        let mounts = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      22 21 0:5 / /tmp rw,nosuid shared:2 - xfs /dev/sdb rw\n\
                      23 21 0:6 / /tmp rw - tmpfs tmpfs rw\n\
                      24 21 0:7 / /tmpfiles rw - proc proc rw";
        let kind = |path: &str| file_system(mounts, Path::new(path));
        assert_eq!(kind("/tmp/xiezhi").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/var/tmp").as_deref(), Some("ext4"));
        assert_eq!(file_system("", Path::new("/tmp")), None);
    }

    #[test]
    fn memory_is_read_in_kibibytes() {
        assert_eq!(memory_kib("MemFree: 1 kB\nMemTotal:       16384 kB\n"), Some(16384));
        assert_eq!(memory_kib("MemTotal: lots"), None);
    }

    #[test]
    fn whoever_measures_a_debug_build_or_memory_is_told() {
        let machine = |profile, file_system: &str| Machine {
            cores: 2,
            memory_mib: 1,
            profile,
            fsync: true,
            postgresql: String::new(),
            file_system: file_system.to_owned(),
        };
        assert_eq!(machine("release", "ext4").notes(), []);
        assert_eq!(machine("debug", "tmpfs").notes().len(), 2);
    }
}
