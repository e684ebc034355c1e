//! The short id of a mailbox that people type and scripts name: `support-example-com`.

use std::fmt;

use super::address::Address;
use crate::domain::saying::{Said, Saying};

/// Bytes of a slug at most.
const BYTES_MAX: usize = 63;

/// Lower-case letters, digits and single hyphens inside; 1 to 63 of them. Safe as a
/// part of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

impl Said for Slug {
    fn saying(&self) -> Saying {
        Saying::words(self)
    }
}

impl Slug {
    /// Reads one; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
        let right = (1..=BYTES_MAX).contains(&text.len()) && text.bytes().all(usual) && !hyphens;
        right.then(|| Self(text.to_owned()))
    }

    /// The one an address has when nobody chose another.
    #[must_use]
    pub fn of(address: &Address) -> Self {
        let mut slug = String::new();
        for letter in address.folded().chars() {
            if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
                slug.push(letter);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(BYTES_MAX);
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { "mailbox" } else { slug }.to_owned())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_slug_that_can_be_read_back() {
        for (address, slug) in [
            ("Support@Example.com", "support-example-com"),
            ("a.+b@x.org", "a-b-x-org"),
            ("客服@例子.公司", "mailbox"),
        ] {
            let address = Address::parse(address).expect("an address");
            let made = Slug::of(&address);
            assert!(
                made.as_str() == slug || made.as_str().contains("xn-"),
                "{made}"
            );
            assert_eq!(Slug::parse(made.as_str()), Some(made));
        }
        let long = Address::parse(&format!("{}@{}.com", "a".repeat(60), "b".repeat(60)));
        assert!(Slug::parse(Slug::of(&long.expect("an address")).as_str()).is_some());
    }

    #[test]
    fn what_could_leave_a_folder_is_no_slug() {
        for text in [
            "",
            "-a",
            "a-",
            "a--b",
            "..",
            "a/b",
            "A",
            "a b",
            &"a".repeat(64),
        ] {
            assert_eq!(Slug::parse(text), None, "{text}");
        }
    }
}
