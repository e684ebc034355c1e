//! What `route` answers: built by a first word (`team`, `inbox`, `spam`, `ignore`)
//! and further ones (`.tag(...)`). Every value is checked where it is written, so
//! that a wrong one is an error with its position.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{EvalAltResult, ImmutableString, NativeCallContext, Position};

use super::shape::{Shape, Sort};
use super::{suggest, trace};
use crate::domain::address::Address;
use crate::domain::conversation::{Priority, Status, Tag};
use crate::domain::decision::{Assign, NOTE_LENGTH_MAX, Routing};

/// Longest name of a team and longest reason for ignoring, in bytes.
const WORDS_LENGTH_MAX: usize = 200;

/// The words an answer begins with.
pub(super) const BEGINNINGS: [&str; 4] = ["team", "inbox", "spam", "ignore"];

/// An answer being built. All copies are the same answer, so that a line such as
/// `answer.tag("a").note("b");` counts as it reads, whatever becomes of its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer(Arc<Mutex<Routing>>);

impl Answer {
    fn of(routing: Routing) -> Self {
        Self(Arc::new(Mutex::new(routing)))
    }

    /// A builder that panicked has changed nothing by halves.
    fn routing(&self) -> MutexGuard<'_, Routing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked for in the end.
    pub(super) fn into_routing(self) -> Routing {
        std::mem::take(&mut *self.routing())
    }
}

type Built = Result<Answer, Box<EvalAltResult>>;

/// Registers all builders.
pub(super) fn register(shape: &mut Shape) {
    shape.name::<Answer>(Sort::Answer);
    beginnings(shape);
    with_word(shape, "tag", tag);
    with_word(shape, "priority", priority);
    with_word(shape, "status", status);
    with_word(shape, "assign", assign);
    with_word(shape, "note", note);
    with_nothing(shape, "assign_least_busy", Assign::LeastBusy);
    with_nothing(shape, "round_robin", Assign::RoundRobin);
}

fn beginnings(shape: &mut Shape) {
    let engine = &mut shape.engine;
    engine.register_fn(
        "team",
        |context: NativeCallContext<'_>, name: ImmutableString| -> Built {
            trace::step(&context, || format!("team({})", trace::quoted(&name)));
            let team = words(&name, "a team's name").map_err(refused)?;
            Ok(Answer::of(Routing {
                team: Some(team),
                ..Routing::default()
            }))
        },
    );
    engine.register_fn(
        "ignore",
        |context: NativeCallContext<'_>, why: ImmutableString| -> Built {
            trace::step(&context, || format!("ignore({})", trace::quoted(&why)));
            let why = words(&why, "the reason for ignoring").map_err(refused)?;
            Ok(Answer::of(Routing {
                ignore: Some(why),
                ..Routing::default()
            }))
        },
    );
    engine.register_fn("inbox", |context: NativeCallContext<'_>| {
        trace::step(&context, || "inbox()".to_owned());
        Answer::default()
    });
    engine.register_fn("spam", |context: NativeCallContext<'_>| {
        trace::step(&context, || "spam()".to_owned());
        Answer::of(Routing {
            spam: true,
            ..Routing::default()
        })
    });
}

/// Registers `.name("word")`.
fn with_word(
    shape: &mut Shape,
    name: &'static str,
    change: fn(&mut Routing, &str) -> Result<(), String>,
) {
    let builder = move |context: NativeCallContext<'_>,
                        answer: &mut Answer,
                        word: ImmutableString|
          -> Built {
        trace::step(&context, || format!(".{name}({})", trace::quoted(&word)));
        change(&mut answer.routing(), &word).map_err(refused)?;
        Ok(answer.clone())
    };
    shape.engine.register_fn(name, builder);
    shape.method(Sort::Answer, name, Sort::Answer);
}

