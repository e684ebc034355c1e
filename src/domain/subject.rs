//! Base subjects: what is left of a subject when reply and forward prefixes are gone
//! (after RFC 5256 section 2.1, with the prefixes that programs write in other languages).
//!
//! Deliberately absent: the decision whether two mails belong together (`threading`).
//! No regular expressions: every strip shortens a bounded text, so time is linear.

/// Longest subject that is looked at, in characters; the rest is cut.
pub const SUBJECT_LENGTH_MAX: usize = 998;
/// Longest list tag, in bytes between the brackets.
const TAG_LENGTH_MAX: usize = 64;
/// Most digits in a counter such as `Re[12]:`.
const COUNTER_DIGITS_MAX: usize = 4;

/// What programs write before the subject of an answer, in lower case.
const REPLY_WORDS: &[&str] = &[
    "re",      // Latin, and nearly everybody
    "aw",      // German
    "antwort", // German, Notes
    "sv",      // Danish, Norwegian, Swedish, Icelandic
    "vs",      // Finnish (and "forward" in Danish and Norwegian)
    "antw",    // Dutch
    "r",       // Italian
    "rif",     // Italian, Notes
    "rép",     // French
    "réf",     // French, Notes
    "réponse", // French
    "res",     // Portuguese
    "resp",    // Spanish
    "odp",     // Polish, Czech, Slovak, Slovene
    "ynt",     // Turkish
    "yan",     // Turkish, short
    "vá",      // Hungarian
    "bls",     // Indonesian
    "atb",     // Latvian, Welsh
    "ats",     // Lithuanian
    "răs",     // Romanian
    "отв",     // Russian
    "ответ",   // Russian
    "на",      // Bulgarian, Serbian
    "відп",    // Ukrainian
    "απ",      // Greek
    "σχετ",    // Greek, Outlook
    "השב",     // Hebrew
    "תשובה",   // Hebrew
    "رد",      // Arabic
    "tl",      // Vietnamese
    "trả lời", // Vietnamese
    "ตอบกลับ",  // Thai
    "回复",    // Chinese, simplified
    "答复",    // Chinese, simplified, Outlook
    "回覆",    // Chinese, traditional
    "答覆",    // Chinese, traditional
    "回信",    // Chinese
    "返信",    // Japanese
    "回答",    // Japanese
    "답장",    // Korean
    "회신",    // Korean
];

/// What programs write before the subject of a forwarded mail, in lower case.
const FORWARD_WORDS: &[&str] = &[
    "fwd",            // English
    "fw",             // English, Outlook
    "forward",        // English
    "wg",             // German
    "weitergeleitet", // German
    "tr",             // French
    "rv",             // Spanish
    "reenv",          // Spanish
    "enc",            // Portuguese
    "i",              // Italian
    "doorst",         // Dutch
    "vb",             // Swedish
    "vl",             // Finnish
    "fs",             // Icelandic
    "pd",             // Polish
    "i̇lt",            // Turkish, as "İLT" is folded
    "ilt",            // Turkish
    "továbbítás",     // Hungarian
    "trs",            // Indonesian
    "redirecționat",  // Romanian
    "пересл",         // Russian
    "нa",             // Bulgarian, with a Latin letter
    "πρθ",            // Greek
    "הועבר",          // Hebrew
    "إعادة توجيه",    // Arabic
    "ct",             // Vietnamese
    "chuyển tiếp",    // Vietnamese
    "ส่งต่อ",           // Thai
    "转发",           // Chinese, simplified
    "轉寄",           // Chinese, traditional
    "轉發",           // Chinese, traditional
    "転送",           // Japanese
    "전달",           // Korean
];

/// What a prefix says about the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    Reply,
    Forward,
}

/// The subject without prefixes, trailers and superfluous blanks, case folded:
/// the key by which threads are compared. May be empty.
#[must_use]
pub fn base_subject(subject: &str) -> String {
    let folded = fold(subject);
    let mut rest = folded.as_str();
    loop {
        let before = rest.len();
        rest = strip_trailer(rest);
        if let Some((_, after)) = leading_prefix(rest) {
            rest = after;
        }
        if rest.len() == before {
            return rest.to_owned();
        }
    }
}

/// Whether the outermost prefix is that of an answer (not of a forwarded mail).
#[must_use]
pub fn is_reply(subject: &str) -> bool {
    leading_prefix(&fold(subject)).is_some_and(|(prefix, _)| prefix == Prefix::Reply)
}

