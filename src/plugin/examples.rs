//! `tests.toml`: what a plugin's author expects of it, text by text and mail by mail.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::problem::{Problem, Text};
use crate::domain::extraction::MailSort;
use crate::domain::refusal::{Dialogue, FailureClass};

/// Examples of one plugin.
const EXAMPLES_MAX: usize = 500;

/// Something expected, and the line where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The line, from 1.
    pub line: usize,
    /// What is expected.
    pub expected: Expected,
}

/// What is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// These bytes of a server have this meaning.
    Failure {
        /// In which dialogue.
        dialogue: Dialogue,
        /// As the server sends them.
        bytes: Vec<u8>,
        /// What they mean.
        class: FailureClass,
    },
    /// Hooks say this of this mail.
    Mail(ExpectedMail),
}

/// What hooks say of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedMail {
    /// The mail.
    pub source: MailSource,
    /// Fields and their values, and no others.
    pub fields: BTreeMap<String, String>,
    /// What sort of mail it is; `None` when they shall not say.
    pub sort: Option<MailSort>,
}

/// Where the mail of an example stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailSource {
    /// In a file below the plugin's `tests/`.
    File(String),
    /// In the example itself.
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExamplesFile {
    #[serde(default)]
    failure: Vec<Spanned<FailureExample>>,
    #[serde(default)]
    mail: Vec<Spanned<MailExample>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureExample {
    protocol: String,
    text: Option<String>,
    bytes: Option<String>,
    class: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailExample {
    eml: Option<String>,
    raw: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    kind: Option<String>,
    #[serde(default)]
    notice: String,
}

/// A dialogue by its name in files and on the command line.
#[must_use]
pub fn dialogue_of(name: &str) -> Option<Dialogue> {
    match name {
        "imap" => Some(Dialogue::Imap),
        "pop3" => Some(Dialogue::Pop3),
        "smtp_login" | "smtp-login" => Some(Dialogue::SmtpLogin),
        "smtp" => Some(Dialogue::Smtp),
        _ => None,
    }
}

/// Bytes written as pairs of hexadecimal digits.
#[must_use]
pub fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

/// Reads a `tests.toml`.
pub(super) fn read(text: Text<'_>) -> Result<Vec<Example>, Vec<Problem>> {
    let file: ExamplesFile = toml::from_str(text.text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        vec![text.problem(span, error.message().trim_end())]
    })?;
    if file.failure.len() + file.mail.len() > EXAMPLES_MAX {
        let words = format!("at most {EXAMPLES_MAX} examples are read");
        return Err(vec![Problem::of_file(text.file, words)]);
    }
    let mut examples = Vec::new();
    let mut problems = Vec::new();
    for example in file.failure {
        let span = example.span();
        let line = text.place(span.start).0;
        match failure(example.into_inner()) {
            Ok(expected) => examples.push(Example { line, expected }),
            Err(words) => problems.push(text.problem(span, words)),
        }
    }
    for example in file.mail {
        let span = example.span();
        let line = text.place(span.start).0;
        match mail(example.into_inner()) {
            Ok(expected) => examples.push(Example { line, expected }),
            Err(words) => problems.push(text.problem(span, words)),
        }
    }
    if problems.is_empty() {
        Ok(examples)
    } else {
        Err(problems)
    }
}

fn failure(example: FailureExample) -> Result<Expected, String> {
    let dialogue = dialogue_of(&example.protocol).ok_or_else(|| {
        format!(
            "{:?} is no protocol; write imap, pop3, smtp_login or smtp",
            example.protocol
        )
    })?;
    let class = FailureClass::ALL
        .into_iter()
        .find(|class| class.name() == example.class)
        .ok_or_else(|| {
            let known = FailureClass::ALL.map(FailureClass::name).join(", ");
            format!("{:?} is no class; there are {known}", example.class)
        })?;
    let bytes = match (example.text, example.bytes) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(hex)) => {
            bytes_of_hex(&hex).ok_or("bytes must be pairs of hexadecimal digits")?
        }
        _ => return Err("an example has either `text` or `bytes`".to_owned()),
    };
    Ok(Expected::Failure {
        dialogue,
        bytes,
        class,
    })
}

fn mail(example: MailExample) -> Result<Expected, String> {
    let source = match (example.eml, example.raw) {
        (Some(file), None) => MailSource::File(file),
        (None, Some(text)) => MailSource::Text(text),
        _ => return Err("an example has either `eml` or `raw`".to_owned()),
    };
    let sort = match example.kind {
        Some(kind) => Some(MailSort::named(&kind, &example.notice).ok_or_else(|| {
            let known = MailSort::NAMES.join(", ");
            format!("{kind:?} is no kind; there are {known}")
        })?),
        None => None,
    };
    if !example.notice.is_empty() && sort.as_ref().is_none_or(|sort| sort.notice().is_empty()) {
        return Err("only `kind = \"notice\"` has a `notice`".to_owned());
    }
    Ok(Expected::Mail(ExpectedMail {
        source,
        fields: example.fields,
        sort,
    }))
}
