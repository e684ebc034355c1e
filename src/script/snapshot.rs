//! A set of scripts as it was read at one moment: immutable, swapped whole. One
//! mail sees one snapshot from beginning to end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use rhai::module_resolvers::StaticModuleResolver;
use rhai::{AST, Dynamic, Engine, EvalAltResult, FuncArgs, Module, Scope};

use super::check;
use super::diagnostic::{Diagnostic, Severity};
use super::layout;
use super::limits::Limits;
use super::program::Trouble;
use super::template::{self, Template};
use super::{answer, data, engine, files, suggest, words};
use crate::domain::decision::{ScriptVersion, TraceStep};

pub(super) mod asked;
mod judging;
mod programs;

use programs::{Programs, Whose};

/// A compiled set of scripts.
pub struct Snapshot {
    engine: Engine,
    programs: Programs,
    templates: BTreeMap<String, Template>,
    version: ScriptVersion,
    files: Vec<(String, String)>,
    warnings: Vec<Diagnostic>,
    limits: Limits,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What came of a call.
struct Called<'s> {
    answer: Result<Dynamic, String>,
    trace: Vec<TraceStep>,
    /// The file of the function that was called.
    file: &'s str,
}

/// All files, and what they are together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The hash of all names and contents.
    pub version: ScriptVersion,
    /// Names below the folder, and texts.
    pub files: Vec<(String, String)>,
}

impl Snapshot {
    /// Reads, compiles and checks the folder.
    ///
    /// # Errors
    /// Everything that is wrong, so that it can be mended in one go.
    pub fn load(folder: &Path, limits: &Limits) -> Result<Self, Vec<Diagnostic>> {
        let read = files::read(folder, limits)?;
        Self::compile(read.files, read.warnings, limits)
    }

    /// Compiles and checks files that stand nowhere: names below the scripts folder, and texts.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn of(mut files: Vec<(String, String)>, limits: &Limits) -> Result<Self, Vec<Diagnostic>> {
        files.sort();
        Self::compile(files, Vec::new(), limits)
    }

    fn compile(
        files: Vec<(String, String)>,
        warnings: Vec<Diagnostic>,
        limits: &Limits,
    ) -> Result<Self, Vec<Diagnostic>> {
        let shelf = data::read(&files)?;
        let (mut engine, mut table) = engine::furnished(limits, shelf);
        let known = files.iter().filter_map(|(name, _)| template::name_of(name));
        table.offer(answer::ACKNOWLEDGE, known.map(str::to_owned));
        let native = check::Native::of(&engine);
        let mut found = warnings;
        let mut templates = BTreeMap::new();
        let mut read = BTreeMap::new();
        let scripts = files
            .iter()
            .filter(|(name, _)| !name.starts_with(data::FOLDER));
        for (name, text) in scripts {
            if let Some(template) = template::name_of(name) {
                match Template::parse(name, text) {
                    Ok(read) => {
                        templates.insert(template.to_owned(), read);
                    }
                    Err(error) => found.push(error),
                }
                continue;
            }
            found.extend(layout::unused(name));
            match engine.compile(text) {
                Ok(mut ast) => {
                    ast.set_source(name);
                    read.insert(name.as_str(), (ast, text.as_str()));
                }
                Err(error) => found.push(words::of_parse(name, text, &error)),
            }
        }
        found.extend(judging::judge(&read, &files, &table, &native));
        refuse_errors(&mut found)?;
        let optimized = read
            .into_iter()
            .map(|(name, (ast, _))| (name, engine::optimized(&engine, ast)));
        let compiled: BTreeMap<&str, AST> = optimized.collect();
        link(&mut engine, &compiled, &files)?;
        let snapshot = Self {
            engine,
            programs: Programs::of(compiled),
            templates,
            version: version(&files),
            files,
            warnings: found,
            limits: *limits,
        };
        snapshot.start_up()?;
        Ok(snapshot)
    }

    /// The texts in the folder as they are, and the version they would have.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn sources(folder: &Path, limits: &Limits) -> Result<Sources, Vec<Diagnostic>> {
        let files = files::read(folder, limits)?.files;
        Ok(Sources {
            version: version(&files),
            files,
        })
    }

    /// How long one call may take.
    #[must_use]
    pub fn time_max(&self) -> Duration {
        self.limits.time_max
    }

    /// The hash of all names and contents.
    #[must_use]
    pub fn version(&self) -> ScriptVersion {
        self.version
    }

    /// Names below the folder and texts, sorted by name.
    #[must_use]
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }

    /// Slugs of the mailboxes that have scripts of their own.
    pub fn mailboxes(&self) -> BTreeSet<&str> {
        let names = self.files.iter().map(|(name, _)| name.as_str());
        names.filter_map(layout::mailbox_of).collect()
    }

    /// The template of that name.
    #[must_use]
    pub fn template(&self, name: &str) -> Option<&Template> {
        self.templates.get(name)
    }

    /// What somebody should look at, though it runs.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Calls an entry function of the program that serves these; `None` when there is none.
    fn call(
        &self,
        whose: &Whose,
        file: &'static str,
        function: &str,
        arguments: impl FuncArgs,
        expired: impl Fn() -> bool + 'static,
    ) -> Option<Called<'_>> {
        let program = self.programs.of_whom(file, whose)?;
        let owner = program.owner(function)?;
        let prints_max = self.limits.prints_max;
        let (answer, trace) = program.call(&self.engine, function, arguments, prints_max, expired);
        let answer = answer.map_err(|trouble| match trouble {
            Trouble::Script(error, file) => {
                let mut told = self.explain(file, function, &error);
                if let (true, Some(last)) = (words::has_no_place(&error), trace.last()) {
                    let (file, line) = (&last.file, last.line);
                    told.message += &format!("; the last step of its trace is at {file}:{line}");
                }
                told.headline()
            }
            Trouble::Defect => {
                format!("{owner}: `{function}` met a defect of the gateway; please report it")
            }
        });
        Some(Called {
            answer,
            trace,
            file: owner,
        })
    }

    /// Rhai forgets where a limit was reached; then it is said of the function that
    /// was called, and the trace shows how far it came.
    fn explain(&self, entry: &str, function: &str, error: &EvalAltResult) -> Diagnostic {
        let failure = words::of_run(error);
        let file = failure.file.as_deref().unwrap_or(entry);
        let source = self.files.iter().find(|(name, _)| name == file);
        let source = source.map_or("", |(_, text)| text.as_str());
        let at = match failure.at {
            (0, _) => check::definition(source, function),
            at => at,
        };
        Diagnostic::at(file, at, source, failure.message)
    }

    /// Runs what stands outside functions once, so that a wrong import is found
    /// before a mail finds it.
    fn start_up(&self) -> Result<(), Vec<Diagnostic>> {
        let mut errors = Vec::new();
        for program in self.programs.all() {
            if let Err((error, name)) = program.start(&self.engine) {
                let modules = self.files.iter().filter_map(|(name, _)| module_name(name));
                let help = missing_module(&error)
                    .and_then(|module| suggest::did_you_mean(module, modules));
                errors.push(self.explain(name, "", &error).with_help(help));
            }
        }
        // What is inherited is run once more with every file that inherits it.
        let mut told = Vec::new();
        errors.retain(|one| {
            !told.contains(one) && {
                told.push(one.clone());
                true
            }
        });
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

/// Splits off warnings; errors come first when there are any.
fn refuse_errors(found: &mut Vec<Diagnostic>) -> Result<(), Vec<Diagnostic>> {
    if found.iter().all(|one| one.severity == Severity::Warning) {
        return Ok(());
    }
    found.sort_by_key(|one| one.severity == Severity::Warning);
    Err(std::mem::take(found))
}

/// `lib/shop.rhai` is imported as `lib/shop`.
fn module_name(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".rhai")?;
    name.starts_with("lib/").then_some(name)
}

