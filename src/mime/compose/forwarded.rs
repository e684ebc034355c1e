//! A message as it stands below the text of a mail that forwards it.

use std::fmt;

use jiff::Zoned;

use crate::domain::address::NamedAddress;
use crate::domain::message::Head;
use crate::mime::header::words::one_line;

/// Most people of a field that are named.
const PEOPLE_MAX: usize = 20;

/// A message to be forwarded.
#[derive(Clone, Debug)]
pub struct Forwarded<'a> {
    /// What it says of itself.
    pub head: &'a Head,
    /// When it was written, in the time zone of whoever forwards it.
    pub at: Zoned,
    /// Its text.
    pub text: &'a str,
}

/// The words above it.
struct Words {
    mark: &'static str,
    from: &'static str,
    date: &'static str,
    subject: &'static str,
    to: &'static str,
}

const ENGLISH: Words = Words {
    mark: "---------- Forwarded message ----------",
    from: "From: ",
    date: "Date: ",
    subject: "Subject: ",
    to: "To: ",
};
const CHINESE: Words = Words {
    mark: "---------- 转发的邮件 ----------",
    from: "发件人：",
    date: "日期：",
    subject: "主题：",
    to: "收件人：",
};

impl fmt::Display for Forwarded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.head;
        let words = if head.language == "zh" {
            CHINESE
        } else {
            ENGLISH
        };
        let people = |list: &[NamedAddress]| -> String {
            let named = list.iter().take(PEOPLE_MAX).map(|one| match one.name() {
                Some(name) => format!("{name} <{}>", one.address),
                None => one.address.to_string(),
            });
            named.collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "{}", words.mark)?;
        let from = head.from.as_slice();
        writeln!(f, "{}{}", words.from, people(from))?;
        writeln!(f, "{}{}", words.date, self.at.strftime("%Y-%m-%d %H:%M"))?;
        writeln!(f, "{}{}", words.subject, one_line(&head.subject))?;
        writeln!(f, "{}{}", words.to, people(&head.to))?;
        write!(f, "\n{}", self.text.trim_end())
    }
}
