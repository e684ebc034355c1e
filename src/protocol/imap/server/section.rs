//! Which bytes of a mail a FETCH item means (RFC 3501 section 6.4.5).
//!
//! Only the borders header | text are known; parts of a body are not served.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::mail::{Flag, Mail};

/// One thing a FETCH asks for.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Uid,
    Flags,
    InternalDate,
    Size,
    Body {
        /// How it is called in the answer: `BODY[]`, `RFC822.HEADER` ...
        label: String,
        section: Section,
        /// Offset and most bytes.
        partial: Option<(u32, u32)>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Section {
    Whole,
    Header,
    Text,
    Fields { names: Vec<String>, wanted: bool },
}

impl Item {
    pub(super) fn write(&self, mail: &Mail, out: &mut BytesMut) {
        match self {
            Self::Uid => write(out, &format!("UID {}", mail.uid)),
            Self::Flags => write(out, &format!("FLAGS ({})", joined(&mail.flags))),
            Self::InternalDate => {
                let date = mail.date.strftime("%d-%b-%Y %H:%M:%S +0000");
                write(out, &format!("INTERNALDATE \"{date}\""));
            }
            Self::Size => {
                let size = mail.raw.as_ref().map_or(0, Bytes::len);
                write(out, &format!("RFC822.SIZE {size}"));
            }
            Self::Body {
                label,
                section,
                partial,
            } => {
                write(out, label);
                if let Some((offset, _)) = partial {
                    write(out, &format!("<{offset}>"));
                }
                match &mail.raw {
                    None => write(out, " NIL"),
                    Some(raw) => literal(&cut(section.of(raw), *partial), out),
                }
            }
        }
    }
}

impl Section {
    fn of(&self, raw: &Bytes) -> Bytes {
        let border = header_length(raw);
        match self {
            Self::Whole => raw.clone(),
            Self::Header => raw.slice(..border),
            Self::Text => raw.slice(border..),
            Self::Fields { names, wanted } => {
                let mut kept = BytesMut::new();
                for field in fields(raw) {
                    let named = names.iter().any(|n| n.eq_ignore_ascii_case(field.name));
                    if named == *wanted {
                        kept.extend_from_slice(field.bytes);
                    }
                }
                kept.extend_from_slice(b"\r\n");
                kept.freeze()
            }
        }
    }
}

pub(super) fn joined(flags: &[Flag]) -> String {
    let flags: Vec<&str> = flags.iter().map(Flag::as_str).collect();
    flags.join(" ")
}

fn write(out: &mut BytesMut, text: &str) {
    out.put_slice(text.as_bytes());
}

fn literal(bytes: &[u8], out: &mut BytesMut) {
    write(out, &format!(" {{{}}}\r\n", bytes.len()));
    out.put_slice(bytes);
}

fn cut(bytes: Bytes, partial: Option<(u32, u32)>) -> Bytes {
    let Some((offset, count)) = partial else {
        return bytes;
    };
    let from = bytes.len().min(offset as usize);
    let to = bytes.len().min(from.saturating_add(count as usize));
    bytes.slice(from..to)
}

/// A header field: its name, and all its lines.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
}

impl Field<'_> {
    /// What stands behind the colon, unfolded.
    pub(super) fn value(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes[self.name.len() + 1..]);
        text.replace("\r\n", "").trim().to_owned()
    }
}

/// Length of the header, its empty line included.
fn header_length(raw: &[u8]) -> usize {
    if raw.starts_with(b"\r\n") {
        return 2;
    }
    memchr::memmem::find(raw, b"\r\n\r\n").map_or(raw.len(), |at| at + 4)
}

/// The fields of the header; lines that are none are left out.
pub(super) fn fields(raw: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = &raw[..header_length(raw)];
    std::iter::from_fn(move || {
        loop {
            let end = field_end(rest)?;
            let (bytes, after) = rest.split_at(end);
            rest = after;
            let name = bytes.split(|b| *b == b':').next().unwrap_or_default();
            if name.len() < bytes.len()
                && let Ok(name) = std::str::from_utf8(name)
            {
                return Some(Field { name, bytes });
            }
        }
    })
}

/// Where the next field ends: at a CRLF that no blank follows (RFC 5322 section 2.2.3).
fn field_end(rest: &[u8]) -> Option<usize> {
    let mut end = 0;
    loop {
        let line = memchr::memmem::find(&rest[end..], b"\r\n").map(|at| end + at + 2)?;
        if line == end + 2 && end == 0 {
            return None;
        }
        end = line;
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            return Some(end);
        }
    }
}