/// Lower case, blanks and controls folded to one space, bounded.
fn fold(subject: &str) -> String {
    let mut folded = String::with_capacity(subject.len().min(SUBJECT_LENGTH_MAX));
    for c in subject.chars().take(SUBJECT_LENGTH_MAX) {
        if c.is_whitespace() || c.is_control() {
            if !folded.is_empty() && !folded.ends_with(' ') {
                folded.push(' ');
            }
        } else if !super::address::is_direction_mark(c) {
            folded.extend(c.to_lowercase());
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// RFC 5256 section 2.1 (subj-trailer).
fn strip_trailer(text: &str) -> &str {
    text.strip_suffix("(fwd)").unwrap_or(text).trim()
}

/// A prefix and what follows it. List tags in front of a prefix go with it; a tag
/// that no prefix follows belongs to the subject (`[Order 12] late`).
fn leading_prefix(text: &str) -> Option<(Prefix, &str)> {
    let mut rest = text.trim_start();
    loop {
        if let Some(found) = strip_prefix(rest) {
            return Some(found);
        }
        rest = strip_tag(rest)?;
    }
}

fn strip_tag(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let end = inside
        .bytes()
        .take(TAG_LENGTH_MAX + 1)
        .position(|b| matches!(b, b'[' | b']'))?;
    inside[end..].strip_prefix(']').map(str::trim_start)
}

fn strip_prefix(text: &str) -> Option<(Prefix, &str)> {
    let find = |words: &[&str]| {
        words
            .iter()
            .filter_map(|word| text.strip_prefix(word))
            .find_map(after_colon)
    };
    if let Some(rest) = find(REPLY_WORDS) {
        return Some((Prefix::Reply, rest));
    }
    find(FORWARD_WORDS).map(|rest| (Prefix::Forward, rest))
}

/// Skips an optional counter and the colon: `:`, ` :`, `：`, `[2]:`, `(2):`, `^2:`, `*2:`.
fn after_colon(text: &str) -> Option<&str> {
    let mut rest = text.trim_start();
    if let Some(counter) = rest.strip_prefix(['[', '(', '^', '*']) {
        let digits = counter
            .bytes()
            .take(COUNTER_DIGITS_MAX)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits == 0 {
            return None;
        }
        rest = counter[digits..]
            .trim_start_matches([']', ')'])
            .trim_start();
    }
    rest.strip_prefix([':', '：']).map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_many_languages_are_stripped() {
        for (subject, base) in [
            ("Your order", "your order"),
            ("Re: Your order", "your order"),
            ("RE : Your  order", "your order"),
            ("Re[2]: Your order", "your order"),
            ("Re(3): Re^2: Re*4: Your order", "your order"),
            ("Fwd: FW: WG: AW: SV: VS: Antw: Your order", "your order"),
            ("TR: RV: ENC: RIF: Odp: Ynt: YNT: Your order", "your order"),
            ("İLT: Your order", "your order"),
            ("回复：您的订单", "您的订单"),
            ("答复: 转发：回覆: 轉寄：您的订单", "您的订单"),
            ("返信: ご注文", "ご注文"),
            ("RE: [EXTERNAL] Re: Your order", "your order"),
            ("[shop] [list] Re: Your order", "your order"),
            ("Re: [Order 12] late", "[order 12] late"),
            ("Your order (fwd)", "your order"),
            ("Re: Your order (Fwd) (fwd)", "your order"),
            ("Re:\r\n\tYour\t order ", "your order"),
            ("Re:", ""),
            ("", ""),
            ("Regarding: your order", "regarding: your order"),
            ("Report: all fine", "report: all fine"),
            ("re your order", "re your order"),
            ("[unclosed Re: x", "[unclosed re: x"),
            ("Re[x]: y", "re[x]: y"),
        ] {
            assert_eq!(base_subject(subject), base, "{subject:?}");
        }
    }

    #[test]
    fn the_outermost_prefix_says_whether_it_is_an_answer() {
        for (subject, reply) in [
            ("Re: x", true),
            ("回复：x", true),
            ("[list] AW: x", true),
            ("Fwd: Re: x", false),
            ("x Re: y", false),
            ("", false),
        ] {
            assert_eq!(is_reply(subject), reply, "{subject:?}");
        }
    }

    #[test]
    fn a_subject_of_nothing_but_prefixes_ends() {
        assert_eq!(base_subject(&"Re: ".repeat(249)), "");
        assert!(base_subject(&"[".repeat(100_000)).len() <= SUBJECT_LENGTH_MAX);
    }

    proptest::proptest! {
        #[test]
        fn a_base_subject_is_its_own_base(subject in "(Re: |\\[a\\] |回复：|\\(fwd\\)| |[a-z]|İ){0,12}") {
            let base = base_subject(&subject);
            proptest::prop_assert_eq!(base_subject(&base), base.clone());
            proptest::prop_assert_eq!(base_subject(&format!("Re: {base}")), base);
        }
    }
}
