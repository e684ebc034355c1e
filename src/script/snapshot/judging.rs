//! All files of a snapshot put before the checks, each with what it inherits.

use std::collections::BTreeMap;

use rhai::AST;

use crate::script::check::{self, Checked, Known, Learned, Native};
use crate::script::diagnostic::Diagnostic;
use crate::script::layout::{self, Place};
use crate::script::shape::Table;

/// What the checks find in files that could be compiled. One whose parent could not is not
/// judged: what it inherits is not known.
pub(super) fn judge(
    read: &BTreeMap<&str, (AST, &str)>,
    files: &[(String, String)],
    table: &Table,
    native: &Native,
) -> Vec<Diagnostic> {
    let known: BTreeMap<&str, Known> = read
        .iter()
        .map(|(name, (ast, _))| (*name, Known::of(name, ast)))
        .collect();
    // The heirs of each file that has some.
    let mut below: BTreeMap<&str, Vec<&Known>> = BTreeMap::new();
    let mut all = Vec::new();
    for (name, (ast, source)) in read {
        let mut parents = layout::parents(name);
        parents.retain(|parent| files.iter().any(|(name, _)| name == parent));
        let above: Vec<(&str, &Known)> = parents
            .iter()
            .filter_map(|parent| known.get_key_value(parent.as_str()))
            .map(|(name, known)| (*name, known))
            .collect();
        if above.len() < parents.len() {
            continue;
        }
        let Some(own) = known.get(name) else { continue };
        for (parent, _) in &above {
            below.entry(parent).or_default().push(own);
        }
        let parent = above.first().map(|(parent, _)| *parent);
        let above = above.into_iter().map(|(_, known)| known).collect();
        let checked = Checked {
            file: name,
            kind: Place::of(name).map_or(name, |(_, entry)| entry),
            source,
            ast,
            table,
            native,
            own,
            above,
            below: Vec::new(),
        };
        all.push((checked, parent));
    }
    // What is learned of a file serves those that inherit from it.
    all.sort_by_key(|(checked, _)| checked.above.len());
    let mut learned: BTreeMap<&str, Learned> = BTreeMap::new();
    let mut found: BTreeMap<&str, Vec<Diagnostic>> = BTreeMap::new();
    for (checked, parent) in &mut all {
        checked.below = below.get(checked.file).cloned().unwrap_or_default();
        let parent = parent.and_then(|parent| learned.get(parent));
        let (wrong, own) = check::all(checked, parent);
        learned.insert(checked.file, own);
        found.insert(checked.file, wrong);
    }
    let mut found: Vec<Diagnostic> = found.into_values().flatten().collect();
    let scripts = read.values().map(|(ast, _)| ast);
    found.extend(check::timetables(scripts, files));
    found
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::script::{Limits, data, engine};

    /// Of a root with many functions and overrides with one each.
    fn visits(functions: usize, overrides: usize) -> usize {
        let mut root =
            "fn route(mail, ctx) { team(name(mail)) }\nfn name(mail) { \"all\" }\n".to_owned();
        for number in 0..functions {
            writeln!(root, "fn helper_{number}(mail) {{ mail.subject }}").expect("written");
        }
        let mut files = vec![("routing.rhai".to_owned(), root)];
        for number in 0..overrides {
            let name = format!("mailboxes/m{number}/routing.rhai");
            files.push((name, "fn name(mail) { mail.subject }".to_owned()));
        }
        let (engine, table) = engine::furnished(&Limits::default(), data::Shelf::default());
        let native = Native::of(&engine);
        let compiled = files.iter().map(|(name, text)| {
            let ast = engine.compile(text).expect("right");
            (name.as_str(), (ast, text.as_str()))
        });
        let compiled = compiled.collect();
        check::VISITS.set(0);
        let found = judge(&compiled, &files, &table, &native);
        assert!(
            found
                .iter()
                .all(|one| one.message.starts_with("nothing calls"))
        );
        check::VISITS.get()
    }

    #[test]
    fn an_override_costs_what_it_changes_and_not_what_it_inherits() {
        let few = visits(10, 20) - visits(10, 0);
        let many = visits(150, 20) - visits(150, 0);
        assert_eq!(few, many);
        assert!(many <= 20 * 2 * 8, "{many}");
    }
}
