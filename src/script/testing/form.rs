//! The tables of `tests/*.toml`, read with the place of everything that is wrong.

use std::fmt;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use toml::Spanned;

use super::super::diagnostic::Diagnostic;
use super::super::suggest;
use super::super::view::{FileView, MailView, ReplyView};
use super::case::Case;
use super::expect::ExpectForm;
use super::folder;
use super::mail::InlineMail;
use super::surroundings::ContextForm;
use super::word::Wrong;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::slug::Slug;

/// Tests in one folder.
const CASES_MAX: usize = 5_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    test: Vec<CaseForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseForm {
    name: Spanned<String>,
    mail: Option<Spanned<MailForm>>,
    #[serde(default)]
    reply: ReplyForm,
    /// The slug of the mailbox it comes to, whose scripts are asked; that of its address when
    /// absent.
    mailbox: Option<Spanned<String>>,
    /// `on_timer` is asked what is expected of the routing, and not `route`.
    #[serde(default)]
    by_timer: bool,
    #[serde(default)]
    context: ContextForm,
    expect: Spanned<ExpectForm>,
}

/// The name of a file beside, or the mail itself.
#[derive(Debug)]
enum MailForm {
    File(String),
    Inline(Box<InlineMail>),
}

impl<'de> Deserialize<'de> for MailForm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = MailForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an .eml file, or a table with `from`, `subject`, `text`")
            }

            fn visit_str<E>(self, name: &str) -> Result<MailForm, E> {
                Ok(MailForm::File(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MailForm, A::Error> {
                InlineMail::deserialize(MapAccessDeserializer::new(map))
                    .map(Box::new)
                    .map(MailForm::Inline)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The reply that `before_send` is asked about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReplyForm {
    to: Vec<Spanned<String>>,
    subject: String,
    text: String,
    automatic: bool,
    /// Names of files.
    attachments: Vec<String>,
}

impl ReplyForm {
    fn view(self) -> Result<ReplyView, Wrong> {
        let mut to = Vec::with_capacity(self.to.len());
        for one in &self.to {
            let address = Address::parse(one.get_ref());
            let address = address.map_err(|error| Wrong::at(one, error.to_string()))?;
            to.push(NamedAddress::new(None, address));
        }
        let files = self.attachments.into_iter().map(|name| FileView {
            name,
            ..FileView::default()
        });
        Ok(ReplyView {
            to,
            subject: self.subject,
            text: self.text,
            automatic: self.automatic,
            attachments: files.collect(),
            ..ReplyView::default()
        })
    }
}

/// Everything that a file is read with.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    others: &'a [(String, Vec<u8>)],
    zone: &'a TimeZone,
}

/// Reads all tables among the files.
pub(super) fn read_all(
    files: &[(String, Vec<u8>)],
    zone: &TimeZone,
) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let (mut cases, mut found) = (Vec::new(), Vec::new());
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".toml")) {
        let Ok(text) = str::from_utf8(bytes) else {
            found.push(Diagnostic::of_file(name, "is not UTF-8"));
            continue;
        };
        let file = File {
            name,
            text,
            others: files,
            zone,
        };
        let (read, wrong) = file.read();
        cases.extend(read);
        found.extend(wrong);
    }
    if cases.len() > CASES_MAX {
        let words = format!("more than {CASES_MAX} tests");
        found.push(Diagnostic::of_file(folder::FOLDER, words));
    }
    if found.is_empty() {
        Ok(cases)
    } else {
        Err(found)
    }
}

impl File<'_> {
    fn read(&self) -> (Vec<Case>, Vec<Diagnostic>) {
        let form: FileForm = match toml::from_str(self.text) {
            Ok(form) => form,
            Err(error) => return (Vec::new(), vec![self.of_toml(&error)]),
        };
        let (mut cases, mut found) = (Vec::new(), Vec::new());
        for one in form.test {
            match self.case(one) {
                Ok(case) => cases.push(case),
                Err(wrong) => found.push(self.diagnostic(wrong)),
            }
        }
        (cases, found)
    }

    fn of_toml(&self, error: &toml::de::Error) -> Diagnostic {
        let words = error.message().lines().next().unwrap_or_default();
        self.diagnostic(Wrong {
            at: error.span().unwrap_or(0..0),
            words: words.to_owned(),
            help: unknown_key(words),
        })
    }

    fn diagnostic(&self, wrong: Wrong) -> Diagnostic {
        let place = place(self.text, wrong.at.start);
        Diagnostic::at(self.name, place, self.text, wrong.words).with_help(wrong.help)
    }

    fn case(&self, form: CaseForm) -> Result<Case, Wrong> {
        let (line, _) = place(self.text, form.name.span().start);
        let index = (line as usize).saturating_sub(1);
        let source_line = self.text.lines().nth(index).unwrap_or_default().to_owned();
        let mut mail = self.mail(&form)?;
        let mut context = form.context.view(&mut mail, self.zone)?;
        if let Some(slug) = &form.mailbox {
            let wrong = || Wrong::at(slug, "this is no slug of a mailbox");
            let slug = Slug::parse(slug.get_ref()).ok_or_else(wrong)?;
            context.mailbox.slug = slug.to_string();
        }
        let asks_for_mail = form.mail.is_none() && !form.by_timer;
        let reply = form.reply.view()?;
        let expected = ExpectForm::read(form.expect)?;
        if asks_for_mail && expected.needs_mail() {
            let words = "a test of `route` or `ai_reply` needs a `mail`";
            return Err(Wrong::at(&form.name, words));
        }
        Ok(Case {
            name: form.name.into_inner(),
            file: self.name.to_owned(),
            line,
            source_line,
            mail,
            context,
            reply,
            by_timer: form.by_timer,
            expected,
        })
    }

    fn mail(&self, form: &CaseForm) -> Result<MailView, Wrong> {
        let Some(place) = &form.mail else {
            return Ok(MailView::of_bytes(b"\r\n"));
        };
        match place.get_ref() {
            MailForm::Inline(inline) => inline.view(),
            MailForm::File(name) => {
                let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
                let path = format!("{folder}/{name}");
                let found = self.others.iter().find(|(other, _)| *other == path);
                let (_, raw) = found.ok_or_else(|| {
                    let mails = self.others.iter().filter_map(|(other, _)| {
                        let name = other.strip_prefix(folder)?.strip_prefix('/')?;
                        name.ends_with(".eml").then_some(name)
                    });
                    Wrong::at(place, format!("there is no file {path}"))
                        .with_help(suggest::did_you_mean(name, mails))
                })?;
                Ok(MailView::of_bytes(raw))
            }
        }
    }
}

/// Line and column of a byte, from 1; the column in characters.
fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let number = |n: usize| u32::try_from(n + 1).unwrap_or(0);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    (number(line), number(before[start..].chars().count()))
}

/// ``unknown field `tagz`, expected one of `team`, `tags` ``: the one that was probably meant.
fn unknown_key(words: &str) -> Option<String> {
    let rest = words.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    suggest::did_you_mean(key, rest.split('`').skip(1).step_by(2))
}
