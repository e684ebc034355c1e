//! Mails a mailbox sends to itself to prove that it works: the test mail, which a person
//! starts, and the canary, which comes by itself.
//!
//! Such a mail carries a token that nobody else knows, in its Message-ID and, because
//! some providers write Message-IDs anew, in its subject.

use jiff::{SignedDuration, Timestamp};

use super::address::Address;
use super::key::{ConversationKey, MailboxKey, OutgoingKey};
use super::message::Head;
use super::message_id::MessageId;
use crate::domain::saying::Saying;

/// Arrival times of canaries that are kept.
pub const LATENCIES_MAX: usize = 50;
/// How long a token is recognised.
pub const TOKEN_KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What stands before the token.
const TEST: (&str, &str) = ("postern-test.", "Postern test mail ");
const CANARY: (&str, &str) = ("postern-canary.", "Postern canary ");
/// RFC 4648 section 6, lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Letters of a token: seconds since 1970 in eight, so that older ones sort first, then chance.
const TIME_LETTERS: usize = 8;
const TOKEN_LETTERS: usize = TIME_LETTERS + 24;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SelfMailKind {
    /// Stored as a closed conversation, and answered once.
    Test,
    /// Counted and let go.
    Canary,
}

impl SelfMailKind {
    fn marks(self) -> (&'static str, &'static str) {
        match self {
            Self::Test => TEST,
            Self::Canary => CANARY,
        }
    }

    /// The subject of a mail with that token.
    #[must_use]
    pub fn subject(self, token: &Token) -> String {
        format!("{}{}", self.marks().1, token.0)
    }

    /// The Message-ID of a mail with that token; `None` when the domain cannot stand in one.
    #[must_use]
    pub fn message_id(self, token: &Token, domain: &str) -> Option<MessageId> {
        MessageId::parse(&format!("{}{}@{domain}", self.marks().0, token.0))
    }
}

/// What such a mail is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// Makes one.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 24]) -> Self {
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let time = (0..TIME_LETTERS).rev().map(|place| seconds >> (5 * place));
        let chance = random.into_iter().map(u64::from);
        let letters = time.chain(chance);
        Self(
            letters
                .map(|bits| char::from(ALPHABET[(bits & 31) as usize]))
                .collect(),
        )
    }

    /// Reads one; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let right = text.len() == TOKEN_LETTERS && text.bytes().all(|b| ALPHABET.contains(&b));
        right.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it was made, to the second.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        let letters = self.0.bytes().take(TIME_LETTERS);
        let value = |byte| ALPHABET.iter().position(|letter| *letter == byte);
        let seconds = letters.fold(0_i64, |seconds, byte| {
            (seconds << 5) | value(byte).map_or(0, |value| value as i64)
        });
        Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The token of a mail, where it carries one.
    #[must_use]
    pub fn of(head: &Head) -> Option<Self> {
        let id = head.message_id.as_ref().and_then(Self::of_message_id);
        id.or_else(|| Self::of_subject(&head.subject))
    }

    /// The token of a mail with that id.
    #[must_use]
    pub fn of_message_id(id: &MessageId) -> Option<Self> {
        let (local, _) = id.as_str().split_once('@')?;
        let token = [TEST.0, CANARY.0]
            .iter()
            .find_map(|mark| local.strip_prefix(mark))?;
        Self::parse(&token.to_ascii_lowercase())
    }

    fn of_subject(subject: &str) -> Option<Self> {
        let marked = [TEST.1, CANARY.1].iter().any(|mark| subject.contains(mark));
        let last = subject.split_whitespace().next_back()?;
        marked
            .then(|| Self::parse(&last.to_ascii_lowercase()))
            .flatten()
    }
}

/// A mail that was sent to itself, and is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfMail {
    /// Which mailbox it is to prove.
    pub mailbox: MailboxKey,
    /// Which of the two it is.
    pub kind: SelfMailKind,
    /// Who it is from. From anybody else it is an ordinary mail.
    pub sender: Address,
    /// When it was handed over.
    pub sent_at: Timestamp,
}

/// What a mailbox has proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxProofs {
    /// When a test last passed. A mailbox without has never been seen to work as a whole.
    pub proven_at: Option<Timestamp>,
    /// The last test.
    pub test: Option<TestRun>,
    /// The canary.
    pub canary: Canary,
}

