//! Lists of addresses (RFC 5322 section 3.4), also the broken ones that mail is full of.

use crate::domain::address::{Address, NamedAddress};

use super::words::decode_words;

/// Most addresses of one field.
pub const ADDRESSES_MAX: usize = 1_000;
/// Longest entry without brackets, in bytes; a longer one is closed where it stands.
const PHRASE_LENGTH_MAX: usize = 4 * 1024;
/// Bytes of a field that are looked at.
const FIELD_LENGTH_MAX: usize = 256 * 1024;

/// Addresses with their names, in order. What holds no address is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressList {
    /// The addresses.
    pub addresses: Vec<NamedAddress>,
    /// There were more than [`ADDRESSES_MAX`].
    pub cut: bool,
}

/// One entry between commas, taken apart but not decoded.
#[derive(Default)]
struct Entry {
    /// Outside brackets, quotes and comments, quotes removed.
    phrase: Vec<u8>,
    /// Inside `<>`, where there are any.
    bracket: Option<Vec<u8>>,
    /// Inside parentheses.
    comment: Vec<u8>,
}

/// Reads a list; `hint` is the charset to try for raw 8-bit names.
#[must_use]
pub fn parse_addresses(raw: &[u8], hint: Option<&str>) -> AddressList {
    let raw = &raw[..raw.len().min(FIELD_LENGTH_MAX)];
    let mut list = read(raw, hint);
    if list.addresses.is_empty() && memchr::memmem::find(raw, b"=?").is_some() {
        // Some programs encode the whole field, address included.
        list = read(decode_words(raw, hint).as_bytes(), hint);
    }
    list
}

fn read(raw: &[u8], hint: Option<&str>) -> AddressList {
    let mut list = AddressList::default();
    let mut entry = Entry::default();
    let mut at = 0;
    while at < raw.len() {
        match raw[at] {
            b'"' => at += quoted(&raw[at..], &mut entry.phrase),
            b'(' => at += comment(&raw[at..], &mut entry.comment),
            b'<' => at += bracket(&raw[at..], &mut entry),
            b',' | b';' => {
                at += 1;
                // "Doe, John <j@x>" without quotes: the name goes on behind the comma.
                if raw[at - 1] == b','
                    && !entry.is_address()
                    && !entry.phrase.trim_ascii().is_empty()
                {
                    entry.phrase.extend_from_slice(b", ");
                } else {
                    list.close(&mut entry, hint);
                }
            }
            b':' if entry.bracket.is_none() && !entry.phrase.contains(&b'@') => {
                // The name of a group (RFC 5322 section 3.4).
                entry = Entry::default();
                at += 1;
            }
            b'>' => at += 1,
            byte => {
                entry.phrase.push(byte);
                at += 1;
            }
        }
        if entry.phrase.len() > PHRASE_LENGTH_MAX {
            list.close(&mut entry, hint);
        }
        if list.cut {
            return list;
        }
    }
    list.close(&mut entry, hint);
    list
}

impl AddressList {
    fn close(&mut self, entry: &mut Entry, hint: Option<&str>) {
        let Some(address) = std::mem::take(entry).finish(hint) else {
            return;
        };
        if self.addresses.len() == ADDRESSES_MAX {
            self.cut = true;
        } else {
            self.addresses.push(address);
        }
    }
}

impl Entry {
    fn is_address(&self) -> bool {
        self.bracket.is_some() || self.phrase.contains(&b'@')
    }

    fn finish(self, hint: Option<&str>) -> Option<NamedAddress> {
        let decode = |bytes: &[u8]| decode_words(bytes, hint).into_owned();
        let comment = decode(&self.comment);
        if let Some(inside) = &self.bracket {
            let address = parse_address(inside)?;
            let phrase = decode(&self.phrase);
            let name = if phrase.trim().is_empty() {
                comment
            } else {
                phrase
            };
            return Some(NamedAddress::new(Some(&name), address));
        }
        if let Some(address) = parse_address(&self.phrase) {
            return Some(NamedAddress::new(Some(&comment), address));
        }
        // "Anna Lee anna@example.com": the word with the @ is the address, the others the name.
        let words = || {
            let words = self.phrase.split(u8::is_ascii_whitespace);
            words.filter(|word| !word.is_empty()).enumerate()
        };
        let (at, address) = words()
            .filter(|(_, word)| word.contains(&b'@'))
            .find_map(|(at, word)| Some((at, parse_address(word)?)))?;
        let others = words().filter(|(index, _)| *index != at);
        let name = others.map(|(_, word)| word).collect::<Vec<_>>().join(&b' ');
        Some(NamedAddress::new(Some(&decode(&name)), address))
    }
}

