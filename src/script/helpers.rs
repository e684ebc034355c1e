//! Small functions on texts for routing rules.
//!
//! Deliberately absent: regular expressions. A pattern written in a hurry must not
//! be able to take long on a stranger's mail; what is here is linear in the text.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext};

use super::shape::{Shape, Type};
use super::trace::{self, Name, Question};
use crate::domain::reason::step;

/// Longest pattern of `find_like`, in characters.
const PATTERN_CHARS_MAX: usize = 64;

/// An answer, or that the script's time is over.
type Told<T> = Result<T, Box<EvalAltResult>>;

/// Registers the helpers.
pub(super) fn register(shape: &mut Shape) {
    traced(&mut shape.engine);
    shape.engine.register_fn("contains_any", contains_any);
    shape.engine.register_fn(
        "find_like",
        |context: NativeCallContext<'_>, text: ImmutableString, pattern: ImmutableString| {
            let found = find_like(&text, &pattern)?.unwrap_or_default();
            let found = ImmutableString::from(found);
            let of = trace::origin(&text).map(Arc::new);
            trace::read_text(&context, Name::Found(of, pattern), &found);
            Told::Ok(found)
        },
    );
    let doc = "Whether one of these words stands in the text; case does not matter.";
    let given = &[("words", Type::Texts)];
    shape.method(Type::Text, ("contains_any", Type::YesNo), given, doc);
    let doc = "The first thing of this shape, or `\"\"`: `#` is a digit, `@` a letter, anything else is itself.";
    let given = &[("pattern", Type::Text)];
    shape.method(Type::Text, ("find_like", Type::Text), given, doc);
}

/// Rhai's own questions about texts, asked as it asks them, and noted.
fn traced(engine: &mut Engine) {
    word(engine, step::CONTAINS, |text, word| text.contains(word));
    word(engine, step::STARTS_WITH, |text, word| {
        text.starts_with(word)
    });
    word(engine, step::ENDS_WITH, |text, word| text.ends_with(word));
    engine.register_fn(step::CONTAINS, in_list);
    engine.register_fn("to_lower", |text: ImmutableString| {
        changed(&text, "to_lower", str::to_lowercase)
    });
    engine.register_fn("to_upper", |text: ImmutableString| {
        changed(&text, "to_upper", str::to_uppercase)
    });
}

fn changed(
    from: &ImmutableString,
    how: &'static str,
    into: impl FnOnce(&str) -> String,
) -> Told<ImmutableString> {
    trace::scanned(from.len())?;
    let into = into(from);
    if from.as_str() == into {
        return Ok(from.clone());
    }
    let into = ImmutableString::from(into);
    trace::changed(from, how, &into);
    Ok(into)
}

/// A question about a word, or a single letter.
fn word(engine: &mut Engine, operation: &'static str, holds: fn(&str, &str) -> bool) {
    let ask = move |context: NativeCallContext<'_>, text: ImmutableString, word| {
        let word: ImmutableString = word;
        trace::scanned(text.len())?;
        let holds = holds(&text, &word);
        let of = trace::origin(&text);
        let question = Question::Word {
            of,
            operation,
            word,
        };
        trace::asked(&context, question, holds);
        Told::Ok(holds)
    };
    engine.register_fn(operation, ask);
    engine.register_fn(
        operation,
        move |context: NativeCallContext<'_>, text: ImmutableString, letter: char| {
            ask(context, text, letter.to_string().into())
        },
    );
}

/// `word in list`, for texts; of other values Rhai keeps its own.
fn in_list(context: NativeCallContext<'_>, list: &mut Array, word: ImmutableString) -> Told<bool> {
    let is = |one: &&Dynamic| match one.read_lock::<ImmutableString>() {
        Some(text) => *text == word,
        None => one.as_char().is_ok_and(|letter| word.chars().eq([letter])),
    };
    let mut found = None;
    for one in list.iter() {
        // Texts of different lengths are not compared.
        let text = one.read_lock::<ImmutableString>();
        let long = text.is_some_and(|text| text.len() == word.len());
        trace::scanned(size_of::<Dynamic>() + if long { word.len() } else { 0 })?;
        if is(&one) {
            found = Some(one);
            break;
        }
    }
    let known = found.or_else(|| list.first());
    let known = known.and_then(|one| one.read_lock::<ImmutableString>());
    let of = known.and_then(|text| trace::origin(&text));
    let holds = found.is_some();
    let question = match trace::origin(&word) {
        Some(of_word) if of.is_none() => Question::Within(of_word, "list"),
        _ => Question::Word {
            of,
            operation: step::CONTAINS,
            word,
        },
    };
    trace::asked(&context, question, holds);
    Ok(holds)
}

/// One of these words stands in the text, whatever their letters' case.
fn contains_any(context: NativeCallContext<'_>, text: ImmutableString, words: Array) -> Told<bool> {
    trace::scanned(text.len())?;
    let folded = text.to_lowercase();
    let mut found = None;
    for word in words {
        let Ok(word) = word.into_immutable_string() else {
            continue;
        };
        trace::scanned(folded.len() + word.len())?;
        if folded.contains(&word.to_lowercase()) {
            found = Some(word);
            break;
        }
    }
    let of = trace::origin(&text);
    let holds = found.is_some();
    let question = match found {
        Some(word) => Question::Word {
            of,
            operation: step::CONTAINS_ANY,
            word,
        },
        None => Question::NoneOf(of),
    };
    trace::asked(&context, question, holds);
    Ok(holds)
}

/// The first place in `text` that looks like `pattern`: `#` stands for a digit, `@`
/// for a letter, anything else for itself. It does not begin or end within a longer
/// run of letters or digits.
fn find_like<'t>(text: &'t str, pattern: &str) -> Told<Option<&'t str>> {
    trace::scanned(text.len())?;
    let pattern: Vec<char> = pattern.chars().take(PATTERN_CHARS_MAX).collect();
    let Some(&first) = pattern.first() else {
        return Ok(None);
    };
    let mut before = None;
    for (start, c) in text.char_indices() {
        let inside = |before: char| before.is_alphanumeric() && c.is_alphanumeric();
        // The cheap question first: few characters can begin a match.
        if fits(c, first) && !before.is_some_and(inside) {
            trace::scanned(pattern.len())?;
            if let Some(length) = matched(&text[start..], &pattern) {
                return Ok(Some(&text[start..start + length]));
            }
        }
        before = Some(c);
    }
    Ok(None)
}

fn fits(c: char, wanted: char) -> bool {
    match wanted {
        '#' => c.is_ascii_digit(),
        '@' => c.is_ascii_alphabetic(),
        other => c == other,
    }
}

/// How many bytes of `text` the pattern takes at its beginning.
fn matched(text: &str, pattern: &[char]) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in pattern {
        if !fits(rest.next()?, *wanted) {
            return None;
        }
    }
    let length = text.len() - rest.as_str().len();
    let last = text[..length].chars().next_back()?;
    let goes_on = rest.next().is_some_and(|c| c.is_ascii_alphanumeric());
    (!(goes_on && last.is_ascii_alphanumeric())).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::find_like;

    #[test]
    fn order_numbers_are_found_whole() {
        let pattern = "###-#######-#######";
        let check = |text, found| assert_eq!(find_like(text, pattern).unwrap(), found, "{text}");
        check(
            "order 114-1234567-7654321 is late",
            Some("114-1234567-7654321"),
        );
        check("订单114-1234567-7654321。", None);
        check("订单 114-1234567-7654321。", Some("114-1234567-7654321"));
        check("9114-1234567-76543210", None);
        check("", None);
    }
}
