//! Rhai's own functions on texts that make much out of little: it looks at the size of a
//! value when it is there, and these would have taken the memory by then.

use rhai::{Array, Engine, EvalAltResult, ImmutableString, NativeCallContext, Position};

use super::trace;

/// An answer, or that it would be too large.
type Told<T> = Result<T, Box<EvalAltResult>>;

/// As Rhai names what is too large.
const TEXT: &str = "Length of string";
const LIST: &str = "Size of array/BLOB";

/// Takes the place of `replace`, `split` and `split_rev`.
pub(super) fn register(engine: &mut Engine) {
    replacing(engine);
    splitting(engine);
    splitting_from_the_end(engine);
}

fn replacing(engine: &mut Engine) {
    type Text = ImmutableString;
    type Context<'c> = NativeCallContext<'c>;
    engine.register_fn(
        "replace",
        |context: Context<'_>, text: &mut Text, from: Text, to: Text| {
            replace(&context, text, &from, &to)
        },
    );
    engine.register_fn(
        "replace",
        |context: Context<'_>, text: &mut Text, from: Text, to: char| {
            replace(&context, text, &from, to.encode_utf8(&mut [0; 4]))
        },
    );
    engine.register_fn(
        "replace",
        |context: Context<'_>, text: &mut Text, from: char, to: Text| {
            replace(&context, text, from.encode_utf8(&mut [0; 4]), &to)
        },
    );
    engine.register_fn(
        "replace",
        |context: Context<'_>, text: &mut Text, from: char, to: char| {
            let (from, to) = (from.to_string(), to.to_string());
            replace(&context, text, &from, &to)
        },
    );
}

fn replace(
    context: &NativeCallContext<'_>,
    text: &mut ImmutableString,
    from: &str,
    to: &str,
) -> Told<()> {
    if text.is_empty() {
        return Ok(());
    }
    trace::scanned(text.len())?;
    let hits = text.matches(from).count();
    let kept = text.len() - hits * from.len();
    let length = hits.saturating_mul(to.len()).saturating_add(kept);
    let max = context.engine().max_string_size();
    if max > 0 && length > max {
        return Err(too_large(TEXT));
    }
    trace::scanned(length)?;
    if hits > 0 {
        *text = text.replace(from, to).into();
    }
    Ok(())
}

fn splitting(engine: &mut Engine) {
    type Text = ImmutableString;
    type Context<'c> = NativeCallContext<'c>;
    engine.register_fn("split", |context: Context<'_>, text: &mut Text| {
        if text.is_empty() {
            return Ok(whole(text));
        }
        pieces(&context, text, text.split_whitespace())
    });
    engine.register_fn(
        "split",
        |context: Context<'_>, text: &mut Text, at: Text| {
            if stays_whole(text, &at) {
                return Ok(whole(text));
            }
            pieces(&context, text, text.split(at.as_str()))
        },
    );
    engine.register_fn(
        "split",
        |context: Context<'_>, text: &mut Text, at: Text, most: i64| {
            if most <= 1 || stays_whole(text, &at) {
                return Ok(whole(text));
            }
            pieces(&context, text, text.splitn(count(most), at.as_str()))
        },
    );
    engine.register_fn(
        "split",
        |context: Context<'_>, text: &mut Text, at: char| pieces(&context, text, text.split(at)),
    );
    engine.register_fn(
        "split",
        |context: Context<'_>, text: &mut Text, at: char, most: i64| {
            pieces(&context, text, text.splitn(count(most), at))
        },
    );
}

