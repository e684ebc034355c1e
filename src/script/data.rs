//! `data("vip")`: what stands in `data/*.toml` and `data/*.csv` of the scripts folder.
//!
//! Invariant: it is read once with the scripts, and every call shares it: a value is
//! handed out as a view of its place, never as a copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, NativeCallContext, Position};

use super::diagnostic::Diagnostic;
use super::shape::{Shape, Sort, Type};
use super::suggest;
use super::trace::{self, Name, Question};
use crate::domain::reason::step;
use csv::Wrong;

mod csv;

/// Where the files stand, below the scripts folder.
pub(super) const FOLDER: &str = "data/";
/// Most rows, entries and values of one file.
const VALUES_MAX: usize = 100_000;
/// What a look at a value counts for, besides its text.
const VALUE_BYTES: usize = 32;
/// Deepest nesting of tables and lists.
const DEPTH_MAX: usize = 8;

/// An answer, or that the script's time is over.
type Told<T> = Result<T, Box<EvalAltResult>>;

#[derive(Debug)]
enum Value {
    Plain(Dynamic),
    List(Vec<Data>),
    Table(BTreeMap<String, Data>),
}

/// A value of a file, as scripts hold it.
#[derive(Clone, Debug)]
pub(super) struct Data(Arc<Value>);

impl Data {
    fn text(text: String) -> Self {
        Self(Arc::new(Value::Plain(text.into())))
    }

    fn table(entries: BTreeMap<String, Self>) -> Self {
        Self(Arc::new(Value::Table(entries)))
    }

    fn list(all: Vec<Self>) -> Self {
        Self(Arc::new(Value::List(all)))
    }

    fn of_rows(rows: Vec<BTreeMap<String, String>>) -> Self {
        let row = |row: BTreeMap<String, String>| {
            let cells = row.into_iter();
            Self::table(cells.map(|(name, text)| (name, Self::text(text))).collect())
        };
        Self::list(rows.into_iter().map(row).collect())
    }

    /// Plain values as Rhai's own; tables and lists as views.
    fn shown(&self) -> Dynamic {
        match &*self.0 {
            Value::Plain(value) => value.clone(),
            Value::List(_) | Value::Table(_) => Dynamic::from(self.clone()),
        }
    }

    /// What stands under a name, where this is a table.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &*self.0 {
            Value::Table(entries) => entries.get(name),
            Value::List(_) | Value::Plain(_) => None,
        }
    }

    /// The texts in it: its own, or those of its list.
    pub(super) fn texts(&self) -> Vec<ImmutableString> {
        match &*self.0 {
            Value::Plain(value) => value.clone().into_immutable_string().into_iter().collect(),
            Value::List(all) => all.iter().flat_map(Self::texts).collect(),
            Value::Table(_) => Vec::new(),
        }
    }

    fn entry(&self, name: &str) -> Dynamic {
        self.get(name).map_or_else(empty, Self::shown)
    }

    fn is(&self, wanted: &str) -> Told<bool> {
        trace::scanned(VALUE_BYTES)?;
        let Value::Plain(value) = &*self.0 else {
            return Ok(false);
        };
        let Some(text) = value.read_lock::<ImmutableString>() else {
            return Ok(value.to_string().eq_ignore_ascii_case(wanted));
        };
        Ok(text.len() == wanted.len() && {
            trace::scanned(wanted.len())?;
            text.eq_ignore_ascii_case(wanted)
        })
    }

    fn contains(&self, wanted: &str) -> Told<bool> {
        match &*self.0 {
            Value::Table(entries) => {
                trace::scanned(entries.len() * VALUE_BYTES)?;
                let mut names = entries.keys();
                Ok(entries.contains_key(wanted)
                    || names.any(|name| name.eq_ignore_ascii_case(wanted)))
            }
            Value::List(all) => {
                for one in all {
                    let found = match &*one.0 {
                        Value::Table(row) => any_is(row.values(), wanted)?,
                        Value::Plain(_) | Value::List(_) => one.is(wanted)?,
                    };
                    if found {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Plain(_) => self.is(wanted),
        }
    }

    /// The first row whose column says this; an empty one when none does.
    fn find(&self, column: &str, wanted: &str) -> Told<Self> {
        let rows: &[Self] = match &*self.0 {
            Value::List(rows) => rows,
            Value::Plain(_) | Value::Table(_) => &[],
        };
        for row in rows {
            trace::scanned(VALUE_BYTES)?;
            if let Some(cell) = row.get(column)
                && cell.is(wanted)?
            {
                return Ok(row.clone());
            }
        }
        Ok(Self::table(BTreeMap::new()))
    }

    fn rows(&self) -> Array {
        match &*self.0 {
            Value::List(all) => all.iter().map(Self::shown).collect(),
            Value::Plain(_) | Value::Table(_) => Array::new(),
        }
    }

    fn keys(&self) -> Array {
        match &*self.0 {
            Value::Table(entries) => entries.keys().map(|key| key.into()).collect(),
            Value::Plain(_) | Value::List(_) => Array::new(),
        }
    }

    fn len(&self) -> usize {
        match &*self.0 {
            Value::List(all) => all.len(),
            Value::Table(entries) => entries.len(),
            Value::Plain(_) => 1,
        }
    }
}

fn any_is<'d>(cells: impl Iterator<Item = &'d Data>, wanted: &str) -> Told<bool> {
    for cell in cells {
        if cell.is(wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn empty() -> Dynamic {
    ImmutableString::new().into()
}

/// All files, by their names without ending.
pub(super) type Shelf = Arc<BTreeMap<String, Data>>;

/// Reads what stands in `data/` among these files.
pub(super) fn read(files: &[(String, String)]) -> Result<Shelf, Vec<Diagnostic>> {
    let mut shelf = BTreeMap::new();
    let mut wrong = Vec::new();
    for (file, text) in files {
        let Some((name, ending)) = file
            .strip_prefix(FOLDER)
            .and_then(|name| name.rsplit_once('.'))
        else {
            continue;
        };
        let read = match ending {
            "csv" => csv::rows(text, VALUES_MAX).map(Data::of_rows),
            _ => tables(text),
        };
        match read {
            Ok(_) if shelf.contains_key(name) => {
                let message = format!("there is another file for `data(\"{name}\")`");
                wrong.push(Diagnostic::of_file(file, message));
            }
            Ok(data) => {
                shelf.insert(name.to_owned(), data);
            }
            Err((at, message)) => wrong.push(Diagnostic::at(file, at, text, message)),
        }
    }
    if wrong.is_empty() {
        Ok(Arc::new(shelf))
    } else {
        Err(wrong)
    }
}

/// Line and column from 1, and what is wrong there.
fn tables(text: &str) -> Result<Data, Wrong> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or((0, 0), |span| place(text, span.start));
        (at, error.message().to_owned())
    })?;
    let mut left = VALUES_MAX;
    of_toml(toml::Value::Table(table), 0, &mut left).map_err(|message| ((0, 0), message))
}

fn of_toml(value: toml::Value, depth: usize, left: &mut usize) -> Result<Data, String> {
    if depth > DEPTH_MAX {
        return Err(format!("tables and lists stand more than {DEPTH_MAX} deep"));
    }
    *left = left
        .checked_sub(1)
        .ok_or_else(|| format!("more than {VALUES_MAX} values"))?;
    let plain = |value: Dynamic| Data(Arc::new(Value::Plain(value)));
    Ok(match value {
        toml::Value::String(text) => Data::text(text),
        toml::Value::Integer(number) => plain(number.into()),
        toml::Value::Float(number) => plain(number.into()),
        toml::Value::Boolean(truth) => plain(truth.into()),
        toml::Value::Datetime(time) => Data::text(time.to_string()),
        toml::Value::Array(all) => {
            let all = all.into_iter().map(|one| of_toml(one, depth + 1, left));
            Data::list(all.collect::<Result<_, _>>()?)
        }
        toml::Value::Table(entries) => {
            let mut table = BTreeMap::new();
            for (key, value) in entries {
                table.insert(key, of_toml(value, depth + 1, left)?);
            }
            Data::table(table)
        }
    })
}

/// Line and column of a byte.
pub(super) fn place(text: &str, at: usize) -> (u32, u32) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let column = before.rsplit('\n').next().unwrap_or("").chars().count();
    let number = |n: usize| u32::try_from(n + 1).unwrap_or(0);
    (number(line), number(column))
}

