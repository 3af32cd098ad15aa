//! What is shipped holds none of the deliberate defects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use testkit::{program, repository};

#[test]
fn the_program_never_asks_which_defect_it_should_have() {
    let bytes = std::fs::read(program().unwrap()).unwrap();
    assert!(bytes.len() > 1 << 20, "that is no program");
    let asked = aho_corasick::AhoCorasick::new(["XIEZHI_MUTANT"]).unwrap();
    assert!(asked.find(&bytes[..]).is_none(), "the program was built with the feature `mutants`");
}

#[test]
fn only_the_chaos_script_turns_the_defects_on() {
    let mut turned_on = Vec::new();
    for folder in ["scripts", "services", "tests", "deploy"] {
        let mut waiting = vec![repository().join(folder)];
        while let Some(place) = waiting.pop() {
            for entry in std::fs::read_dir(&place).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else if let Ok(text) = std::fs::read_to_string(&path)
                    && (text.contains("default = [\"mutants\"") || text.contains("--features xiezhi/mutants"))
                    && !path.ends_with("scripts/chaos")
                    && !path.ends_with("tests/shipped.rs")
                {
                    turned_on.push(path);
                }
            }
        }
    }
    assert!(turned_on.is_empty(), "{turned_on:?}");
}
