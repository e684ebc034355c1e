//! Charsets: bytes to text by the declared label, or by a guess where the label lies or is absent.
//!
//! Labels are those of the WHATWG (encoding_rs); GB2312 and GBK are read as GB18030,
//! which contains them. Never fails: what cannot be read becomes U+FFFD.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GB18030, GBK, REPLACEMENT, UTF_8, WINDOWS_1252};

/// Bytes that a guess looks at.
const GUESS_LENGTH_MAX: usize = 16 * 1024;

/// A text and how it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Some bytes are no text in the charset.
    pub damaged: bool,
}

/// Labels that mail uses and the WHATWG does not know.
const ALIASES: &[(&str, &str)] = &[
    ("cp936", "gb18030"),
    ("ms936", "gb18030"),
    ("gb_2312", "gb18030"),
    ("euc-cn", "gb18030"),
    ("cp950", "big5"),
    ("ms950", "big5"),
    ("cp932", "shift_jis"),
    ("cp949", "euc-kr"),
    ("ms949", "euc-kr"),
    ("utf8mb4", "utf-8"),
    ("utf-8mb4", "utf-8"),
    ("latin-1", "iso-8859-1"),
    ("iso8859_1", "iso-8859-1"),
];

fn encoding_for(label: &str) -> Option<&'static Encoding> {
    let label = label.trim().trim_matches(['"', '\'']);
    let known = ALIASES
        .iter()
        .find(|(alias, _)| alias.eq_ignore_ascii_case(label))
        .map_or(label, |(_, known)| known);
    let encoding = Encoding::for_label(known.as_bytes())?;
    if encoding == GBK {
        Some(GB18030)
    } else if encoding == REPLACEMENT {
        // HZ, ISO-2022-KR and -CN: dangerous in a browser, a guess at best here.
        None
    } else {
        Some(encoding)
    }
}

fn is_label(label: Option<&str>, names: &[&str]) -> bool {
    label.is_some_and(|label| {
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(label.trim()))
    })
}

/// Reads `bytes` as the label says, where that can be right.
#[must_use]
pub fn decode<'a>(bytes: &'a [u8], label: Option<&str>) -> Decoded<'a> {
    if is_label(label, &["utf-7", "unicode-1-1-utf-7"]) {
        return decode_utf7(bytes);
    }
    let declared = label.and_then(encoding_for);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    // ISO-2022-JP is ASCII to the eye, so a declared charset goes before the look at the bytes.
    if declared.is_none_or(|encoding| encoding == UTF_8 || encoding == WINDOWS_1252)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        let damaged = false;
        let text = Cow::Borrowed(text);
        return Decoded { text, damaged };
    }
    let trusted = declared.filter(|_| !is_label(label, &["us-ascii", "ascii"]));
    if let Some(encoding) = trusted {
        let (text, damaged) = encoding.decode_without_bom_handling(bytes);
        if !damaged {
            return Decoded { text, damaged };
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            let (text, damaged) = (Cow::Borrowed(text), false);
            return Decoded { text, damaged };
        }
        if encoding != UTF_8 {
            return Decoded { text, damaged };
        }
    }
    let guessed = guess(bytes);
    let (text, damaged) = guessed.decode_without_bom_handling(bytes);
    if damaged && let Some(encoding) = trusted {
        let (text, damaged) = encoding.decode_without_bom_handling(bytes);
        return Decoded { text, damaged };
    }
    Decoded { text, damaged }
}

/// Reads raw 8-bit bytes of a header, which have no label; `hint` is the body's charset.
#[must_use]
pub fn decode_unlabelled<'a>(bytes: &'a [u8], hint: Option<&str>) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let hinted = hint
        .and_then(encoding_for)
        .filter(|encoding| *encoding != UTF_8 && *encoding != WINDOWS_1252);
    if let Some(encoding) = hinted
        && let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return text;
    }
    guess(bytes).decode_without_bom_handling(bytes).0
}

/// The likeliest charset of bytes that are not UTF-8.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let looked_at = &bytes[..bytes.len().min(GUESS_LENGTH_MAX)];
    if looked_at.is_ascii() && !looked_at.contains(&0x1B) {
        return UTF_8;
    }
    if is_common_chinese(looked_at) {
        return GB18030;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(looked_at, true);
    let guessed = detector.guess(None, Utf8Detection::Allow);
    if guessed == GBK { GB18030 } else { guessed }
}

