//! Recipients as a person types them into one field.

use crate::domain::address::{Address, NamedAddress};
use crate::mime::header::address::parse_addresses;

/// Reads what stands between commas, semicolons and line breaks: `a@b` or `Name <a@b>` each.
///
/// # Errors
/// The first piece that is no recipient.
pub fn people_in(typed: &str) -> Result<Vec<NamedAddress>, String> {
    let mut people = Vec::new();
    for piece in pieces(typed) {
        if !piece.contains('<') {
            let address = Address::typed(piece).map_err(|_| piece.to_owned())?;
            people.push(address.into());
            continue;
        }
        let read = parse_addresses(piece.as_bytes(), Some("utf-8")).addresses;
        match read.as_slice() {
            [one] if Address::typed(one.address.as_str()).is_ok() => people.extend(read),
            _ => return Err(piece.to_owned()),
        }
    }
    Ok(people)
}

/// How [`people_in`] reads them again.
#[must_use]
pub fn typed_people(people: &[NamedAddress]) -> String {
    let one = |one: &NamedAddress| match one.name() {
        Some(name) if name.contains([',', ';', '"', '<', '>', '(', ')', '@', ':', '\\']) => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{name}\" <{}>", one.address)
        }
        Some(name) => format!("{name} <{}>", one.address),
        None => one.address.to_string(),
    };
    people.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Between separators outside quotes; empty ones are left out.
fn pieces(typed: &str) -> Vec<&str> {
    let (mut pieces, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in typed.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' | '\n' | '，' | '；' if !quoted => {
                pieces.push(&typed[begin..at]);
                begin = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&typed[begin..]);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces.iter().map(|piece| piece.trim()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_and_written_again() {
        let typed = "Anna Lee <anna@a.example>, \"Doe, J\" <j@b.example>; x@例子.中国\n";
        let people = people_in(typed).expect("people");
        assert_eq!(people.len(), 3);
        assert_eq!(people[1].name(), Some("Doe, J"));
        assert_eq!(people_in(&typed_people(&people)).as_ref(), Ok(&people));
        assert_eq!(people_in(" , ;"), Ok(Vec::new()));
        for wrong in [
            "nobody",
            "a@b.example, nobody",
            "a@b@c",
            "a@b.example c@d.example",
            "x@lots..example",
        ] {
            assert!(people_in(wrong).is_err(), "{wrong}");
        }
    }
}
