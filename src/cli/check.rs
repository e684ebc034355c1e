//! Checks that change nothing.

use std::path::Path;
use std::process::ExitCode;

use super::say::say;
use crate::config::Config;

pub(super) fn config(config: &Config, path: Option<&Path>) -> anyhow::Result<ExitCode> {
    match path {
        Some(path) => say(format_args!("# {} is right. In force:", path.display())),
        None => say("# There is no configuration file. The defaults are in force:"),
    }
    say(config.to_toml()?.trim_end());
    Ok(ExitCode::SUCCESS)
}