/// Registers `.name()`, which says who shall look after it.
fn with_nothing(shape: &mut Shape, name: &'static str, assign: Assign) {
    let builder = move |context: NativeCallContext<'_>, answer: &mut Answer| {
        trace::step(&context, || format!(".{name}()"));
        answer.routing().assign = assign.clone();
        answer.clone()
    };
    shape.engine.register_fn(name, builder);
    shape.method(Sort::Answer, name, Sort::Answer);
}

fn tag(routing: &mut Routing, word: &str) -> Result<(), String> {
    let tag = Tag::new(word).ok_or_else(|| {
        format!(
            "{} is no tag: a tag is a word of at most {} bytes without commas",
            trace::quoted(word),
            Tag::LENGTH_MAX
        )
    })?;
    if routing.tags.contains(&tag) {
        return Ok(());
    }
    if routing.tags.len() >= Tag::COUNT_MAX {
        return Err(format!(
            "more than {} tags on one conversation",
            Tag::COUNT_MAX
        ));
    }
    routing.tags.push(tag);
    Ok(())
}

fn priority(routing: &mut Routing, word: &str) -> Result<(), String> {
    let all = [
        ("low", Priority::Low),
        ("normal", Priority::Normal),
        ("high", Priority::High),
        ("urgent", Priority::Urgent),
    ];
    routing.priority = Some(one_of("a priority", word, &all)?);
    Ok(())
}

fn status(routing: &mut Routing, word: &str) -> Result<(), String> {
    // `snoozed` is absent: it needs a time, which comes with `wake_in`.
    let all = [
        ("open", Status::Open),
        ("pending", Status::Pending),
        ("closed", Status::Closed),
    ];
    routing.status = Some(one_of("a status that routing can set", word, &all)?);
    Ok(())
}

fn assign(routing: &mut Routing, word: &str) -> Result<(), String> {
    let address =
        Address::parse(word).map_err(|error| format!("{}: {error}", trace::quoted(word)))?;
    routing.assign = Assign::To(address.folded());
    Ok(())
}

fn note(routing: &mut Routing, text: &str) -> Result<(), String> {
    if text.len() > NOTE_LENGTH_MAX {
        return Err(format!("a note of more than {NOTE_LENGTH_MAX} bytes"));
    }
    // A second note is added to the first; nothing that was said is lost.
    let joined = match routing.note.take() {
        Some(before) => format!("{before}\n{text}"),
        None => text.to_owned(),
    };
    let end = joined.floor_char_boundary(NOTE_LENGTH_MAX);
    routing.note = Some(joined[..end].to_owned());
    Ok(())
}

/// Why a builder refuses this word, whatever it is called on; `None` when it does not.
pub(super) fn refusal_of(name: &str, word: &str) -> Option<String> {
    let routing = &mut Routing::default();
    let taken = match name {
        "team" => words(word, "a team's name").map(|_| ()),
        "ignore" => words(word, "the reason for ignoring").map(|_| ()),
        "tag" => tag(routing, word),
        "priority" => priority(routing, word),
        "status" => status(routing, word),
        "assign" => assign(routing, word),
        "note" => note(routing, word),
        _ => Ok(()),
    };
    taken.err()
}

fn one_of<T: Copy>(what: &str, word: &str, all: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = all.iter().find(|(name, _)| *name == word) {
        return Ok(*value);
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let hint = suggest::nearest(word, names.iter().copied());
    let hint = hint.map_or_else(String::new, |found| format!("; did you mean `{found}`?"));
    let (word, names) = (trace::quoted(word), names.join(", "));
    Err(format!("{word} is not {what} ({names}){hint}"))
}

/// A name or reason: something visible, on one line, not too long.
fn words(text: &str, what: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.len() > WORDS_LENGTH_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "{what} is one line of at most {WORDS_LENGTH_MAX} bytes"
        ));
    }
    Ok(text.to_owned())
}

/// An error at the place of the call: Rhai fills the position in.
fn refused(message: String) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}
