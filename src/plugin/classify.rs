//! What a server's words mean: the rules of the preset, then the general ones, then the
//! codes that standards give them.

use encoding_rs::GB18030;

use crate::domain::preset::{FailureRule, Words};
use crate::domain::refusal::{Dialogue, FailureClass, Verdict};

/// Bytes of a text that are looked at.
const TEXT_BYTES_MAX: usize = 4_096;

/// A server's text: UTF-8 where it is that, else GB18030, which Chinese providers send.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(TEXT_BYTES_MAX)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// What the words mean, by the first rule that matches; `None` when nobody knows.
#[must_use]
pub fn classify<'r>(
    rules: impl IntoIterator<Item = &'r FailureRule>,
    dialogue: Dialogue,
    text: &str,
) -> Option<Verdict> {
    let line = joined(text);
    let lower = line.to_lowercase();
    let by_rule = rules.into_iter().find(|rule| {
        rule.dialogue.is_none_or(|only| only == dialogue)
            && match &rule.words {
                Words::Text(words) => lower.contains(words),
                Words::Pattern(pattern) => pattern.is_match(&line),
            }
    });
    match by_rule {
        Some(rule) => Some(Verdict {
            class: rule.class,
            may_be: rule.may_be.clone(),
            advice: rule.advice.clone(),
            rule: rule.place.clone(),
        }),
        None => by_standard(dialogue, &lower),
    }
}

/// One line: `535-5.7.8 a / 535 5.7.8 b` is `535 5.7.8 a b`.
fn joined(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut lines = text[..end]
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return String::new();
    };
    let (code, rest) = reply_code(first);
    let Some(code) = code else {
        let rest = lines.fold(first.to_owned(), |all, line| all + " " + line);
        return rest;
    };
    let (enhanced, words) = enhanced_code(rest);
    let mut all = format!("{code} {rest}", rest = rest.trim_start());
    if words.is_empty() {
        all = format!("{code} {}", enhanced.unwrap_or_default());
    }
    for line in lines {
        let (own, rest) = reply_code(line);
        let rest = if own.is_some() {
            rest.trim_start()
        } else {
            line
        };
        let (again, words) = enhanced_code(rest);
        let words = if again.is_some() && again == enhanced {
            words
        } else {
            rest
        };
        all = format!("{} {}", all.trim_end(), words.trim_start());
    }
    all.trim_end().to_owned()
}

/// The three digits of an SMTP reply line (RFC 5321 section 4.2), and what follows.
fn reply_code(line: &str) -> (Option<&str>, &str) {
    let digits = line
        .get(..3)
        .filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
    match digits {
        Some(code) if matches!(line.as_bytes().get(3), None | Some(b' ' | b'-')) => {
            (Some(code), line.get(4..).unwrap_or_default())
        }
        _ => (None, line),
    }
}

/// `5.7.8` (RFC 3463), and what follows.
fn enhanced_code(text: &str) -> (Option<&str>, &str) {
    let text = text.trim_start();
    let word = text.split_whitespace().next().unwrap_or_default();
    let parts: Vec<&str> = word.split('.').collect();
    let numbers = parts
        .iter()
        .all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    if parts.len() == 3 && numbers {
        (Some(word), &text[word.len()..])
    } else {
        (None, text)
    }
}

