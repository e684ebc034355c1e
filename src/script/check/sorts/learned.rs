//! What a file that inherits need not find out again: an override changes what its own
//! functions do, and those that call them, directly or through others. All else of what it
//! inherits was learned with its parent, and is gone through again only when it is handed
//! something that it was not handed there.

use super::Judge;
use super::changed::key;
use super::fact::{Fact, Key};
use crate::script::check::file::Function;

impl<'a> Judge<'a> {
    /// What is found now is told to nobody: facts are gathered, or it was judged elsewhere.
    pub(super) fn is_silent(&self) -> bool {
        self.found.is_none() || self.is_inherited
    }

    /// The functions of this name.
    pub(super) fn owned(&self, name: &str) -> Vec<&'a Function> {
        self.named.get(name).cloned().unwrap_or_default()
    }

    /// Somebody may call what has this name, with anything.
    pub(super) fn called_by_name(&mut self, name: &str) {
        for own in self.owned(name) {
            let anything = vec![Fact::Anything; own.parameters.len()];
            self.give(key(own), anything);
        }
    }

    /// Notes that a function is called with these.
    pub(super) fn give(&mut self, key: Key, given: Vec<Fact>) {
        if let Some(parent) = self.parent.filter(|_| !self.judged.contains(&key)) {
            let known = parent.of(&key);
            let before = (0..given.len()).map(|index| known.given(&key, index));
            let before: Vec<Fact> = before.collect();
            let mut both = before.iter().zip(&given);
            if both.all(|(before, now)| before.or(*now) == *before) {
                return;
            }
            self.facts.give(key.clone(), before);
            self.facts.answer(&key, known.answered(&key));
            self.judged.insert(key.clone());
        }
        self.called.insert(key.clone());
        self.facts.give(key, given);
    }

    /// What a function answers, as far as it is known.
    pub(super) fn answered(&self, key: &Key) -> Fact {
        match self.parent.filter(|_| !self.judged.contains(key)) {
            Some(parent) => parent.of(key).answered(key),
            None => self.facts.answered(key),
        }
    }
}
