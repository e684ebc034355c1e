//! Fields with parameters (Content-Type, Content-Disposition): RFC 2045 section 5.1 and RFC 2231.
//!
//! Tolerant where mail is careless: a fold after `=`, encoded words in quotes, raw 8-bit
//! names, missing quotes.

use crate::mime::charset;
use crate::mime::header::words::decode_words;
use crate::mime::transfer::hex_pair;

/// Most parameters of a field.
const PARAMETERS_MAX: usize = 100;
/// Most numbered sections of one parameter (RFC 2231 section 3).
const SECTIONS_MAX: usize = 100;

/// A value with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameterized {
    /// What stands before the first `;`, in lower case.
    pub value: String,
    parameters: Vec<(String, String)>,
}

/// A parameter as it stands in the field.
struct Section {
    name: String,
    number: Option<usize>,
    /// Percent-encoded with a charset (RFC 2231 section 4).
    extended: bool,
    value: Vec<u8>,
}

impl Parameterized {
    /// Reads a field value.
    #[must_use]
    pub fn parse(raw: &[u8]) -> Self {
        let end = raw
            .iter()
            .position(|byte| *byte == b';')
            .unwrap_or(raw.len());
        let value = without_comment(&raw[..end]);
        let mut sections = Vec::new();
        let mut rest = raw.get(end + 1..).unwrap_or_default();
        while !rest.is_empty() && sections.len() < PARAMETERS_MAX {
            let (section, after) = next_section(rest);
            sections.extend(section);
            rest = after;
        }
        Self {
            value: String::from_utf8_lossy(value).trim().to_ascii_lowercase(),
            parameters: assemble(sections),
        }
    }

    /// The decoded value of a parameter, by its name in lower case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

fn without_comment(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|byte| *byte == b'(');
    value[..end.unwrap_or(value.len())].trim_ascii()
}

/// One `name=value` and what follows its `;`.
fn next_section(raw: &[u8]) -> (Option<Section>, &[u8]) {
    let stop = raw.iter().position(|byte| matches!(byte, b'=' | b';'));
    let Some(stop) = stop else {
        return (None, &[]);
    };
    if raw[stop] == b';' {
        return (None, &raw[stop + 1..]);
    }
    // The value may begin on the next line.
    let value = raw[stop + 1..].trim_ascii_start();
    let (value, rest) = if value.first() == Some(&b'"') {
        quoted(&value[1..])
    } else {
        let end = value
            .iter()
            .position(|byte| *byte == b';')
            .unwrap_or(value.len());
        let plain = value[..end].trim_ascii();
        (plain.to_vec(), value.get(end + 1..).unwrap_or_default())
    };
    (section(&raw[..stop], value), rest)
}

/// The inside of a quoted string and what follows the next `;`.
fn quoted(raw: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            // Windows paths come unescaped: only quote and backslash can be escaped.
            b'\\' if matches!(raw.get(at), Some(b'"' | b'\\')) => {
                value.push(raw[at]);
                at += 1;
            }
            b'\r' | b'\n' => {}
            byte => value.push(*byte),
        }
    }
    let rest = &raw[at..];
    let next = rest.iter().position(|byte| *byte == b';');
    (value, next.map_or(&[][..], |next| &rest[next + 1..]))
}

/// RFC 2231 section 3 and 4: `name*2*=`.
fn section(name: &[u8], value: Vec<u8>) -> Option<Section> {
    let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
    let (name, extended) = match name.strip_suffix('*') {
        Some(name) => (name.to_owned(), true),
        None => (name, false),
    };
    let (name, number) = match name.rsplit_once('*') {
        Some((name, digits)) => (name.to_owned(), Some(digits.parse().ok()?)),
        None => (name, None),
    };
    let right = !name.is_empty() && number.is_none_or(|number: usize| number < SECTIONS_MAX);
    right.then_some(Section {
        name,
        number,
        extended,
        value,
    })
}

