//! Rhai's errors in the words of this house, with the place where they happened.

use rhai::{Dynamic, EvalAltResult, ImmutableString, LexError, ParseError, ParseErrorType};

use super::{diagnostic::Diagnostic, trace, weight};
use crate::domain::line;

/// Words that Rhai keeps for itself; as names they surprise.
const RESERVED_HELP: &str = "this word is reserved by the language; choose another name";

/// Words that are switched off, some of them in hooks only.
const OFF: [&str; 3] = ["eval", "Fn", "curry"];

/// Longest text of what went wrong, in characters. It may hold words of a mail, and is
/// stored and logged.
const CHARS_MAX: usize = 300;

const ENDS_EARLY: &str = "the file ends in the middle of something";
const ENDS_EARLY_HELP: &str = "is a closing `}` or `)` missing?";

/// A compile error.
pub(super) fn of_parse(file: &str, source: &str, error: &ParseError) -> Diagnostic {
    let ParseError(kind, position) = error;
    let at = match trace::place(*position) {
        // "The script ends too early" has no position, or one below the last line.
        (line, _) if line == 0 || line as usize > source.lines().count() => {
            let last = u32::try_from(source.lines().count()).unwrap_or(0);
            let early = Diagnostic::at(file, (last, 0), source, ENDS_EARLY);
            return early.with_help(Some(ENDS_EARLY_HELP.to_owned()));
        }
        at => at,
    };
    let (message, help) = parse_words(kind);
    Diagnostic::at(file, at, source, message).with_help(help.map(str::to_owned))
}

fn parse_words(kind: &ParseErrorType) -> (String, Option<&'static str>) {
    match kind {
        ParseErrorType::UnexpectedEOF => (ENDS_EARLY.to_owned(), Some(ENDS_EARLY_HELP)),
        ParseErrorType::VariableUndefined(name) => (
            format!("there is no `{name}` here"),
            Some("functions see only their own parameters and variables"),
        ),
        ParseErrorType::ModuleUndefined(name) => (
            format!("there is no module `{name}` here"),
            Some("import it at the top of this file, also when one that it inherits from does"),
        ),
        ParseErrorType::Reserved(word) if OFF.contains(&word.as_str()) => {
            (format!("`{word}` is switched off"), None)
        }
        ParseErrorType::Reserved(word) => {
            (format!("`{word}` cannot stand here"), Some(RESERVED_HELP))
        }
        ParseErrorType::MissingToken(token, why) => (format!("expected `{token}` {why}"), None),
        ParseErrorType::FnMissingParams(name) => {
            (format!("the parameters of `{name}` are not complete"), None)
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            ("this text has no closing quote".to_owned(), None)
        }
        // Once disabled they are no keywords any more, but symbols out of place.
        ParseErrorType::BadInput(LexError::ImproperSymbol(word, _))
            if OFF.contains(&word.as_str()) =>
        {
            (format!("`{word}` is switched off"), None)
        }
        other => (lower_first(&other.to_string()), None),
    }
}

/// The innermost place and cause of an error at run time.
pub(super) struct Failure {
    /// Where it happened; `None` in the file that was called first.
    pub(super) file: Option<String>,
    /// Line and column from 1, or zeros.
    pub(super) at: (u32, u32),
    /// What happened.
    pub(super) message: String,
}

/// Rhai forgets where a limit was reached, but for the call of the function.
pub(super) fn has_no_place(error: &EvalAltResult) -> bool {
    use EvalAltResult as E;
    match error {
        E::ErrorInFunctionCall(_, _, cause, _) | E::ErrorInModule(_, cause, _) => {
            has_no_place(cause)
        }
        E::ErrorTooManyOperations(_) | E::ErrorTerminated(..) | E::ErrorStackOverflow(_) => true,
        other => other.position().is_none(),
    }
}

