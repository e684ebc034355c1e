//! Rules that can be judged looking at one file.

use crate::house::{
    BEHIND_SERVICE, DOORS, ENTROPY, FOREIGN, LINES_MAX, MONOTONIC, NO_RUNTIME, NOT_SERIALIZABLE,
    RUNTIME, SERIALIZERS, WALL_CLOCKS, storey,
};
use crate::scan::Named;
use crate::source::Source;

/// Also for unit tests: an opening comment, nothing unsafe, nothing left to do.
pub fn check_text(source: &Source, found: &mut Vec<String>) {
    let opening = ["//!", "#![doc = include_str!"];
    if !opening.iter().any(|start| source.text.starts_with(start)) {
        report(
            source,
            1,
            "a file opens with `//!`: what lives here and what does not",
            found,
        );
    }
    for pair in source.all_tokens.windows(2) {
        let line = pair[0].line;
        let macro_call = pair[1].text == "!";
        match pair[0].text.as_str() {
            "unsafe" => report(source, line, "no unsafe code", found),
            "todo" | "unimplemented" if macro_call => {
                report(source, line, "nothing is left to do in the house", found);
            }
            _ => {}
        }
    }
}

pub fn check_length(source: &Source, found: &mut Vec<String>) {
    if source.lines > LINES_MAX {
        let rule = format!(
            "{} lines without unit tests, at most {LINES_MAX}: make it a folder",
            source.lines
        );
        report(source, source.lines, &rule, found);
    }
}

/// Storeys, doors, foreign names.
pub fn check_imports(source: &Source, found: &mut Vec<String>) {
    let room = source.module.first().map_or("", String::as_str);
    if storey(&source.module).is_none() {
        let rule = format!("`{room}` stands on no storey: give it one in tests/tidy/house.rs");
        report(source, 1, &rule, found);
        return;
    }
    for named in &source.paths {
        let rule = match named.path.as_slice() {
            [root, target, ..] if root == "crate" => own(source, target),
            [root, ..] => foreign(source, root, named),
            [] => None,
        };
        if let Some(rule) = rule {
            report(source, named.line, &rule, found);
        }
    }
}

/// An import from another room.
fn own(source: &Source, target: &str) -> Option<String> {
    let room = source.module.first().map_or("", String::as_str);
    // `crate::Thing` of lib.rs, a macro, or the room itself.
    let theirs = storey(&[target.to_owned()])?;
    let ours = storey(&source.module)?;
    if room == target {
        return None;
    }
    if theirs > ours {
        return Some(format!(
            "imports only go down: `{room}` (storey {ours}) names `{target}` (storey {theirs})"
        ));
    }
    if theirs == ours {
        return Some(format!(
            "neighbours never import each other: `{room}` names `{target}`"
        ));
    }
    if ours == DOORS && BEHIND_SERVICE.contains(&target) {
        return Some(format!(
            "doors reach `{target}` only through `service`: `{room}` names it"
        ));
    }
    None
}

/// A name from another crate.
fn foreign(source: &Source, root: &str, named: &Named) -> Option<String> {
    let module = source.module.join("::");
    let room = source.module.first().map_or("", String::as_str);
    let homes = FOREIGN.iter().find(|(names, _)| names.contains(&root));
    if let Some((_, homes)) = homes
        && !homes.iter().any(|home| lives_in(&module, home))
    {
        let homes = homes.join(", ");
        return Some(format!("`{root}` stays in {homes}"));
    }
    if RUNTIME.contains(&root) {
        let is_sync = named.path.get(1).is_some_and(|part| part == "sync");
        if NO_RUNTIME.contains(&room) {
            return Some(format!("`{room}` knows no runtime: `{root}`"));
        }
        if room == "store" && !(root == "tokio" && is_sync) {
            return Some(format!("`store` uses only tokio::sync: `{root}`"));
        }
    }
    if NOT_SERIALIZABLE.contains(&room) && SERIALIZERS.contains(&root) {
        return Some(format!(
            "nothing in `{room}` is serializable: each door converts by hand"
        ));
    }
    if storey(&source.module).is_some_and(|storey| storey < 2) && ENTROPY.contains(&root) {
        return Some(format!("random bytes are an argument in `{room}`"));
    }
    None
}

/// `home` itself or something in it; the empty home is `main.rs`.
fn lives_in(module: &str, home: &str) -> bool {
    module == home
        || !home.is_empty()
            && module
                .strip_prefix(home)
                .is_some_and(|rest| rest.starts_with("::"))
}

/// Wall time comes from the one clock of `app`; monotonic time is tokio's, read only in
/// `net` and on storeys 3 to 6.
pub fn check_clock(source: &Source, found: &mut Vec<String>) {
    let room = source.module.first().map_or("", String::as_str);
    let shell = room == "net" || matches!(storey(&source.module), Some(3..=6));
    let calls = source.tokens.windows(3);
    for call in calls.filter(|call| call[1].text == "::") {
        let (owner, method) = (call[0].text.as_str(), call[2].text.as_str());
        let line = call[0].line;
        if WALL_CLOCKS.contains(&[owner, method]) && room != "app" {
            let rule = format!("wall time comes from the one clock of `app`: {owner}::{method}");
            report(source, line, &rule, found);
        }
        if MONOTONIC != [owner, method] {
            continue;
        }
        if !shell {
            let rule = format!("no clock below the shell: {owner}::{method}; take an argument");
            report(source, line, &rule, found);
        } else if names_std(source, owner) {
            let rule = "monotonic time is tokio's: tokio::time::Instant::now";
            report(source, line, rule, found);
        }
    }
    for call in source.tokens.windows(3) {
        let elapsed = call[0].text == "." && call[1].text == "elapsed" && call[2].text == "(";
        if elapsed && !shell {
            let rule = "no clock below the shell: `elapsed` reads one";
            report(source, call[1].line, rule, found);
        }
    }
}

/// Whether the short name stands for `std::time`'s in this file.
fn names_std(source: &Source, short: &str) -> bool {
    let from_std = |named: &Named| {
        let path: Vec<&str> = named.path.iter().map(String::as_str).collect();
        let imported = named.import.as_ref().is_some_and(|i| i.name == short);
        imported && path == ["std", "time", short]
            || path.starts_with(&["std", "time", short, "now"])
    };
    source.paths.iter().any(from_std)
}

pub fn report(source: &Source, line: usize, rule: &str, found: &mut Vec<String>) {
    found.push(format!("{}:{line}: {rule}", source.name));
}
