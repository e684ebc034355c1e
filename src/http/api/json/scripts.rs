//! Scripts in use, what is wrong with newer ones, and what others would decide.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::super::body::shortened;
use super::super::super::error::{Kind, Problem};
use crate::script::{Diagnostic, Scripts, Severity};
use crate::service::collecting::{begin_of, day};
use crate::service::rehearsal::{Answers, Candidate, Changed, Question, Rehearsed, Slow};
use crate::service::script_editing::{Sources, Written};
use crate::service::script_failures::Failing;
use crate::wire::decision::{AnswersBody, RoutedBody, hexadecimal};

/// The state of the scripts.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ScriptsBody {
    /// The version that decides now; `null` when there are no scripts.
    version: Option<String>,
    files: Vec<String>,
    /// A newer version was refused, and the one above goes on.
    refused: bool,
    /// What is wrong with the newer version, or warnings of the live one.
    problems: Vec<ProblemBody>,
    /// What of the live version fails again and again.
    failing: Vec<FailingBody>,
}

/// A function that goes on failing.
#[derive(Debug, Serialize)]
struct FailingBody {
    function: &'static str,
    file: String,
    count: u64,
    since: String,
    /// Of the last failure.
    error: String,
}

/// Something wrong, where, and what to do.
#[derive(Debug, Serialize)]
struct ProblemBody {
    file: String,
    line: u32,
    column: u32,
    severity: &'static str,
    message: String,
    help: Option<String>,
    /// All of it with the line of the file, as the command line shows it.
    text: String,
}

/// Which scripts are tried on which mails.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::http::api) struct RehearsalAsked {
    /// The live files with these changed; `null` takes one away. Absent: the folder as it is.
    files: Option<BTreeMap<String, Option<String>>>,
    last: Option<usize>,
    /// A day, or an exact time.
    since: Option<String>,
    /// Address, slug or id.
    mailbox: Option<String>,
}

/// A file in the folder.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct FileBody {
    /// Of all files together; `If-Match` of a change.
    version: String,
    path: String,
    text: String,
}

/// The files of one version.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct VersionBody {
    version: String,
    /// By path.
    files: BTreeMap<String, String>,
}

/// What shall stand in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct FileWritten {
    pub(in crate::http::api) text: String,
}

/// What the files are since.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct WrittenBody {
    version: String,
    /// Warnings: it goes live nevertheless.
    problems: Vec<ProblemBody>,
}

/// What a rehearsal found.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct RehearsedBody {
    mails: usize,
    changed: usize,
    errors_old: usize,
    errors_new: usize,
    took_us: u64,
    cut_short: bool,
    /// The latest changed ones.
    items: Vec<ChangedBody>,
    slowest: Vec<SlowBody>,
}

#[derive(Debug, Serialize)]
struct ChangedBody {
    message_id: String,
    conversation_id: Option<String>,
    conversation_number: Option<u64>,
    arrived_at: String,
    from: String,
    subject: String,
    old: AnswersBody,
    new: AnswersBody,
}

#[derive(Debug, Serialize)]
struct SlowBody {
    message_id: String,
    subject: String,
    took_us: u64,
}

impl ScriptsBody {
    pub(in crate::http::api) fn new(
        scripts: &Scripts,
        problems: &[Diagnostic],
        failing: &[Failing],
    ) -> Self {
        let current = scripts.current();
        let files = current.as_ref().map(|snapshot| {
            snapshot
                .files()
                .iter()
                .map(|(name, _)| name.clone())
                .collect()
        });
        Self {
            version: current
                .as_ref()
                .map(|snapshot| hexadecimal(&snapshot.version().0)),
            files: files.unwrap_or_default(),
            refused: scripts.is_refused(),
            problems: problems.iter().map(ProblemBody::new).collect(),
            failing: failing.iter().map(FailingBody::new).collect(),
        }
    }
}

impl FailingBody {
    fn new(failing: &Failing) -> Self {
        Self {
            function: failing.function,
            file: failing.file.clone(),
            count: failing.count,
            since: failing.since.to_string(),
            error: failing.last.words.clone(),
        }
    }
}

impl ProblemBody {
    fn new(diagnostic: &Diagnostic) -> Self {
        Self {
            file: diagnostic.file.clone(),
            line: diagnostic.line,
            column: diagnostic.column,
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            text: diagnostic.to_string(),
        }
    }
}

impl FileBody {
    /// `None` when there is no such file.
    pub(in crate::http::api) fn new(sources: &Sources, path: &str) -> Option<Self> {
        let (path, text) = sources.files.iter().find(|(name, _)| name == path)?;
        Some(Self {
            version: hexadecimal(&sources.version.0),
            path: path.clone(),
            text: text.clone(),
        })
    }
}

impl VersionBody {
    pub(in crate::http::api) fn new(sources: &Sources) -> Self {
        Self {
            version: hexadecimal(&sources.version.0),
            files: sources.files.iter().cloned().collect(),
        }
    }
}

impl WrittenBody {
    pub(in crate::http::api) fn new(written: &Written) -> Self {
        Self {
            version: hexadecimal(&written.version.0),
            problems: written.warnings.iter().map(ProblemBody::new).collect(),
        }
    }
}

impl RehearsalAsked {
    pub(in crate::http::api) fn question(self) -> Result<Question, Problem> {
        let files = self.files.map(|files| files.into_iter().collect());
        Ok(Question {
            candidate: files.map_or(Candidate::Folder, Candidate::Changed),
            last: self.last,
            since: self.since.as_deref().map(since).transpose()?,
            mailbox: self.mailbox,
        })
    }
}

fn since(text: &str) -> Result<Timestamp, Problem> {
    let exact = text.parse().ok();
    let found = exact.or_else(|| day(text).ok().and_then(begin_of));
    found.ok_or_else(|| {
        Problem::new(
            Kind::Unprocessable,
            format!(
                "`since` must be a day (2026-01-31) or a time (RFC 3339), not `{}`.",
                shortened(text)
            ),
        )
    })
}

impl RehearsedBody {
    pub(in crate::http::api) fn new(done: &Rehearsed) -> Self {
        Self {
            mails: done.mails,
            changed: done.changed,
            errors_old: done.errors_old,
            errors_new: done.errors_new,
            took_us: micros(done.took),
            cut_short: done.cut_short,
            items: done.listed.iter().map(ChangedBody::new).collect(),
            slowest: done.slowest.iter().map(SlowBody::new).collect(),
        }
    }
}

impl ChangedBody {
    fn new(changed: &Changed) -> Self {
        Self {
            message_id: changed.message.to_string(),
            conversation_id: changed.conversation.map(|(id, _)| id.to_string()),
            conversation_number: changed.conversation.map(|(_, number)| number),
            arrived_at: changed.arrived_at.to_string(),
            from: changed.from.clone(),
            subject: changed.subject.clone(),
            old: answers(&changed.old),
            new: answers(&changed.new),
        }
    }
}

impl SlowBody {
    fn new(slow: &Slow) -> Self {
        Self {
            message_id: slow.message.to_string(),
            subject: slow.subject.clone(),
            took_us: micros(slow.took),
        }
    }
}

fn answers(answers: &Answers) -> AnswersBody {
    let routed = &answers.routed;
    let routed = RoutedBody::new(
        &routed.outcome,
        &routed.routing,
        &routed.warnings,
        &routed.trace,
    );
    AnswersBody::new(routed, &answers.gating)
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
