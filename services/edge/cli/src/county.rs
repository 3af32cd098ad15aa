//! County packs from a directory, or from the ones that travel inside this program.

use std::path::Path;

use pack::disk::Files;
use pack::{Mistake, Pack};

use crate::failure::Failure;
use crate::say::Say;

/// The files of one pack: relative path and content.
type Embedded = &'static [(&'static str, &'static [u8])];

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The pack that is meant where none is named.
pub const DEFAULT: &str = "jiashan";

/// The names of the packs that travel inside this program.
pub fn embedded() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(name, _)| *name)
}

/// The files of a pack: a directory, or the name of one inside this program.
pub fn files(named: &Path) -> Result<Files, Failure> {
    let inside = named.to_str().and_then(|name| EMBEDDED.iter().find(|(known, _)| *known == name));
    match inside {
        Some((_, files)) if !named.is_dir() => {
            Ok(files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect())
        }
        _ => pack::disk::files_from_dir(named).map_err(|error| {
            Failure::Says(Say::FileUnreadable { path: named.display().to_string(), why: error.to_string() })
        }),
    }
}

/// A pack and everything that is wrong with it.
pub fn read(named: &Path) -> Result<Result<Pack, Vec<Mistake>>, Failure> {
    Ok(pack::parse(&files(named)?))
}

/// A pack without mistakes; one with some is refused with all of them.
pub fn sound(named: &Path) -> Result<Pack, Failure> {
    read(named)?.map_err(Failure::Mistakes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;

    #[test]
    fn the_default_pack_travels_inside_and_is_sound() {
        assert!(embedded().any(|name| name == DEFAULT));
        let mistakes = read(Path::new(DEFAULT)).unwrap().err();
        assert_eq!(mistakes, None);
    }

    #[test]
    fn every_journey_that_travels_inside_reads_and_names_rpcs_of_the_contract() {
        for name in embedded() {
            let pack = sound(Path::new(name)).unwrap();
            for journey in &pack.journeys {
                let read = crate::journey::Journey::of(&journey.document);
                assert!(read.is_ok(), "{name}/{}: {:?}", journey.name, read.err());
            }
        }
        assert!(sound(Path::new(DEFAULT)).unwrap().journeys.len() >= 6);
    }

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        assert!(matches!(files(Path::new("no-such-pack")), Err(Failure::Says(Say::FileUnreadable { .. }))));
    }
}
