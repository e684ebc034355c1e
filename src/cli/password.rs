//! Where a password comes from: a file, standard input, the environment, or the keyboard.
//! Never an argument: those can be read by everybody on the machine.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::domain::secret::Secret;

const VARIABLE: &str = "POSTERN_PASSWORD";
/// Longest password, in bytes.
const LENGTH_MAX: usize = 4096;

pub(super) fn read(file: Option<&Path>, address: &str) -> anyhow::Result<Secret> {
    let text = match file {
        Some(path) if path == Path::new("-") => first_line(&mut std::io::stdin().lock())?,
        Some(path) => {
            let opened = std::fs::File::open(path)
                .with_context(|| format!("cannot read the password from {}", path.display()))?;
            first_line(&mut std::io::BufReader::new(opened))?
        }
        None => match std::env::var(VARIABLE) {
            Ok(text) => text,
            Err(_) => ask(address)?,
        },
    };
    if text.is_empty() {
        bail!(
            "no password for {address}: give it with --password-file FILE, with {VARIABLE}, or type it"
        );
    }
    Ok(Secret::new(text))
}

fn first_line(reader: &mut dyn std::io::BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::Read::take(reader, LENGTH_MAX as u64)
        .read_line(&mut line)
        .context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask(address: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return Ok(String::new());
    }
    eprint!("Password or authorization code for {address}: ");
    std::io::stderr()
        .flush()
        .context("cannot write to the terminal")?;
    let hidden = echo(false);
    let line = first_line(&mut std::io::stdin().lock());
    if hidden {
        echo(true);
        eprintln!();
    }
    line
}

/// Switches the terminal's echo; `false` when that is not possible, as in a pipe.
fn echo(on: bool) -> bool {
    let mode = if on { "echo" } else { "-echo" };
    Command::new("stty")
        .arg(mode)
        .stdin(Stdio::inherit())
        .status()
        .is_ok_and(|status| status.success())
}
