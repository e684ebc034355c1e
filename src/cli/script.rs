//! Commands for whoever writes scripts. All but rehearsals need no gateway and no store.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::ask;
use super::say::say;
use crate::app;
use crate::config::Config;
use crate::control::message::{RehearseAsked, Request};
use crate::domain::answered::{gate_in_words, gate_parts, in_words};
use crate::domain::decision::{Asked, Gating, Outcome, TraceStep};
use crate::domain::reason::Reason;
use crate::script::{self, Diagnostic, Limits, Severity, Snapshot, Suite};
use crate::service::script_testing::{self, Tested, junit};
use crate::service::trying::{self, Surroundings, Tried};
use crate::wire::decision::{
    DecidedByBody, RoutedBody, StepBody, hexadecimal, not_asked_word, outcome_words,
};

/// The script that a file of any other name takes the place of.
const ROUTING: &str = "routing.rhai";
/// Where definitions stand when nobody says: editors look there.
const DEFINITIONS: &str = ".rhai/definitions";
/// Largest mail that is tried, in bytes.
const MAIL_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum ScriptCommand {
    /// Compile the scripts and say what is wrong, with line and column
    Check {
        /// The scripts folder [default: the configured one]
        folder: Option<PathBuf>,
    },
    /// Ask the scripts about a mail in a file, and show decision and trace; nothing is done
    Run(RunOptions),
    /// Run the tests beside the scripts: 0 all pass, 1 some fail, 2 there is nothing to run
    Test(TestOptions),
    /// Try scripts on mails that came before, and list what would be decided otherwise
    Rehearse(RehearseOptions),
    /// Write what scripts can use as definition files for editors (rhai-lsp)
    Definitions {
        /// Into this folder [default: .rhai beside the scripts]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Print everything that scripts can read and call, as Markdown
    Reference {
        /// Put it into this file instead, between its two markers
        #[arg(long, value_name = "FILE")]
        into: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct RehearseOptions {
    /// The folder of the scripts to try [default: that of the live ones]
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// The latest mails, this many [default: 200]
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,
    /// Mails that came on this day or later: 2026-01-31
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Mails of this mailbox: address, slug or id
    #[arg(long, value_name = "MAILBOX")]
    mailbox: Option<String>,
}

impl RehearseOptions {
    fn request(self) -> anyhow::Result<Request> {
        let folder = self.scripts.map(std::path::absolute).transpose();
        Ok(Request::ScriptRehearse(Box::new(RehearseAsked {
            folder: folder.context("cannot tell where the folder is")?,
            last: self.last,
            since: self.since,
            mailbox: self.mailbox,
        })))
    }
}

#[derive(Debug, Args)]
pub(super) struct TestOptions {
    /// The scripts folder [default: the configured one]
    folder: Option<PathBuf>,
    /// Only tests whose name or file contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Write the report here too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    /// The scripts folder, or a file that takes the place of its routing.rhai
    /// [default: the configured folder]
    scripts: Option<PathBuf>,
    /// The mail, as an .eml file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    mail: PathBuf,
    /// The mailbox it comes to, by slug or address: its own scripts are asked
    /// [default: the first address it is written to, or the mailbox of the scripts]
    #[arg(long, value_name = "MAILBOX")]
    mailbox: Option<String>,
    /// When it comes in, such as 2026-11-28T09:00:00+08:00 [default: now]
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
}

pub(super) fn run(command: ScriptCommand, config: Config, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        ScriptCommand::Rehearse(options) => ask::ask(config, options.request()?, json),
        ScriptCommand::Check { folder } => {
            let folder = folder.as_deref().unwrap_or(&config.scripts.folder);
            Ok(check(folder, json))
        }
        ScriptCommand::Definitions { to } => {
            let usual = || config.scripts.folder.join(DEFINITIONS);
            define(&to.unwrap_or_else(usual))
        }
        ScriptCommand::Reference { into } => refer(into.as_deref()),
        ScriptCommand::Run(options) => try_out(options, &config, json),
        ScriptCommand::Test(options) => test(&options, &config, json),
    }
}

fn check(folder: &Path, json: bool) -> ExitCode {
    let loaded = Snapshot::load(folder, &Limits::default());
    let (found, files) = match &loaded {
        Ok(snapshot) => (snapshot.warnings(), snapshot.files().len()),
        Err(found) => (found.as_slice(), 0),
    };
    if json {
        let version = loaded
            .as_ref()
            .ok()
            .map(|one| hexadecimal(&one.version().0));
        let problems: Vec<_> = found.iter().map(problem_json).collect();
        say(json!({ "version": version, "files": files, "problems": problems }));
    } else {
        tell(found);
        if loaded.is_ok() {
            say(format_args!(
                "{}: {files} files are right.",
                folder.display()
            ));
        }
    }
    if loaded.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is wrong or odd, on standard error.
fn tell(found: &[Diagnostic]) {
    for diagnostic in found {
        eprintln!("{diagnostic}");
    }
}

fn problem_json(one: &Diagnostic) -> serde_json::Value {
    json!({
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "severity": match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": one.message,
        "help": one.help,
        "text": one.to_string(),
    })
}

fn try_out(options: RunOptions, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let zone = config.zone().context("the time zone of the scripts")?;
    let now = match &options.now {
        Some(text) => script::moment(text, &zone)?,
        None => app::clock().now().to_zoned(zone),
    };
    let raw = read_mail(&options.mail)?;
    let scripts = options.scripts.as_deref();
    let snapshot = match load(scripts, config)? {
        Ok(snapshot) => snapshot,
        Err(found) => {
            tell(&found);
            return Ok(ExitCode::FAILURE);
        }
    };
    let own = scripts
        .and_then(folder_of_override)
        .and_then(|(_, slug)| slug);
    let around = Surroundings {
        mailbox: options.mailbox.or(own),
        now,
    };
    let (mail, context) = trying::sample(&raw, around);
    let tried = trying::route(&snapshot, mail, context, config.script_time_max());
    let routed = &tried.routed;
    let decided = (&routed.outcome, &routed.routing, &routed.warnings[..]);
    let reason = Reason::of(decided, &tried.routed.trace, snapshot.files());
    if json {
        let routed = &tried.routed;
        let body = RoutedBody::new(
            &routed.outcome,
            &routed.routing,
            &routed.warnings,
            &routed.trace,
        );
        let took = u64::try_from(tried.took.as_micros()).unwrap_or(u64::MAX);
        let version = hexadecimal(&snapshot.version().0);
        let gate = tried.gating.as_ref().map(gating_json);
        say(json!({
            "script_version": version,
            "took_us": took,
            "route": body,
            "decided_by": reason.as_ref().map(DecidedByBody::new),
            "ai_reply": gate,
        }));
    } else {
        print(&tried, reason.as_ref());
    }
    Ok(match tried.routed.outcome {
        Outcome::Failed(_) => ExitCode::FAILURE,
        Outcome::Decided | Outcome::NoScript => ExitCode::SUCCESS,
    })
}

fn print(tried: &Tried, reason: Option<&Reason>) {
    let routed = &tried.routed;
    match &routed.outcome {
        Outcome::Decided => say(format_args!("route     {}", in_words(&routed.routing))),
        Outcome::NoScript => say("route     inbox (there is no routing.rhai)"),
        Outcome::Failed(words) => {
            eprintln!("{words}");
            say("route     inbox (the script failed)");
        }
    }
    if let Some(reason) = reason.filter(|_| routed.outcome == Outcome::Decided) {
        let because = reason.because();
        let because = because.map_or_else(String::new, |words| format!(", because {words}"));
        say(format_args!(
            "by        {}:{}{because}",
            reason.file, reason.line
        ));
    }
    for words in &routed.warnings {
        say(format_args!("warning   {words}"));
    }
    print_trace(&routed.trace);
    if let Some(gating) = &tried.gating {
        let gate = gate_in_words(&gating.gate);
        match &gating.asked {
            Asked::Yes(Outcome::Failed(words)) => {
                say(format_args!("ai_reply  {gate}\nfailed    {words}"));
            }
            Asked::Yes(_) => say(format_args!("ai_reply  {gate}")),
            Asked::No(reason) => {
                let reason = not_asked_word(*reason);
                say(format_args!("ai_reply  {gate}, not asked: {reason}"));
            }
        }
        for words in &gating.warnings {
            say(format_args!("warning   {words}"));
        }
        print_trace(&gating.trace);
    }
    say(format_args!(
        "took      {:.3} ms",
        tried.took.as_secs_f64() * 1000.0
    ));
}

fn define(folder: &Path) -> anyhow::Result<ExitCode> {
    let shown = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {shown}"))?;
    for (name, text) in script::definitions() {
        fs::write(folder.join(&name), text)
            .with_context(|| format!("cannot write {name} into {shown}"))?;
    }
    say(format_args!(
        "{shown} holds what scripts can use, for editors that speak to rhai-lsp."
    ));
    Ok(ExitCode::SUCCESS)
}

fn refer(into: Option<&Path>) -> anyhow::Result<ExitCode> {
    let Some(path) = into else {
        say(script::reference().trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let shown = path.display();
    let before = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let after = script::with_reference(&before)
        .with_context(|| format!("{shown} has no markers to put the reference between"))?;
    if after != before {
        fs::write(path, after).with_context(|| format!("cannot write {shown}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How `test` ends when nothing could be run.
const NOTHING_RUN: u8 = 2;

fn test(options: &TestOptions, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let folder = options.folder.as_deref().unwrap_or(&config.scripts.folder);
    let zone = config.zone().context("the time zone of the scripts")?;
    let snapshot = Snapshot::load(folder, &Limits::default());
    let read = snapshot.and_then(|snapshot| Ok((snapshot, Suite::read(folder, &zone)?)));
    let (snapshot, suite) = match read {
        Ok(read) => read,
        Err(found) => {
            tell(&found);
            return Ok(ExitCode::from(NOTHING_RUN));
        }
    };
    let report = script_testing::run(&snapshot, &suite, &options.filter, config.script_time_max());
    if let Some(file) = &options.junit {
        fs::write(file, junit::xml(&report))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    for test in &report.tests {
        if json {
            say(tested_json(test));
        } else if !test.passed() {
            let case = test.case;
            say(format_args!(
                "FAIL  {}  ({}:{})",
                case.name, case.file, case.line
            ));
            for difference in &test.judged.differences {
                say(format_args!("      {}", difference.in_words()));
            }
            print_trace(&test.judged.trace);
        }
    }
    if report.tests.is_empty() {
        let folder = folder.join("tests");
        eprintln!("postern: no test in {} is to be run", folder.display());
        return Ok(ExitCode::from(NOTHING_RUN));
    }
    let failed = report.failed();
    if !json {
        let passed = report.tests.len() - failed;
        let took = report.took.as_millis();
        say(format_args!(
            "{passed} passed, {failed} failed, in {took} ms"
        ));
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn tested_json(test: &Tested<'_>) -> serde_json::Value {
    let differences = test.judged.differences.iter();
    let differences: Vec<_> = differences
        .map(|one| json!({ "what": one.what, "expected": one.expected, "came": one.came }))
        .collect();
    let trace: Vec<_> = test.judged.trace.iter().map(StepBody::new).collect();
    json!({
        "name": test.case.name,
        "file": test.case.file,
        "line": test.case.line,
        "passed": test.passed(),
        "took_us": u64::try_from(test.took.as_micros()).unwrap_or(u64::MAX),
        "differences": differences,
        "trace": trace,
    })
}

fn gating_json(gating: &Gating) -> serde_json::Value {
    let (answer, guidance, because) = gate_parts(&gating.gate);
    let (outcome, error, because) = match &gating.asked {
        Asked::Yes(outcome) => {
            let (outcome, error) = outcome_words(outcome);
            (outcome, error, because)
        }
        Asked::No(reason) => ("not_asked", None, not_asked_word(*reason)),
    };
    let trace: Vec<_> = gating.trace.iter().map(StepBody::new).collect();
    json!({
        "answer": answer,
        "guidance": guidance,
        "because": because,
        "outcome": outcome,
        "error": error,
        "warnings": gating.warnings,
        "trace": trace,
    })
}

fn print_trace(trace: &[TraceStep]) {
    for step in trace {
        let place = format!("{}:{}:{}", step.file, step.line, step.column);
        say(format_args!("  {place:<24} {}", step.what));
    }
}

fn read_mail(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        let input = std::io::stdin().lock();
        input.take(MAIL_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        let file = fs::File::open(path);
        file.and_then(|file| file.take(MAIL_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read the mail {}", path.display()))?;
    if bytes.len() as u64 > MAIL_BYTES_MAX {
        let mib = MAIL_BYTES_MAX / 1024 / 1024;
        bail!("{} is larger than {mib} MiB", path.display());
    }
    Ok(bytes)
}

/// The scripts folder of a file in `mailboxes/SLUG/` or `workspaces/NAME/`, and the slug.
fn folder_of_override(path: &Path) -> Option<(PathBuf, Option<String>)> {
    let mut names = path.ancestors().map(Path::file_name);
    let mut next = || names.next().flatten().and_then(OsStr::to_str);
    let (file, whose, kind) = (next()?, next()?, next()?);
    let name = format!("{kind}/{whose}/{file}");
    if !script::is_override(&name) {
        return None;
    }
    let folder = path.ancestors().nth(3)?;
    let here = folder == Path::new("");
    let folder = if here { Path::new(".") } else { folder };
    Some((
        folder.to_owned(),
        script::mailbox_of(&name).map(str::to_owned),
    ))
}

/// A folder; or the folder that a file of it stands in, also one of a mailbox; or the configured folder with the
/// file in the place of its routing.
fn load(
    scripts: Option<&Path>,
    config: &Config,
) -> anyhow::Result<Result<Snapshot, Vec<Diagnostic>>> {
    let limits = Limits::default();
    let Some(path) = scripts else {
        return Ok(Snapshot::load(&config.scripts.folder, &limits));
    };
    if path.is_dir() {
        return Ok(Snapshot::load(path, &limits));
    }
    if let Some((folder, _)) = folder_of_override(path) {
        return Ok(Snapshot::load(&folder, &limits));
    }
    if path.file_name() == Some(OsStr::new(ROUTING)) {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        return Ok(Snapshot::load(
            folder.unwrap_or_else(|| Path::new(".")),
            &limits,
        ));
    }
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the script {}", path.display()))?;
    let live = match Snapshot::load(&config.scripts.folder, &limits) {
        Ok(live) => live,
        Err(found) => return Ok(Err(found)),
    };
    let mut files: BTreeMap<String, String> = live.files().iter().cloned().collect();
    files.insert(ROUTING.to_owned(), text);
    Ok(Snapshot::of(files.into_iter().collect(), &limits))
}
