//! Requests about where mails went: the ledger, and counting it against the server.

use serde_json::json;

use super::desk::{Desk, words};
use super::message::{Answer, LedgerAsked};
use super::row::{counted, moment};
use crate::domain::key::LedgerKey;
use crate::domain::message_id::MessageId;
use crate::domain::user::Actor;
use crate::service::collecting::{begin_of, day};
use crate::service::ledger::words::{fate, fate_name, megabytes, source};
use crate::service::ledger::{Entry, Question};

impl Desk {
    pub(super) async fn ledger(
        &self,
        asked: &LedgerAsked,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(&asked.mailbox)?;
        let message_id = asked
            .message_id
            .as_deref()
            .map(|text| MessageId::parse(text).ok_or_else(|| format!("{text:?} is no Message-ID")));
        let since = asked.since.as_deref().map(day).transpose()?;
        let question = Question {
            message_id: message_id.transpose()?,
            text: asked.search.clone(),
            since: since.and_then(begin_of),
            before: asked.before.map(LedgerKey),
            limit: asked.limit,
        };
        let page = self
            .ledger
            .page(&Actor::Console, mailbox.id, question)
            .await
            .map_err(words)?;
        for entry in &page.entries {
            tell(item(entry));
        }
        let count = counted(page.entries.len(), "mail", "mails");
        let words = match page.next {
            Some(next) => format!("{count}, the latest first; older ones: --before {}", next.0),
            None => format!("{count}, the latest first; there are no others."),
        };
        Ok(Answer::Done { words })
    }

    pub(super) async fn count(&self, which: &str) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let counted = self.collecting.count(&Actor::Console, mailbox.id).await;
        let (_, counted) = counted.map_err(words)?;
        let words = counted.words();
        if counted.missing.is_empty() {
            Ok(Answer::Done { words })
        } else {
            Err(words)
        }
    }

    pub(super) async fn fetch(&self, which: &str, message_id: &str) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let wanted = MessageId::parse(message_id);
        let wanted = wanted.ok_or_else(|| format!("{message_id:?} is no Message-ID"))?;
        let question = Question {
            message_id: Some(wanted),
            ..Question::default()
        };
        let page = self.ledger.page(&Actor::Console, mailbox.id, question);
        let entries = page.await.map_err(words)?.entries;
        let message = entries.into_iter().find_map(|entry| entry.message);
        let message = message
            .ok_or_else(|| format!("{} has seen no mail with that id", mailbox.settings.address))?;
        let begun = self.collecting.fetch_anyway(&Actor::Console, message.id);
        let size = begun.await.map_err(words)?.size;
        Ok(Answer::Done {
            words: format!("The whole mail, {}, is being fetched.", megabytes(size)),
        })
    }

    pub(super) async fn collect(
        &self,
        which: &str,
        since: &str,
        only_look: bool,
    ) -> Result<Answer, String> {
        let (mailbox, since) = (self.find(which)?, day(since)?);
        let collected = self
            .collecting
            .collect(&Actor::Console, mailbox.id, since, only_look);
        let (_, collected) = collected.await.map_err(words)?;
        Ok(Answer::Done {
            words: collected.words(since),
        })
    }
}

fn item(entry: &Entry) -> Answer {
    let (at, source) = (moment(entry.row.at), source(&entry.row.source));
    let head = entry.message.as_ref().map(|message| &message.head);
    let from = head.and_then(|head| head.from.as_ref());
    let from = from.map(|from| from.address.to_string());
    let subject = head.map(|head| head.subject.clone());
    let fate = fate(entry);
    let about = match (&from, &subject) {
        (Some(from), Some(subject)) => format!("  {from}: {subject}"),
        (None, Some(subject)) => format!("  {subject}"),
        _ => String::new(),
    };
    Answer::Item {
        words: format!("{at}  {source}  {fate}{about}"),
        item: json!({
            "row": entry.row.key.0,
            "at": entry.row.at.to_string(),
            "source": source,
            "fate": fate_name(&entry.row.fate),
            "words": fate,
            "conversation": entry.conversation.map(|(_, number)| number),
            "from": from,
            "subject": subject,
            "message_id": head.and_then(|head| head.message_id.as_ref()).map(ToString::to_string),
        }),
    }
}
