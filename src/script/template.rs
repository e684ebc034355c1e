//! Templates of automatic mail: `templates/NAME.txt` beside the scripts. The first line is
//! the subject, an empty line follows, the rest is the text.
//!
//! Deliberately absent: conditions and loops. What depends on something is another
//! template, and a script chooses.

use super::diagnostic::Diagnostic;
use super::suggest;

/// The folder below the scripts.
pub(super) const FOLDER: &str = "templates";
/// Longest name of somebody that is filled in, in characters.
const NAME_LENGTH_MAX: usize = 60;
/// Longest subject that is filled in, in characters.
const SUBJECT_LENGTH_MAX: usize = 120;

const PLACEHOLDERS: [&str; 4] = ["number", "contact.name", "mailbox.name", "subject"];

/// A template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    subject: String,
    text: String,
}

/// What is filled in.
#[derive(Clone, Copy, Debug)]
pub struct TemplateValues<'a> {
    /// What people call the conversation.
    pub number: u64,
    /// What the contact is called, as the contact says.
    pub contact_name: &'a str,
    /// What the mailbox is called.
    pub mailbox_name: &'a str,
    /// The subject of an answer.
    pub subject: &'a str,
}

/// A filled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// `received` of `templates/received.txt`.
pub(super) fn name_of(file: &str) -> Option<&str> {
    let name = file.strip_prefix(FOLDER)?.strip_prefix('/')?;
    name.strip_suffix(".txt")
}

impl Template {
    /// Reads one.
    pub(super) fn parse(file: &str, source: &str) -> Result<Self, Diagnostic> {
        let source = source.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let (subject, text) = source.split_once('\n').unwrap_or((&source, ""));
        let (subject, text) = (subject.trim(), text.trim());
        if subject.is_empty() || text.is_empty() {
            let words = "a template has a subject in its first line and a text below it";
            return Err(Diagnostic::at(file, (1, 1), &source, words.to_owned()));
        }
        for (number, line) in source.lines().enumerate() {
            let mut rest = line;
            while let Some((before, after)) = rest.split_once('{') {
                let Some((name, behind)) = after.split_once('}') else {
                    break;
                };
                if !PLACEHOLDERS.contains(&name) {
                    let column = line.len() - rest.len() + before.len();
                    let column = line[..column].chars().count() + 1;
                    let at = (as_u32(number + 1), as_u32(column));
                    let words = format!("there is no placeholder `{{{name}}}`");
                    let help = suggest::did_you_mean(name, PLACEHOLDERS);
                    let help = help.or_else(|| {
                        let all: Vec<_> = PLACEHOLDERS
                            .iter()
                            .map(|one| format!("{{{one}}}"))
                            .collect();
                        Some(format!("there are {}", all.join(", ")))
                    });
                    return Err(Diagnostic::at(file, at, &source, words).with_help(help));
                }
                rest = behind;
            }
        }
        Ok(Self {
            subject: subject.to_owned(),
            text: text.to_owned(),
        })
    }

    /// Fills the placeholders in. What strangers wrote is shortened, and left out where it
    /// could be an address to follow: an automatic mail goes to whomever they name as its
    /// sender.
    #[must_use]
    pub fn fill(&self, values: &TemplateValues<'_>) -> Filled {
        let number = values.number.to_string();
        let name = harmless(values.contact_name, NAME_LENGTH_MAX);
        let subject = harmless(values.subject, SUBJECT_LENGTH_MAX);
        let value = |placeholder: &str| match placeholder {
            "number" => number.as_str(),
            "contact.name" => name.as_str(),
            "mailbox.name" => values.mailbox_name,
            _ => subject.as_str(),
        };
        let subject = filled(&self.subject, value);
        Filled {
            subject: subject.trim().to_owned(),
            text: filled(&self.text, value),
        }
    }
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Values are inserted as they are and not looked through again.
fn filled<'v>(template: &str, value: impl Fn(&str) -> &'v str) -> String {
    let mut made = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        made.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if PLACEHOLDERS.contains(&name) => {
                made.push_str(value(name));
                rest = behind;
            }
            _ => {
                made.push('{');
                rest = after;
            }
        }
    }
    made + rest
}

fn harmless(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = line.to_lowercase();
    if ["://", "www.", "@"].iter().any(|sign| lower.contains(sign)) {
        return String::new();
    }
    line.chars()
        .filter(|c| !c.is_control())
        .take(most)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: TemplateValues<'_> = TemplateValues {
        number: 1042,
        contact_name: "Anna {number}",
        mailbox_name: "Shop",
        subject: "Re: Lamp",
    };

    #[test]
    fn a_template_is_filled_once_and_by_nothing_that_leads_elsewhere() {
        let source = "{subject} [#{number}]\n\nDear {contact.name},\n{{ok} {\n{mailbox.name}\n";
        let template =
            Template::parse("templates/a.txt", &source.replace("{{ok} {", "ok")).unwrap();
        let made = template.fill(&VALUES);
        assert_eq!(made.subject, "Re: Lamp [#1042]");
        assert_eq!(made.text, "Dear Anna {number},\nok\nShop");
        let spam = TemplateValues {
            contact_name: "Win at https://evil.example",
            subject: "Re: see WWW.evil.example",
            ..VALUES
        };
        let made = template.fill(&spam);
        assert_eq!(made.subject, "[#1042]");
        assert!(!made.text.contains("evil"), "{made:?}");
    }

    #[test]
    fn what_is_wrong_is_shown_at_its_place() {
        let wrong = |source: &str| Template::parse("templates/a.txt", source).unwrap_err();
        let typo = wrong("Hello\n\nDear {contact.nme},\n").to_string();
        assert!(
            typo.contains("a.txt:3:6") && typo.contains("contact.name"),
            "{typo}"
        );
        for source in ["", "Only a subject", "\n\nno subject"] {
            assert!(wrong(source).to_string().contains("subject"), "{source:?}");
        }
    }
}
