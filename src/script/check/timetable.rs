//! Files of hours that scripts name (`is_open(data("hours"))`): a slip in one would mean
//! "closed" without a word, or fail every mail.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr};
use toml::{Spanned, Value};

use crate::script::data;
use crate::script::diagnostic::Diagnostic;
use crate::script::{hours, suggest};

const ZONE: &str = "timezone";
const HOLIDAYS: &str = "holidays";
const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// The entries of a file, with the places of names and values.
type Entries = BTreeMap<Spanned<String>, Spanned<Value>>;

/// What is wrong with the hours that these scripts name.
pub(in crate::script) fn all<'a>(
    scripts: impl Iterator<Item = &'a AST>,
    files: &[(String, String)],
) -> Vec<Diagnostic> {
    let mut names = BTreeSet::new();
    for ast in scripts {
        named(ast, &mut names);
    }
    let mut found = Vec::new();
    for name in names {
        let file = format!("{}{name}.toml", data::FOLDER);
        let text = files.iter().find(|(name, _)| *name == file);
        // What is no TOML at all was said when it was read.
        let read = text.and_then(|(_, text)| Some((text, toml::from_str(text).ok()?)));
        if let Some((text, entries)) = read {
            let found = &mut found;
            Hours {
                file: &file,
                text,
                found,
            }
            .check(&entries);
        }
    }
    found.sort_by_key(|one| (one.line, one.column));
    found
}

/// Names written out in `is_open(data("name"))`.
fn named(ast: &AST, names: &mut BTreeSet<String>) {
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::MethodCall(open, _))) = path.last()
            && open.name == "is_open"
            && let [Expr::FnCall(data, _)] = open.args.as_slice()
            && data.name == "data"
            && let [Expr::StringConstant(name, _)] = data.args.as_slice()
        {
            names.insert(name.to_string());
        }
        true
    });
}

struct Hours<'a> {
    file: &'a str,
    text: &'a str,
    found: &'a mut Vec<Diagnostic>,
}

impl Hours<'_> {
    fn check(&mut self, entries: &Entries) {
        for (name, value) in entries {
            match name.get_ref().as_str() {
                ZONE => self.each(name, value, |zone| hours::refusal_of("in_zone", zone)),
                HOLIDAYS => self.each(name, value, hours::refusal_of_date),
                day if DAYS.contains(&day) => self.each(name, value, hours::refusal_of_span),
                _ => self.unknown(name, value),
            }
        }
    }

    /// Every text of a value is one that is understood, and there is nothing else.
    fn each(
        &mut self,
        name: &Spanned<String>,
        value: &Spanned<Value>,
        refusal: impl Fn(&str) -> Option<String>,
    ) {
        let Some(texts) = texts(value.get_ref()) else {
            let name = name.get_ref();
            let message = format!("`{name}` must be a text or a list of texts");
            self.say(value.span().start, message, None);
            return;
        };
        for text in texts {
            if let Some(message) = refusal(&text) {
                let start = value.span().start;
                let written = self.text.get(value.span());
                let within = written.and_then(|written| written.find(&text));
                self.say(start + within.unwrap_or(0), message, None);
            }
        }
    }

    /// A slip in the name of a day, or hours under a name that is none. Anything else may
    /// be there for a script to read.
    fn unknown(&mut self, name: &Spanned<String>, value: &Spanned<Value>) {
        let known = || DAYS.into_iter().chain([ZONE, HOLIDAYS]);
        let word = name.get_ref();
        let help = suggest::did_you_mean(word, known());
        let span = |text: &String| hours::refusal_of_span(text).is_none();
        let spans = texts(value.get_ref()).is_some_and(|all| all.iter().any(span));
        if help.is_some() || spans {
            let help = help.unwrap_or_else(|| format!("days are {}", DAYS.join(", ")));
            let message = format!("hours have no day `{word}`");
            self.say(name.span().start, message, Some(help));
        }
    }

    fn say(&mut self, at: usize, message: String, help: Option<String>) {
        let place = data::place(self.text, at);
        let wrong = Diagnostic::at(self.file, place, self.text, message);
        self.found.push(wrong.with_help(help));
    }
}

/// The texts of a value; `None` where something else stands in it.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Datetime(time) => Some(vec![time.to_string()]),
        Value::Array(all) => {
            let all: Option<Vec<Vec<String>>> = all.iter().map(texts).collect();
            Some(all?.concat())
        }
        _ => None,
    }
}
