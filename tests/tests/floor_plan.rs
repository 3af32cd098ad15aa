//! The walls of the house. Each test names every trespass, with its file and line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use house_tests::contract::Contract;
use house_tests::sources::{self, Kind, Source, words_of};

const SERVICES: [&str; 5] = ["intake", "assignment", "scheduling", "supervision", "evaluation"];

/// A crate of the workspace with what it depends on.
#[derive(Debug)]
struct Package {
    name: String,
    folder: String,
    manifest: String,
    normal: BTreeSet<String>,
    for_tests: BTreeSet<String>,
    for_build: BTreeSet<String>,
}

impl Package {
    fn all(&self) -> BTreeSet<&str> {
        self.normal.iter().chain(&self.for_tests).chain(&self.for_build).map(String::as_str).collect()
    }
}

fn packages() -> BTreeMap<String, Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let answer = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(sources::root().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("cargo metadata is JSON");
    let root = metadata["workspace_root"].as_str().expect("a root").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let packages: BTreeMap<String, Package> = packages
        .iter()
        .map(|package| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let of_kind = |kind: Option<&str>| {
                let dependencies = package["dependencies"].as_array().expect("dependencies");
                dependencies.iter().filter(|one| one["kind"].as_str() == kind).map(|one| text(&one["name"])).collect()
            };
            let manifest = text(&package["manifest_path"]);
            let folder = manifest.trim_start_matches(&root).trim_start_matches('/');
            let folder = folder.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned();
            let package = Package {
                name: text(&package["name"]),
                manifest: std::fs::read_to_string(&manifest).expect("a manifest"),
                folder,
                normal: of_kind(None),
                for_tests: of_kind(Some("dev")),
                for_build: of_kind(Some("build")),
            };
            (package.name.clone(), package)
        })
        .collect();
    assert!(packages.len() > 15, "only {:?}", packages.keys());
    packages
}

/// Everything of `found` that `allowed` does not name.
fn beyond<'a>(found: impl IntoIterator<Item = &'a str>, allowed: &[&str]) -> Vec<&'a str> {
    found.into_iter().filter(|name| !allowed.contains(name)).collect()
}

fn none(trespasses: &[String]) {
    assert!(trespasses.is_empty(), "{} trespasses:\n{}", trespasses.len(), trespasses.join("\n"));
}

fn at(source: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", source.path)
}

#[test]
fn a_service_never_depends_on_another_service() {
    let packages = packages();
    let mut trespasses = Vec::new();
    for service in SERVICES {
        let mind = format!("{service}-domain");
        let shared = ["kit", "vocab", "words", "pack", "xiezhi-proto", "testkit", mind.as_str()];
        for package in [&packages[service], &packages[&mind]] {
            let ours = package.all().into_iter().filter(|name| packages.contains_key(*name));
            for name in beyond(ours, &shared) {
                trespasses.push(format!("{} depends on {name}", package.name));
            }
        }
        // Cargo would refuse an undeclared crate; a re-export would slip through.
        for source in sources::rust(&format!("services/{service}")).unwrap() {
            for other in SERVICES.into_iter().filter(|other| *other != service) {
                for word in [format!("{other}_domain"), format!("{other}::")] {
                    let word = word.trim_end_matches("::");
                    let lines = source.lines_with(&["use", word]);
                    trespasses.extend(lines.into_iter().map(|line| at(&source, line, &format!("uses {word}"))));
                }
            }
        }
    }
    none(&trespasses);
}

#[test]
fn a_domain_crate_depends_on_words_and_arithmetic_only() {
    let packages = packages();
    let mut trespasses = Vec::new();
    let mut check = |name: &str, normal: &[&str], for_tests: &[&str]| {
        let package = &packages[name];
        for found in beyond(package.normal.iter().map(String::as_str), normal) {
            trespasses.push(format!("{name} depends on {found}"));
        }
        for found in beyond(package.for_tests.iter().map(String::as_str), for_tests) {
            trespasses.push(format!("the tests of {name} depend on {found}"));
        }
        for found in &package.for_build {
            trespasses.push(format!("the build of {name} depends on {found}"));
        }
    };
    for service in SERVICES {
        check(
            &format!("{service}-domain"),
            &["jiff", "serde", "thiserror", "uuid", "vocab"],
            &["proptest", "serde_json"],
        );
    }
    check("vocab", &["jiff", "serde", "thiserror", "uuid"], &["proptest", "serde_json"]);
    // The parser of packs reads texts that others opened; `disk` alone opens files, and the next test watches it.
    check(
        "pack",
        &["csv", "hex", "jiff", "serde", "serde_json", "serde_norway", "sha2", "thiserror", "uuid", "vocab"],
        &["proptest", "tempfile"],
    );
    none(&trespasses);
}

