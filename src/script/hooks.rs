//! The hooks of a plugin: `hooks.rhai`, with `extract(mail)` and `classify(protocol,
//! phase, text)`, under the same confinement as the administrator's scripts.
//!
//! Invariant: whatever a mail holds and whatever a plugin's author wrote, a call ends
//! within its bounds and costs at most its own answer. Nothing is imported here, and
//! nothing of a mail but what `mail` shows can be seen.

use std::fmt;

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, FuncArgs, ImmutableString, Map};

use super::check::{self, Checked};
use super::diagnostic::{Diagnostic, Severity};
use super::limits::Limits;
use super::program::{Compiled, Program, Trouble};
use super::reading::Mail;
use super::view::MailView;
use super::{engine, suggest, trace, words};
use crate::domain::decision::TraceStep;
use crate::domain::extraction::{Extraction, FIELD_BYTES_MAX, FIELDS_MAX, MailSort};
use crate::domain::preset::Field;

/// As the rules of the room know the file.
const FILE: &str = "hooks.rhai";
const EXTRACT: &str = "extract";
const CLASSIFY: &str = "classify";
const LIMITS: Limits = Limits::HOOKS;

/// The compiled hooks of one plugin.
pub struct Hooks {
    engine: Engine,
    program: Program,
    /// The file as people find it.
    shown: String,
    source: String,
    warnings: Vec<Diagnostic>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

/// The words that a plugin declares for its hooks.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary<'v> {
    /// What may be filled in.
    pub fields: &'v [Field],
    /// What a notice may be about.
    pub notices: &'v [Field],
}

/// What `extract` came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// What it found, or why it found nothing; the plugin is not named yet.
    pub extraction: Extraction,
    /// What it read.
    pub trace: Vec<TraceStep>,
}

