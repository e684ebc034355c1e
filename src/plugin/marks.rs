//! What a file says of hooks: the words they may use, and the rule for replies that
//! comes with them.

use std::collections::BTreeMap;

use super::facts::{ID_BYTES_MAX, Reader};
use super::file::{AnswerWord, At, FieldTable, RepliesTable};
use super::words::bilingual;
use crate::domain::preset::{Field, ReplyRule};

/// What `extract` answers beside the fields.
const TAKEN: [&str; 2] = ["kind", "notice"];

impl Reader<'_> {
    /// Names that hooks use, with those for people.
    pub(super) fn words_of_hooks(
        &mut self,
        tables: BTreeMap<At<String>, FieldTable>,
        what: &str,
    ) -> Vec<Field> {
        let mut found = Vec::new();
        for (key, table) in tables {
            let usual =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            let name = key.get_ref();
            if name.is_empty() || name.len() > ID_BYTES_MAX || !name.bytes().all(usual) {
                let words =
                    format!("{name:?} is no {what}; write lower-case letters, digits and _");
                self.wrong(&key, words);
            } else if TAKEN.contains(&name.as_str()) {
                let words = format!("{name:?} says what sort of mail it is; choose another name");
                self.wrong(&key, words);
            }
            found.push(Field {
                key: key.into_inner(),
                label: bilingual(table.label),
            });
        }
        found
    }

    /// `asks` is whether the address is asked for at all.
    pub(super) fn replies(&mut self, table: RepliesTable, asks: bool) -> ReplyRule {
        match table.only_from.get_ref() {
            AnswerWord::RegisteredAddress if !asks => {
                let words = "nobody is asked for this address; add [ask.registered_address]";
                self.wrong(&table.only_from, words);
            }
            AnswerWord::RegisteredAddress => {}
        }
        if table.to_domains.is_empty() {
            self.wrong(&table.only_from, "to_domains names no domain");
        }
        let domains = self.names(&table.to_domains, "domain");
        ReplyRule {
            to_domains: domains.into_iter().map(|named| named.name).collect(),
            advice: table.advice.map(bilingual),
        }
    }
}
