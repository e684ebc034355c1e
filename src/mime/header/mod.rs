//! The header layer: raw header bytes to values.
//!
//! `words` decodes text, `parameter` the fields with parameters, `address` lists of
//! addresses, `date` dates. Names and values stay byte ranges until somebody asks.

pub mod address;
pub mod date;
pub mod parameter;
pub mod words;

use std::ops::Range;

use memchr::memchr;

/// Most fields of one header that are looked at.
const FIELDS_MAX: usize = 5_000;
/// Longest field name, in bytes; longer ones are no field.
const NAME_LENGTH_MAX: usize = 128;
/// Longest value that is decoded for showing or for scripts, in bytes.
pub const VALUE_LENGTH_MAX: usize = 64 * 1024;

/// A header and where its fields stand in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderBlock {
    raw: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl HeaderBlock {
    /// Finds the fields. Lines that are none are passed over.
    #[must_use]
    pub fn new(raw: Vec<u8>) -> Self {
        let fields = find_fields(&raw);
        Self { raw, fields }
    }

    /// The bytes as they came.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The raw value of the first field of that name, folds included.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The raw values of all fields of that name, top to bottom.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| self.raw[field.name.clone()].eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| &self.raw[field.value.clone()])
    }

    /// Whether there is a field of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The decoded text of the first field of that name, on one line and bounded.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.first(name)
            .map(|value| words::decode_text(bounded(value), None))
    }

    /// The decoded text of the topmost field of any of these names, on one line and bounded.
    #[must_use]
    pub fn topmost(&self, names: &[&str]) -> Option<String> {
        let is_one = |name: &[u8]| {
            let mut names = names.iter();
            names.any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
        };
        let (_, value) = self.fields().find(|(name, _)| is_one(name))?;
        Some(words::decode_text(bounded(value), None))
    }

    /// Names and raw values, top to bottom.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| {
            (
                &self.raw[field.name.clone()],
                &self.raw[field.value.clone()],
            )
        })
    }
}

/// The beginning of a value that is too long.
#[must_use]
pub(super) fn bounded(value: &[u8]) -> &[u8] {
    &value[..value.len().min(VALUE_LENGTH_MAX)]
}

fn find_fields(raw: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::with_capacity(32);
    let mut at = 0;
    while at < raw.len() && fields.len() < FIELDS_MAX {
        let start = at;
        at = memchr(b'\n', &raw[at..]).map_or(raw.len(), |end| at + end + 1);
        let line = &raw[start..at];
        if matches!(line.first(), Some(b' ' | b'\t')) {
            // RFC 5322 section 2.2.3: a folded line goes on with the field above.
            if let Some(field) = fields.last_mut() {
                field.value.end = at;
            }
            continue;
        }
        let Some(colon) = memchr(b':', &line[..line.len().min(NAME_LENGTH_MAX)]) else {
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
            fields.push(Field {
                name: start..start + name.len(),
                value: start + colon + 1..at,
            });
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_through_folds_and_garbage() {
        let block = HeaderBlock::new(
            b"From someone Mon Mar  2\r\nSubject: a\r\n\tb\r\nno field\r\nX-Empty:\nSUBJECT : c\n"
                .to_vec(),
        );
        let subjects: Vec<&[u8]> = block.all("subject").collect();
        assert_eq!(subjects, [&b" a\r\n\tb\r\n"[..], &b" c\n"[..]]);
        assert_eq!(block.text("Subject").as_deref(), Some("a b"));
        assert_eq!(block.text("x-empty").as_deref(), Some(""));
        assert!(!block.has("no field"));
    }
}
