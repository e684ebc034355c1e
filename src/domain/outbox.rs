//! A reply on its way out, and what is known of its fate.
//!
//! Invariant: a state after `Sending` is reached only by an answer of the server,
//! by evidence, or by a person. Nothing is sent twice without one of these.

use jiff::{SignedDuration, Timestamp};

use super::address::{Address, NamedAddress};
use super::decision::{Outcome, ScriptVersion, TraceStep};
use super::key::{
    ConversationKey, MailboxKey, MessageKey, OutgoingKey, PublicId, RawKey, UserKey, WorkspaceKey,
};
use super::message_id::MessageId;
use crate::domain::saying::Saying;

/// What a person (or the gate) asked to be sent, before it is composed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its key.
    pub key: OutgoingKey,
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// The conversation it belongs to.
    pub conversation: ConversationKey,
    /// The message the desk shows for it.
    pub message: MessageKey,
    /// The mailbox it leaves by.
    pub mailbox: MailboxKey,
    /// Who wrote it; `None` for the assistant.
    pub author: Option<UserKey>,
    /// The Message-ID; made when the reply was accepted, and never changed.
    pub message_id: MessageId,
    /// The mail it answers.
    pub in_reply_to: Option<MessageKey>,
    /// The To field.
    pub to: Vec<NamedAddress>,
    /// The Cc field.
    pub cc: Vec<NamedAddress>,
    /// Recipients no header names.
    pub bcc: Vec<NamedAddress>,
    /// The subject.
    pub subject: String,
    /// What was written, without signature and quoted history.
    pub text: String,
    /// Whether the answered mail is quoted below.
    pub quote_history: bool,
    /// Sent by a machine: marked so (RFC 3834 section 5).
    pub automatic: bool,
    /// Not sent before this.
    pub send_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The exact bytes, once composed.
    pub raw: Option<RawKey>,
    /// Where it stands.
    pub state: OutgoingState,
    /// Attempts begun.
    pub attempts: u32,
    /// What each recipient's server said.
    pub recipients: Vec<RecipientResult>,
    /// Where the copy in Sent stands.
    pub filing: Filing,
    /// How a script came to hold it back, once one has.
    pub hold: Option<Hold>,
    /// What it is in its conversation.
    pub purpose: Purpose,
    /// Files that leave with it.
    pub files: Vec<OutgoingFile>,
    /// Message-IDs it bears elsewhere: providers replace ours, and answers refer to theirs.
    pub aliases: Vec<MessageId>,
    /// What became known of its fate, oldest first; at most [`HISTORY_MAX`].
    pub history: Vec<Known>,
    /// It is on its way again after an attempt that may have delivered it.
    pub in_doubt: bool,
}

/// Most entries of [`Outgoing::history`]; of more the first and the last remain.
pub const HISTORY_MAX: usize = 50;
/// Most ids of [`Outgoing::aliases`].
pub const ALIASES_MAX: usize = 4;

/// What an outgoing mail is in its conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// An answer, to whoever takes part.
    #[default]
    Reply,
    /// The first mail of a conversation that we begin.
    Opening,
    /// A message of the conversation, shown to an outsider who does not take part by that.
    Forward(MessageKey),
}

/// A file that leaves with a mail. Its bytes are durable before the mail is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Its name; cleaned when the mail is composed.
    pub name: String,
    /// `type/subtype`.
    pub content_type: String,
    /// Its bytes.
    pub raw: RawKey,
    /// How many.
    pub size: u64,
    /// Set when the HTML of the mail shows it (RFC 2392); without angle brackets.
    pub content_id: Option<String>,
}

/// A step in the fate of a mail: an attempt's end, evidence, or a person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// When.
    pub at: Timestamp,
    /// By whom; `None` for what the gateway found.
    pub by: Option<UserKey>,
    /// What, in words.
    pub what: Saying,
}

impl Known {
    /// What the gateway itself came to know.
    #[must_use]
    pub fn found(at: Timestamp, what: Saying) -> Self {
        Self { at, by: None, what }
    }
}

