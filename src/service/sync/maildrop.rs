//! What is in a maildrop: its mails told apart, and what of them is wanted.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::history::first_day;
use crate::domain::mailbox::History;
use crate::domain::maildrop::{HeaderHash, MailIdentity, MailState, MaildropRow};
use crate::domain::saying::{Said, Saying, saying};
use crate::mime::header::HeaderBlock;
use crate::mime::header::date::parse_date;
use crate::net::pop3::{Pop3Error, Session};
use crate::protocol::pop3::Number;

/// Most bytes of a header that are looked at.
pub const HEADER_MAX: usize = 128 * 1024;

/// Why a maildrop cannot be looked into.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum LookError {
    /// The server.
    #[error(transparent)]
    Pop3(#[from] Pop3Error),
    /// Its mails cannot be told apart.
    NoNames,
}

impl Said for LookError {
    fn saying(&self) -> Saying {
        match self {
            Self::Pop3(error) => error.saying(),
            Self::NoNames => saying!("pop3.no_names"),
        }
    }
}

/// A mail that is on the server now.
#[derive(Clone, Debug)]
pub struct OnServer {
    /// Its number in this session.
    pub number: Number,
    /// Its size as the server counts.
    pub size: u64,
    /// What tells it from the others.
    pub id: MailIdentity,
    /// As the server calls it; empty where it has no name of its own.
    pub uidl: String,
    /// Its header, where that had to be looked at.
    pub header: Option<Known>,
}

/// What a header tells.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// For recognising it.
    pub hash: HeaderHash,
    /// When the server had it, as far as it says.
    pub received_at: Option<Timestamp>,
}

impl Known {
    /// Reads the header at the beginning of a mail.
    #[must_use]
    pub fn of(mail: &[u8]) -> Self {
        let mail = &mail[..mail.len().min(HEADER_MAX)];
        let ends = [&b"\r\n\r\n"[..], b"\n\n"].map(|end| memchr::memmem::find(mail, end));
        let end = ends.into_iter().flatten().min().unwrap_or(mail.len());
        let text = mail[..end].trim_ascii_end();
        Self {
            hash: HeaderHash(hash16(&[text])),
            received_at: received_at(text),
        }
    }
}

/// The uppermost `Received` is the provider's own; a mail that was put there directly
/// has only its `Date`.
fn received_at(header: &[u8]) -> Option<Timestamp> {
    let header = HeaderBlock::new([header, b"\r\n"].concat());
    let received = header.first("received").and_then(|value| {
        let at = memchr::memrchr(b';', value)?;
        parse_date(&value[at + 1..])
    });
    received.or_else(|| header.first("date").and_then(parse_date))
}

fn hash16(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

/// What tells a mail from the others when the server has a name for it.
#[must_use]
pub fn identity_of(uidl: &[u8]) -> MailIdentity {
    MailIdentity(hash16(&[b"uidl", uidl]))
}

/// Lists a maildrop. Where ids are missing or several mails have the same, headers tell
/// them apart.
///
/// # Errors
/// When the server does not list, or gives nothing to tell mails apart by.
pub async fn look(session: &mut Session) -> Result<Vec<OnServer>, LookError> {
    let listed = session.list().await?;
    let mut named: HashMap<Vec<u8>, u32> = HashMap::new();
    for uidl in listed.iter().filter_map(|mail| mail.uidl.clone()) {
        *named.entry(uidl).or_default() += 1;
    }
    let mut alike: HashMap<(u64, [u8; 16]), u64> = HashMap::new();
    let mut mails = Vec::with_capacity(listed.len());
    for mail in listed {
        let (number, size) = (mail.number, mail.size);
        let unique = mail.uidl.filter(|uidl| named.get(uidl) == Some(&1));
        if let Some(uidl) = unique {
            mails.push(OnServer {
                number,
                size,
                id: identity_of(&uidl),
                uidl: String::from_utf8_lossy(&uidl).into_owned(),
                header: None,
            });
            continue;
        }
        let header = header_of(session, number)
            .await?
            .ok_or(LookError::NoNames)?;
        let HeaderHash(hash) = header.hash;
        let before = alike.entry((size, hash)).or_default();
        let id = hash16(&[b"header", &hash, &size.to_le_bytes(), &before.to_le_bytes()]);
        *before += 1;
        mails.push(OnServer {
            number,
            size,
            id: MailIdentity(id),
            uidl: String::new(),
            header: Some(header),
        });
    }
    Ok(mails)
}

/// What the header of a mail tells; `None` when the server does not show it.
///
/// # Errors
/// When the session is over.
pub async fn header_of(session: &mut Session, number: Number) -> Result<Option<Known>, Pop3Error> {
    let header = session.top(number, 0, HEADER_MAX).await?;
    Ok(header.map(|header| Known::of(&header)))
}

/// The rows of a maildrop that is connected now: what is in it is history, what comes
/// from here on is new.
#[must_use]
pub fn first_rows(
    mails: &[OnServer],
    history: History,
    now: Timestamp,
) -> Vec<(MailIdentity, MaildropRow)> {
    let state = match history {
        History::Nothing => MailState::Passed,
        History::Days(_) | History::All => MailState::Waiting,
    };
    mails
        .iter()
        .map(|mail| {
            let header = mail.header.map(|header| header.hash);
            let row = MaildropRow::new(state.clone(), now, header);
            (mail.id, row.of_size(mail.size))
        })
        .collect()
}

/// Whether a mail that is older than the connection is wanted. One without a date is:
/// rather too much than too little.
#[must_use]
pub fn is_wanted(
    history: History,
    connected_at: Timestamp,
    received_at: Option<Timestamp>,
) -> bool {
    let days = match history {
        History::All => return true,
        History::Nothing => 0,
        History::Days(days) => days,
    };
    let first = first_day(connected_at, days);
    received_at.is_none_or(|at| at.to_zoned(TimeZone::UTC).date() >= first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_the_same_with_its_mail_and_alone() {
        let header = b"Received: by x; Mon, 2 Mar 2026 10:00:00 +0000\r\nSubject: a\r\n\r\n";
        let mail = [&header[..], b"text\r\n\r\nmore"].concat();
        let (alone, whole) = (Known::of(header), Known::of(&mail));
        assert_eq!(alone.hash, whole.hash);
        let at: Timestamp = "2026-03-02T10:00:00Z".parse().expect("a time");
        assert_eq!(whole.received_at, Some(at));
        assert_eq!(
            Known::of(b"Date: 2 Mar 2026 10:00 +0000").received_at,
            Some(at)
        );
        assert_ne!(Known::of(b"Subject: b\r\n\r\n").hash, whole.hash);
    }

    #[test]
    fn history_is_wanted_by_its_date() {
        let connected_at: Timestamp = "2026-03-10T10:00:00Z".parse().expect("a time");
        let at = |text: &str| Some(text.parse().expect("a time"));
        let wanted = |history, at| is_wanted(history, connected_at, at);
        assert!(wanted(History::All, at("1999-01-01T00:00:00Z")));
        assert!(!wanted(History::Nothing, at("2026-03-01T00:00:00Z")));
        assert!(wanted(History::Nothing, at("2026-03-10T09:59:00Z")));
        assert!(wanted(History::Days(5), at("2026-03-05T00:00:00Z")));
        assert!(!wanted(History::Days(5), at("2026-03-03T00:00:00Z")));
        assert!(wanted(History::Nothing, None));
    }
}
