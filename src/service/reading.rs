//! Reads texts and headers of stored mail, from the ranges the walk noted.
//!
//! Nothing is read before somebody asks, and then only the pieces that hold it.

use std::sync::OnceLock;

use crate::domain::address::Address;
use crate::domain::authentication::Verdict;
use crate::domain::key::RawKey;
use crate::domain::ledger::Source;
use crate::domain::message::{Message, Part};
use crate::mime::header::HeaderBlock;
use crate::mime::quoted_from;
use crate::mime::text::{self, ReadText};
use crate::script::MailContent;
use crate::store::{Store, StoreError};

/// Wrapped bytes of a text part that are read at most.
const PART_READ_MAX: u64 = 4 * text::TEXT_LENGTH_MAX as u64;
/// Bytes read at first for the header; most end well before.
const HEADER_READ_FIRST: u64 = 16 * 1024;
/// Bytes of a header that are read at most.
const HEADER_READ_MAX: u64 = 1024 * 1024;

/// The whole text of a message, as people read it.
///
/// # Errors
/// When the store cannot be read.
pub fn text_of(store: &Store, message: &Message) -> Result<String, StoreError> {
    if let Some(written) = &message.written {
        return Ok(written.clone());
    }
    let part = message.head.text.as_ref().or(message.head.html.as_ref());
    match (message.raw, part) {
        (Some(raw), Some(part)) => Ok(part_text(store, raw, part)?.text),
        _ => Ok(String::new()),
    }
}

fn part_text(store: &Store, raw: RawKey, part: &Part) -> Result<ReadText, StoreError> {
    let end = part
        .range
        .end
        .min(part.range.start.saturating_add(PART_READ_MAX));
    let bytes = store.raw_range(raw, part.range.start..end)?;
    Ok(text::read_text(&bytes, part))
}

/// The header block of a stored mail.
pub(super) fn header_of(store: &Store, raw: RawKey, size: u64) -> Result<HeaderBlock, StoreError> {
    let mut bytes = store.raw_range(raw, 0..size.min(HEADER_READ_FIRST))?;
    if header_end(&bytes).is_none() && size > HEADER_READ_FIRST {
        bytes = store.raw_range(raw, 0..size.min(HEADER_READ_MAX))?;
    }
    let end = header_end(&bytes).unwrap_or(bytes.len());
    bytes.truncate(end);
    Ok(HeaderBlock::new(bytes))
}

/// Where the header ends: at the first empty line (RFC 5322 section 2.1).
fn header_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes)
        .map(|at| at + 1)
        .find(|&at| bytes[at..].starts_with(b"\r\n") || bytes[at..].starts_with(b"\n"))
}

/// A stored mail as scripts read it.
#[derive(Debug)]
pub(super) struct StoredContent {
    store: Store,
    message: Message,
    /// Read once, whoever asks and how often.
    whole_text: OnceLock<String>,
    header: OnceLock<Option<HeaderBlock>>,
}

impl StoredContent {
    pub(super) fn new(store: Store, message: Message) -> Self {
        Self {
            store,
            message,
            whole_text: OnceLock::new(),
            header: OnceLock::new(),
        }
    }

    /// Every way it came by.
    fn ways(&self) -> Vec<Source> {
        let rows = self.or_log(self.store.ledger_of_message(self.message.key));
        rows.into_iter().map(|row| row.source).collect()
    }

    /// A script cannot mend the store, so trouble reads as nothing and is logged.
    fn or_log<T: Default>(&self, read: Result<T, StoreError>) -> T {
        read.unwrap_or_else(|error| {
            tracing::error!(message = self.message.key.0, %error, "a script could not be shown a mail's content");
            T::default()
        })
    }
}

impl StoredContent {
    fn header_block(&self) -> Option<&HeaderBlock> {
        let raw = self.message.raw?;
        let read = || {
            let read = header_of(&self.store, raw, self.message.size);
            self.or_log(read.map(Some))
        };
        self.header.get_or_init(read).as_ref()
    }
}

impl MailContent for StoredContent {
    fn text(&self) -> String {
        let mut whole = self.whole_text();
        if let Some(at) = quoted_from(&whole) {
            whole.truncate(at);
        }
        whole
    }

    fn whole_text(&self) -> String {
        let read = || self.or_log(text_of(&self.store, &self.message));
        self.whole_text.get_or_init(read).clone()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.header_block()?.text(name)
    }

    fn topmost(&self, names: &[&str]) -> Option<String> {
        self.header_block()?.topmost(names)
    }

    fn handed_over_for(&self) -> Option<Address> {
        self.ways().iter().find_map(|way| match way {
            Source::Smtp(forwarded) => Some(forwarded.recipient.clone()),
            Source::Imap { .. } | Source::Pop3 { .. } => None,
        })
    }

    fn was_junk(&self) -> bool {
        let mailbox = self.or_log(self.store.mailbox(self.message.mailbox));
        let Some(junk) = mailbox.and_then(|mailbox| mailbox.settings.imap()?.junk.clone()) else {
            return false;
        };
        self.ways()
            .iter()
            .any(|way| matches!(way, Source::Imap { folder, .. } if *folder == junk))
    }

    fn dmarc(&self) -> Option<Verdict> {
        let found = self.or_log(self.store.authentication(self.message.key));
        found.map(|found| found.dmarc)
    }
}

#[cfg(test)]
mod tests {
    use super::header_end;

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody"), Some(6));
        assert_eq!(header_end(b"A: b\n\nbody\n\n"), Some(5));
        assert_eq!(header_end(b"A: b\r\nB: c\r\n"), None);
    }
}