impl Outgoing {
    /// Writes a step down. Of too many the first half stays: how it began is worth more
    /// than the fortieth refusal.
    pub fn note(&mut self, known: Known) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(HISTORY_MAX / 2);
        }
        self.history.push(known);
    }

    /// It answers nobody: a person stopped it, or it cannot be sent.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(
            self.state,
            OutgoingState::Cancelled | OutgoingState::Failed { .. }
        )
    }

    /// What some have got, while one of them had it come back, has come back.
    pub fn came_back_meanwhile(&mut self) {
        let mut recipients = self.recipients.iter();
        let came_back = recipients.find(|one| one.state == RecipientState::Bounced);
        let in_doubt = |one: &RecipientResult| one.state == RecipientState::Uncertain;
        let over = match self.state {
            OutgoingState::Sent => true,
            OutgoingState::Uncertain { .. } => !self.recipients.iter().any(in_doubt),
            _ => false,
        };
        if over && let Some(one) = came_back {
            let reason = Saying::words(&one.text);
            self.state = OutgoingState::Bounced { reason };
        }
    }

    /// The attempt that is in doubt is known to have succeeded. All to whom it went are
    /// settled by that: one attempt is one mail.
    pub fn was_taken_over(&mut self) {
        let again = self.in_doubt;
        for one in &mut self.recipients {
            let doubted = one.state == RecipientState::Uncertain
                || (again && one.state == RecipientState::Waiting);
            if doubted {
                one.state = RecipientState::Accepted;
                one.text.clear();
            }
        }
        self.in_doubt = false;
        self.state = OutgoingState::Sent;
        self.came_back_meanwhile();
    }

    /// Whether it is in doubt that a recipient has it. What is known of others, or of
    /// attempts before, is no evidence for them.
    #[must_use]
    pub fn is_doubted(&self, one: &RecipientResult) -> bool {
        self.wants_evidence()
            && (one.state == RecipientState::Uncertain
                || (self.in_doubt && one.state == RecipientState::Waiting))
    }

    /// Whether a copy in Sent can only be that of the attempt in doubt: none was made for
    /// an earlier one, and nobody has the mail from one.
    #[must_use]
    pub fn is_proven_by_a_copy(&self) -> bool {
        let earlier = |one: &RecipientResult| {
            matches!(
                one.state,
                RecipientState::Accepted | RecipientState::Bounced
            )
        };
        self.wants_evidence()
            && self.filing != Filing::Filed
            && !self.recipients.iter().any(earlier)
    }

    fn wants_evidence(&self) -> bool {
        matches!(self.state, OutgoingState::Uncertain { .. })
            || (self.in_doubt
                && matches!(
                    self.state,
                    OutgoingState::Queued | OutgoingState::Deferred { .. }
                ))
    }

    /// Takes down what an attempt told of each recipient. What came back meanwhile stays so.
    pub fn hear(&mut self, results: &[RecipientResult]) {
        let came_back = |one: &RecipientResult| one.state == RecipientState::Bounced;
        let known: Vec<_> = self.recipients.drain(..).filter(came_back).collect();
        self.recipients = results.to_vec();
        for before in known {
            let mut all = self.recipients.iter_mut();
            if let Some(one) = all.find(|one| one.address == before.address) {
                *one = before;
            }
        }
    }
}

/// Why a reply was held back, and who let it go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// When.
    pub at: Timestamp,
    /// By which scripts.
    pub version: Option<ScriptVersion>,
    /// Whether they said so, or failed.
    pub outcome: Outcome,
    /// How they came to it.
    pub trace: Vec<TraceStep>,
    /// A person has sent it anyway; scripts are not asked again.
    pub released: Option<Release>,
}

/// A person's word against a script's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// When.
    pub at: Timestamp,
    /// Who; `None` on the machine itself.
    pub by: Option<UserKey>,
}