/// Reads an error from its innermost cause.
pub(super) fn of_run(error: &EvalAltResult) -> Failure {
    let mut file: Option<String> = None;
    let mut inner = error;
    // Some errors have no place of their own; the nearest call around them has, which may
    // stand in another file.
    let mut around = None;
    loop {
        let (within, cause, position) = match inner {
            EvalAltResult::ErrorInFunctionCall(_, source, cause, position) => {
                (Some(source.clone()), cause, *position)
            }
            EvalAltResult::ErrorInModule(name, cause, position) => {
                (Some(format!("{name}.rhai")), cause, *position)
            }
            _ => break,
        };
        if !position.is_none() {
            around = Some((file.clone(), position));
        }
        file = within.filter(|within| !within.is_empty()).or(file);
        inner = cause;
    }
    let mut position = inner.position();
    if let (true, Some((calling, place))) = (position.is_none(), around) {
        (file, position) = (calling, place);
    }
    Failure {
        file,
        at: trace::place(position),
        message: line::short(&run_words(inner), CHARS_MAX),
    }
}

fn run_words(error: &EvalAltResult) -> String {
    use EvalAltResult as E;
    match error {
        E::ErrorTooManyOperations(_) => "the script took too many steps and was stopped".to_owned(),
        E::ErrorTerminated(..) => "the script took too long and was stopped".to_owned(),
        E::ErrorStackOverflow(_) => "functions call each other too deeply".to_owned(),
        E::ErrorDataTooLarge(what, _) if what == weight::HELD => {
            "the script holds too much at once and was stopped".to_owned()
        }
        E::ErrorDataTooLarge(what, _) if what == weight::NESTED => {
            "values stand inside values too deeply".to_owned()
        }
        E::ErrorDataTooLarge(what, _) => format!("a value grew too large ({})", lower_first(what)),
        E::ErrorTooManyVariables(_) => "too many variables".to_owned(),
        E::ErrorTooManyModules(_) => "too many imports".to_owned(),
        E::ErrorModuleNotFound(name, _) => format!("there is no `{name}.rhai` to import"),
        E::ErrorFunctionNotFound(signature, _) => not_found(signature),
        E::ErrorRuntime(value, _) if value.is_unit() => "the script threw an error".to_owned(),
        E::ErrorRuntime(value, _) => thrown(value),
        E::ErrorDataRace(..) => "a value is changed while it is being read".to_owned(),
        E::ErrorMismatchDataType(wanted, found, _)
        | E::ErrorMismatchOutputType(wanted, found, _) => {
            format!("expected {wanted}, found {found}")
        }
        E::ErrorDotExpr(message, _) if !message.is_empty() => match unknown_property(message) {
            Some((name, of)) => format!("{of} has no property `{name}`"),
            None => lower_first(message),
        },
        E::ErrorPropertyNotFound(name, _) => format!("there is no property `{name}`"),
        E::ErrorVariableNotFound(name, _) => format!("there is no `{name}` here"),
        E::ErrorArithmetic(message, _) => lower_first(message),
        other => {
            // The position is told apart from the words.
            let text = other.to_string();
            let words = text.split(" (line ").next().unwrap_or(&text);
            lower_first(words)
        }
    }
}

/// What a script threw.
fn thrown(value: &Dynamic) -> String {
    match value.read_lock::<ImmutableString>() {
        Some(text) => text.to_string(),
        None => trace::shown(value)
            .unwrap_or_else(|| "the script threw something that is no text".to_owned()),
    }
}

/// `Unknown property 'x' - a getter is not registered for type 'mail'`.
fn unknown_property(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix("Unknown property '")?;
    let (name, rest) = rest.split_once('\'')?;
    let of = rest.rsplit_once("type '")?.1.trim_end_matches('\'');
    Some((name, of))
}

/// `tag (answer, i64)`: the name exists or not, but not for these values.
fn not_found(signature: &str) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types = types.trim_end_matches(')');
    if types.is_empty() {
        return format!("there is no function `{name}` without arguments");
    }
    let types = types
        .replace("&str | ImmutableString | String", "text")
        .replace("i64", "number")
        .replace("f64", "number")
        .replace("string", "text");
    format!("there is no function `{name}` for ({types})")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    first.to_lowercase().chain(chars).collect()
}
