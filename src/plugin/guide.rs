//! The guides beside a plugin: how one gets the code, in sections that are the same
//! everywhere, so that pages can show the one that is needed.

use super::problem::{Problem, Severity};

/// Bytes of a guide.
const BYTES_MAX: usize = 32 * 1024;

/// A language of a guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

/// What a section is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// What must be there before one begins.
    Before,
    /// How the code is made.
    GetTheCode,
    /// When it was shown and not kept.
    IfYouMissedIt,
    /// How it is taken back.
    RevokeIt,
    /// When it ends.
    Expiry,
}

/// Every section, in order.
pub const SECTIONS: [Section; 5] = [
    Section::Before,
    Section::GetTheCode,
    Section::IfYouMissedIt,
    Section::RevokeIt,
    Section::Expiry,
];

impl Language {
    /// The file's name.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::English => "guide.en.md",
            Self::Chinese => "guide.zh.md",
        }
    }
}

impl Section {
    /// Its heading.
    #[must_use]
    pub fn heading(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Before, Language::English) => "Before",
            (Self::GetTheCode, Language::English) => "Get the code",
            (Self::IfYouMissedIt, Language::English) => "If you missed it",
            (Self::RevokeIt, Language::English) => "Revoke it",
            (Self::Expiry, Language::English) => "Expiry",
            (Self::Before, Language::Chinese) => "开始之前",
            (Self::GetTheCode, Language::Chinese) => "获取授权码",
            (Self::IfYouMissedIt, Language::Chinese) => "错过了怎么办",
            (Self::RevokeIt, Language::Chinese) => "撤销授权码",
            (Self::Expiry, Language::Chinese) => "有效期",
        }
    }
}

/// A guide, cut into its sections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guide {
    /// What stands before the first heading.
    pub opening: String,
    sections: Vec<(Section, String)>,
}

impl Guide {
    /// Cuts a text. What is wrong is told beside.
    pub(super) fn read(file: &str, text: &str, language: Language) -> (Self, Vec<Problem>) {
        let mut guide = Self::default();
        let mut problems = Vec::new();
        if text.len() > BYTES_MAX {
            let words = format!("a guide has at most {BYTES_MAX} bytes");
            return (guide, vec![Problem::of_file(file, words)]);
        }
        let mut current: Option<(Section, String)> = None;
        for (number, line) in text.lines().enumerate() {
            if let Some(unknown) = unknown_placeholder(line) {
                let words =
                    format!("{unknown} is no placeholder; there are {{workspace}} and {{address}}");
                problems.push(at_line(file, number, words));
            }
            let Some(heading) = line.strip_prefix("## ").map(str::trim) else {
                let text = current
                    .as_mut()
                    .map_or(&mut guide.opening, |(_, text)| text);
                text.push_str(line);
                text.push('\n');
                continue;
            };
            guide.sections.extend(current.take());
            let section = SECTIONS
                .into_iter()
                .find(|section| section.heading(language) == heading);
            match section {
                Some(section) => current = Some((section, String::new())),
                None => {
                    let known = SECTIONS.map(|section| section.heading(language)).join(", ");
                    let words = format!("{heading:?} is no section of a guide; they are: {known}");
                    problems.push(at_line(file, number, words));
                }
            }
        }
        guide.sections.extend(current);
        for section in SECTIONS {
            if guide
                .section(section)
                .is_none_or(|text| text.trim().is_empty())
            {
                let words = format!(
                    "the section \"## {}\" is missing or empty",
                    section.heading(language)
                );
                problems.push(Problem::of_file(file, words).as_warning());
            }
        }
        (guide, problems)
    }

    /// The text of a section, in Markdown.
    #[must_use]
    pub fn section(&self, section: Section) -> Option<&str> {
        let found = self.sections.iter().find(|(one, _)| *one == section);
        found.map(|(_, text)| text.trim())
    }

    /// The same with its placeholders filled.
    #[must_use]
    pub fn filled(text: &str, workspace: &str, address: &str) -> String {
        text.replace("{workspace}", workspace)
            .replace("{address}", address)
    }

    /// What stands in the sections of a new plugin until its author has written them.
    #[must_use]
    pub fn unwritten(language: Language) -> &'static str {
        match language {
            Language::English => "Say it in a sentence or two.",
            Language::Chinese => "用一两句话说明。",
        }
    }

    /// Sections that nobody has written yet.
    pub fn unwritten_sections(&self, language: Language) -> impl Iterator<Item = &'static str> {
        let sections = self.sections.iter();
        let unwritten = sections.filter(move |(_, text)| text.contains(Self::unwritten(language)));
        unwritten.map(move |(section, _)| section.heading(language))
    }

    /// It holds a link to the provider's page.
    #[must_use]
    pub fn links(&self) -> bool {
        let mut texts = self.sections.iter().map(|(_, text)| text);
        texts.any(|text| text.contains("](https://"))
    }
}

fn at_line(file: &str, number: usize, words: String) -> Problem {
    Problem {
        file: file.to_owned(),
        at: Some((number + 1, 1)),
        severity: Severity::Error,
        words,
    }
}

/// The first `{word}` that nobody fills.
fn unknown_placeholder(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}')? + open + 1;
        let found = &rest[open..close];
        if !matches!(found, "{workspace}" | "{address}") {
            return Some(found);
        }
        rest = &rest[close..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_is_cut_at_its_headings() {
        let text = "# QQ\n\nHello.\n## Before\nAn account.\n## Get the code\n[here](https://x) for {address}\n";
        let (guide, problems) = Guide::read("guide.en.md", text, Language::English);
        assert_eq!(guide.section(Section::Before), Some("An account."));
        assert!(guide.links() && guide.opening.contains("Hello."));
        let missing: Vec<_> = problems
            .iter()
            .map(|problem| problem.words.as_str())
            .collect();
        assert_eq!(missing.len(), 3, "{missing:?}");
        assert!(
            problems
                .iter()
                .all(|problem| problem.severity == Severity::Warning)
        );
        let filled = Guide::filled(
            guide.section(Section::GetTheCode).expect("there"),
            "Acme",
            "a@b.c",
        );
        assert!(filled.ends_with("for a@b.c"));
    }

    #[test]
    fn unknown_headings_and_placeholders_have_their_line() {
        let (_, problems) = Guide::read("guide.en.md", "## Befor\n{name}\n", Language::English);
        let errors: Vec<_> = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        assert!(
            errors[0].starts_with("guide.en.md:1:1: \"Befor\""),
            "{errors:?}"
        );
        assert!(
            errors[1].starts_with("guide.en.md:2:1: {name}"),
            "{errors:?}"
        );
    }
}
