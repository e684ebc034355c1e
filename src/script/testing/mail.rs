//! A mail written into a test: its fields become the bytes of a mail, which are read as
//! those of any other, so that a test sees what a stranger's mail would show.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::super::reading::KINDS;
use super::super::view::MailView;
use super::word::{Wrong, one_of};

/// What stands between the parts. Bytes that a test does not contain by chance.
const BOUNDARY: &str = "=-=-=postern-test=-=-=";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InlineMail {
    from: Option<Spanned<String>>,
    to: Option<Spanned<String>>,
    cc: Option<Spanned<String>>,
    reply_to: Option<Spanned<String>>,
    subject: Option<Spanned<String>>,
    date: Option<Spanned<String>>,
    text: Option<String>,
    html: Option<String>,
    headers: BTreeMap<String, Spanned<String>>,
    /// Names of files; what they hold is of no interest to a script.
    attachments: Vec<Spanned<String>>,
    kind: Option<Spanned<String>>,
    language: Option<String>,
}

impl InlineMail {
    pub(super) fn view(&self) -> Result<MailView, Wrong> {
        let mut view = MailView::of_bytes(self.raw()?.as_bytes());
        if let Some(word) = &self.kind {
            Arc::make_mut(&mut view.head).kind = one_of("kind of mail", word, &KINDS)?;
        }
        if let Some(language) = &self.language {
            language.clone_into(&mut Arc::make_mut(&mut view.head).language);
        }
        Ok(view)
    }

    fn raw(&self) -> Result<String, Wrong> {
        let mut raw = String::new();
        let fields = [
            ("From", &self.from),
            ("To", &self.to),
            ("Cc", &self.cc),
            ("Reply-To", &self.reply_to),
            ("Subject", &self.subject),
            ("Date", &self.date),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                field(&mut raw, name, value)?;
            }
        }
        for (name, value) in &self.headers {
            let usual = |byte: u8| byte.is_ascii_graphic() && byte != b':';
            if name.is_empty() || !name.bytes().all(usual) {
                let words = format!("{name:?} is no name of a header field");
                return Err(Wrong::at(value, words));
            }
            field(&mut raw, name, value)?;
        }
        let parts = self.parts()?;
        raw.push_str("MIME-Version: 1.0\r\n");
        if let [one] = parts.as_slice() {
            raw.push_str(one);
            return Ok(raw);
        }
        let sort = if self.attachments.is_empty() {
            "alternative"
        } else {
            "mixed"
        };
        let _infallible = write!(
            raw,
            "Content-Type: multipart/{sort}; boundary=\"{BOUNDARY}\"\r\n\r\n"
        );
        for part in parts {
            let _infallible = write!(raw, "--{BOUNDARY}\r\n{part}\r\n");
        }
        let _infallible = write!(raw, "--{BOUNDARY}--\r\n");
        Ok(raw)
    }

    fn parts(&self) -> Result<Vec<String>, Wrong> {
        let text = |sort: &str, words: &str| {
            format!(
                "Content-Type: text/{sort}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{words}\r\n"
            )
        };
        let mut parts = Vec::new();
        if self.text.is_some() || self.html.is_none() {
            parts.push(text("plain", self.text.as_deref().unwrap_or_default()));
        }
        parts.extend(self.html.as_deref().map(|words| text("html", words)));
        for name in &self.attachments {
            if name.get_ref().contains(['"', '\\']) {
                return Err(Wrong::at(name, "a quote in the name of a file"));
            }
            let mut part = "Content-Type: application/octet-stream\r\n".to_owned();
            let value = format!("attachment; filename=\"{}\"", name.get_ref());
            field(
                &mut part,
                "Content-Disposition",
                &Spanned::new(name.span(), value),
            )?;
            part.push_str("\r\nfile\r\n");
            parts.push(part);
        }
        Ok(parts)
    }
}

fn field(raw: &mut String, name: &str, value: &Spanned<String>) -> Result<(), Wrong> {
    if value.get_ref().chars().any(char::is_control) {
        return Err(Wrong::at(value, "a header field is one line"));
    }
    let _infallible = write!(raw, "{name}: {}\r\n", value.get_ref());
    Ok(())
}
