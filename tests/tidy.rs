//! The rules of the house (see `src/README.md`), read off its sources.
//!
//! Deliberately absent: a Rust parser. The scanner knows comments, strings, `use`
//! trees and paths; that is what the rules speak about. Unit tests inside a file
//! are left out, except where a rule says otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/sayings.rs"]
mod sayings;
#[path = "tidy/scan.rs"]
mod scan;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/violations.rs"]
mod violations;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use source::Source;

/// All rules over all files, sorted.
fn check(sources: &[Source]) -> Vec<String> {
    let tests = source::test_modules(sources);
    let mut found = Vec::new();
    for source in sources {
        rules::check_text(source, &mut found);
        if !tests.contains(&source.module) {
            rules::check_imports(source, &mut found);
            rules::check_clock(source, &mut found);
            rules::check_length(source, &mut found);
        }
    }
    circles::check(sources, &tests, &mut found);
    found.sort();
    found
}

fn house() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    collect(root, &root.join("src"), &mut sources);
    assert!(sources.len() > 20, "the sources are not where they were");
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            sources.push(Source::new(name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_house_is_tidy() {
    let found = check(&house());
    assert!(
        found.is_empty(),
        "{} violations:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn the_map_of_rooms_is_true() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/README.md"));
    let readme = readme.unwrap();
    let (_, map) = readme.split_once("## Map of rooms").expect("no map");
    // A row of the map: | `room/` | ...
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `"));
    let rooms = rows.map(|row| row.split(['/', '.', '`']).next().unwrap().to_owned());
    let told: BTreeSet<String> = rooms.collect();
    let sources = house();
    let modules = sources.iter().filter_map(|source| source.module.first());
    let standing: BTreeSet<String> = modules.cloned().collect();
    assert_eq!(told, standing, "src/README.md (left) and src/ (right)");
}

#[test]
fn everything_said_stands_in_the_catalogue_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let english = fs::read_to_string(root.join("src/text/english.toml")).unwrap();
    let catalogue = sayings::catalogue(&english);
    let mut found = Vec::new();
    sayings::check(&house(), &catalogue, &mut found);
    let mut texts = Vec::new();
    sayings::texts(&root.join("src"), &mut texts);
    let unsaid = sayings::unsaid(&catalogue, &texts);
    found.extend(unsaid.iter().map(|key| format!("nobody says `{key}`")));
    assert!(
        found.is_empty(),
        "{} violations:\n{}",
        found.len(),
        found.join("\n")
    );
}
