//! What `route` and `on_timer` answer: built by a first word (`team`, `inbox`, `spam`,
//! `ignore`) and further ones (`.tag(...)`). Every value is checked where it is written,
//! so that a wrong one is an error with its position.
//!
//! What the other functions answer stands in the files below.

use jiff::{Span, SpanRelativeTo};
use rhai::{Dynamic, NativeCallContext};

pub(super) use building::Building;
use building::{beginning, with_word, words};

use super::shape::{Shape, Sort, Type};
use super::{suggest, trace};
use crate::domain::address::Address;
use crate::domain::conversation::{Priority, Status, Tag};
use crate::domain::decision::{Assign, Gate, NOTE_LENGTH_MAX, Routing, WAKE_MAX, WAKE_MIN};

pub(super) mod alert;
mod building;
mod gate;
pub(super) mod verdict;

/// The words an answer begins with.
pub(super) const BEGINNINGS: [&str; 4] = ["team", "inbox", "spam", "ignore"];

/// The word that asks for an automatic mail.
pub(super) const ACKNOWLEDGE: &str = "acknowledge";

/// What `route` and `on_timer` answer.
pub(super) type Answer = Building<Routing>;

/// Registers all builders.
pub(super) fn register(shape: &mut Shape) {
    shape.name::<Answer>(Sort::Answer);
    beginnings(shape);
    with_word(
        shape,
        ("tag", &[("word", Type::Text)]),
        (
            Sort::Answer,
            "Puts a word on the conversation; case is folded, blanks become `-`.",
        ),
        tag,
    );
    with_word(
        shape,
        ("priority", &[("word", Type::Text)]),
        (
            Sort::Answer,
            "Sets how soon it wants an answer: `low`, `normal`, `high` or `urgent`.",
        ),
        priority,
    );
    with_word(
        shape,
        ("status", &[("word", Type::Text)]),
        (
            Sort::Answer,
            "Sets where it stands: `open`, `pending` or `closed`.",
        ),
        status,
    );
    with_word(
        shape,
        ("assign", &[("address", Type::Text)]),
        (Sort::Answer, "Gives it to the operator with this address."),
        assign,
    );
    with_nothing(
        shape,
        "assign_least_busy",
        Assign::LeastBusy,
        "Gives it to the available member of the team with the fewest open conversations.",
    );
    with_nothing(
        shape,
        "round_robin",
        Assign::RoundRobin,
        "Gives it to the available member of the team whose turn it is.",
    );
    with_word(
        shape,
        ("note", &[("text", Type::Text)]),
        (
            Sort::Answer,
            "Adds a note for colleagues; a second one is added to the first.",
        ),
        note,
    );
    with_word(
        shape,
        (ACKNOWLEDGE, &[("template", Type::Text)]),
        (
            Sort::Answer,
            "Answers with this template, within the limits on automatic mail.",
        ),
        acknowledge,
    );
    with_word(
        shape,
        ("wake_in", &[("span", Type::Text)]),
        (
            Sort::Answer,
            "Asks `on_timer` after so long (`30m`, `4h`, `2d`), unless something comes before.",
        ),
        wake_in,
    );
    gate::register(shape);
    verdict::register(shape);
    alert::register(shape);
}

/// What a builder makes, where `value` is one of ours: for whom it is meant.
pub(super) fn meant_for(value: &Dynamic) -> Option<&'static str> {
    if value.is::<Answer>() {
        Some("`route` or `on_timer`")
    } else if value.is::<Building<Gate>>() {
        Some("`ai_reply`")
    } else if value.is::<verdict::Judged>() {
        Some("`before_send`")
    } else if value.is::<alert::Alert>() {
        Some("`on_mailbox_state`")
    } else {
        None
    }
}

const ANSWER: Type = Type::One(Sort::Answer);

fn beginnings(shape: &mut Shape) {
    beginning(
        shape,
        ("team", &[("name", Type::Text)]),
        (Sort::Answer, "A team looks after it."),
        |name| {
            let team = Some(words(name, "a team's name")?);
            Ok(Routing {
                team,
                ..Routing::default()
            })
        },
    );
    shape
        .engine
        .register_fn("inbox", |context: NativeCallContext<'_>| {
            trace::step(&context, || "inbox()".to_owned());
            Answer::default()
        });
    shape.function(
        ("inbox", ANSWER),
        &[],
        "Nobody in particular looks after it.",
    );
    shape
        .engine
        .register_fn("spam", |context: NativeCallContext<'_>| {
            trace::step(&context, || "spam()".to_owned());
            Answer::of(Routing {
                spam: true,
                ..Routing::default()
            })
        });
    shape.function(("spam", ANSWER), &[], "Puts it aside as spam.");
    beginning(
        shape,
        ("ignore", &[("why", Type::Text)]),
        (
            Sort::Answer,
            "Closes it at once and hides it; the reason is kept.",
        ),
        |why| {
            let ignore = Some(words(why, "the reason for ignoring")?);
            Ok(Routing {
                ignore,
                ..Routing::default()
            })
        },
    );
}

/// Registers `.name()`, which says who shall look after it.
fn with_nothing(shape: &mut Shape, name: &'static str, assign: Assign, doc: &'static str) {
    let builder = move |context: NativeCallContext<'_>, answer: &mut Answer| {
        trace::step(&context, || format!(".{name}()"));
        answer.open().assign = assign.clone();
        answer.clone()
    };
    shape.engine.register_fn(name, builder);
    shape.method(ANSWER, (name, ANSWER), &[], doc);
}

fn acknowledge(routing: &mut Routing, template: &str) -> Result<(), String> {
    routing.acknowledge = Some(words(template, "the name of a template")?);
    Ok(())
}

fn wake_in(routing: &mut Routing, word: &str) -> Result<(), String> {
    let span: Option<Span> = word.parse().ok();
    let days = SpanRelativeTo::days_are_24_hours();
    let after = span.and_then(|span| span.to_duration(days).ok());
    let after = after.ok_or_else(|| {
        let word = trace::quoted(word);
        format!("{word} is no span of time; write one such as `30m`, `4h` or `2d`")
    })?;
    if !(WAKE_MIN..=WAKE_MAX).contains(&after) {
        return Err("wakes between one minute and 90 days from now".to_owned());
    }
    routing.wake_in = Some(after);
    Ok(())
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
        ACKNOWLEDGE => acknowledge(routing, word),
        "wake_in" => wake_in(routing, word),
        "off" => words(word, "the reason for `off`").map(|_| ()),
        "because" => words(word, "the reason").map(|_| ()),
        "hold" => words(word, "the reason for holding").map(|_| ()),
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
