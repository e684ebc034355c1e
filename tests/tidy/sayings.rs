//! What is said to people, and the catalogue it is said from: every key that the sources
//! say is there with the same gaps, and nothing is there that nobody says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::source::Source;

/// A catalogue by its keys; each with the names of its gaps.
pub type Catalogue = BTreeMap<String, BTreeSet<String>>;

/// A use of `saying!`.
struct Use {
    line: usize,
    key: String,
    gaps: BTreeSet<String>,
}

/// Reads lines of the form `key = "text"`.
pub fn catalogue(text: &str) -> Catalogue {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once(" = \""));
    let gaps = |text: &str| {
        let parts = text.split('{').skip(1);
        let names = parts.filter_map(|part| Some(part.split_once('}')?.0.to_owned()));
        names.collect()
    };
    entries
        .map(|(key, text)| (key.to_owned(), gaps(text)))
        .collect()
}

/// Every `saying!` names a key that is there, with exactly its gaps.
pub fn check(sources: &[Source], catalogue: &Catalogue, found: &mut Vec<String>) {
    for source in sources {
        for Use { line, key, gaps } in uses(&source.text) {
            let rule = match catalogue.get(&key) {
                None => format!("the catalogue has no `{key}`"),
                Some(there) if *there != gaps => {
                    format!("`{key}` has the gaps {there:?}, and here are {gaps:?}")
                }
                Some(_) => continue,
            };
            found.push(format!("{}:{line}: {rule}", source.name));
        }
    }
}

/// Keys that stand nowhere in the sources and templates: neither whole, nor made of a
/// group and a name (`of("status", …)`, `"mail.{name}"`), nor with a `.subject` behind.
pub fn unsaid(catalogue: &Catalogue, texts: &[String]) -> Vec<String> {
    let quoted: BTreeSet<&str> = texts.iter().flat_map(|text| text.split('"')).collect();
    let of_groups = texts.iter().flat_map(|text| text.split("of(\"").skip(1));
    let groups: BTreeSet<&str> = of_groups
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let made = quoted.iter().filter_map(|word| word.split_once(".{"));
    let made: BTreeSet<&str> = made.map(|(group, _)| group).collect();
    let is_said = |key: &&String| {
        let group = key.rsplit_once('.').map_or("", |(group, _)| group);
        quoted.contains(key.as_str())
            || groups.contains(group)
            || made.contains(group)
            || key
                .strip_suffix(".subject")
                .is_some_and(|key| quoted.contains(key))
    };
    catalogue
        .keys()
        .filter(|key| !is_said(key))
        .cloned()
        .collect()
}

/// The sources and templates, without the catalogues.
pub fn texts(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            texts(&path, into);
        } else if matches!(extension, Some("rs" | "html")) {
            into.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// All `saying!("key", gap, gap = value)` of a file.
fn uses(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(place) = text[at..].find("saying!(") {
        let begin = at + place + "saying!(".len();
        at = begin;
        let line_start = text[..begin].rfind('\n').map_or(0, |end| end + 1);
        if text[line_start..begin].trim_start().starts_with("//") {
            continue;
        }
        let arguments = arguments(&text[begin..]);
        let Some(key) = arguments.first().and_then(|first| {
            let first = first.trim();
            first.strip_prefix('"')?.strip_suffix('"')
        }) else {
            // The macro's own arms.
            continue;
        };
        let names = arguments[1..].iter().map(|argument| {
            let name = argument.split('=').next().unwrap_or_default();
            name.trim().to_owned()
        });
        found.push(Use {
            line: text[..begin].matches('\n').count() + 1,
            key: key.to_owned(),
            gaps: names.filter(|name| !name.is_empty()).collect(),
        });
    }
    found
}

/// What stands between commas, up to the closing parenthesis.
fn arguments(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' if quoted => {
                letters.next();
                continue;
            }
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted && depth == 0 => break,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = found.last_mut() {
            last.push(c);
        }
    }
    found
}

#[test]
fn a_wrong_key_a_missing_gap_and_an_idle_key_are_found() {
    let catalogue = catalogue("a.b = \"{x} of {y}\"\nc.d = \"fine\"\ne.f = \"idle\"\n");
    let text = "//! T.\nfn f() { saying!(\"a.b\", x, y = g(1, \"),\")); saying!(\"c.d\") }\n";
    let mut found = Vec::new();
    check(&[Source::new("src/t.rs", text)], &catalogue, &mut found);
    assert!(found.is_empty(), "{found:?}");
    let wrong = "//! T.\nfn f() { saying!(\"a.b\", x); }\nfn g() { saying!(\"a.c\") }\n";
    check(&[Source::new("src/t.rs", wrong)], &catalogue, &mut found);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("src/t.rs:2:") && found[1].contains("no `a.c`"));
    assert_eq!(unsaid(&catalogue, &[text.to_owned()]), ["e.f"]);
}