fn missing_module(error: &EvalAltResult) -> Option<&str> {
    match error {
        EvalAltResult::ErrorModuleNotFound(name, _) => Some(name),
        EvalAltResult::ErrorInModule(_, cause, _)
        | EvalAltResult::ErrorInFunctionCall(_, _, cause, _) => missing_module(cause),
        _ => None,
    }
}

/// Evaluates the modules, each after those that it imports, into a resolver that
/// knows nothing else.
fn link(
    engine: &mut Engine,
    compiled: &BTreeMap<&str, AST>,
    files: &[(String, String)],
) -> Result<(), Vec<Diagnostic>> {
    let mut waiting: Vec<(&str, &AST)> = compiled
        .iter()
        .filter_map(|(file, ast)| Some((module_name(file)?, ast)))
        .collect();
    let mut resolver = StaticModuleResolver::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut failures = Vec::new();
        let names: Vec<&str> = waiting.iter().map(|(name, _)| *name).collect();
        let mut next = Vec::new();
        for (name, ast) in waiting {
            match Module::eval_ast_as_new(Scope::new(), ast, engine) {
                Ok(module) => {
                    resolver.insert(name, module);
                    engine.set_module_resolver(resolver.clone());
                }
                Err(error) => {
                    failures.push(link_failure(name, &names, files, &error));
                    next.push((name, ast));
                }
            }
        }
        if next.len() == before {
            return Err(failures);
        }
        waiting = next;
    }
    Ok(())
}

fn link_failure(
    module: &str,
    waiting: &[&str],
    files: &[(String, String)],
    error: &EvalAltResult,
) -> Diagnostic {
    let file = format!("{module}.rhai");
    let source = files.iter().find(|(name, _)| *name == file);
    let source = source.map_or("", |(_, text)| text.as_str());
    let failure = words::of_run(error);
    let circle = missing_module(error).filter(|missing| waiting.contains(missing));
    let message = match circle {
        Some(missing) => format!("`{missing}` and this file import each other"),
        None => failure.message,
    };
    Diagnostic::at(&file, failure.at, source, message)
}

/// Lengths go in too, so that no two sets of files look alike.
fn version(files: &[(String, String)]) -> ScriptVersion {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in files {
        for part in [name, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    ScriptVersion(short)
}
