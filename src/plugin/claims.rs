//! Who answers for a domain or an MX host when several plugins name it.

use std::collections::{BTreeMap, HashMap};

use super::facts::Named;
use super::problem::Problem;
use super::reading::Read;

pub(super) fn claim(
    claims: &mut HashMap<String, String>,
    name: &str,
    one: &Read,
    own: Option<&Vec<Named>>,
    kind: &str,
    read: &BTreeMap<String, Read>,
    problems: &mut Vec<Problem>,
) {
    let id = &one.facts.id;
    let names = |named: &Option<Named>, other: &str| {
        named.as_ref().is_some_and(|named| named.name == other)
    };
    let defers =
        |from: &Read, to: &str| names(&from.facts.extends, to) || names(&from.facts.replaces, to);
    match claims.get(name) {
        Some(other) if other != id => {
            if defers(one, other) {
                claims.insert(name.to_owned(), id.clone());
            } else if !read.get(other).is_some_and(|other| defers(other, id)) {
                let place = own.and_then(|own| own.iter().find(|named| named.name == name));
                let words = format!(
                    "the {kind} {name:?} belongs to the plugin {other:?}; write extends or replaces \
                     = {other:?}, or leave it out"
                );
                problems.push(Problem {
                    at: place.map(|named| named.at),
                    ..Problem::of_file(one.file(), words)
                });
            }
        }
        _ => {
            claims.insert(name.to_owned(), id.clone());
        }
    }
}
