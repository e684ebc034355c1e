//! `tests.toml`: what a plugin's author expects of it, text by text and mail by mail.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::problem::{Problem, Text};
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
    /// Hooks put these fields on this mail.
    Mail {
        /// A file below the plugin's `tests/`.
        eml: String,
        /// Fields and their values.
        fields: BTreeMap<String, String>,
        /// `buyer_message` or `notice`.
        kind: Option<String>,
    },
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
    eml: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    kind: Option<String>,
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
        let line = text.place(example.span().start).0;
        let MailExample { eml, fields, kind } = example.into_inner();
        examples.push(Example {
            line,
            expected: Expected::Mail { eml, fields, kind },
        });
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
