//! Where the quoted history of an answer begins.
//!
//! The history is hidden, never deleted. In doubt nothing is hidden: a mail that answers between
//! the quoted lines, or below them, is shown whole. No regular expressions, one pass over the lines.

/// Lines that are looked at.
const LINES_MAX: usize = 20_000;
/// Longest line that can introduce a quotation, in bytes.
const INTRODUCTION_LENGTH_MAX: usize = 400;
/// An introduction may be folded over so many lines.
const FOLDED_LINES_MAX: usize = 3;
/// In how many lines an Outlook header block must show its second field.
const BLOCK_LINES_MAX: usize = 6;

/// How "On … wrote:" begins, in lower case.
const INTRODUCTION_STARTS: &[&str] = &[
    "on ",
    "am ",
    "le ",
    "el ",
    "em ",
    "il ",
    "op ",
    "den ",
    "på ",
    "w dniu",
    "dnia ",
    "dne ",
    "pe ",
    "в ",
    "на ",
    "στις ",
    "vào ",
    "pada ",
    "在",
    "于",
    "於",
    "20",
    "19",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "понед",
    "вторн",
    "среда",
    "четв",
    "пятн",
    "субб",
    "воскр",
    "пн",
    "вт",
    "ср",
    "чт",
    "пт",
    "сб",
    "вс",
];

/// What it holds before the colon that ends it, in lower case. German and others name the writer last.
const INTRODUCTION_VERBS: &[&str] = &[
    "wrote",
    "写道",
    "寫道",
    "schrieb",
    "a écrit",
    "escribió",
    "escreveu",
    "ha scritto",
    "schreef",
    "skrev",
    "kirjoitti",
    "napisał(a)",
    "napisał",
    "napisała",
    "пишет",
    "написал",
    "написала",
    "написал(а)",
    "yazdı",
    "viết",
    "napsal(a)",
    "napsal",
    "a scris",
    "írta",
    "έγραψε",
    "menulis",
    "さんは書きました",
    "のメッセージ",
    "님이 작성",
    "작성",
    "เขียน",
    "كتب",
    "כתב",
    "написа",
    "đã viết",
];

/// What stands between dashes above a quoted mail, in lower case.
const SEPARATORS: &[&str] = &[
    "original message",
    "originalnachricht",
    "ursprüngliche nachricht",
    "message d'origine",
    "message original",
    "mensaje original",
    "mensagem original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "originalmeddelande",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "alkuperäinen viesti",
    "wiadomość oryginalna",
    "oryginalna wiadomość",
    "исходное сообщение",
    "orijinal mesaj",
    "原始邮件",
    "原始郵件",
    "原郵件",
    "原邮件",
    "元のメッセージ",
    "원본 메시지",
    "원본메시지",
    "forwarded message",
    "weitergeleitete nachricht",
    "转发邮件信息",
    "转发的邮件",
    "original email",
    "původní zpráva",
    "reply message",
    "回复的原邮件",
    "回复的邮件",
];

/// First field of a header block that Outlook and others put above the history.
const FROM_FIELDS: &[&str] = &[
    "from:",
    "von:",
    "de:",
    "de :",
    "da:",
    "van:",
    "från:",
    "fra:",
    "lähettäjä:",
    "od:",
    "от:",
    "kimden:",
    "发件人:",
    "发件人：",
    "寄件者:",
    "寄件者：",
    "寄件人:",
    "寄件人：",
    "差出人:",
    "보낸 사람:",
    "보낸사람:",
    "từ:",
    "feladó:",
    "odesílatel:",
];

/// Fields of which one must follow it.
const OTHER_FIELDS: &[&str] = &[
    "sent:",
    "date:",
    "to:",
    "subject:",
    "gesendet:",
    "datum:",
    "an:",
    "betreff:",
    "envoyé",
    "date :",
    "à :",
    "objet",
    "enviado",
    "fecha:",
    "para:",
    "asunto:",
    "assunto:",
    "data:",
    "inviato:",
    "a:",
    "oggetto:",
    "verzonden:",
    "aan:",
    "onderwerp:",
    "skickat:",
    "till:",
    "ämne:",
    "sendt:",
    "til:",
    "emne:",
    "lähetetty:",
    "vastaanottaja:",
    "wysłano:",
    "do:",
    "temat:",
    "отправлено:",
    "кому:",
    "тема:",
    "дата:",
    "gönderme",
    "kime:",
    "konu:",
    "发送时间",
    "发送日期",
    "日期",
    "收件人",
    "主题",
    "抄送",
    "寄件日期",
    "傳送時間",
    "收件者",
    "主旨",
    "送信日時",
    "日付",
    "宛先",
    "件名",
    "보낸 날짜",
    "날짜",
    "받는 사람",
    "제목",
];

/// The offset in `text` where quoted history begins that may be hidden; `None` to show everything.
#[must_use]
pub fn quoted_from(text: &str) -> Option<usize> {
    let lines = lines(text);
    let start = (0..lines.len()).find(|at| begins(&lines, *at))?;
    let written_above = lines[..start].iter().any(|line| !line.text.is_empty());
    (written_above && !answers_inline(&lines[start..])).then_some(lines[start].offset)
}

struct Line<'a> {
    offset: usize,
    /// Without blanks at either end.
    text: &'a str,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut offset = 0;
    text.split_inclusive('\n')
        .take(LINES_MAX)
        .map(|line| {
            let start = offset;
            offset += line.len();
            Line {
                offset: start,
                text: line.trim(),
            }
        })
        .collect()
}

