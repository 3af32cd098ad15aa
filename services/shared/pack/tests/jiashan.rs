//! The pack of Jiashan county is valid, and its lists give the answers the county expects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::path::Path;

use pack::Pack;

fn jiashan() -> Pack {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/packs/jiashan");
    let files = pack::disk::files_from_dir(&directory).unwrap();
    pack::parse(&files).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{} mistakes\n{}", lines.len(), lines.join("\n"))
    })
}

#[test]
fn the_pack_is_valid_as_a_whole() {
    let pack = jiashan();
    assert_eq!((pack.towns.len(), pack.villages.len()), (9, 174));
}