/// Whether all high bytes are pairs and nearly all of them frequent hanzi (GB 2312 level 1).
///
/// A subject is too short for statistics; in Big5, Shift_JIS, EUC-KR or Latin text the
/// pairs do not fall so evenly into this range.
fn is_common_chinese(bytes: &[u8]) -> bool {
    let (mut pairs, mut common, mut at) = (0_usize, 0_usize, 0);
    while let Some(lead) = bytes.get(at) {
        if lead.is_ascii() {
            at += 1;
            continue;
        }
        let Some(trail) = bytes.get(at + 1) else {
            break;
        };
        if !(0xA1..=0xFE).contains(lead) || !(0xA1..=0xFE).contains(trail) {
            return false;
        }
        pairs += 1;
        // Row 1 and 3 are punctuation and wide letters.
        common += usize::from((0xB0..=0xD7).contains(lead) || matches!(lead, 0xA1 | 0xA3));
        at += 2;
    }
    let text = || GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    pairs >= 2 && common * 10 >= pairs * 9 && !looks_korean(bytes) && text().is_some()
}

/// EUC-KR puts hangul into B0..C8; plain Chinese text spreads to D7.
fn looks_korean(bytes: &[u8]) -> bool {
    let leads = || bytes.iter().filter(|byte| !byte.is_ascii()).step_by(2);
    let hangul = leads().filter(|lead| (0xB0..=0xC8).contains(*lead)).count();
    leads().count() >= 6 && hangul == leads().count()
}

fn decode_utf7(bytes: &[u8]) -> Decoded<'static> {
    let text = mail_parser::decoders::charsets::map::charset_decoder(b"utf-7").map_or_else(
        || String::from_utf8_lossy(bytes).into_owned(),
        |decode| decode(bytes),
    );
    Decoded {
        text: Cow::Owned(text),
        damaged: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(label: &str, text: &str) -> Vec<u8> {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a label");
        encoding.encode(text).0.into_owned()
    }

    #[test]
    fn labels_are_followed_where_they_can_be_right() {
        for (written, label, text) in [
            ("gb18030", Some("gb2312"), "您好，㐀訂單"),
            ("gbk", Some("GBK"), "您好"),
            ("gbk", Some("cp936"), "您好"),
            ("big5", Some("big5"), "您好，訂單"),
            ("iso-2022-jp", Some("ISO-2022-JP"), "ご注文について"),
            ("shift_jis", Some("shift_jis"), "ご注文"),
            ("euc-kr", Some("ks_c_5601-1987"), "주문"),
            ("koi8-r", Some("koi8-r"), "Здравствуйте"),
            ("windows-1258", Some("windows-1258"), "đơn"),
            ("utf-8", Some("us-ascii"), "Grüße"),
            ("utf-8", Some("iso-8859-1"), "Grüße"),
            ("utf-8", None, "您好"),
            ("gbk", Some("utf-8"), "您好，我的订单还没有到"),
            ("gbk", Some("x-unknown"), "您好，我的订单还没有到"),
            ("windows-1252", Some("us-ascii"), "Grüße aus München"),
        ] {
            let raw = bytes(written, text);
            assert_eq!(decode(&raw, label).text, text, "{written} as {label:?}");
        }
        assert_eq!(decode(b"+ZeVnLIqe-", Some("utf-7")).text, "日本語");
    }

    #[test]
    fn unlabelled_headers_are_guessed() {
        for (written, hint, text) in [
            ("gbk", None, "您好，订单"),
            ("gbk", None, "发票"),
            ("gbk", Some("gb2312"), "退"),
            ("big5", Some("big5"), "訂單"),
            (
                "big5",
                None,
                "您好，我的訂單還沒有收到，請問什麼時候可以寄出",
            ),
            ("utf-8", None, "订单"),
            ("windows-1252", None, "Grüße aus München"),
        ] {
            let raw = bytes(written, text);
            assert_eq!(decode_unlabelled(&raw, hint), text, "{written} {hint:?}");
        }
    }

    #[test]
    fn damage_is_told() {
        assert!(decode(b"ab\xFF\xFFcd\xB1", Some("gb2312")).damaged);
        assert!(!decode(b"plain", None).damaged);
    }
}