/// What needs a clock, chance, a disk, a network or a runtime.
const IMPURE: &[&str] = &[
    "Timestamp::now",
    "Zoned::now",
    "SystemTime",
    "Instant",
    "now_v7",
    "new_v4",
    "now_v6",
    "rand",
    "getrandom",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "tokio",
    "async",
    "await",
    "println",
    "eprintln",
    "include_str",
    "include_bytes",
    "xiezhi_proto",
    "prost",
    "sqlx",
    "Mutex",
    "static mut",
];

#[test]
fn a_domain_crate_knows_no_clock_no_chance_no_disk_and_no_protobuf() {
    let mut trespasses = Vec::new();
    let mut files = 0;
    for folder in SERVICES.map(|service| format!("services/{service}/domain/src")) {
        let sources = sources::rust(&folder).unwrap();
        assert!(!sources.is_empty(), "{folder} is empty");
        for source in sources {
            files += 1;
            for impure in IMPURE {
                trespasses.extend(source.lines_saying(impure).into_iter().map(|line| at(&source, line, impure)));
            }
        }
    }
    for folder in ["services/shared/vocab/src", "services/shared/pack/src"] {
        for source in sources::rust(folder).unwrap() {
            files += 1;
            for impure in IMPURE {
                // A pack lies in a folder: one file knows how to read it.
                if source.path == "services/shared/pack/src/disk.rs" && impure.starts_with("std::") {
                    continue;
                }
                trespasses.extend(source.lines_saying(impure).into_iter().map(|line| at(&source, line, impure)));
            }
        }
    }
    assert!(files > 40, "only {files} files were read");
    none(&trespasses);
}

/// A door must name requests and answers, and a listener the events it waits for; translating them is another thing.
#[test]
fn only_the_wire_turns_the_domain_into_the_contract() {
    let contract = Contract::load().unwrap();
    let messages: BTreeSet<String> = contract.messages().iter().map(|message| message.name().to_owned()).collect();
    let is_part = |name: &str| messages.contains(name) && !name.ends_with("Request") && !name.ends_with("Response");
    let mut trespasses = Vec::new();
    let mut built = 0;
    for service in SERVICES {
        let mind = format!("{service}_domain");
        for source in sources::rust(&format!("services/{service}/service/src")).unwrap() {
            let wire = source.path.contains("/wire/") || source.path.ends_with("/wire.rs");
            if !source.names("xiezhi_proto") || !source.names(&mind) {
                continue;
            }
            for (at, pair) in source.words.windows(2).enumerate() {
                if pair[1].text == "{" && is_part(&pair[0].text) && is_of_the_contract(&source, at) {
                    built += usize::from(wire);
                    if !wire {
                        trespasses.push(self::at(&source, pair[0].line, &format!("builds {}", pair[0].text)));
                    }
                }
            }
        }
    }
    assert!(built > 50, "only {built} messages are built in wires");
    none(&trespasses);
}

/// True where the word at this place is a contract's message and begins a value: it comes from `xiezhi_proto` by the path
/// before it or by a `use`, and what stands before is no declaration and no type.
fn is_of_the_contract(source: &Source, at: usize) -> bool {
    let words = &source.words;
    let before = |back: usize| at.checked_sub(back).and_then(|at| words.get(at)).map_or("", |word| word.text.as_str());
    if ["struct", "enum", "impl", "for", "trait", "mod", ">"].contains(&before(1)) {
        return false;
    }
    let imports: Vec<String> = uses(source, "xiezhi_proto");
    if before(1) == ":" {
        return before(3) == "xiezhi_proto" || imports.iter().any(|name| name == before(3));
    }
    imports.contains(&words[at].text)
}

/// Every name that a `use` of this crate brings into the file.
fn uses(source: &Source, name: &str) -> Vec<String> {
    let words = &source.words;
    let mut found = Vec::new();
    for at in source.words.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "use" && pair[1].text == name) {
        let rest = words[at.0..].iter().take_while(|word| word.text != ";");
        found.extend(rest.filter(|word| word.kind == Kind::Name).map(|word| word.text.clone()));
    }
    found
}

/// The ways to say SQL.
const SQL: &[&str] = &[
    "query",
    "query_as",
    "query_scalar",
    "query_unchecked",
    "query_as_unchecked",
    "query_file",
    "raw_sql",
    "QueryBuilder",
];

#[test]
fn only_the_store_of_a_service_holds_sql() {
    let mut trespasses = Vec::new();
    let mut stores = 0;
    for service in SERVICES {
        for source in sources::rust(&format!("services/{service}/service/src")).unwrap() {
            let lines: Vec<usize> = SQL.iter().flat_map(|word| source.lines_with(&["sqlx", ":", ":", word])).collect();
            if source.path.contains("/store/") || source.path.ends_with("/store.rs") {
                stores += lines.len();
            } else {
                trespasses.extend(lines.into_iter().map(|line| at(&source, line, "SQL")));
            }
        }
    }
    assert!(stores > 20, "only {stores} statements were found in stores");
    none(&trespasses);
}

