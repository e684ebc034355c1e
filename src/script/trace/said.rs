//! What a step of a trace is before anybody reads it: values as they are, which are put into
//! words when the call is over. A step that was taken a thousand times is written once.

use std::sync::Arc;

use rhai::{Dynamic, ImmutableString};

use crate::domain::{line, reason::step};

/// Longest value shown in a step, in characters.
const VALUE_CHARS_MAX: usize = 60;

/// Whose a value is.
#[derive(Clone, Debug)]
pub(in crate::script) enum Name {
    /// `mail.subject`.
    Property(&'static str, &'static str),
    /// `fields.order_id`, of a name that somebody else has given.
    Given(&'static str, ImmutableString),
    /// `mail.header("X-Flag")`.
    Header(ImmutableString),
    /// `mail.subject.find_like("###")`.
    Found(Option<Arc<Self>>, ImmutableString),
    /// `mail.subject.to_lower()`.
    Changed(Arc<Self>, &'static str),
    /// What stands in the files of data.
    Data,
}

impl Name {
    fn write(&self, into: &mut String) {
        match self {
            Self::Property(owner, name) => {
                into.push_str(owner);
                into.push('.');
                into.push_str(name);
            }
            Self::Given(owner, name) => {
                into.push_str(owner);
                into.push('.');
                into.push_str(name);
            }
            Self::Header(name) => {
                into.push_str("mail.header(");
                quote(name, into);
                into.push(')');
            }
            Self::Found(of, pattern) => {
                if let Some(of) = of {
                    of.write(into);
                    into.push('.');
                }
                into.push_str("find_like(");
                quote(pattern, into);
                into.push(')');
            }
            Self::Changed(of, how) => {
                of.write(into);
                into.push('.');
                into.push_str(how);
                into.push_str("()");
            }
            Self::Data => into.push_str("data"),
        }
    }

    fn words(&self) -> String {
        let mut words = String::new();
        self.write(&mut words);
        words
    }
}

/// A question that was asked of a value.
#[derive(Clone, Debug)]
pub(in crate::script) enum Question {
    /// `mail.subject.contains("invoice")`.
    Word {
        of: Option<Name>,
        operation: &'static str,
        word: ImmutableString,
    },
    /// `contains_any`, of whose words none was there.
    NoneOf(Option<Name>),
    /// `mail.from in list`.
    Within(Name, &'static str),
}

/// What a step says.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A call of a builder.
    Built(String),
    /// Something printed.
    Printed(String),
    /// A text that was read.
    Text(Name, ImmutableString),
    /// A list that was read.
    List(Name, Vec<ImmutableString>),
    /// Something else that was read.
    Plain(Name, Dynamic),
    /// The same, put into words already.
    Read(Name, String),
    /// A question, and the answer.
    Asked(Question, bool),
}

/// What happens over and over is kept only so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sameness {
    Read,
    Yes,
    No,
    Built,
}

/// What a step is worth where there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// An answer that was no.
    Least,
    /// What was read, and an answer that was yes.
    Little,
    /// What was added to an answer.
    Built,
    /// What began one.
    Begun,
    /// It is capped by itself.
    Printed,
}

impl What {
    pub(super) fn worth(&self) -> Worth {
        match self {
            Self::Asked(_, false) => Worth::Least,
            Self::Text(..)
            | Self::List(..)
            | Self::Plain(..)
            | Self::Read(..)
            | Self::Asked(_, true) => Worth::Little,
            Self::Printed(_) => Worth::Printed,
            Self::Built(words) if step::begins_answer(words) => Worth::Begun,
            Self::Built(_) => Worth::Built,
        }
    }

    /// Of what it is one more, at the same place; `None` of what has a bound of its own.
    pub(super) fn sameness(&self) -> Option<Sameness> {
        match self {
            Self::Printed(_) => None,
            Self::Built(_) => Some(Sameness::Built),
            Self::Text(..) | Self::List(..) | Self::Plain(..) | Self::Read(..) => {
                Some(Sameness::Read)
            }
            Self::Asked(_, true) => Some(Sameness::Yes),
            Self::Asked(_, false) => Some(Sameness::No),
        }
    }

    /// Whose this very text is, where it was read in this step.
    pub(super) fn origin(&self, text: &ImmutableString) -> Option<&Name> {
        match self {
            Self::Text(name, own) => own.ptr_eq(text).then_some(name),
            Self::List(name, all) => all.iter().any(|own| own.ptr_eq(text)).then_some(name),
            _ => None,
        }
    }

    pub(super) fn into_words(self) -> String {
        let (name, value) = match self {
            Self::Built(words) | Self::Printed(words) => return words,
            Self::Asked(question, holds) => return asked(&question, holds),
            Self::Text(name, text) => {
                let mut words = name.words();
                words.push_str(" = ");
                quote(&text, &mut words);
                return words;
            }
            Self::List(name, all) => (name, list(&all)),
            Self::Plain(name, value) => (name, value.to_string()),
            Self::Read(name, words) => (name, words),
        };
        let mut words = name.words();
        words.push_str(" = ");
        words.push_str(&value);
        words
    }
}

fn asked(question: &Question, holds: bool) -> String {
    let name = |of: &Option<Name>| of.as_ref().map(Name::words).unwrap_or_default();
    match question {
        Question::Word {
            of,
            operation,
            word,
        } => step::asked(&name(of), operation, &shorten(word), holds),
        Question::NoneOf(of) => step::none_of(&name(of)),
        Question::Within(of, place) => step::within(&of.words(), place, holds),
    }
}

/// A value as a trace shows it; `None` for views, whose own reads follow.
pub(in crate::script) fn shown(value: &Dynamic) -> Option<String> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Some(quoted(&text));
    }
    if let Some(array) = value.read_lock::<rhai::Array>() {
        let all: Vec<String> = array.iter().filter_map(shown).collect();
        return Some(format!("[{}]", shorten(&all.join(", "))));
    }
    is_plain(value).then(|| value.to_string())
}

pub(super) fn is_plain(value: &Dynamic) -> bool {
    value.is_int() || value.is_bool() || value.is_float() || value.is_unit()
}

fn list(all: &[ImmutableString]) -> String {
    let all: Vec<String> = all.iter().map(|text| quoted(text)).collect();
    format!("[{}]", shorten(&all.join(", ")))
}

/// A text in quotes, on one line, cut.
pub(in crate::script) fn quoted(text: &str) -> String {
    let mut words = String::new();
    quote(text, &mut words);
    words
}

fn quote(text: &str, into: &mut String) {
    into.push('"');
    cut(text, into);
    into.push('"');
}

pub(super) fn shorten(text: &str) -> String {
    let mut short = String::new();
    cut(text, &mut short);
    short
}

fn cut(text: &str, into: &mut String) {
    into.reserve(text.len().min(VALUE_CHARS_MAX * 4) + 2);
    for (count, c) in text.chars().enumerate() {
        if count == VALUE_CHARS_MAX {
            into.push('…');
            break;
        }
        into.push(line::shown(c));
    }
}
