//! Mail addresses (RFC 5321 section 4.1.2, RFC 6531) and the names shown beside them.
//!
//! A value of these types carries no control character, so that neither a header
//! nor an SMTP command can be extended through it.

use std::fmt;

use crate::domain::saying::{Said, Saying, saying};

/// An address: `local@domain`. The domain is lower case; the local part is kept
/// as written, since only its own server may interpret it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: String,
    at: usize,
}

impl Said for Address {
    fn saying(&self) -> Saying {
        Saying::words(self)
    }
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum AddressError {
    /// No `@`, or nothing on one side of it.
    Form,
    /// RFC 5321 section 4.5.3.1.1 and 4.5.3.1.2.
    Length,
    /// A control character, space or bracket where none may stand.
    Character,
    /// RFC 1035 section 2.3.1 and 2.3.4.
    Domain,
}

impl Said for AddressError {
    fn saying(&self) -> Saying {
        match self {
            Self::Form => saying!("address.form"),
            Self::Length => saying!("address.length"),
            Self::Character => saying!("address.character"),
            Self::Domain => saying!("address.domain"),
        }
    }
}

impl Address {
    /// RFC 5321 section 4.5.3.1.1, in bytes.
    pub const LOCAL_LENGTH_MAX: usize = 64;
    /// RFC 5321 section 4.5.3.1.2, in bytes.
    pub const DOMAIN_LENGTH_MAX: usize = 255;
    /// RFC 1035 section 2.3.4, in bytes.
    const LABEL_LENGTH_MAX: usize = 63;

    /// Reads an address without name or brackets; surrounding blanks are dropped.
    ///
    /// # Errors
    /// When the text is no address; the variant says why.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Form)?;
        if local.is_empty() || domain.is_empty() || domain.starts_with('.') || domain.ends_with('.')
        {
            return Err(AddressError::Form);
        }
        if local.len() > Self::LOCAL_LENGTH_MAX || domain.len() > Self::DOMAIN_LENGTH_MAX {
            return Err(AddressError::Length);
        }
        let quoted = local.len() >= 2 && local.starts_with('"') && local.ends_with('"');
        let plain = |c: char| {
            !(c.is_control()
                || c.is_whitespace()
                || matches!(
                    c,
                    '<' | '>' | '(' | ')' | ',' | ';' | ':' | '\\' | '"' | '@'
                ))
        };
        let local_right = if quoted {
            is_quotable(&local[1..local.len() - 1])
        } else {
            local.chars().all(plain)
        };
        let domain_right =
            |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '[' | ']' | ':');
        if !local_right || !domain.chars().all(domain_right) {
            return Err(AddressError::Character);
        }
        Ok(Self {
            text: format!("{local}@{}", domain.to_lowercase()),
            at: local.len(),
        })
    }

    /// Reads an address that somebody typed: as [`Address::parse`], and its domain is one
    /// that mail can be sent to. What comes in mails is not held to that.
    ///
    /// # Errors
    /// When the text is no such address; the variant says why.
    pub fn typed(text: &str) -> Result<Self, AddressError> {
        let address = Self::parse(text)?;
        let domain = address.domain();
        if domain.starts_with('[') && domain.ends_with(']') {
            return Ok(address);
        }
        let right = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        };
        if domain.split('.').all(right) && address.ascii_domain().is_some() {
            Ok(address)
        } else {
            Err(AddressError::Domain)
        }
    }

    /// Whether a host is the domain of the address or lies below it.
    #[must_use]
    pub fn is_at_home_on(&self, host: &str) -> bool {
        let Ok(domain) = idna::domain_to_ascii(self.domain()) else {
            return false;
        };
        let above = host.to_ascii_lowercase();
        let above = above.strip_suffix(&domain);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// The part after the `@`, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The domain as A-labels (RFC 5890), the form in which it is looked up; `None` when it
    /// has none.
    #[must_use]
    pub fn ascii_domain(&self) -> Option<String> {
        if self.domain().starts_with('[') {
            return Some(self.domain().to_owned()).filter(|literal| literal.is_ascii());
        }
        let ascii = idna::domain_to_ascii(self.domain()).ok()?;
        let fits = ascii.is_ascii()
            && ascii.len() <= Self::DOMAIN_LENGTH_MAX
            && ascii
                .split('.')
                .all(|label| label.len() <= Self::LABEL_LENGTH_MAX);
        fits.then_some(ascii)
    }

    /// The whole.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same without what stands behind a plus sign in the local part: where providers
    /// deliver such an address. Folded as [`Self::folded`].
    #[must_use]
    pub fn folded_base(&self) -> String {
        match self.local().split_once('+') {
            Some((base, _)) if !base.is_empty() => {
                format!("{base}@{}", self.domain()).to_lowercase()
            }
            _ => self.folded(),
        }
    }

    /// The form by which people are recognised: all of it in lower case. No
    /// provider of note tells `Anna@` from `anna@`.
    #[must_use]
    pub fn folded(&self) -> String {
        self.text.to_lowercase()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.text)
    }
}

