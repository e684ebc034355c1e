//! A thread as the desk sees it.

use jiff::Timestamp;

use super::key::{
    ContactKey, ConversationKey, MailboxKey, PublicId, TeamKey, UserKey, WorkspaceKey,
};
use super::message::{Direction, Kind};

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Waits for us.
    #[default]
    Open,
    /// Waits for the contact.
    Pending,
    /// Put off until a time.
    Snoozed,
    /// Done.
    Closed,
}

/// How soon it wants an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Can wait.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Before the usual.
    High,
    /// Now.
    Urgent,
}

/// A word that operators and scripts put on conversations: lower case, no blanks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// Longest tag, in bytes.
    pub const LENGTH_MAX: usize = 64;
    /// Most tags on one conversation.
    pub const COUNT_MAX: usize = 50;

    /// Folds case and joins words with `-`; `None` when nothing usable is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let folded: String = text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join("-")
            .to_lowercase();
        let fits = !folded.is_empty() && folded.len() <= Self::LENGTH_MAX;
        (fits && !folded.chars().any(|c| c.is_control() || c == ',')).then_some(Self(folded))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its key.
    pub key: ConversationKey,
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// What people call it: counts up in each workspace.
    pub number: u64,
    /// The subject of the first message; it stays.
    pub subject: String,
    /// With whom.
    pub contact: ContactKey,
    /// The mailbox it came in by.
    pub mailbox: MailboxKey,
    /// Where it stands.
    pub status: Status,
    /// How soon it wants an answer.
    pub priority: Priority,
    /// Who looks after it.
    pub assignee: Option<UserKey>,
    /// Which team looks after it.
    pub team: Option<TeamKey>,
    /// In the order they were put on.
    pub tags: Vec<Tag>,
    /// Put aside as spam.
    pub spam: bool,
    /// A script has decided on it; until then no list shows it.
    pub triaged: bool,
    /// When its first message came.
    pub first_at: Timestamp,
    /// When its last message came or left.
    pub last_at: Timestamp,
    /// Which way the last message went.
    pub last_direction: Direction,
    /// The first words of the last message.
    pub preview: String,
    /// Messages in it.
    pub message_count: u32,
    /// Its messages went there; it is empty and stands in no list.
    pub merged_into: Option<ConversationKey>,
}

/// Since when somebody waits for an answer of a person: the first mail after the last
/// answer. The messages are the latest first. What machines write neither waits nor answers.
pub fn waiting_since(
    latest_first: impl IntoIterator<Item = (Direction, Kind, Timestamp)>,
) -> Option<Timestamp> {
    let mut since = None;
    for (direction, kind, at) in latest_first {
        match direction {
            Direction::Note => {}
            _ if kind.is_by_machine() => {}
            Direction::Inbound => since = Some(at),
            Direction::Outbound => break,
        }
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wrote_first_after_the_last_answer_waits_since_then() {
        use Direction::{Inbound, Note, Outbound};
        let at = |second| Timestamp::from_second(second).expect("a time");
        let check = |messages: &[(Direction, Kind, i64)], expected: Option<i64>| {
            let latest_first = messages.iter().rev();
            let latest_first = latest_first.map(|(way, kind, second)| (*way, *kind, at(*second)));
            assert_eq!(
                waiting_since(latest_first),
                expected.map(at),
                "{messages:?}"
            );
        };
        let person = Kind::Personal;
        check(&[], None);
        check(&[(Inbound, person, 1)], Some(1));
        check(
            &[
                (Inbound, person, 1),
                (Inbound, person, 2),
                (Note, person, 3),
            ],
            Some(1),
        );
        check(&[(Inbound, person, 1), (Outbound, person, 2)], None);
        check(
            &[
                (Outbound, person, 1),
                (Inbound, person, 2),
                (Inbound, person, 3),
            ],
            Some(2),
        );
        // An automatic answer answers nothing, and an absence does not wait.
        check(
            &[(Inbound, person, 1), (Outbound, Kind::AutomaticReply, 2)],
            Some(1),
        );
        check(
            &[(Outbound, person, 1), (Inbound, Kind::AutomaticReply, 2)],
            None,
        );
    }

    #[test]
    fn tags_are_folded() {
        assert_eq!(
            Tag::new(" Late  Delivery ").as_ref().map(Tag::as_str),
            Some("late-delivery")
        );
        assert!(Tag::new("a,b").is_none());
        assert!(Tag::new("  ").is_none());
    }
}
