//! Which functions a file changes: its own, and those it inherits that call one of its own,
//! directly or through others.

use std::collections::BTreeSet;

use super::fact::Key;
use crate::script::check::file::Function;

/// What tells functions of a file apart.
pub(super) fn key(own: &Function) -> Key {
    (own.name.clone(), own.parameters.len())
}

/// The functions that a file changes; all of them, where it inherits nothing that is known.
pub(super) fn changed(functions: &[Function], inherits: bool) -> BTreeSet<Key> {
    let is_own = |own: &&Function| !inherits || !own.inherited;
    let mut judged: BTreeSet<Key> = functions.iter().filter(is_own).map(key).collect();
    let mut left: Vec<&Function> = functions.iter().filter(|own| !is_own(own)).collect();
    let mut names: BTreeSet<&str> = functions
        .iter()
        .filter(is_own)
        .map(|own| own.name.as_str())
        .collect();
    while !names.is_empty() {
        let mut next = BTreeSet::new();
        left.retain(|own| {
            let used = &own.used;
            let calls = used.by_text || names.iter().any(|name| used.functions.contains(*name));
            if calls {
                judged.insert(key(own));
                next.insert(own.name.as_str());
            }
            !calls
        });
        names = next;
    }
    judged
}
