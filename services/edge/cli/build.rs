//! Puts the county packs of this repository into the program, so that it can count and check without a checkout.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../../deploy/packs");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", root.display());
    let mut code = String::from("static EMBEDDED: &[(&str, Embedded)] = &[\n");
    let mut packs: Vec<PathBuf> =
        std::fs::read_dir(&root)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    packs.sort();
    for pack in packs.into_iter().filter(|path| path.is_dir()) {
        let mut files = Vec::new();
        collect(&pack, &mut files)?;
        files.sort();
        let name = pack.file_name().unwrap_or_default().to_string_lossy().into_owned();
        writeln!(code, "    ({name:?}, &[")?;
        for file in files {
            let inside: Vec<_> =
                file.strip_prefix(&pack)?.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            let inside = inside.join("/");
            writeln!(code, "        ({inside:?}, include_bytes!({:?}) as &[u8]),", file.canonicalize()?)?;
        }
        writeln!(code, "    ]),")?;
    }
    code.push_str("];\n");
    std::fs::write(out.join("packs.rs"), code)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "csv") {
            files.push(path);
        }
    }
    Ok(())
}