/// Response codes of IMAP (RFC 5530) and POP3 (RFC 2449, RFC 3206).
const CODES: &[(&str, FailureClass, &str)] = &[
    (
        "[authenticationfailed]",
        FailureClass::BadCredentials,
        "RFC 5530",
    ),
    (
        "[authorizationfailed]",
        FailureClass::ServiceDisabled,
        "RFC 5530",
    ),
    ("[expired]", FailureClass::AuthorizationExpired, "RFC 5530"),
    ("[privacyrequired]", FailureClass::Policy, "RFC 5530"),
    ("[contactadmin]", FailureClass::ServiceDisabled, "RFC 5530"),
    ("[unavailable]", FailureClass::Temporary, "RFC 5530"),
    ("[inuse]", FailureClass::Temporary, "RFC 5530"),
    ("[limit]", FailureClass::Temporary, "RFC 5530"),
    ("[serverbug]", FailureClass::Temporary, "RFC 5530"),
    ("[overquota]", FailureClass::Temporary, "RFC 5530"),
    ("[auth]", FailureClass::BadCredentials, "RFC 3206"),
    ("[sys/temp]", FailureClass::Temporary, "RFC 3206"),
    ("[sys/perm]", FailureClass::ServiceDisabled, "RFC 3206"),
    ("[in-use]", FailureClass::Temporary, "RFC 2449"),
    ("[login-delay]", FailureClass::Temporary, "RFC 2449"),
];

fn by_standard(dialogue: Dialogue, lower: &str) -> Option<Verdict> {
    let verdict = |class, rule: &str| {
        Some(Verdict {
            class,
            may_be: Vec::new(),
            advice: None,
            rule: rule.to_owned(),
        })
    };
    match dialogue {
        Dialogue::Imap | Dialogue::Pop3 => {
            let (_, class, rule) = CODES.iter().find(|(code, ..)| lower.contains(code))?;
            verdict(*class, rule)
        }
        Dialogue::SmtpLogin | Dialogue::Smtp => {
            let (code, _) = reply_code(lower);
            let login = dialogue == Dialogue::SmtpLogin;
            match (code?.as_bytes(), login) {
                ([b'4', ..], _) => verdict(FailureClass::Temporary, "RFC 5321 section 4.2.1"),
                (b"535", true) => verdict(FailureClass::BadCredentials, "RFC 4954 section 6"),
                (b"534", true) => verdict(FailureClass::InteractiveLogin, "RFC 4954 section 6"),
                (b"530", true) => verdict(FailureClass::Policy, "RFC 4954 section 6"),
                ([b'5', ..], false) => verdict(FailureClass::Policy, "RFC 5321 section 4.2.1"),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_many_lines_are_one() {
        for (text, line) in [
            ("535-5.7.8 a\n535 5.7.8 b", "535 5.7.8 a b"),
            (
                "535-5.7.9 Application-specific password\r\n535 5.7.9 required",
                "535 5.7.9 Application-specific password required",
            ),
            ("550 no", "550 no"),
            ("NO [AUTH] x\ny", "NO [AUTH] x y"),
            ("535", "535"),
            ("", ""),
        ] {
            assert_eq!(joined(text), line, "{text}");
        }
    }

    #[test]
    fn standards_speak_last_and_in_their_own_dialogue() {
        let class = |dialogue, text| classify([], dialogue, text).map(|verdict| verdict.class);
        assert_eq!(
            class(Dialogue::Imap, "NO [UNAVAILABLE] later"),
            Some(FailureClass::Temporary)
        );
        assert_eq!(
            class(Dialogue::SmtpLogin, "535 no"),
            Some(FailureClass::BadCredentials)
        );
        assert_eq!(
            class(Dialogue::SmtpLogin, "454 4.7.0 later"),
            Some(FailureClass::Temporary)
        );
        assert_eq!(class(Dialogue::Smtp, "535 no"), Some(FailureClass::Policy));
        assert_eq!(class(Dialogue::Imap, "NO nobody knows"), None);
    }

    #[test]
    fn texts_that_are_no_utf8_are_gb18030() {
        let bytes = b"\xc7\xeb\xca\xb9\xd3\xc3\xca\xda\xc8\xa8\xc2\xeb\xb5\xc7\xc2\xbc";
        assert_eq!(decode(bytes), "请使用授权码登录");
        assert_eq!(decode("é".as_bytes()), "é");
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_it(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..6000)) {
            let text = decode(&bytes);
            for dialogue in [Dialogue::Imap, Dialogue::Pop3, Dialogue::Smtp, Dialogue::SmtpLogin] {
                let _any = classify([], dialogue, &text);
            }
        }
    }
}