/// Whether the history begins with this line.
fn begins(lines: &[Line<'_>], at: usize) -> bool {
    let line = lines[at].text;
    if line.is_empty() || line.len() > INTRODUCTION_LENGTH_MAX {
        return false;
    }
    line.starts_with('>')
        || is_separator(line)
        || is_header_block(lines, at)
        || is_introduction(lines, at)
}

fn is_separator(line: &str) -> bool {
    let dash = |c: char| matches!(c, '-' | '—' | '_' | '─' | '=' | '*');
    if !line.starts_with(dash) {
        return false;
    }
    let inside = line
        .trim_matches(|c: char| dash(c) || c.is_whitespace())
        .to_lowercase();
    SEPARATORS.contains(&inside.trim_end_matches([':', '：']))
}

fn is_header_block(lines: &[Line<'_>], at: usize) -> bool {
    let field = |text: &str, names: &[&str]| {
        // Outlook sets the names in bold, which some programs show as stars.
        let text = text.trim_start_matches(['*', '>', ' ']);
        let head: String = text
            .chars()
            .take(24)
            .collect::<String>()
            .to_lowercase()
            .replace('*', "");
        names.iter().any(|name| head.starts_with(name))
    };
    if !has_colon(lines[at].text) || !field(lines[at].text, FROM_FIELDS) {
        return false;
    }
    let below = lines[at + 1..].iter().take(BLOCK_LINES_MAX);
    below.filter(|line| field(line.text, OTHER_FIELDS)).count() >= 2
}

/// Most lines have none early; this spares them the folding of case.
fn has_colon(text: &str) -> bool {
    /// The longest field name with stars and blanks, in bytes.
    const NAME_LENGTH_MAX: usize = 40;
    let head = &text.as_bytes()[..text.len().min(NAME_LENGTH_MAX)];
    memchr::memchr(b':', head).is_some() || memchr::memmem::find(head, "：".as_bytes()).is_some()
}

/// "On Monday Anna wrote:", perhaps folded.
fn is_introduction(lines: &[Line<'_>], at: usize) -> bool {
    let ends = |line: &Line<'_>| line.text.ends_with([':', '：']);
    if !lines[at..].iter().take(FOLDED_LINES_MAX).any(ends) {
        return false;
    }
    let first: String = lines[at]
        .text
        .chars()
        .take(16)
        .collect::<String>()
        .to_lowercase();
    if !INTRODUCTION_STARTS
        .iter()
        .any(|start| first.starts_with(start))
    {
        return false;
    }
    let mut has_digit = false;
    for line in lines[at..].iter().take(FOLDED_LINES_MAX) {
        if line.text.is_empty() {
            return false;
        }
        has_digit |= line.text.contains(|c: char| c.is_ascii_digit());
        if let Some(said) = line.text.strip_suffix([':', '：']) {
            let said = said.trim_end().to_lowercase();
            return has_digit && INTRODUCTION_VERBS.iter().any(|verb| said.contains(verb));
        }
    }
    false
}

/// Whether somebody wrote below or between `>` lines. A signature does not count.
fn answers_inline(history: &[Line<'_>]) -> bool {
    let mut lines = history
        .iter()
        .map(|line| line.text)
        .filter(|line| !line.is_empty());
    let quoted = lines.by_ref().any(|line| line.starts_with('>'));
    quoted
        && lines
            .take_while(|line| *line != "--")
            .any(|line| !line.starts_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_found_below_the_answer() {
        for history in [
            "On Mon, Mar 2, 2026 at 10:00 AM Anna <a@b.c> wrote:\n> Hello\n> there\n",
            "On Mon, Mar 2, 2026 at 10:00 AM Anna Lee with a long name\n<a@b.c> wrote:\n\n> Hello\n",
            "On 2 Mar 2026, Anna wrote:\nHello without marks\n",
            "-----Original Message-----\nFrom: Anna\n",
            "----- Ursprüngliche Nachricht -----\nVon: Anna\n",
            "------------------ 原始邮件 ------------------\n发件人: x\n",
            "From: Anna\nSent: Monday\nTo: x\nSubject: y\n\nHello\n",
            "*From:* Anna\n*Sent:* Monday\n*To:* x\n",
            "发件人：张三\n发送时间：2026年3月2日\n收件人：x\n主题：y\n",
            "在 2026年3月2日，张三 <a@b.c> 写道：\n> 您好\n",
            "2026年3月2日 10:00，张三 写道：\n您好\n",
            "Am 02.03.2026 um 10:00 schrieb Anna:\n> Hallo\n",
            "Le lun. 2 mars 2026 à 10:00, Anna <a@b.c> a écrit :\n> Bonjour\n",
            "> just quoted\n> lines\n",
            "> quoted\n\n-- \nAnna, signature\n",
        ] {
            let text = format!("My answer.\n\n{history}");
            let from = quoted_from(&text);
            assert_eq!(from, Some(12), "{history}");
        }
    }

    #[test]
    fn in_doubt_everything_is_shown() {
        for text in [
            "On 2 Mar 2026 Anna wrote:\n> question one\nanswer one\n> question two\nanswer two\n",
            "Hello,\n> question\nmy answer below\n",
            "> quoted first\nanswer below\n",
            "From: here to there\nit is far\n",
            "On Monday I wrote:\nnothing, there is no date\n",
            "just text",
            "",
            "--\nAnna",
        ] {
            assert_eq!(quoted_from(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_offset_is_the_beginning_of_a_line(text in "(> |On 1 x wrote:|发件人：|\n|a|From: x|Sent: y|To: z|--| ){0,40}") {
            if let Some(from) = quoted_from(&text) {
                proptest::prop_assert!(from > 0 && text[..from].ends_with('\n'));
            }
        }
    }
}