/// An address without brackets; blanks inside and source routes (RFC 5321 section 4.1.1.3) are dropped.
fn parse_address(raw: &[u8]) -> Option<Address> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    let text = match text.split_once(':') {
        Some((route, rest)) if route.starts_with('@') => rest,
        _ => text,
    };
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    let text = text.trim_matches(|c: char| matches!(c, '\'' | '<' | '>' | '.' | ','));
    if let Ok(address) = Address::parse(text) {
        return Some(address);
    }
    // A fold may have split it, but two words are no address.
    let folded = text.contains(['\r', '\n']);
    let closed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    folded.then(|| Address::parse(&closed).ok()).flatten()
}

/// A quoted string at the beginning of `raw`: appends its inside, returns its length.
fn quoted(raw: &[u8], inside: &mut Vec<u8>) -> usize {
    let start = inside.len();
    let mut at = 1;
    while let Some(byte) = raw.get(at) {
        at += 1;
        match byte {
            b'"' => {
                // A quoted local part keeps its quotes: "odd name"@example.com.
                if raw.get(at) == Some(&b'@') {
                    inside.insert(start, b'"');
                    inside.push(b'"');
                }
                return at;
            }
            b'\\' => {
                inside.extend(raw.get(at));
                at += 1;
            }
            byte => inside.push(*byte),
        }
    }
    at.min(raw.len())
}

/// A comment, nested ones included (RFC 5322 section 3.2.2).
fn comment(raw: &[u8], inside: &mut Vec<u8>) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = raw.get(at) {
        at += 1;
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return at,
            b')' => depth -= 1,
            b'\\' => {
                inside.extend(raw.get(at));
                at += 1;
            }
            byte => inside.push(*byte),
        }
    }
    at.min(raw.len())
}

fn bracket(raw: &[u8], entry: &mut Entry) -> usize {
    let end = raw.iter().position(|byte| *byte == b'>');
    let inside = &raw[1..end.unwrap_or(raw.len())];
    if inside.contains(&b'@') || entry.bracket.is_none() {
        entry.bracket = Some(inside.to_vec());
    }
    end.map_or(raw.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(raw: &str) -> Vec<String> {
        let list = parse_addresses(raw.as_bytes(), None);
        let show = |named: &NamedAddress| {
            format!("{}|{}", named.name().unwrap_or_default(), named.address)
        };
        list.addresses.iter().map(show).collect()
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        for (raw, addresses) in [
            (" anna@example.com\r\n", vec!["|anna@example.com"]),
            (
                "Anna <a@b.c>, \"Doe, John\" <j@b.c>",
                vec!["Anna|a@b.c", "Doe, John|j@b.c"],
            ),
            ("Doe, John <j@b.c>", vec!["Doe, John|j@b.c"]),
            (
                "a@b.c (Anna (the \\) first))",
                vec!["Anna the ) first|a@b.c"],
            ),
            (
                "Team: a@b.c, B <b@b.c>;, c@b.c",
                vec!["|a@b.c", "B|b@b.c", "|c@b.c"],
            ),
            ("undisclosed-recipients:;", vec![]),
            ("=?utf-8?B?5oKo5aW9?= <a@b.c>", vec!["您好|a@b.c"]),
            ("\"=?utf-8?B?5oKo5aW9?=\" <a@b.c>", vec!["您好|a@b.c"]),
            ("=?utf-8?Q?Doe=2C_John?= <j@b.c>", vec!["Doe, John|j@b.c"]),
            ("=?utf-8?Q?Anna_=3Ca=40b.c=3E?=", vec!["Anna|a@b.c"]),
            ("Anna Lee a@b.c", vec!["Anna Lee|a@b.c"]),
            ("\"a@b.c\" <a@b.c>", vec!["|a@b.c"]),
            ("\"x@evil.com\" <a@b.c>", vec!["x@evil.com|a@b.c"]),
            ("<@r.c,@s.c:a@b.c>", vec!["|a@b.c"]),
            ("\"odd name\"@b.c", vec!["|\"odd name\"@b.c"]),
            ("a@b.c; d@e.f", vec!["|a@b.c", "|d@e.f"]),
            ("Anna <<a@b.c>>", vec!["Anna|a@b.c"]),
            ("Anna <a@b.c", vec!["Anna|a@b.c"]),
            ("Anna <a@\r\n b.c>", vec!["Anna|a@b.c"]),
            ("nobody", vec![]),
            ("<>", vec![]),
        ] {
            assert_eq!(list(raw), addresses, "{raw:?}");
        }
    }

    #[test]
    fn a_list_is_bounded() {
        let list = parse_addresses("a@b.c,".repeat(5_000).as_bytes(), None);
        assert_eq!((list.addresses.len(), list.cut), (ADDRESSES_MAX, true));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reader(raw in "[\"<>():;,@ab\\\\=? é\r\n]{0,60}") {
            let list = parse_addresses(raw.as_bytes(), None);
            proptest::prop_assert!(!list.cut);
        }
    }
}
