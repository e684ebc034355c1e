//! What is wrong with a script, where, and what to do.
//!
//! Deliberately absent: colours and pages; the doors show these values as they like.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The scripts do not go live.
    Error,
    /// They do, but somebody should look.
    Warning,
}

/// Something to say about a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// File below the scripts folder, or the folder itself.
    pub file: String,
    /// From 1; 0 when it is about the whole file.
    pub line: u32,
    /// From 1, in characters; 0 when it is about the whole line or file.
    pub column: u32,
    /// The line of the file, where there is one.
    pub source_line: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// About a whole file, or the folder.
    #[must_use]
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            source_line: String::new(),
            severity: Severity::Error,
            message: message.into(),
            help: None,
        }
    }

    /// About a place in `source`, the text of the file.
    #[must_use]
    pub fn at(
        file: &str,
        (line, column): (u32, u32),
        source: &str,
        message: impl Into<String>,
    ) -> Self {
        let index = (line as usize).checked_sub(1);
        let source_line = index.and_then(|index| source.lines().nth(index));
        Self {
            line,
            column,
            source_line: source_line.unwrap_or_default().to_owned(),
            ..Self::of_file(file, message)
        }
    }

    /// With what to do.
    #[must_use]
    pub fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// As a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The first line of what is displayed: place and message.
    #[must_use]
    pub fn headline(&self) -> String {
        match (self.line, self.column) {
            (0, _) => format!("{}: {}", self.file, self.message),
            (line, 0) => format!("{}:{line}: {}", self.file, self.message),
            (line, column) => format!("{}:{line}:{column}: {}", self.file, self.message),
        }
    }
}

/// Longest source line shown, in characters; a longer one helps nobody.
const SOURCE_LINE_SHOWN_MAX: usize = 160;

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        let shown = self.source_line.chars().count() <= SOURCE_LINE_SHOWN_MAX;
        if shown && !self.source_line.trim().is_empty() {
            let number = self.line.to_string();
            write!(f, "\n {number} | {}", self.source_line)?;
            if let Some(before) = (self.column as usize).checked_sub(1) {
                let margin = " ".repeat(number.len());
                write!(f, "\n {margin} | {}^", padding(&self.source_line, before))?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n help: {help}")?;
        }
        Ok(())
    }
}

/// Blanks as wide as the first `count` characters: tabs stay tabs, and Chinese
/// and other wide characters take two columns in a terminal.
fn padding(line: &str, count: usize) -> String {
    let mut blanks = String::new();
    for c in line.chars().take(count) {
        blanks.push_str(match c {
            '\t' => "\t",
            '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' => "  ",
            '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF60}' => "  ",
            _ => " ",
        });
    }
    blanks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_place() {
        let source = "fn route(mail, ctx) {\n    mail.subjct\n}";
        let found = Diagnostic::at("routing.rhai", (2, 10), source, "no `subjct`")
            .with_help(Some("did you mean `subject`?".to_owned()));
        assert_eq!(
            found.to_string(),
            "routing.rhai:2:10: no `subjct`\n 2 |     mail.subjct\n   |          ^\n help: did you mean `subject`?"
        );
    }

    #[test]
    fn wide_characters_push_the_caret_by_two() {
        assert_eq!(padding("发票x", 3).len(), 5);
        assert_eq!(padding("\tx", 2), "\t ");
    }
}
