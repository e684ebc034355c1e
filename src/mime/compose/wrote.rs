//! "On … wrote:" in the language of the mail that is answered, its date in the usual order.
//!
//! Programs that fold quoted history know these lines by their first and last words, so
//! they are those that mail programs write.

use jiff::Zoned;

/// Stands for the author in a line of [`LINES`].
const AUTHOR: &str = "{author}";

/// By BCP 47 primary tag: a pattern for the time, and the author in it.
const LINES: &[(&str, &str)] = &[
    ("cs", "Dne %d.%m.%Y v %H:%M {author} napsal(a):"),
    ("da", "Den %d.%m.%Y kl. %H:%M skrev {author}:"),
    ("de", "Am %d.%m.%Y um %H:%M schrieb {author}:"),
    ("es", "El %d/%m/%Y a las %H:%M, {author} escribió:"),
    ("fr", "Le %d/%m/%Y à %H:%M, {author} a écrit :"),
    ("it", "Il %d/%m/%Y %H:%M, {author} ha scritto:"),
    ("ja", "%Y/%m/%d %H:%M {author}さんは書きました:"),
    ("ko", "%Y. %-m. %-d. %H:%M, {author}님이 작성:"),
    ("nl", "Op %d-%m-%Y om %H:%M schreef {author}:"),
    ("pl", "W dniu %d.%m.%Y o %H:%M, {author} napisał(a):"),
    ("pt", "Em %d/%m/%Y %H:%M, {author} escreveu:"),
    ("ru", "В письме от %d.%m.%Y %H:%M {author} пишет:"),
    ("sv", "Den %Y-%m-%d kl. %H:%M skrev {author}:"),
    ("zh", "在 %Y年%-m月%-d日 %H:%M，{author} 写道："),
];
/// Where no line is known.
const ENGLISH: &str = "On %a, %-d %b %Y at %H:%M, {author} wrote:";

/// The line above a quotation. `author` stands on one line already.
pub(super) fn wrote(language: &str, author: &str, at: &Zoned) -> String {
    let known = LINES.iter().find(|(tag, _)| *tag == language);
    let line = known.map_or(ENGLISH, |(_, line)| line);
    // The time first: a name may hold what looks like a part of a pattern.
    let (before, behind) = line.split_once(AUTHOR).unwrap_or((line, ""));
    format!("{}{author}{behind}", at.strftime(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::quoted_from;

    #[test]
    fn every_line_is_known_for_what_it_is() {
        let at = "2026-03-02T17:00+08:00[Asia/Shanghai]"
            .parse()
            .expect("a time");
        for language in LINES.iter().map(|(tag, _)| *tag).chain(["en", "und", "th"]) {
            let line = wrote(language, "Anna %Y Lee", &at);
            assert!(line.contains("Anna %Y Lee"), "{line}");
            assert!(line.contains("2026") && line.contains("17:00"), "{line}");
            let text = format!("An answer.\n\n{line}\n> what was written\n");
            assert_eq!(quoted_from(&text), Some(12), "{line}");
        }
        assert_eq!(
            wrote("de", "Anna", &at),
            "Am 02.03.2026 um 17:00 schrieb Anna:"
        );
        assert_eq!(
            wrote("zh", "张三", &at),
            "在 2026年3月2日 17:00，张三 写道："
        );
    }
}