/// No reply waits longer than this by itself before it is sent; one that is asked to leave
/// later than this was scheduled by a person.
pub const UNDO_MAX: SignedDuration = SignedDuration::from_secs(60);

impl Outgoing {
    /// A person wants it to leave at a time that is still to come.
    #[must_use]
    pub fn is_scheduled(&self, now: Timestamp) -> bool {
        self.waits_for_its_time(now) && self.send_at.duration_since(self.accepted_at) > UNDO_MAX
    }

    /// Until when it can be taken back as if it had never been sent.
    #[must_use]
    pub fn undo_until(&self, now: Timestamp) -> Option<Timestamp> {
        let short = self.waits_for_its_time(now) && !self.is_scheduled(now);
        short.then_some(self.send_at)
    }

    fn waits_for_its_time(&self, now: Timestamp) -> bool {
        self.state == OutgoingState::Queued && self.send_at > now
    }

    /// The name of its state outside.
    #[must_use]
    pub fn state_name(&self, now: Timestamp) -> &'static str {
        if self.is_scheduled(now) {
            return SCHEDULED;
        }
        self.state.name()
    }
}

/// The name of the state of a reply that waits for the time a person chose.
pub const SCHEDULED: &str = "scheduled";

impl OutgoingState {
    /// Its name outside.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held { .. } => "held",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Deferred { .. } => "deferred",
            Self::Failed { .. } => "failed",
            Self::Uncertain { .. } => "uncertain",
            Self::Bounced { .. } => "bounced",
            Self::Cancelled => "cancelled",
        }
    }

    /// Why it stands there, where there is something to say.
    #[must_use]
    pub fn reason(&self) -> Option<&Saying> {
        match self {
            Self::Held { reason }
            | Self::Deferred { reason, .. }
            | Self::Failed { reason }
            | Self::Uncertain { reason }
            | Self::Bounced { reason } => Some(reason),
            Self::Queued | Self::Sending | Self::Sent | Self::Cancelled => None,
        }
    }

    /// Nothing of it has left, and nothing is under way: a person may still stop it.
    #[must_use]
    pub fn may_be_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Queued | Self::Held { .. } | Self::Deferred { .. }
        )
    }
}

/// Where an outgoing mail stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingState {
    /// Accepted; the bytes may not exist yet.
    Queued,
    /// A script wants a person to look at it first; it has no bytes yet.
    Held {
        /// Why.
        reason: Saying,
    },
    /// An attempt has begun and its end is not recorded.
    Sending,
    /// Every recipient that was not refused has it.
    Sent,
    /// Will be tried again.
    Deferred {
        /// When.
        until: Timestamp,
        /// What stopped it.
        reason: Saying,
    },
    /// Will not be tried again by itself.
    Failed {
        /// Why.
        reason: Saying,
    },
    /// The connection was lost after the end of the data: it may have been
    /// delivered. Only Sent, a bounce, an answer or a person resolves it.
    Uncertain {
        /// What happened.
        reason: Saying,
    },
    /// It came back.
    Bounced {
        /// What the bounce says.
        reason: Saying,
    },
    /// A person stopped it before it was sent.
    Cancelled,
}

/// What is known of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientResult {
    /// Whom.
    pub address: Address,
    /// What happened.
    pub state: RecipientState,
    /// The server's own words.
    pub text: String,
}

/// Where one recipient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientState {
    /// Not tried yet, or to be tried again.
    Waiting,
    /// The server has taken it over.
    Accepted,
    /// Refused for good (5yz).
    Refused,
    /// The end of the attempt is not known.
    Uncertain,
    /// It was taken over and came back.
    Bounced,
}

/// Where the copy in the Sent folder stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filing {
    /// Nothing to do yet.
    #[default]
    Waiting,
    /// The copy is there.
    Filed,
    /// The provider, or the protocol, leaves nothing to do.
    NotNeeded,
    /// It could not be filed; the mail itself counts as sent.
    Failed {
        /// Why.
        reason: Saying,
    },
}
