//! Files that people name: read to their end, which must come.

use std::io::Read;
use std::path::Path;

use crate::failure::Failure;
use crate::say::Say;

/// No text that a person writes is longer.
pub const TEXT_BYTES: u64 = 1 << 20;
/// The largest file a centre keeps as evidence.
pub const EVIDENCE_BYTES: u64 = 32 << 20;
/// A history of a million commands.
pub const HISTORY_BYTES: u64 = 64 << 20;

/// A file's bytes; refused where there are more than `most`.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let shown = || path.display().to_string();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| Failure::Says(Say::FileUnreadable { path: shown(), why: error.to_string() }))?;
    if bytes.len() as u64 > most {
        return Err(Failure::Says(Say::FileTooLarge { path: shown(), most_kib: most >> 10 }));
    }
    Ok(bytes)
}

/// A file's text.
pub fn read_text(path: &Path, most: u64) -> Result<String, Failure> {
    String::from_utf8(read(path, most)?).map_err(|error| {
        Failure::Says(Say::FileUnreadable { path: path.display().to_string(), why: error.utf8_error().to_string() })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

    use super::*;
    use crate::say::Lang;

    #[test]
    fn a_file_without_an_end_is_refused_with_its_name_and_the_limit() {
        let endless = Path::new("/dev/zero");
        let refused = read_text(endless, TEXT_BYTES).unwrap_err().text(Lang::Zh);
        assert!(refused.contains("/dev/zero") && refused.contains("1024 KiB"), "{refused}");
    }

    #[test]
    fn a_file_of_just_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        std::fs::write(&path, "油烟").unwrap();
        assert_eq!(read_text(&path, 6).unwrap(), "油烟");
        assert!(read_text(&path, 5).is_err());
        std::fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 6).is_err());
    }
}