fn assemble(sections: Vec<Section>) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    // RFC 2231 section 4.1: the extended form goes before the plain one, which old programs read.
    for section in sections
        .iter()
        .filter(|section| section.extended || section.number.is_some())
    {
        if !parameters.iter().any(|(name, _)| *name == section.name) {
            parameters.push((
                section.name.clone(),
                assemble_extended(&sections, &section.name),
            ));
        }
    }
    for section in sections {
        if !parameters.iter().any(|(name, _)| *name == section.name) {
            let value = decode_words(&section.value, None).trim().to_owned();
            parameters.push((section.name, value));
        }
    }
    parameters
}

fn assemble_extended(sections: &[Section], name: &str) -> String {
    let mut parts: Vec<&Section> = sections
        .iter()
        .filter(|part| part.name == name && (part.extended || part.number.is_some()))
        .collect();
    parts.sort_by_key(|part| part.number);
    let mut label = None;
    let mut bytes = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        if !part.extended {
            bytes.extend_from_slice(&part.value);
            continue;
        }
        let mut value = part.value.as_slice();
        if at == 0 {
            let mut pieces = value.splitn(3, |byte| *byte == b'\'');
            if let (Some(charset), Some(_language), Some(text)) =
                (pieces.next(), pieces.next(), pieces.next())
            {
                label = Some(String::from_utf8_lossy(charset).into_owned());
                value = text;
            }
        }
        unwrap_percent(value, &mut bytes);
    }
    let label = label.filter(|label| !label.is_empty());
    match &label {
        Some(label) => charset::decode(&bytes, Some(label)).text.into_owned(),
        None => decode_words(&bytes, None).into_owned(),
    }
}

fn unwrap_percent(value: &[u8], bytes: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        let pair = after
            .split_first_chunk::<2>()
            .and_then(|(pair, _)| hex_pair(*pair));
        rest = after;
        match (byte, pair) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => bytes.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_every_dress() {
        for (field, name, value) in [
            ("text/plain; charset=utf-8", "charset", Some("utf-8")),
            (
                "text/plain; Charset = \"GB2312\" ; x=y",
                "charset",
                Some("GB2312"),
            ),
            ("a/b; boundary=\"a;b=c\"; x=1", "boundary", Some("a;b=c")),
            ("a/b; boundary=\"a;b=c\"; x=1", "x", Some("1")),
            ("a/b; name=\r\n\t\"folded.pdf\"", "name", Some("folded.pdf")),
            (
                "a/b; name=\"=?gb2312?B?t6LGsQ==?=.pdf\"",
                "name",
                Some("发票.pdf"),
            ),
            (
                "a/b; filename*=UTF-8''%E5%8F%91%E7%A5%A8.pdf; filename=x.pdf",
                "filename",
                Some("发票.pdf"),
            ),
            (
                "a/b; filename*0*=utf-8'zh'%E5%8F; filename*1*=%91; filename*2=\".pdf\"",
                "filename",
                Some("发.pdf"),
            ),
            (
                "a/b; filename*1=b.pdf; filename*0=a",
                "filename",
                Some("ab.pdf"),
            ),
            ("a/b; name=a b c.pdf", "name", Some("a b c.pdf")),
            (
                "a/b; name=\"C:\\dir\\f \\\"x\\\".txt\"",
                "name",
                Some("C:\\dir\\f \"x\".txt"),
            ),
            ("a/b; name=\"unclosed", "name", Some("unclosed")),
            ("a/b; junk; name=x", "name", Some("x")),
            ("a/b; filename*=%41%", "filename", Some("A%")),
            ("a/b", "name", None),
            ("", "name", None),
        ] {
            let parsed = Parameterized::parse(field.as_bytes());
            assert_eq!(parsed.parameter(name), value, "{field:?}");
        }
        assert_eq!(
            Parameterized::parse(b" Text/HTML (x); a=b").value,
            "text/html"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reader(field: Vec<u8>) {
            let parsed = Parameterized::parse(&field);
            proptest::prop_assert!(parsed.parameters.len() <= PARAMETERS_MAX);
        }
    }
}
