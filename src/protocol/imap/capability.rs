//! What a server says it can do, compared as strings.
//!
//! The codec's own capability type reads `NAMESPACE` as unknown and refuses lists
//! with one odd atom in them, so it is not used for this.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Most capabilities remembered; real servers send about 40.
const CAPABILITIES_MAX: usize = 200;

/// Longest capability remembered, in bytes.
const CAPABILITY_LENGTH_MAX: usize = 100;

/// A set of capability names, in upper case (RFC 3501 section 7.2.1: case-insensitive).
///
/// One text, the names sorted and separated by blanks: every connection keeps one, asks
/// it a few times, and thousands of small strings would cost more than the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(Arc<str>);

impl Capabilities {
    /// Reads names separated by blanks; names that are no printable ASCII are left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        text.split(u8::is_ascii_whitespace)
            .filter(|name| !name.is_empty() && name.len() <= CAPABILITY_LENGTH_MAX)
            .filter(|name| name.iter().all(u8::is_ascii_graphic))
            .take(CAPABILITIES_MAX)
            .map(|name| String::from_utf8_lossy(name).to_ascii_uppercase())
            .collect::<BTreeSet<_>>()
            .into()
    }

    /// Whether the server named `name`, written in upper case.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|one| one == name)
    }

    /// Whether `AUTH=<mechanism>` was named.
    #[must_use]
    pub fn has_mechanism(&self, mechanism: &str) -> bool {
        self.iter()
            .any(|name| name.strip_prefix("AUTH=") == Some(mechanism))
    }

    /// Whether nothing is known (not asked yet, or forgotten after STARTTLS).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|name| !name.is_empty())
    }

    /// Largest literal, in bytes, that may follow without waiting for `+`.
    #[must_use]
    pub(crate) fn non_synchronising_max(&self) -> usize {
        if self.has("LITERAL+") {
            usize::MAX
        } else if self.has("LITERAL-") || self.has("IMAP4REV2") {
            // RFC 7888 section 5; RFC 9051 section 4.3.
            4096
        } else {
            0
        }
    }
}

impl From<BTreeSet<String>> for Capabilities {
    fn from(names: BTreeSet<String>) -> Self {
        let names: Vec<String> = names.into_iter().collect();
        Self(names.join(" ").into())
    }
}

#[cfg(test)]
mod tests {
    use super::Capabilities;

    #[test]
    fn names_are_compared_without_case_and_odd_ones_cost_only_themselves() {
        let known = Capabilities::parse(b"IMAP4rev1 namespace Auth=XOAUTH2 X-G\xfc UIDPLUS ");
        assert!(known.has("IMAP4REV1") && known.has("NAMESPACE") && known.has("UIDPLUS"));
        assert!(known.has_mechanism("XOAUTH2") && !known.has_mechanism("PLAIN"));
        assert_eq!(known.iter().count(), 4);
    }

    #[test]
    fn literals_that_need_no_invitation() {
        let limit = |text: &[u8]| Capabilities::parse(text).non_synchronising_max();
        assert_eq!(limit(b"IMAP4rev1"), 0);
        assert_eq!(limit(b"IMAP4rev1 LITERAL-"), 4096);
        assert_eq!(limit(b"IMAP4rev1 LITERAL+"), usize::MAX);
    }
}