fn splitting_from_the_end(engine: &mut Engine) {
    type Text = ImmutableString;
    type Context<'c> = NativeCallContext<'c>;
    const NAME: &str = "split_rev";
    engine.register_fn(NAME, |context: Context<'_>, text: &mut Text, at: Text| {
        if stays_whole(text, &at) {
            return Ok(whole(text));
        }
        pieces(&context, text, text.rsplit(at.as_str()))
    });
    engine.register_fn(
        NAME,
        |context: Context<'_>, text: &mut Text, at: Text, most: i64| {
            if most <= 1 || stays_whole(text, &at) {
                return Ok(whole(text));
            }
            pieces(&context, text, text.rsplitn(count(most), at.as_str()))
        },
    );
    engine.register_fn(NAME, |context: Context<'_>, text: &mut Text, at: char| {
        pieces(&context, text, text.rsplit(at))
    });
    engine.register_fn(
        NAME,
        |context: Context<'_>, text: &mut Text, at: char, most: i64| {
            pieces(&context, text, text.rsplitn(count(most), at))
        },
    );
}

/// Where Rhai does not split: an empty text, and one without the separator.
fn stays_whole(text: &str, at: &str) -> bool {
    text.is_empty() || !text.contains(at)
}

fn whole(text: &ImmutableString) -> Array {
    vec![text.clone().into()]
}

fn count(most: i64) -> usize {
    usize::try_from(most.max(1)).unwrap_or(usize::MAX)
}

fn pieces<'t>(
    context: &NativeCallContext<'_>,
    text: &str,
    pieces: impl Iterator<Item = &'t str>,
) -> Told<Array> {
    trace::scanned(text.len())?;
    let max = context.engine().max_array_size();
    let mut all = Array::new();
    for piece in pieces {
        if max > 0 && all.len() == max {
            return Err(too_large(LIST));
        }
        all.push(piece.into());
    }
    Ok(all)
}

fn too_large(what: &str) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorDataTooLarge(
        what.to_owned(),
        Position::NONE,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: [&str; 18] = [
        r#"let s = "a-b-c"; s.replace("-", "+++"); s"#,
        r#"let s = "a-b-c"; s.replace("-", '+'); s"#,
        r#"let s = "a-b-c"; s.replace('-', "+++"); s"#,
        r#"let s = "a-b-c"; s.replace('-', '+'); s"#,
        r#"let s = "abc"; s.replace("", "-"); s"#,
        r#"let s = ""; s.replace("", "-"); s"#,
        r#"" a  b ".split()"#,
        r#""".split()"#,
        r#""a-b-c".split("-")"#,
        r#""a-b-c".split("")"#,
        r#""".split("-")"#,
        r#""a-b-c".split("-", 2)"#,
        r#""a-b-c".split('-')"#,
        r#""a-b-c".split('-', 0)"#,
        r#""a-b-c".split_rev("-")"#,
        r#""a-b-c".split_rev("-", 2)"#,
        r#""a-b-c".split_rev('-')"#,
        r#""a-b-c".split_rev('-', 2)"#,
    ];

    #[test]
    fn they_do_what_those_of_the_language_do() {
        let theirs = Engine::new();
        let mut ours = Engine::new();
        register(&mut ours);
        for call in CALLS {
            let answer = |engine: &Engine| engine.eval::<rhai::Dynamic>(call).unwrap().to_string();
            assert_eq!(answer(&ours), answer(&theirs), "{call}");
        }
    }

    #[test]
    fn what_would_be_too_large_is_not_made() {
        let mut engine = Engine::new();
        engine.set_max_string_size(100).set_max_array_size(10);
        register(&mut engine);
        let text = "a".repeat(60);
        for call in [
            "s.replace(\"a\", \"bb\")",
            "s.replace('a', \"bb\")",
            "s.replace('a', '王')",
            "s.split(\"\")",
            "s.split('a')",
            "s.split_rev(\"a\", 12)",
        ] {
            let wrong = engine.eval::<rhai::Dynamic>(&format!("let s = \"{text}\"; {call}"));
            let wrong = wrong.unwrap_err();
            let is_so = matches!(*wrong, EvalAltResult::ErrorDataTooLarge(..));
            assert!(is_so, "{call}: {wrong}");
        }
    }
}