/// Text that is put together and called safe, and who may do so.
const ASSEMBLED_SQL: &[(&str, &str)] = &[
    ("services/xiezhi/src/database.rs", "names of databases and roles, which cannot be bound, from a closed list"),
    ("services/xiezhi/src/bench/copies.rs", "names of tables and columns, from a closed list and the catalogue"),
    ("services/xiezhi/src/bench/replay.rs", "names of tables, from a closed list"),
    ("tests/chaos/src/faults/store.rs", "names of databases that are put back to an earlier time, from a closed list"),
    ("services/shared/testkit/src/shared.rs", "names of throw-away databases that the test makes up"),
];

#[test]
fn no_statement_is_put_together_from_values() {
    let mut trespasses = Vec::new();
    for folder in ["services", "tests"] {
        for source in sources::rust(folder).unwrap() {
            let lines: Vec<usize> =
                source.words.iter().filter(|word| word.text == "AssertSqlSafe").map(|word| word.line).collect();
            if !ASSEMBLED_SQL.iter().any(|(path, _)| *path == source.path) {
                trespasses.extend(lines.into_iter().map(|line| at(&source, line, "AssertSqlSafe")));
            }
        }
    }
    none(&trespasses);
}

#[test]
fn the_edge_speaks_grpc_only() {
    let packages = packages();
    let mut trespasses = Vec::new();
    let edge: Vec<&Package> =
        packages.values().filter(|package| package.folder.starts_with("services/edge/")).collect();
    assert!(edge.len() >= 2);
    for package in edge {
        let ours = package.normal.iter().map(String::as_str).filter(|name| packages.contains_key(*name));
        for name in beyond(ours, &["client", "xiezhi-proto", "vocab", "pack"]) {
            trespasses.push(format!("{} depends on {name}", package.name));
        }
        for name in ["sqlx", "jiff-sqlx", "async-nats", "cedar-policy"] {
            if package.normal.contains(name) {
                trespasses.push(format!("{} depends on {name}", package.name));
            }
        }
    }
    none(&trespasses);
}

#[test]
fn only_the_binary_sees_everything_and_nobody_sees_the_binary() {
    let packages = packages();
    let mut trespasses = Vec::new();
    let inside: BTreeSet<String> =
        SERVICES.iter().flat_map(|service| [(*service).to_owned(), format!("{service}-domain")]).collect();
    for package in packages.values() {
        let own = |name: &str| package.folder.starts_with(&format!("services/{}/", name.trim_end_matches("-domain")));
        for name in package.all() {
            if inside.contains(name) && package.name != "xiezhi" && !own(name) {
                trespasses.push(format!("{} depends on {name}", package.name));
            }
            // The chaos suite is a test with a program of its own.
            let harness = package.name == "chaos";
            if name == "xiezhi" || (name == "house-tests" && !harness) {
                trespasses.push(format!("{} depends on {name}", package.name));
            }
            if name == "testkit" && (package.normal.contains(name)) && package.name != "house-tests" && !harness {
                trespasses.push(format!("{} ships testkit", package.name));
            }
        }
    }
    for service in SERVICES {
        assert!(packages["xiezhi"].normal.contains(service), "xiezhi does not run {service}");
    }
    none(&trespasses);
}

#[test]
fn kit_depends_on_no_crate_with_a_domain_word() {
    let packages = packages();
    let ours = packages["kit"].all().into_iter().filter(|name| packages.contains_key(*name));
    assert_eq!(beyond(ours, &["xiezhi-proto", "testkit"]), Vec::<&str>::new());
}

/// Words of the domain, as parts of a name.
const DOMAIN_WORDS: &[&str] = &[
    "case",
    "cases",
    "complaint",
    "complaints",
    "complainant",
    "complainants",
    "petition",
    "petitioner",
    "citizen",
    "department",
    "departments",
    "town",
    "towns",
    "county",
    "officer",
    "officers",
    "determination",
    "diagnosis",
    "consultation",
    "ruling",
    "precedent",
    "order",
    "orders",
    "objection",
    "operation",
    "operations",
    "inspection",
    "vehicle",
    "vehicles",
    "rating",
    "ratings",
    "score",
    "scores",
    "notice",
    "notices",
    "closing",
    "intake",
    "assignment",
    "scheduling",
    "supervision",
    "evaluation",
    "responsibility",
    "clerk",
    "supervisor",
    "evaluator",
    "coordinator",
];