/// A test mail on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// What it is recognised by.
    pub token: Token,
    /// When a person started it.
    pub begun_at: Timestamp,
    /// When the outgoing server had it.
    pub sent_at: Option<Timestamp>,
    /// When it was here.
    pub received_at: Option<Timestamp>,
    /// Where it stands.
    pub conversation: Option<ConversationKey>,
    /// The answer to it.
    pub reply: Option<OutgoingKey>,
    /// When the outgoing server had that.
    pub reply_left_at: Option<Timestamp>,
    /// What stopped it.
    pub failure: Option<Saying>,
}

impl TestRun {
    /// One that begins.
    #[must_use]
    pub fn new(token: Token, now: Timestamp) -> Self {
        Self {
            token,
            begun_at: now,
            sent_at: None,
            received_at: None,
            conversation: None,
            reply: None,
            reply_left_at: None,
            failure: None,
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.reply_left_at.is_some() || self.failure.is_some()
    }

    /// From handing it over until it was here.
    #[must_use]
    pub fn latency(&self) -> Option<SignedDuration> {
        Some(self.received_at?.duration_since(self.sent_at?))
    }
}

/// The mail that comes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Canary {
    /// What the last one is recognised by.
    pub token: Option<Token>,
    /// When the last one was handed over, or would have been.
    pub sent_at: Option<Timestamp>,
    /// When the last one that came was here.
    pub received_at: Option<Timestamp>,
    /// How long the last ones took, in milliseconds, the latest last.
    pub latencies_ms: Vec<u32>,
    /// Since when they do not come.
    pub failing_since: Option<Timestamp>,
    /// Why not.
    pub failure: Option<Saying>,
}

impl Canary {
    /// Whether the last one has not come yet and is still waited for.
    #[must_use]
    pub fn is_out(&self) -> bool {
        match (self.sent_at, self.received_at) {
            (Some(sent), Some(received)) => received < sent,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// It came. `true` when that ends a failure.
    pub fn came(&mut self, sent_at: Timestamp, now: Timestamp) -> bool {
        let took = now.duration_since(sent_at).as_millis();
        self.latencies_ms.push(u32::try_from(took).unwrap_or(0));
        let surplus = self.latencies_ms.len().saturating_sub(LATENCIES_MAX);
        self.latencies_ms.drain(..surplus);
        self.received_at = self.received_at.max(Some(now));
        self.failure = None;
        self.failing_since.take().is_some()
    }

    /// It did not. `true` when that is news.
    pub fn failed(&mut self, why: Saying, now: Timestamp) -> bool {
        self.failure = Some(why);
        let news = self.failing_since.is_none();
        self.failing_since.get_or_insert(now);
        news
    }

    /// Half of the last ones took no longer.
    #[must_use]
    pub fn median_ms(&self) -> Option<u32> {
        let mut sorted = self.latencies_ms.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time")
    }

    #[test]
    fn a_token_is_found_in_id_or_subject_and_older_ones_sort_first() {
        let (old, new) = (Token::new(at(0), [255; 24]), Token::new(at(1), [0; 24]));
        assert!(old < new);
        assert_eq!(old.made_at(), at(0));
        let kind = SelfMailKind::Test;
        let with = |message_id, subject: String| Head {
            message_id,
            subject,
            ..Head::default()
        };
        let id = kind.message_id(&old, "example.com");
        assert_eq!(Token::of(&with(id, String::new())), Some(old.clone()));
        // Rewritten by the provider.
        let other = MessageId::parse("AB12@provider.example");
        let subject = format!("Re: {}", kind.subject(&old));
        assert_eq!(Token::of(&with(other.clone(), subject)), Some(old.clone()));
        let alone = with(other, format!("Re: {}", old.as_str()));
        assert_eq!(Token::of(&alone), None);
        assert_eq!(Token::parse("short"), None);
    }

    #[test]
    fn a_canary_that_fails_is_news_once_and_its_return_as_well() {
        let mut canary = Canary::default();
        assert!(!canary.is_out() && canary.median_ms().is_none());
        canary.sent_at = Some(at(0));
        assert!(canary.is_out());
        assert!(canary.failed("late".into(), at(9)));
        assert!(!canary.failed("late".into(), at(10)));
        assert_eq!(canary.failing_since, Some(at(9)));
        assert!(canary.came(at(0), at(12)));
        assert!(!canary.is_out() && !canary.came(at(20), at(21)));
        assert_eq!((canary.median_ms(), canary.failure), (Some(1_000), None));
    }
}