fn contains(
    context: NativeCallContext<'_>,
    data: &mut Data,
    wanted: ImmutableString,
) -> Told<bool> {
    let holds = data.contains(&wanted)?;
    let question = match trace::origin(&wanted) {
        Some(of) => Question::Within(of, "data"),
        None => Question::Word {
            of: Some(Name::Data),
            operation: step::CONTAINS,
            word: wanted,
        },
    };
    trace::asked(&context, question, holds);
    Ok(holds)
}

/// Registers `data(...)` over what was read.
pub(super) fn register(shape: &mut Shape, shelf: Shelf) {
    shape.name::<Data>(Sort::Data);
    shape.table.offer("data", shelf.keys().cloned());
    let owner = Type::One(Sort::Data);
    let lookup = move |name: ImmutableString| -> Told<Data> {
        shelf.get(name.as_str()).cloned().ok_or_else(|| {
            let help = suggest::did_you_mean(&name, shelf.keys().map(String::as_str));
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            let words = format!("there is no file data/{name}.toml or data/{name}.csv{help}");
            Box::new(EvalAltResult::ErrorRuntime(words.into(), Position::NONE))
        })
    };
    shape.engine.register_fn("data", lookup);
    let doc = "What stands in `data/NAME.toml` or `data/NAME.csv`; a value is read as `.name` or `[\"name\"]`.";
    shape.function(("data", owner), &[("name", Type::Text)], doc);
    let engine = &mut shape.engine;
    engine.register_indexer_get(|data: &mut Data, name: ImmutableString| data.entry(&name));
    engine.register_fn("contains", contains);
    engine.register_fn(
        "find",
        |data: &mut Data, column: ImmutableString, wanted: ImmutableString| {
            data.find(&column, &wanted)
        },
    );
    engine.register_fn("len", |data: &mut Data| {
        i64::try_from(data.len()).unwrap_or(i64::MAX)
    });
    let doc = "Whether there is such a name, text or cell; case does not matter: `mail.from in data(\"vip\")`.";
    shape.method(
        owner,
        ("contains", Type::YesNo),
        &[("text", Type::Text)],
        doc,
    );
    let doc = "The first row in which that column says this; an empty one when none does.";
    let given = &[("column", Type::Text), ("text", Type::Text)];
    shape.method(owner, ("find", owner), given, doc);
    let doc = "How many rows or entries there are.";
    shape.method(owner, ("len", Type::Number), &[], doc);
    let mut add = |named, doc, read| shape.property::<Data>(Sort::Data, named, doc, read);
    let rows = Type::Many(Sort::Data);
    add(
        ("rows", rows),
        "The rows of a list or of a csv file.",
        |data| data.rows().into(),
    );
    add(("keys", Type::Texts), "The names in a table.", |data| {
        data.keys().into()
    });
    shape.open(Sort::Data);
}
