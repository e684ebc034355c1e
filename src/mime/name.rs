//! File names as they are shown: no path, no controls, nothing that hides or turns text round.

use crate::domain::address::is_direction_mark;

/// Longest name, in characters.
const LENGTH_MAX: usize = 120;
/// Longest ending that survives when a name is cut, in characters.
const ENDING_LENGTH_MAX: usize = 12;

/// Makes a name fit to be shown and offered for saving; of nothing, one by the type.
#[must_use]
pub(super) fn clean_name(name: Option<&str>, content_type: &str) -> String {
    let last = name
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|c| !is_direction_mark(*c) && !is_hidden(*c))
        .map(|c| {
            if c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') {
                ' '
            } else {
                c
            }
        })
        .collect();
    let kept = kept.trim_matches(|c: char| c.is_whitespace() || c == '.');
    let line = super::header::words::one_line(kept);
    if line.is_empty() {
        return default_name(content_type).to_owned();
    }
    shortened(&line)
}

fn is_hidden(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200C}' | '\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}' | '\u{61C}')
}

fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= LENGTH_MAX {
        return name.to_owned();
    }
    let ending = name.rfind('.').map(|at| &name[at..]);
    let ending = ending
        .filter(|ending| ending.chars().count() <= ENDING_LENGTH_MAX)
        .unwrap_or_default();
    let room = LENGTH_MAX - ending.chars().count();
    let kept: String = name.chars().take(room).collect();
    // As it would be cleaned again: where it is cut there may stand a blank.
    let kept = kept.trim_end_matches(|c: char| c.is_whitespace() || c == '.');
    format!("{kept}{ending}")
}

fn default_name(content_type: &str) -> &'static str {
    match content_type {
        "message/rfc822" | "message/global" => "message.eml",
        "text/calendar" => "invitation.ics",
        "text/html" => "page.html",
        "application/pdf" => "document.pdf",
        "image/png" => "image.png",
        "image/jpeg" => "image.jpg",
        "image/gif" => "image.gif",
        text if text.starts_with("text/") => "text.txt",
        _ => "attachment",
    }
}

#[cfg(test)]
mod tests {
    use super::clean_name;

    #[test]
    fn names_are_fit_to_be_shown() {
        for (name, clean) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\发票.pdf", "发票.pdf"),
            ("gpj.\u{202E}exe", "gpj.exe"),
            ("a\r\nb\0.txt", "a b .txt"),
            ("..", "attachment"),
            ("", "attachment"),
            ("in\u{200B}vo\u{200D}ice.pdf", "invoice.pdf"),
        ] {
            assert_eq!(clean_name(Some(name), "application/x"), clean, "{name:?}");
        }
        let long = clean_name(Some(&format!("{}.pdf", "x".repeat(500))), "a/b");
        assert!(long.len() == 120 && long.ends_with(".pdf"));
        let blank = clean_name(Some(&format!("{} yz", "x".repeat(119))), "a/b");
        assert_eq!(clean_name(Some(&blank), "a/b"), blank);
        assert_eq!(clean_name(None, "message/rfc822"), "message.eml");
    }
}
