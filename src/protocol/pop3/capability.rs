//! What a server says it can do (RFC 2449).

use std::time::Duration;

/// Most capabilities remembered; real servers send about 15.
const CAPABILITIES_MAX: usize = 100;

/// Lines of the answer to CAPA, in upper case: a name and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<String>);

impl Capabilities {
    /// Takes a line in; what is no printable ASCII is left out.
    pub(super) fn add(&mut self, line: &[u8]) {
        let printable = line.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if printable && !line.is_empty() && self.0.len() < CAPABILITIES_MAX {
            self.0
                .push(String::from_utf8_lossy(line).to_ascii_uppercase());
        }
    }

    /// Whether the server named `name`, written in upper case.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.arguments(name).is_some()
    }

    /// Whether the server takes `mechanism` (RFC 5034).
    #[must_use]
    pub fn has_mechanism(&self, mechanism: &str) -> bool {
        let mut named = self.arguments("SASL").into_iter().flatten();
        named.any(|name| name == mechanism)
    }

    /// How long the server wants to be left alone between two logins (RFC 2449
    /// section 6.5). A trailing `USER` says that it differs between accounts.
    #[must_use]
    pub fn login_delay(&self) -> Option<Duration> {
        let seconds = self.arguments("LOGIN-DELAY")?.next()?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn arguments(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        self.0.iter().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some(name)).then_some(words)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arguments() {
        let mut known = Capabilities::default();
        for line in ["TOP", "sasl PLAIN xoauth2", "LOGIN-DELAY 900 USER", "\x07"] {
            known.add(line.as_bytes());
        }
        assert!(known.has("TOP") && !known.has("UIDL") && !known.has("TO"));
        assert!(known.has_mechanism("XOAUTH2") && !known.has_mechanism("OAUTH"));
        assert_eq!(known.login_delay(), Some(Duration::from_secs(900)));
    }
}
