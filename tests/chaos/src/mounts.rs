//! Small file systems under the stores, for faults that fill a disk: where we may mount, and only when such a fault may come.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::Options;

/// Where, and how large.
const PLACES: [(&str, &str); 2] = [("nats-0/store", "size=24m"), ("postgresql", "size=600m,mode=700")];

/// What was mounted; it is unmounted when this is dropped.
#[derive(Debug, Default)]
pub struct Mounts(Vec<PathBuf>);

impl Mounts {
    /// Mounts where a fault of the run needs it and we may.
    #[must_use]
    pub fn over(folder: &Path, options: &Options) -> Self {
        let mut mounts = Self::default();
        if !options.only.iter().any(|fault| fault.name.ends_with("-full")) {
            return mounts;
        }
        for (place, how) in PLACES {
            let place = folder.join(place);
            let made = std::fs::create_dir_all(&place).is_ok()
                && quietly(Command::new("mount").args(["-t", "tmpfs", "-o", how, "tmpfs"]).arg(&place));
            if !made {
                return Self::default();
            }
            mounts.0.push(place);
        }
        mounts
    }

    /// True where everything asked for is there.
    #[must_use]
    pub fn are_there(&self) -> bool {
        self.0.len() == PLACES.len()
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for place in &self.0 {
            // Lazily: an interrupted run may leave its servers a moment longer.
            quietly(Command::new("umount").arg("-l").arg(place));
        }
    }
}

fn quietly(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
