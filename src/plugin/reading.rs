//! The files of one plugin, each read and none yet joined with what other plugins say.

use super::examples::{self, Example};
use super::facts::{self, Facts, Named};
use super::guide::{Guide, Language};
use super::problem::{Problem, Severity, Text};
use super::source::PluginFolder;

/// `hooks.rhai` of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookFile {
    /// Its name for people: `plugins/acme/hooks.rhai`.
    pub shown: String,
    /// Its text.
    pub source: String,
}
/// Says what is wrong with hooks. What runs them lives in another room.
pub type HookCheck = fn(&HookFile) -> Vec<Problem>;

/// A plugin's files, read and not yet joined with others.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) folder: PluginFolder,
    pub(super) facts: Facts,
    pub(super) guides: Vec<(Language, Guide)>,
    pub(super) hooks: Option<HookFile>,
    pub(super) remarks: Vec<Problem>,
    pub(super) examples: Vec<Example>,
}

impl Read {
    pub(super) fn of(folder: PluginFolder, check: HookCheck) -> Result<Self, Vec<Problem>> {
        let path = |file: &str| format!("{}/{file}", folder.shown);
        let file = path("plugin.toml");
        let text = folder
            .files
            .get("plugin.toml")
            .ok_or_else(|| vec![Problem::of_file(&file, "is missing")])?;
        let facts = facts::read(Text { file: &file, text }, &folder.name)?;
        let mut guides = Vec::new();
        let (mut remarks, mut errors) = (Vec::new(), Vec::new());
        for language in [Language::English, Language::Chinese] {
            let file = path(language.file());
            let Some(text) = folder.files.get(language.file()) else {
                if facts.extends.is_none() {
                    remarks.push(Problem::of_file(&file, "is missing").as_warning());
                }
                continue;
            };
            let (guide, found) = Guide::read(&file, text, language);
            guides.push((language, guide));
            sort_out(found, &mut errors, &mut remarks);
        }
        let hooks = folder.files.get("hooks.rhai").map(|source| HookFile {
            shown: path("hooks.rhai"),
            source: source.clone(),
        });
        let found = hooks.as_ref().map(check).unwrap_or_default();
        sort_out(found, &mut errors, &mut remarks);
        let examples = match folder.files.get("tests.toml") {
            Some(text) => {
                let file = path("tests.toml");
                examples::read(Text { file: &file, text }).unwrap_or_else(|found| {
                    errors.extend(found);
                    Vec::new()
                })
            }
            None => Vec::new(),
        };
        if errors.is_empty() {
            Ok(Self {
                folder,
                facts,
                guides,
                hooks,
                remarks,
                examples,
            })
        } else {
            Err(errors)
        }
    }

    pub(super) fn file(&self) -> String {
        format!("{}/plugin.toml", self.folder.shown)
    }

    pub(super) fn problem(&self, named: &Named, words: String) -> Problem {
        Problem {
            at: Some(named.at),
            ..Problem::of_file(self.file(), words)
        }
    }
}

/// What keeps a plugin out, and what is only worth mending.
fn sort_out(found: Vec<Problem>, errors: &mut Vec<Problem>, remarks: &mut Vec<Problem>) {
    let (wrong, mild): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|problem| problem.severity == Severity::Error);
    errors.extend(wrong);
    remarks.extend(mild);
}
