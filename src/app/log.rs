//! Log lines, for people or for programs, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Begins to write lines that pass `filter`. A second call changes nothing.
///
/// # Errors
/// When the filter is wrong; the error says where.
pub fn begin(format: Format, filter: &str) -> Result<(), ParseError> {
    let filter: EnvFilter = filter.parse()?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for terminals; a file or a journal keeps plain words.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let begun = match format {
        Format::Text => lines.with_target(false).compact().try_init(),
        Format::Json => lines.json().try_init(),
    };
    if begun.is_err() {
        tracing::debug!("log lines are written already");
    }
    Ok(())
}
