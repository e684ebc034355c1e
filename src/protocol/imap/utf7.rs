//! Modified UTF-7, the wire form of folder names (RFC 3501 section 5.1.3), both ways.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// Base64 with `,` for `/` and without padding.
const MODIFIED_BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// The wire form of a name.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted = String::new();
    for c in name.chars() {
        // Printable US-ASCII stands for itself, except `&`.
        if matches!(c, ' '..='~') {
            flush(&mut shifted, &mut wire);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            shifted.push(c);
        }
    }
    flush(&mut shifted, &mut wire);
    wire
}

/// Writes the collected characters as `&...-`.
fn flush(shifted: &mut String, wire: &mut String) {
    if shifted.is_empty() {
        return;
    }
    let units: Vec<u8> = shifted.encode_utf16().flat_map(u16::to_be_bytes).collect();
    wire.push('&');
    MODIFIED_BASE64.encode_string(units, wire);
    wire.push('-');
    shifted.clear();
}

/// The readable form of a wire name; `None` when it is no modified UTF-7 (then it is
/// shown as it is).
#[must_use]
pub fn decode(wire: &str) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, shifted)) = rest.split_once('&') {
        let (encoded, after) = shifted.split_once('-')?;
        name.push_str(plain);
        if encoded.is_empty() {
            name.push('&');
        } else {
            name.push_str(&decode_shifted(encoded)?);
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

fn decode_shifted(encoded: &str) -> Option<String> {
    let bytes = MODIFIED_BASE64.decode(encoded).ok()?;
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().copied().map(u16::from_be_bytes).collect();
    rest.is_empty().then(|| String::from_utf16(&units).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_real_servers() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("Sent Messages", "Sent Messages"),
            ("Tom & Jerry", "Tom &- Jerry"),
            ("已发送", "&XfJT0ZAB-"),
            ("草稿箱", "&g0l6P3ux-"),
            ("其他文件夹/客户", "&UXZO1mWHTvZZOQ-/&W6JiNw-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("📧", "&2D3c5w-"),
            ("", ""),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_no_modified_utf7() {
        for wire in ["&XfJ", "&!-", "&2D0-", "&A-", "a & b"] {
            assert_eq!(decode(wire), None, "{wire:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in any::<String>()) {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(decode(&wire), Some(name));
        }

        #[test]
        fn nothing_a_server_sends_is_too_odd(wire in any::<String>()) {
            let _ = decode(&wire);
        }
    }
}
