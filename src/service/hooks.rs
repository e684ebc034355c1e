//! Runs the hooks of plugins: on mail of their mailboxes, on words of servers, and on
//! the examples that their authors wrote.
//!
//! Compiled hooks are kept by plugin, and so is why some cannot be compiled; other text in
//! the file (`Plugins` swaps it) makes others. A failing hook costs a mail its fields, which is said where the fields would
//! stand, and never the mail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::decision::TraceStep;
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::refusal::{Dialogue, FailureClass, Verdict};
use crate::plugin::{
    Expected, ExpectedMail, HookFile, MailSource, Plugin, Problem, Severity as Weight,
};
use crate::script::{Diagnostic, Extracted, Hooks, MailView, Severity, Vocabulary};

/// Hooks that take longer cost the mail its fields.
const TIME_MAX: Duration = Duration::from_millis(500);

/// Compiled hooks by plugin. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(super) struct HookShelf(Arc<Mutex<HashMap<String, Kept>>>);

/// What became of a file, and which text it had.
#[derive(Clone, Debug)]
struct Kept {
    source: String,
    hooks: Result<Arc<Hooks>, String>,
}

/// What became of one mail.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// What was found, or why nothing was.
    pub(super) extraction: Extraction,
    /// What was read.
    pub(super) trace: Vec<TraceStep>,
}

