//! A line of the dialogue as it may be shown.

use crate::protocol::prose::Masks;
use crate::protocol::transcript::masked;

/// What the server said, without secrets it repeats and without bodies.
pub(super) fn shown(line: &[u8], masks: &Masks) -> String {
    let (line, hidden) = without_quoted_body(line);
    let mut text = masked(line, masks);
    if let Some(bytes) = hidden {
        text.push_str(&format!(" ({bytes} bytes)"));
    }
    text
}

/// Bodies come as literals, which never stand in a line; a server may quote a short one.
fn without_quoted_body(line: &[u8]) -> (&[u8], Option<usize>) {
    let body = memchr::memmem::find(line, b"BODY[");
    let quoted = body.and_then(|at| {
        let quote = memchr::memmem::find(&line[at..], b"] \"")?;
        Some(at + quote + 1)
    });
    match quoted {
        Some(at) => (&line[..at], Some(line.len() - at - 1)),
        None => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;
    use crate::protocol::transcript::LINE_MAX;

    #[test]
    fn secrets_and_bodies_are_not_shown() {
        let mut masks = Masks::default();
        masks.add(&Secret::new("hunter2"));
        let long = [b"* OK ".as_slice(), &[b'x'; LINE_MAX - 8], b"hunter2"].concat();
        let cases: [(&[u8], &str); 3] = [
            (b"A1 NO you said hunter2", "A1 NO you said \u{2026}"),
            (
                b"* 1 FETCH (UID 7 BODY[] \"private\")",
                "* 1 FETCH (UID 7 BODY[] (10 bytes)",
            ),
            (b"* 1 EXISTS", "* 1 EXISTS"),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line, &masks), expected);
        }
        assert!(!shown(&long, &masks).contains("hun"));
    }
}
