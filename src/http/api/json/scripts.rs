//! Scripts in use, and what is wrong with newer ones.

use serde::Serialize;

use crate::script::{Diagnostic, Scripts, Severity};
use crate::wire::decision::hexadecimal;

/// The state of the scripts.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ScriptsBody {
    /// The version that decides now; `null` when there are no scripts.
    version: Option<String>,
    files: Vec<String>,
    /// Not empty: a newer version was refused, and the one above goes on.
    problems: Vec<ProblemBody>,
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
}

impl ScriptsBody {
    pub(in crate::http::api) fn new(scripts: &Scripts) -> Self {
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
            problems: scripts.problems().iter().map(ProblemBody::new).collect(),
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
        }
    }
}
