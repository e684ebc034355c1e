//! Ids of mails that stand anywhere in a bounce, so that one of ours is found where no
//! report names it.

use crate::domain::message::REPORTED_MAX;
use crate::domain::message_id::MessageId;

/// How much of one text is looked through, in bytes.
const SCAN_MAX: usize = 128 * 1024;
/// Fields of a returned header that name other mails than the one returned.
const OTHER_MAILS: [&str; 2] = ["references:", "in-reply-to:"];

/// The ids found so far: those that are likely the mail's own, and the others.
#[derive(Default)]
pub(super) struct Mentioned {
    likely: Vec<MessageId>,
    others: Vec<MessageId>,
}

impl Mentioned {
    /// Looks through a text.
    pub(super) fn scan(&mut self, text: &str) {
        let mut end = text.len().min(SCAN_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (mut of_others, mut names_it) = (false, false);
        for line in text[..end].lines() {
            let trimmed = line.trim_start();
            let goes_on = line.len() > trimmed.len() || trimmed.starts_with('<');
            let lower = trimmed.get(..trimmed.len().min(64)).unwrap_or(trimmed);
            let lower = lower
                .trim_start_matches('>')
                .trim_start()
                .to_ascii_lowercase();
            if OTHER_MAILS.iter().any(|name| lower.starts_with(name)) {
                of_others = true;
                continue;
            }
            if of_others && goes_on {
                continue;
            }
            of_others = false;
            // The id itself may stand on the line behind its name.
            let named = lower.contains("message-id") || lower.contains("message id");
            self.scan_line(trimmed, named || names_it);
            names_it = named;
        }
    }

    fn scan_line(&mut self, line: &str, named: bool) {
        let outside = |c: char| c.is_whitespace() || "<>\"'()[]{},;&|`*".contains(c);
        for word in line.split(outside).filter(|word| word.contains('@')) {
            let word = word.trim_end_matches(['.', ':']);
            // A label may stand before it without a blank.
            let word = word.rsplit(['：', ':']).next().unwrap_or(word);
            let whole = word.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            });
            let Some(id) = MessageId::parse(word).filter(|_| whole) else {
                continue;
            };
            let issued = MessageId::parse(&word.to_lowercase()).filter(MessageId::may_be_issued);
            let (list, id) = match issued {
                Some(issued) => (&mut self.likely, issued),
                None if named => (&mut self.likely, id),
                None => (&mut self.others, id),
            };
            if list.len() < REPORTED_MAX && !list.contains(&id) {
                list.push(id);
            }
        }
    }

    pub(super) fn into_list(self) -> Vec<MessageId> {
        let mut all = self.likely;
        for id in self.others {
            if all.len() < REPORTED_MAX && !all.contains(&id) {
                all.push(id);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut mentioned = Mentioned::default();
        mentioned.scan(text);
        let list = mentioned.into_list();
        list.iter().map(|id| id.as_str().to_owned()).collect()
    }

    #[test]
    fn the_id_of_the_mail_stands_before_addresses_and_those_of_others_are_passed() {
        let text = "The mail to <anna@example.net> came back.\nFrom: a@b.example\n\
                    References: <older@shop.example>\n <old@shop.example>\n\
                    Message-ID:\n <sent@shop.example>\nIn-Reply-To: <q@example.net>\n";
        let expected = ["sent@shop.example", "anna@example.net", "a@b.example"];
        assert_eq!(found(text), expected);
        assert_eq!(found("原邮件Message-ID：<x1@qq.com>。"), ["x1@qq.com"]);
        assert!(found("no @ here, a@@b, @").is_empty());
    }

    #[test]
    fn no_text_brings_more_ids_than_are_kept() {
        let text: String = (0..1_000).map(|n| format!("<{n}@x.example> ")).collect();
        assert_eq!(found(&text).len(), REPORTED_MAX);
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_the_scan(text in "(\\PC|\n|<|>|@|References:|Message-ID:){0,200}") {
            proptest::prop_assert!(found(&text).len() <= REPORTED_MAX);
        }
    }
}