impl Hooks {
    /// Compiles and checks a file; `shown` is its name for people. `expired` bounds what
    /// stands outside functions.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(
        shown: &str,
        source: &str,
        expired: impl Fn() -> bool + 'static,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (engine, table) = engine::for_hooks(&LIMITS);
        let mut ast = engine
            .compile(source)
            .map_err(|error| vec![words::of_parse(shown, source, &error)])?;
        ast.set_source(FILE);
        let native = check::Native::of(&engine);
        let known = check::Known::of(FILE, &ast);
        let checked = Checked {
            file: FILE,
            kind: FILE,
            source,
            ast: &ast,
            table: &table,
            native: &native,
            own: &known,
            above: Vec::new(),
            below: Vec::new(),
        };
        let (mut found, _) = check::all(&checked, None);
        for one in &mut found {
            shown.clone_into(&mut one.file);
        }
        if found.iter().any(|one| one.severity == Severity::Error) {
            return Err(found);
        }
        let compiled = Compiled::new(FILE, engine::optimized(&engine, ast));
        let hooks = Self {
            engine,
            program: Program::new(vec![Arc::new(compiled)]),
            shown: shown.to_owned(),
            source: source.to_owned(),
            warnings: found,
        };
        // What stands outside functions runs once, so that it does not fail on a mail.
        let (begun, _) = trace::record(FILE, LIMITS.prints_max, expired, || {
            hooks.program.start(&hooks.engine)
        });
        match begun {
            Ok(()) => Ok(hooks),
            Err((error, _)) => Err(vec![hooks.explain("", &error)]),
        }
    }

    /// What somebody should look at, though it runs.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The text they were compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Asks `extract(mail)`; `None` when there is no such function.
    #[must_use]
    pub fn extract(
        &self,
        mail: MailView,
        known: Vocabulary<'_>,
        expired: impl Fn() -> bool + 'static,
    ) -> Option<Extracted> {
        self.program.owner(EXTRACT)?;
        let mail = Mail::new(mail, jiff::tz::TimeZone::UTC, LIMITS.text_bytes_max);
        let (answer, trace) = self.call(EXTRACT, (mail,), expired);
        let found = match answer {
            Ok(value) => self.found(value, known),
            Err(trouble) => Err(self.trouble(EXTRACT, &trouble)),
        };
        let extraction = found.unwrap_or_else(|failure| Extraction {
            failure: Some(failure),
            ..Extraction::default()
        });
        Some(Extracted { extraction, trace })
    }

    /// Asks `classify(protocol, phase, text)`; `None` when there is no such function or
    /// it does not know these words.
    ///
    /// # Errors
    /// Why it has no answer.
    pub fn classify(
        &self,
        protocol: &str,
        phase: &str,
        text: &str,
        expired: impl Fn() -> bool + 'static,
    ) -> Result<Option<String>, String> {
        if self.program.owner(CLASSIFY).is_none() {
            return Ok(None);
        }
        let shown = |text: &str| ImmutableString::from(text);
        let arguments = (shown(protocol), shown(phase), shown(text));
        let (answer, _) = self.call(CLASSIFY, arguments, expired);
        let value = answer.map_err(|trouble| self.trouble(CLASSIFY, &trouble))?;
        if value.is_unit() {
            return Ok(None);
        }
        let name = self.type_name(&value);
        let class = value.into_immutable_string().map_err(|_| {
            self.says(format!(
                "`{CLASSIFY}` must answer with the name of a class or (), not with a value of type {name}"
            ))
        })?;
        Ok(Some(class.to_string()).filter(|class| !class.is_empty()))
    }

    fn call(
        &self,
        function: &str,
        arguments: impl FuncArgs,
        expired: impl Fn() -> bool + 'static,
    ) -> (Result<Dynamic, Trouble<'_>>, Vec<TraceStep>) {
        let Self {
            engine, program, ..
        } = self;
        program.call(engine, function, arguments, LIMITS.prints_max, expired)
    }

    /// The map that `extract` answered with, against what the plugin declares.
    fn found(&self, value: Dynamic, known: Vocabulary<'_>) -> Result<Extraction, String> {
        if value.is_unit() {
            return Ok(Extraction::default());
        }
        let name = self.type_name(&value);
        let map = value.try_cast::<Map>().ok_or_else(|| {
            self.says(format!(
                "`{EXTRACT}` must answer with a map such as `#{{ kind: \"notice\" }}`, not with a value of type {name}"
            ))
        })?;
        let (mut kind, mut notice) = (String::new(), String::new());
        let mut fields = Vec::new();
        for (key, value) in map {
            let text = self.text(&key, value)?;
            match key.as_str() {
                "kind" => kind = text,
                "notice" => notice = text,
                field if text.is_empty() => self.declared(field, known.fields, "fields")?,
                field => {
                    self.declared(field, known.fields, "fields")?;
                    fields.push((field.to_owned(), text));
                }
            }
        }
        // Bounded by what the plugin declares; the cap holds for whoever calls.
        fields.truncate(FIELDS_MAX);
        Ok(Extraction {
            sort: self.sort(&kind, &notice, known)?,
            fields,
            ..Extraction::default()
        })
    }

    /// A value on one line, cut to what a field may hold.
    fn text(&self, key: &str, value: Dynamic) -> Result<String, String> {
        if value.is_unit() {
            return Ok(String::new());
        }
        let name = self.type_name(&value);
        let text = value.into_immutable_string().map_err(|_| {
            self.says(format!(
                "`{EXTRACT}` filled `{key}` with a value of type {name}; only texts can be shown"
            ))
        })?;
        let end = text.floor_char_boundary(FIELD_BYTES_MAX);
        let line: String = text[..end]
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        Ok(line.trim().to_owned())
    }

    fn declared(&self, word: &str, known: &[Field], table: &str) -> Result<(), String> {
        if known.iter().any(|field| field.key == word) {
            return Ok(());
        }
        let help = suggest::did_you_mean(word, known.iter().map(|field| field.key.as_str()));
        let help = help.map(|help| format!("; {help}")).unwrap_or_default();
        Err(self.says(format!(
            "`{EXTRACT}` says `{word}`, which is not in [{table}] of plugin.toml{help}"
        )))
    }

    fn sort(
        &self,
        kind: &str,
        notice: &str,
        known: Vocabulary<'_>,
    ) -> Result<Option<MailSort>, String> {
        if !notice.is_empty() {
            if kind != "notice" {
                let words =
                    format!("`{EXTRACT}` says what a notice is about, and no `kind: \"notice\"`");
                return Err(self.says(words));
            }
            self.declared(notice, known.notices, "notices")?;
        }
        if kind.is_empty() {
            return Ok(None);
        }
        MailSort::named(kind, notice).map(Some).ok_or_else(|| {
            let kinds = MailSort::NAMES.join(", ");
            self.says(format!(
                "`{EXTRACT}` says `{kind}`, which is no kind; there are {kinds}"
            ))
        })
    }

    fn trouble(&self, function: &str, trouble: &Trouble<'_>) -> String {
        match trouble {
            Trouble::Script(error, _) => self.explain(function, error).headline(),
            Trouble::Defect => self.says(format!(
                "`{function}` met a defect of the gateway; please report it"
            )),
        }
    }

    fn says(&self, words: String) -> String {
        Diagnostic::of_file(&self.shown, words).headline()
    }

    fn type_name(&self, value: &Dynamic) -> String {
        self.engine.map_type_name(value.type_name()).to_owned()
    }

    /// Rhai forgets where a limit was reached; then it is said of the function.
    fn explain(&self, function: &str, error: &EvalAltResult) -> Diagnostic {
        let failure = words::of_run(error);
        let at = match failure.at {
            (0, _) => check::definition(&self.source, function),
            at => at,
        };
        Diagnostic::at(&self.shown, at, &self.source, failure.message)
    }
}
