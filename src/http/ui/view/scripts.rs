//! What is wrong with the scripts, for the banner.

use crate::script::Diagnostic;

/// One problem.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ProblemView {
    /// `routing.rhai:7:3`.
    pub(in crate::http::ui) place: String,
    pub(in crate::http::ui) message: String,
    pub(in crate::http::ui) source_line: String,
    pub(in crate::http::ui) help: Option<String>,
}

impl ProblemView {
    pub(in crate::http::ui) fn new(diagnostic: &Diagnostic) -> Self {
        let place = match (diagnostic.line, diagnostic.column) {
            (0, _) => diagnostic.file.clone(),
            (line, 0) => format!("{}:{line}", diagnostic.file),
            (line, column) => format!("{}:{line}:{column}", diagnostic.file),
        };
        Self {
            place,
            message: diagnostic.message.clone(),
            source_line: diagnostic.source_line.trim().to_owned(),
            help: diagnostic.help.clone(),
        }
    }
}