/// Where kit may say a word of the domain, and why.
const KIT_MAY_SAY: &[(&str, &str, &str)] = &[
    ("services/shared/kit/src/caller.rs", "department", "a token names the kind of its caller"),
    ("services/shared/kit/src/caller.rs", "town", "a token names the kind of its caller"),
    ("services/shared/kit/src/auth/token.rs", "department", "a token names the kind of its caller"),
    ("services/shared/kit/src/auth/token.rs", "town", "a token names the kind of its caller"),
    ("services/shared/kit/src/auth/policy.rs", "department", "policies tell kinds of callers apart"),
    ("services/shared/kit/src/auth/policy.rs", "town", "policies tell kinds of callers apart"),
];

/// Names that others gave, in which a word means something else.
const FOREIGN_NAMES: &[&str] = &["eq_ignore_ascii_case"];

#[test]
fn kit_knows_no_domain_word() {
    let mut trespasses = Vec::new();
    for source in sources::rust("services/shared/kit/src").unwrap() {
        for word in
            source.words.iter().filter(|word| word.kind == Kind::Name && !FOREIGN_NAMES.contains(&word.text.as_str()))
        {
            for part in words_of(&word.text) {
                let may = KIT_MAY_SAY.iter().any(|(path, said, _)| *path == source.path && *said == part);
                if DOMAIN_WORDS.contains(&part.as_str()) && !may {
                    trespasses.push(at(&source, word.line, &format!("{} says {part:?}", word.text)));
                }
            }
        }
        for word in source.words.iter().filter(|word| word.kind == Kind::Literal) {
            let service = SERVICES.into_iter().find(|service| word.text.trim_matches('"') == *service);
            trespasses.extend(service.map(|service| at(&source, word.line, &format!("names the service {service}"))));
        }
    }
    none(&trespasses);
}

#[test]
fn nothing_that_is_shipped_may_panic_on_purpose() {
    let mut trespasses = Vec::new();
    for folder in ["services", "proto", "tests/src"] {
        for source in sources::rust(folder).unwrap() {
            for code in
                [".unwrap()", ".expect(", ".unwrap_err()", "panic!", "todo!", "unimplemented!", "unreachable!", "dbg!"]
            {
                trespasses.extend(source.lines_saying(code).into_iter().map(|line| at(&source, line, code)));
            }
        }
    }
    none(&trespasses);
}

#[test]
fn every_crate_takes_the_lints_of_the_house() {
    let lax: Vec<String> = packages()
        .into_values()
        .filter(|package| !package.manifest.contains("[lints]\nworkspace = true"))
        .map(|package| package.folder)
        .collect();
    none(&lax);
}

#[test]
fn an_exception_from_a_lint_says_why() {
    let mut trespasses = Vec::new();
    let mut exceptions = 0;
    for folder in ["services", "proto", "tests"] {
        for path in sources::files(folder, &[".rs"]).unwrap() {
            let text = sources::text(&path).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            for (index, line) in lines.iter().enumerate() {
                let begins = line.trim_start();
                if !begins.starts_with("#[allow(")
                    && !begins.starts_with("#![allow(")
                    && !begins.starts_with("#[expect(")
                {
                    continue;
                }
                exceptions += 1;
                let before =
                    index.checked_sub(1).and_then(|before| lines.get(before)).map_or("", |line| line.trim_start());
                let said = line.contains("//") || before.starts_with("//") || line.contains("reason =");
                // Documentation tells what the item is, not why the lint is wrong.
                if !said || (before.starts_with("///") && !line.contains("//")) {
                    trespasses.push(format!("{path}:{}: {}", index + 1, line.trim()));
                }
            }
        }
    }
    assert!(exceptions > 10, "only {exceptions} exceptions were found");
    none(&trespasses);
}

#[test]
fn nothing_is_left_for_later() {
    let later = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX"].concat(), ["HA", "CK"].concat()];
    let endings = [".rs", ".proto", ".sql", ".yaml", ".yml", ".md", ".toml", ".cedar", ".conf", ".py", ".sh"];
    let mut trespasses = Vec::new();
    let mut paths = Vec::new();
    for folder in ["services", "proto", "tests", "deploy", "scripts", "docs"] {
        let all = sources::files(folder, &[""]).unwrap();
        paths.extend(
            all.into_iter().filter(|path| folder == "scripts" || endings.iter().any(|ending| path.ends_with(ending))),
        );
    }
    paths.extend(["README.md", "README.zh-CN.md", "Cargo.toml"].map(str::to_owned));
    assert!(paths.len() > 150, "only {} files were found", paths.len());
    for path in paths {
        let Ok(text) = sources::text(&path) else {
            trespasses.push(format!("{path} is missing or no text"));
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words.filter(|word| later.iter().any(|later| later == word)) {
                trespasses.push(format!("{path}:{}: {word}", index + 1));
            }
        }
    }
    none(&trespasses);
}
