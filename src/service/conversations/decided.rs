//! Which mails a line of a script decided.

use super::{ConversationError, Conversations, PAGE_MAX};
use crate::domain::conversation::Conversation;
use crate::domain::decision::Decision;
use crate::domain::message::Message;
use crate::domain::user::{Actor, Role};
use crate::store::Page;

/// A decision with the mail it is about.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What was decided, by which version, and how it came to that.
    pub decision: Decision,
    /// On which mail.
    pub message: Message,
    /// Where that mail stands now.
    pub conversation: Conversation,
}

impl Conversations {
    /// Mails in whose decision a line of a file below the scripts folder took part, the
    /// newest first. A line is that of the version which decided; files change.
    ///
    /// # Errors
    /// When the actor sees no conversations here, or `before` is of no earlier page.
    pub fn decided_by(
        &self,
        actor: &Actor,
        file: &str,
        line: u32,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page<Decided>, ConversationError> {
        let workspace = actor.workspace();
        if !actor.may(Role::Operator, workspace) {
            return Err(ConversationError::NotFound);
        }
        let limit = limit.clamp(1, PAGE_MAX);
        let page = self
            .store
            .decisions_at(workspace, file, line, before, limit)?;
        let mut items = Vec::with_capacity(page.items.len());
        for decision in page.items {
            // Taken away since, with its mailbox.
            let Some(message) = self.store.message(decision.message)? else {
                continue;
            };
            let Some(conversation) = self.store.conversation(message.conversation)? else {
                continue;
            };
            items.push(Decided {
                decision,
                message,
                conversation,
            });
        }
        Ok(Page {
            items,
            next: page.next,
        })
    }
}