impl HookShelf {
    /// The hooks of a plugin, when it has some.
    fn of(&self, plugin: &Plugin) -> Option<Result<Arc<Hooks>, String>> {
        let file = plugin.hooks.as_ref()?;
        let (id, source) = (&plugin.preset.id, &file.source);
        if let Some(kept) = self.lock().get(id).filter(|kept| kept.source == *source) {
            return Some(kept.hooks.clone());
        }
        // Outside the lock: a slow file holds up the mail of its own plugin only.
        let hooks = compile(file).map(Arc::new);
        let kept = Kept {
            source: source.clone(),
            hooks: hooks.clone(),
        };
        self.lock().insert(id.clone(), kept);
        Some(hooks)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // Entries are whole or absent, so a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the hooks of a plugin read in a mail; `None` when there are none.
    pub(super) fn extract(&self, plugin: &Plugin, mail: &MailView) -> Option<Read> {
        let extracted = match self.of(plugin)? {
            Ok(hooks) => extract(&hooks, plugin, mail.clone())?,
            Err(words) => Extracted {
                extraction: Extraction {
                    failure: Some(words),
                    ..Extraction::default()
                },
                trace: Vec::new(),
            },
        };
        Some(Read {
            extraction: Extraction {
                plugin: plugin.preset.id.clone(),
                ..extracted.extraction
            },
            trace: extracted.trace,
        })
    }

    /// What the hooks of a plugin think of the words of a server.
    pub(super) fn classify(
        &self,
        plugin: &Plugin,
        dialogue: Dialogue,
        text: &str,
    ) -> Option<Verdict> {
        let hooks = match self.of(plugin)? {
            Ok(hooks) => hooks,
            Err(words) => {
                tracing::warn!(%words, "the hooks of a plugin cannot be used");
                return None;
            }
        };
        match classify(&hooks, dialogue, text) {
            Ok(class) => Some(Verdict {
                class: class?,
                may_be: Vec::new(),
                advice: None,
                rule: plugin.hooks.as_ref()?.shown.clone(),
            }),
            Err(words) => {
                tracing::warn!(%words, "the hooks of a plugin failed on the words of a server");
                None
            }
        }
    }
}

fn compile(file: &HookFile) -> Result<Hooks, String> {
    compiled(file).map_err(|found| {
        let words: Vec<String> = found.iter().map(Diagnostic::headline).collect();
        words.join("; ")
    })
}

fn compiled(file: &HookFile) -> Result<Hooks, Vec<Diagnostic>> {
    let begun = Instant::now();
    let expired = move || begun.elapsed() > TIME_MAX;
    Hooks::compile(&file.shown, &file.source, expired)
}

fn extract(hooks: &Hooks, plugin: &Plugin, mail: MailView) -> Option<Extracted> {
    let known = Vocabulary {
        fields: &plugin.preset.fields,
        notices: &plugin.preset.notices,
    };
    let begun = Instant::now();
    hooks.extract(mail, known, move || begun.elapsed() > TIME_MAX)
}

fn classify(hooks: &Hooks, dialogue: Dialogue, text: &str) -> Result<Option<FailureClass>, String> {
    let (protocol, phase) = match dialogue {
        Dialogue::Imap => ("imap", "login"),
        Dialogue::Pop3 => ("pop3", "login"),
        Dialogue::SmtpLogin => ("smtp", "login"),
        Dialogue::Smtp => ("smtp", "send"),
    };
    let begun = Instant::now();
    let name = hooks.classify(protocol, phase, text, move || begun.elapsed() > TIME_MAX)?;
    let Some(name) = name else { return Ok(None) };
    let class = FailureClass::ALL
        .into_iter()
        .find(|class| class.name() == name);
    class.map(Some).ok_or_else(|| {
        let known = FailureClass::ALL.map(FailureClass::name).join(", ");
        format!("`classify` says {name:?}, which is no class; there are {known}")
    })
}

/// What the hooks of a plugin think of the words of a server, for whoever tries them.
#[must_use]
pub fn verdict(plugin: &Plugin, dialogue: Dialogue, text: &str) -> Option<Verdict> {
    HookShelf::default().classify(plugin, dialogue, text)
}

/// What is wrong with hooks, for whoever reads plugins.
#[must_use]
pub fn check(file: &HookFile) -> Vec<Problem> {
    let found = match compiled(file) {
        Ok(hooks) => hooks.warnings().to_vec(),
        Err(found) => found,
    };
    found
        .into_iter()
        .map(|one| problem(&file.shown, one))
        .collect()
}

fn problem(file: &str, one: Diagnostic) -> Problem {
    let help = one.help.map(|help| format!("; {help}"));
    Problem {
        file: file.to_owned(),
        at: (one.line > 0).then_some((one.line as usize, one.column.max(1) as usize)),
        severity: match one.severity {
            Severity::Error => Weight::Error,
            Severity::Warning => Weight::Warning,
        },
        words: format!("{}{}", one.message, help.unwrap_or_default()),
    }
}

/// Examples of mails of which the hooks say something else than their author expects.
#[must_use]
pub fn failed_examples(plugin: &Plugin) -> Vec<Problem> {
    let shelf = HookShelf::default();
    let file = plugin.shown("tests.toml");
    let mut found = Vec::new();
    for example in &plugin.examples {
        let Expected::Mail(expected) = &example.expected else {
            continue;
        };
        if let Err(words) = try_out(&shelf, plugin, expected) {
            found.push(Problem {
                at: Some((example.line, 1)),
                ..Problem::of_file(&file, words)
            });
        }
    }
    found
}

fn try_out(shelf: &HookShelf, plugin: &Plugin, expected: &ExpectedMail) -> Result<(), String> {
    let raw = match &expected.source {
        MailSource::Text(text) => text.as_bytes(),
        MailSource::File(name) => plugin
            .mails
            .get(name)
            .ok_or_else(|| format!("there is no file tests/{name}"))?,
    };
    let read = shelf
        .extract(plugin, &MailView::of_bytes(raw))
        .ok_or("the plugin has no hooks.rhai with `fn extract(mail)`")?;
    let found = read.extraction;
    if let Some(failure) = found.failure {
        return Err(failure);
    }
    let kind = |sort: Option<&MailSort>| match sort {
        None => "no kind".to_owned(),
        Some(sort) if sort.notice().is_empty() => sort.name().to_owned(),
        Some(sort) => format!("{} about {}", sort.name(), sort.notice()),
    };
    if found.sort != expected.sort {
        return Err(format!(
            "the mail is {}; expected is {}",
            kind(found.sort.as_ref()),
            kind(expected.sort.as_ref())
        ));
    }
    for (name, value) in &found.fields {
        match expected.fields.get(name) {
            Some(wanted) if wanted == value => {}
            Some(wanted) => {
                return Err(format!("{name} is {value:?}; expected is {wanted:?}"));
            }
            None => return Err(format!("{name} is {value:?}; expected is nothing")),
        }
    }
    let missing = expected
        .fields
        .iter()
        .find(|(name, _)| !found.fields.iter().any(|(own, _)| own == *name));
    missing.map_or(Ok(()), |(name, wanted)| {
        Err(format!("{name} is not found; expected is {wanted:?}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plugin::{Catalogue, PluginFolder, shipped};

    fn shop(hooks: &str, tests: &str) -> PluginFolder {
        let plugin = "format = 1\nid = \"shop\"\nkind = \"overlay\"\n\
                      [fields.order_id]\nlabel = { en = \"Order\", zh = \"订单\" }\n";
        PluginFolder {
            name: "shop".to_owned(),
            shown: "shop".to_owned(),
            files: [
                ("plugin.toml", plugin.to_owned()),
                ("hooks.rhai", hooks.to_owned()),
                ("tests.toml", tests.to_owned()),
            ]
            .into(),
            ..PluginFolder::default()
        }
    }

    #[test]
    fn the_shipped_hooks_do_what_their_examples_say() {
        let (catalogue, problems) = Catalogue::build(shipped(), check);
        assert_eq!(problems, []);
        let mut mails = 0;
        for plugin in catalogue.iter() {
            let found = failed_examples(plugin);
            let words: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(words, Vec::<String>::new());
            let expected = plugin.examples.iter().map(|example| &example.expected);
            mails += expected
                .filter(|expected| matches!(expected, Expected::Mail(_)))
                .count();
        }
        assert!(mails > 0);
    }

    #[test]
    fn broken_hooks_keep_their_plugin_out_and_say_where() {
        let (catalogue, problems) =
            Catalogue::build(vec![shop("fn extract(mail) {\n  mail.form\n}", "")], check);
        assert!(catalogue.get("shop").is_none());
        let words = problems[0].to_string();
        assert_eq!(
            words,
            "shop/hooks.rhai:2:8: mail has no property `form`; did you mean `from`?"
        );
    }

    #[test]
    fn an_example_that_fails_says_what_was_found() {
        let hooks =
            "fn extract(mail) { #{ order_id: mail.header(\"X-Order\"), kind: \"buyer_message\" } }";
        let tests = "[[mail]]\nraw = \"X-Order: 7\\n\\nHello\"\nkind = \"buyer_message\"\n\
                     fields = { order_id = \"8\" }\n[[mail]]\neml = \"none.eml\"\n\
                     [[mail]]\nraw = \"\\n\"\nkind = \"notice\"\n";
        let (catalogue, problems) = Catalogue::build(vec![shop(hooks, tests)], check);
        assert_eq!(problems, []);
        let plugin = catalogue.get("shop").expect("there");
        let words: Vec<_> = failed_examples(plugin)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            words,
            [
                "shop/tests.toml:1:1: order_id is \"7\"; expected is \"8\"",
                "shop/tests.toml:5:1: there is no file tests/none.eml",
                "shop/tests.toml:7:1: the mail is buyer_message; expected is notice",
            ]
        );
    }

    #[test]
    fn any_bytes_are_a_mail_for_the_shipped_hooks() {
        let (catalogue, _) = Catalogue::build(shipped(), check);
        let shelf = HookShelf::default();
        proptest!(|(raw in proptest::collection::vec(any::<u8>(), 0..600), known in any::<bool>())| {
            // Half of them come from where the hooks look further.
            let from: &[u8] = if known { b"From: a1@marketplace.amazon.de\n" } else { b"" };
            let raw = [from, raw.as_slice()].concat();
            for plugin in catalogue.iter().filter(|plugin| plugin.hooks.is_some()) {
                let read = shelf.extract(plugin, &MailView::of_bytes(&raw)).expect("hooks");
                prop_assert_eq!(read.extraction.failure, None);
            }
        });
    }
}
