//! What is known of values, and of what functions are given and answer.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::script::check::known::Words;
use crate::script::shape::{Sort, Type};

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    One(Sort),
    /// A list of such.
    Many(Sort),
    /// A text that is one of these.
    Word(Words),
    /// A value of the language: a text, a number, yes or no, a list of texts.
    Plain(Type),
}

/// What is known of an expression. It only ever grows from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// It never comes to a value, as far as has been seen.
    Never,
    Is(Value),
    Anything,
}

impl Fact {
    pub(super) fn of(sort: Sort) -> Self {
        match sort {
            Sort::Plain => Self::Anything,
            sort => Self::Is(Value::One(sort)),
        }
    }

    /// Of what the table says of a property.
    pub(super) fn of_type(of: Type) -> Self {
        match of {
            Type::Many(sort) => Self::Is(Value::Many(sort)),
            Type::One(sort) => Self::of(sort),
            Type::Text | Type::Number | Type::YesNo | Type::Texts => Self::Is(Value::Plain(of)),
        }
    }

    /// Either of both.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, fact) | (fact, Self::Never) => fact,
            (one, other) if one == other => one,
            _ => Self::Anything,
        }
    }
}

/// A function by name and number of parameters.
pub(super) type Key = (String, usize);

/// What calls hand over, and what comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    given: BTreeMap<Key, Vec<Fact>>,
    answered: BTreeMap<Key, Fact>,
}

impl Facts {
    pub(super) fn given(&self, key: &Key, index: usize) -> Fact {
        let all = self.given.get(key);
        all.and_then(|all| all.get(index))
            .copied()
            .unwrap_or(Fact::Never)
    }

    pub(super) fn answered(&self, key: &Key) -> Fact {
        self.answered.get(key).copied().unwrap_or(Fact::Never)
    }

    pub(super) fn give(&mut self, key: Key, facts: Vec<Fact>) {
        let before = self.given.entry(key).or_default();
        before.resize(facts.len(), Fact::Never);
        for (before, now) in before.iter_mut().zip(facts) {
            *before = before.or(now);
        }
    }

    pub(super) fn answer(&mut self, key: &Key, fact: Fact) {
        let before = self.answered.entry(key.clone()).or_insert(Fact::Never);
        *before = before.or(fact);
    }
}

#[cfg(test)]
thread_local! {
    /// How many functions were gone through, each time counted.
    pub(in crate::script) static VISITS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// What is known of the functions of a file and of those that it inherits.
#[derive(Clone, Debug)]
pub(in crate::script) struct Learned(Rc<One>);

#[derive(Debug)]
struct One {
    facts: Facts,
    /// The functions that these facts are about; of all others the parent knows.
    judged: BTreeSet<Key>,
    parent: Option<Learned>,
}

impl Learned {
    pub(super) fn new(facts: Facts, judged: BTreeSet<Key>, parent: Option<&Self>) -> Self {
        Self(Rc::new(One {
            facts,
            judged,
            parent: parent.cloned(),
        }))
    }

    /// The file of the line that knows most of a function.
    pub(super) fn of(&self, key: &Key) -> &Facts {
        match &self.0.parent {
            Some(parent) if !self.0.judged.contains(key) => parent.of(key),
            _ => &self.0.facts,
        }
    }
}