/// RFC 5322 section 3.2.4: what may stand between quotes, each quote and backslash behind a
/// backslash, so that nothing behind it is taken for another address.
fn is_quotable(inside: &str) -> bool {
    let mut escaped = false;
    for c in inside.chars() {
        if c.is_control() || c.is_whitespace() && c != ' ' || c == '"' && !escaped {
            return false;
        }
        escaped = c == '\\' && !escaped;
    }
    !escaped
}

/// An address with the name its owner shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedAddress {
    name: Option<String>,
    /// Where mail goes.
    pub address: Address,
}

impl NamedAddress {
    /// Longest name kept, in characters; the rest is cut.
    pub const NAME_LENGTH_MAX: usize = 256;

    /// Joins the two. Controls and direction overrides in the name become spaces;
    /// a name that only repeats the address, or is empty, is dropped.
    #[must_use]
    pub fn new(name: Option<&str>, address: Address) -> Self {
        let name = name
            .map(clean_name)
            .filter(|name| !name.is_empty() && *name != address.text);
        Self { name, address }
    }

    /// The name, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name, or else the address.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.name
            .as_deref()
            .unwrap_or_else(|| self.address.as_str())
    }
}

impl From<Address> for NamedAddress {
    fn from(address: Address) -> Self {
        Self {
            name: None,
            address,
        }
    }
}

fn clean_name(name: &str) -> String {
    let visible: String = name
        .chars()
        .map(|c| {
            if c.is_control() || is_direction_mark(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    let mut words = String::with_capacity(visible.len());
    for word in visible.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words.chars().take(NamedAddress::NAME_LENGTH_MAX).collect()
}

/// Marks that reorder or hide text (Unicode UAX #9, zero-width joiners apart).
#[must_use]
pub fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_has_a_domain() {
        for right in [
            "a@shop.example",
            "a@localhost",
            "a@xn--fiq228c.example",
            "a@例え.jp",
            "a@[192.0.2.1]",
        ] {
            assert!(Address::typed(right).is_ok(), "{right}");
        }
        for wrong in [
            "x@lots.of.dots..com",
            "x@-shop.example",
            "x@shop-.example",
            "x@a:b.example",
            &format!("x@{}.example", "a".repeat(64)),
        ] {
            assert_eq!(Address::typed(wrong), Err(AddressError::Domain), "{wrong}");
        }
        assert_eq!(Address::typed("shop"), Err(AddressError::Form));
    }

    #[test]
    fn the_domain_is_folded_and_the_local_part_is_not() {
        let address = Address::parse(" Anna.Lee@Example.COM ").expect("an address");
        assert_eq!(address.as_str(), "Anna.Lee@example.com");
        assert_eq!(
            (address.local(), address.domain()),
            ("Anna.Lee", "example.com")
        );
        assert_eq!(address.folded(), "anna.lee@example.com");
    }

    #[test]
    fn what_could_extend_a_command_is_refused() {
        for text in [
            "a@b\r\nRCPT TO:<x@y>",
            "a b@c.d",
            "<a@b>",
            "a@b>",
            "\"a\r\n\"@b.c",
            "a@b c",
            "\"a\"@b.c,<d\"@e.f",
            "\"a\\\"@b.c",
            "\"a\u{2028}b\"@c.d",
            "\"a\u{85}b\"@c.d",
            "a\u{2028}@b.c",
            "a\0@b.c",
            "@b",
            "a@",
            "a",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
        assert!(Address::parse("\"odd name\"@example.com").is_ok());
        assert!(Address::parse(r#""a\"b\\c"@example.com"#).is_ok());
        assert!(Address::parse("用户@例子.中国").is_ok());
    }

    #[test]
    fn names_lose_what_would_lie() {
        let address = Address::parse("a@b.c").expect("an address");
        let named = NamedAddress::new(Some("Anna\r\nBcc: x\u{202E}"), address.clone());
        assert_eq!(named.name(), Some("Anna Bcc: x"));
        assert_eq!(NamedAddress::new(Some("a@b.c"), address).name(), None);
    }
}
