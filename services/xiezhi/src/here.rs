//! What this machine knows of a centre that runs on it: its disk and its server programs.

use std::path::Path;

use cli::Here;
use servers::{Binaries, What, backup};

/// Looks at the disk of a data directory, at the programs beside it, and at the version that made the databases.
pub fn look(data: &Path) -> Here {
    let disk = servers::room(data).map(|(free, of)| (data.display().to_string(), free >> 20, of >> 20));
    let binaries = Binaries::find(None).ok();
    let version = |what| binaries.as_ref().and_then(|binaries| backup::version(binaries, what));
    let servers =
        [What::Postgres, What::Nats].into_iter().map(|what| (what.name().to_owned(), version(what))).collect();
    let data_version = std::fs::read_to_string(data.join("postgres").join("PG_VERSION")).ok();
    Here { disk, servers, data_version: data_version.map(|text| text.trim().to_owned()) }
}
