//! The only place that touches the file system: reads a pack's directory into memory.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The files of a pack: relative path with `/`, and content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A pack larger than this is refused before it is read, in bytes.
pub const MAX_PACK_BYTES: u64 = 32 * 1024 * 1024;

/// Reads every YAML and CSV file below a directory; other files are left alone.
pub fn files_from_dir(directory: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut size_bytes = 0;
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            // A link could lead out of the pack or in a circle, so only real files and folders are followed.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(path);
                continue;
            }
            let is_data = path.extension().is_some_and(|ending| ending == "yaml" || ending == "csv");
            if !kind.is_file() || !is_data {
                continue;
            }
            size_bytes += entry.metadata()?.len();
            if size_bytes > MAX_PACK_BYTES {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the pack is larger than 32 MiB"));
            }
            let inside = path.strip_prefix(directory).map_err(io::Error::other)?;
            let name: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            files.insert(name.join("/"), std::fs::read(&path)?);
        }
    }
    Ok(files)
}
