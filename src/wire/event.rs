//! A change of the feed as JSON. Field names are part of the API.

use serde::Serialize;

use crate::domain::change::{Change, Event};
use crate::domain::key::PublicId;

/// What a change is about, by the ids shown outside. An id is absent when the
/// event has none of that kind, or the thing is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// The conversation.
    pub conversation: Option<PublicId>,
    /// The other conversation, where two are joined or taken apart.
    pub other_conversation: Option<PublicId>,
    /// The message.
    pub message: Option<PublicId>,
    /// The reply on its way out.
    pub outgoing: Option<PublicId>,
    /// The mailbox.
    pub mailbox: Option<PublicId>,
    /// The person who did it, where that is part of what happened.
    pub user: Option<PublicId>,
}

/// The body of an event.
#[derive(Clone, Debug, Serialize)]
pub struct EventBody {
    sequence: u64,
    r#type: &'static str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_conversation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outgoing_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// What a person said of a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'static str>,
}

impl EventBody {
    /// Converts a change.
    #[must_use]
    pub fn new(change: &Change, subjects: &Subjects) -> Self {
        let text = |id: Option<PublicId>| id.map(|id| id.to_string());
        Self {
            sequence: change.sequence.0,
            r#type: change.event.name(),
            at: change.at.to_string(),
            conversation_id: text(subjects.conversation),
            other_conversation_id: text(subjects.other_conversation),
            message_id: text(subjects.message),
            outgoing_id: text(subjects.outgoing),
            mailbox_id: text(subjects.mailbox),
            user_id: text(subjects.user),
            order: match &change.event {
                Event::OutgoingOrdered { order, .. } => Some(order.name()),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{MailboxKey, Sequence, WorkspaceKey};

    #[test]
    fn absent_subjects_are_left_out() {
        let change = Change {
            sequence: Sequence(7),
            at: jiff::Timestamp::UNIX_EPOCH,
            workspace: WorkspaceKey::DEFAULT,
            event: Event::MailboxChanged {
                mailbox: MailboxKey(3),
            },
        };
        let id = PublicId::new(jiff::Timestamp::UNIX_EPOCH, [1; 10]);
        let subjects = Subjects {
            mailbox: Some(id),
            ..Subjects::default()
        };
        let json = serde_json::to_value(EventBody::new(&change, &subjects)).expect("JSON");
        let expected = serde_json::json!({
            "sequence": 7, "type": "mailbox.changed", "at": "1970-01-01T00:00:00Z", "mailbox_id": id.to_string(),
        });
        assert_eq!(json, expected);
    }
}
