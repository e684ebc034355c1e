//! Bounces without a report: Exim, qmail, older Exchange, QQ, NetEase and others tell in
//! plain words whom a mail did not reach.
//!
//! Only addresses and a status are taken from the words, and those only count once the mail
//! is known to be ours.

use crate::domain::address::Address;
use crate::domain::message::{BounceReport, DeliveryAction, REPORTED_MAX, ReportedRecipient};

use super::super::header::HeaderBlock;
use super::bounds::{RECIPIENT_LENGTH_MAX, TEXT_LENGTH_MAX, is_status, short};

/// How many lines of a bounce are read.
const LINES_MAX: usize = 400;
/// Longest text that is kept where no line has a status, in characters.
const WORDS_LENGTH_MAX: usize = 300;
/// Longest line that is looked through, in characters.
const LINE_LENGTH_MAX: usize = 2_000;

/// How lines begin behind which the returned mail stands, in lower case.
const COPY: &[&str] = &[
    "received:",
    "return-path:",
    "message-id:",
    "dkim-signature:",
    "mime-version:",
    "reply-to:",
    "date:",
    "subject:",
    "--- below this line",
    "------ this is a copy",
    "original message headers",
    "----- original message",
    "--- original message",
    "-----original message",
    "----- message header",
    "原始邮件",
    "原邮件内容",
    "邮件头",
];

/// Words in a subject that say it is still being tried, in lower case.
const DELAY_WORDS: &[&str] = &[
    "delay",
    "warning: could not send",
    "still trying",
    "verzöger",
    "retard",
    "延迟",
    "延遲",
    "遅延",
];

/// Reads what can be read in the words of a bounce.
pub(super) fn read(header: &HeaderBlock, subject: &str, text: &str, report: &mut BounceReport) {
    let subject = subject.to_lowercase();
    let delayed = DELAY_WORDS.iter().any(|word| subject.contains(word));
    report.action = if delayed && !subject.contains("fail") {
        DeliveryAction::Delayed
    } else {
        DeliveryAction::Failed
    };
    let told: Vec<String> = text
        .lines()
        .take(LINES_MAX)
        .map(|line| short(line.trim(), LINE_LENGTH_MAX))
        .take_while(|line| {
            let lower = line.to_lowercase();
            let lower = lower.trim_start_matches('>').trim_start();
            !COPY.iter().any(|begin| lower.starts_with(begin))
        })
        .collect();
    let (status, said) = diagnosis(&told);
    // Exim and Google tell it in the header of the bounce itself.
    let failed = header.text("x-failed-recipients").unwrap_or_default();
    let named: Vec<String> = match addresses(&failed) {
        known if known.is_empty() => told.iter().flat_map(|line| addresses(line)).collect(),
        known => known,
    };
    for address in named {
        let known = report.recipients.iter().any(|one| one.address == address);
        if !known && report.recipients.len() < REPORTED_MAX {
            report.recipients.push(ReportedRecipient {
                address,
                action: report.action,
                status: status.clone(),
                text: said.clone(),
            });
        }
    }
    report.status = status;
    report.text = said;
}

/// The status, and the line that has it; else the first words.
fn diagnosis(lines: &[String]) -> (Option<String>, String) {
    for line in lines {
        if let Some(status) = words(line).find(|word| is_failing(word)) {
            return (Some(status.to_owned()), short(line, TEXT_LENGTH_MAX));
        }
    }
    // An answer of a server without the longer code.
    let answer = lines.iter().find(|line| {
        let mut words = words(line);
        words.any(|word| word.len() == 3 && word.starts_with('5') && word.parse::<u16>().is_ok())
    });
    let said = answer.map(|line| short(line, TEXT_LENGTH_MAX));
    let said = said.unwrap_or_else(|| {
        let all = lines.iter().filter(|line| !line.is_empty());
        let all: Vec<&str> = all.map(String::as_str).collect();
        short(&all.join(" "), WORDS_LENGTH_MAX)
    });
    (None, said)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let outside = |c: char| c.is_whitespace() || "<>\"'()[]{},;:#-：，。（）".contains(c);
    line.split(outside).filter(|word| !word.is_empty())
}

fn is_failing(word: &str) -> bool {
    word.starts_with(['4', '5']) && word.as_bytes().get(1) == Some(&b'.') && is_status(word)
}

/// Addresses in a line, as they stand there.
fn addresses(line: &str) -> Vec<String> {
    let outside = |c: char| c.is_whitespace() || "<>\"'()[]{},;:：，。（）、|*".contains(c);
    let words = line.split(outside).filter(|word| word.contains('@'));
    let words = words.map(|word| word.trim_matches(['.', '\'', '`']));
    let right =
        words.filter(|word| word.len() <= RECIPIENT_LENGTH_MAX && Address::parse(word).is_ok());
    right.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(header: &str, subject: &str, text: &str) -> BounceReport {
        let mut report = BounceReport::default();
        let header = HeaderBlock::new(header.as_bytes().to_vec());
        read(&header, subject, text, &mut report);
        report
    }

    fn named(report: &BounceReport) -> Vec<&str> {
        let all = report.recipients.iter();
        all.map(|one| one.address.as_str()).collect()
    }

    #[test]
    fn recipients_of_the_copy_are_not_those_that_failed() {
        let text = "Hi. This is the qmail-send program at mx.example.com.\n\n<gone@example.net>:\n\
                    Sorry, no mailbox here by that name. (#5.1.1)\n\n\
                    --- Below this line is a copy of the message.\n\nTo: ann@example.net\n";
        let read = report("", "failure notice", text);
        assert_eq!(named(&read), ["gone@example.net"]);
        assert_eq!(read.status.as_deref(), Some("5.1.1"));
        assert_eq!(read.action, DeliveryAction::Failed);
        assert!(read.text.contains("no mailbox here"), "{}", read.text);
    }

    #[test]
    fn the_header_of_exim_outranks_its_words_and_a_warning_is_no_failure() {
        let header = "X-Failed-Recipients: one@example.net,\n two@example.net\n";
        let read = report(header, "Mail delivery failed", "other@example.net 550 no");
        assert_eq!(named(&read), ["one@example.net", "two@example.net"]);
        let late = report(
            "",
            "Warning: message 1x delayed 24 hours",
            "ann@example.net",
        );
        assert_eq!(late.recipients[0].action, DeliveryAction::Delayed);
    }

    #[test]
    fn chinese_words_are_read_too() {
        let text = "抱歉，您的邮件被退回来了……\n收件人（gone@example.net）不存在，550 Mailbox not found\n原始邮件：\nann@example.net";
        let read = report("", "来自qq.com的退信", text);
        assert_eq!(named(&read), ["gone@example.net"]);
        assert!(read.text.contains("不存在"), "{}", read.text);
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "(\\PC|\n|@|5\\.1\\.1|550 ){0,300}") {
            let read = report("", "", &text);
            proptest::prop_assert!(read.recipients.len() <= REPORTED_MAX);
            proptest::prop_assert!(read.text.chars().count() <= TEXT_LENGTH_MAX);
        }
    }
}
