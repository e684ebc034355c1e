//! Takes replies from people: durable before anyone is told yes.

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::{Address, NamedAddress};
use crate::domain::envelope::Envelope;
use crate::domain::key::{ConversationKey, PublicId};
use crate::domain::mailbox::MailboxSettings;
use crate::domain::message::{Direction, Kind, Message};
use crate::domain::outbox::UNDO_MAX;
use crate::domain::recipients::{answer_subject, plan_recipients};
use crate::domain::refusal::Bilingual;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::user::{Actor, Role};
use crate::service::clock::Clock;
use crate::service::presets::Presets;
use crate::service::random::{NoRandomness, Random};
use crate::store::{AcceptError, Accepted, NewReply, Store, StoreError};

/// Longest text of a reply, in bytes.
pub const TEXT_LENGTH_MAX: usize = 256 * 1024;
/// Longest Idempotency-Key, in bytes.
pub const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;
/// A reply is scheduled at most so far ahead.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Messages of a conversation looked through for the one to answer.
const LOOK_BACK: usize = 200;

/// What a person asks to be sent.
#[derive(Clone, Debug, Default)]
pub struct ReplyRequest {
    /// What was written; the signature is added when it is composed.
    pub text: String,
    /// Instead of the recipients that follow from the mail answered.
    pub to: Option<Vec<NamedAddress>>,
    /// Instead of the copies that follow from the mail answered.
    pub cc: Option<Vec<NamedAddress>>,
    /// Recipients no header names.
    pub bcc: Vec<NamedAddress>,
    /// Instead of the subject of the mail answered.
    pub subject: Option<String>,
    /// Whether the answered mail is quoted below.
    pub quote_history: bool,
    /// Not before this.
    pub send_at: Option<Timestamp>,
}

/// Why a reply was not taken. Nothing of it is stored then.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ReplyError {
    /// It does not exist, or the actor may not see it.
    NoSuchConversation,
    /// The mailbox has been removed since.
    NoMailbox,
    /// Nothing was written.
    Empty,
    /// Longer than [`TEXT_LENGTH_MAX`].
    TooLong,
    /// Nobody would receive it.
    NoRecipient,
    /// More than an envelope holds.
    TooManyRecipients,
    /// More than the provider of the mailbox takes.
    TooManyForProvider {
        /// The mailbox.
        mailbox: Address,
        /// So many were asked for.
        count: usize,
        /// So many it takes.
        most: u32,
    },
    /// It would leave later than anybody plans.
    TooFarAhead,
    /// The marketplace takes answers only from an address this mailbox does not send from.
    NotRegistered {
        /// The recipient with that rule.
        to: Address,
        /// From where it would have left.
        from: Address,
        /// From where it must leave.
        registered: Address,
        /// What the plugin says to do about it.
        advice: Option<Box<Bilingual>>,
    },
    /// The marketplace takes answers from one address only, and nobody has said which.
    NothingRegistered {
        /// The recipient with that rule.
        to: Address,
        /// The mailbox.
        mailbox: Address,
    },
    /// Empty or overlong.
    IdempotencyKey,
    /// The key was used for another request.
    IdempotencyConflict,
    /// The mailbox's address cannot stand behind the @ of a Message-ID.
    Domain,
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store did not take it.
    Store(#[from] StoreError),
}

impl Said for ReplyError {
    fn saying(&self) -> Saying {
        match self {
            Self::NoSuchConversation => saying!("cannot.reply.no_such_conversation"),
            Self::NoMailbox => saying!("cannot.reply.no_mailbox"),
            Self::Empty => saying!("cannot.reply.empty"),
            Self::TooLong => saying!("cannot.reply.too_long", kib = TEXT_LENGTH_MAX / 1024),
            Self::NoRecipient => saying!("cannot.reply.no_recipient"),
            Self::TooManyRecipients => saying!(
                "cannot.reply.too_many_recipients",
                most = Envelope::RECIPIENTS_MAX
            ),
            Self::TooManyForProvider {
                mailbox,
                count,
                most,
            } => saying!(
                "cannot.reply.too_many_for_provider",
                mailbox,
                count = *count,
                most = *most
            ),
            Self::TooFarAhead => {
                saying!(
                    "cannot.reply.too_far_ahead",
                    days = AHEAD_MAX.as_hours() / 24
                )
            }
            Self::NotRegistered {
                to,
                registered,
                from,
                advice,
                ..
            } => {
                let what = saying!("cannot.reply.not_registered", to, registered, from);
                match advice.clone() {
                    Some(advice) => saying!("login.advised", what, advice = *advice),
                    None => what,
                }
            }
            Self::NothingRegistered { to, mailbox, .. } => {
                saying!("cannot.reply.nothing_registered", to, mailbox)
            }
            Self::IdempotencyKey => saying!(
                "cannot.reply.idempotency_key",
                most = IDEMPOTENCY_KEY_LENGTH_MAX
            ),
            Self::IdempotencyConflict => saying!("cannot.reply.idempotency_conflict"),
            Self::Domain => saying!("cannot.reply.domain"),
            Self::Randomness(error) => error.saying(),
            Self::Store(what) => saying!("cannot.reply.store", what),
        }
    }
}

/// The service.
#[derive(Clone, Debug)]
pub struct Replies {
    store: Store,
    presets: Presets,
    clock: Clock,
    random: Random,
    undo: SignedDuration,
}

impl Replies {
    /// A service over the store and what plugins say of replies.
    #[must_use]
    pub fn new(store: Store, presets: Presets, clock: Clock, random: Random) -> Self {
        Self {
            store,
            presets,
            clock,
            random,
            undo: SignedDuration::ZERO,
        }
    }

    /// What a person writes waits so long before it leaves, so that it can be taken back; at
    /// most [`UNDO_MAX`].
    #[must_use]
    pub fn undone_within(mut self, undo: SignedDuration) -> Self {
        self.undo = undo.min(UNDO_MAX);
        self
    }

    /// When a reply leaves: as asked, else once it can no longer be taken back.
    fn departure(&self, asked: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, ReplyError> {
        let Some(at) = asked else {
            return Ok(now.checked_add(self.undo).unwrap_or(now));
        };
        if at.duration_since(now) > AHEAD_MAX {
            return Err(ReplyError::TooFarAhead);
        }
        Ok(at.max(now))
    }

    /// Whether the provider takes a mail to so many.
    fn check_provider(&self, settings: &MailboxSettings, count: usize) -> Result<(), ReplyError> {
        match self.presets.limits(settings).recipients_per_message {
            Some(most) if count > most as usize => Err(ReplyError::TooManyForProvider {
                mailbox: settings.address.clone(),
                count,
                most,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a reply. When this returns, it is durable and will leave.
    ///
    /// # Errors
    /// See [`ReplyError`]; nothing is stored then.
    pub async fn accept(
        &self,
        actor: &Actor,
        conversation: PublicId,
        request: ReplyRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Accepted, ReplyError> {
        let workspace = actor.workspace();
        let found = self.store.conversation_by_id(workspace, conversation)?;
        let found = found.filter(|found| actor.may(Role::Operator, found.workspace));
        // A colleague may have merged it while this was written.
        let conversation = match found {
            Some(found) => self.store.conversation_after_merges(found.key)?,
            None => None,
        };
        let conversation = conversation.ok_or(ReplyError::NoSuchConversation)?;
        let mailbox = self
            .store
            .mailbox(conversation.mailbox)?
            .ok_or(ReplyError::NoMailbox)?;
        check_text(&request.text)?;
        let idempotency = idempotency_key
            .map(|key| {
                Ok::<_, ReplyError>((check_key(key)?, request_hash(conversation.id, &request)))
            })
            .transpose()?;

        let answered = self.answered(conversation.key)?;
        let own: Vec<Address> = self
            .store
            .mailboxes()?
            .iter()
            .flat_map(|one| one.settings.own_addresses())
            .cloned()
            .collect();
        let planned = answered
            .as_ref()
            .map(|message| plan_recipients(&message.head, message.direction, &own))
            .unwrap_or_default();
        let to = request.to.unwrap_or(planned.to);
        let cc = request.cc.unwrap_or(planned.cc);
        check_count(&to, &cc, &request.bcc)?;
        let count = to.len() + cc.len() + request.bcc.len();
        self.check_provider(&mailbox.settings, count)?;
        let recipients = to.iter().chain(&cc).chain(&request.bcc);
        let from = self.sender(&mailbox.settings, recipients)?;

        let now = self.clock.now();
        let subject = request.subject.unwrap_or_else(|| {
            answer_subject(
                answered
                    .as_ref()
                    .map_or(conversation.subject.as_str(), |message| {
                        message.head.subject.as_str()
                    }),
            )
        });
        let domain = mailbox.settings.address.domain();
        let message_id = self
            .store
            .issue_message_id(workspace, conversation.key, self.random.bytes()?, domain)
            .ok_or(ReplyError::Domain)?;
        let reply = NewReply {
            conversation: conversation.key,
            author: actor.user(),
            message_id,
            in_reply_to: answered.map(|message| message.key),
            from,
            to,
            cc,
            bcc: request.bcc,
            subject,
            text: request.text,
            quote_history: request.quote_history,
            automatic: false,
            send_at: self.departure(request.send_at, now)?,
            accepted_at: now,
            idempotency,
            random: self.random.bytes()?,
        };
        match self.store.accept_reply(reply).await {
            Ok(accepted) => Ok(accepted),
            Err(AcceptError::IdempotencyConflict) => Err(ReplyError::IdempotencyConflict),
            Err(AcceptError::MailboxRemoved) => Err(ReplyError::NoMailbox),
            Err(AcceptError::NoSuchConversation) => Err(ReplyError::NoSuchConversation),
            Err(AcceptError::Store(error)) => Err(error.into()),
        }
    }

    /// From whom a reply leaves: who the mailbox is, or who its plugin demands for one of
    /// the recipients.
    fn sender<'r>(
        &self,
        settings: &MailboxSettings,
        mut recipients: impl Iterator<Item = &'r NamedAddress>,
    ) -> Result<NamedAddress, ReplyError> {
        let usual = settings.identity.clone();
        let Some(rule) = self.presets.reply_rule(settings) else {
            return Ok(usual);
        };
        let bound = recipients.find(|one| rule.holds_for(one.address.domain()));
        let Some(to) = bound.map(|one| one.address.clone()) else {
            return Ok(usual);
        };
        let Some(registered) = settings.registered_address.clone() else {
            let mailbox = settings.address.clone();
            return Err(ReplyError::NothingRegistered { to, mailbox });
        };
        settings
            .sender(&registered)
            .ok_or_else(|| ReplyError::NotRegistered {
                to,
                from: usual.address,
                registered,
                advice: rule.advice.map(Box::new),
            })
    }

    /// The newest mail of somebody who has a part in the conversation; else that of a
    /// stranger, of a machine, or our own. A stranger who knows an id, or a bounce, must
    /// not become the one who gets the answer.
    fn answered(&self, conversation: ConversationKey) -> Result<Option<Message>, StoreError> {
        let messages = self.store.latest_messages(conversation, None, LOOK_BACK)?;
        let candidates = messages
            .iter()
            .filter_map(|message| Some((unsuited(message)?, message)));
        // The first of the best is the newest.
        let best = candidates.min_by_key(|(unsuited, _)| *unsuited);
        Ok(best.map(|(_, message)| message).cloned())
    }
}

/// How badly a message suits as the one to answer; `None` for what has no readers.
fn unsuited(message: &Message) -> Option<u8> {
    match (message.direction, message.head.kind) {
        (Direction::Inbound, _) if message.new_participant => Some(2),
        (Direction::Inbound, Kind::Personal | Kind::List | Kind::Invitation) => Some(0),
        (Direction::Inbound, _) => Some(1),
        (Direction::Outbound, _) => Some(3),
        (Direction::Note, _) => None,
    }
}

fn check_text(text: &str) -> Result<(), ReplyError> {
    if text.trim().is_empty() {
        return Err(ReplyError::Empty);
    }
    if text.len() > TEXT_LENGTH_MAX {
        return Err(ReplyError::TooLong);
    }
    Ok(())
}

fn check_key(key: &str) -> Result<String, ReplyError> {
    let right = (1..=IDEMPOTENCY_KEY_LENGTH_MAX).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_graphic());
    right
        .then(|| key.to_owned())
        .ok_or(ReplyError::IdempotencyKey)
}

fn check_count(
    to: &[NamedAddress],
    cc: &[NamedAddress],
    bcc: &[NamedAddress],
) -> Result<(), ReplyError> {
    match to.len() + cc.len() + bcc.len() {
        0 => Err(ReplyError::NoRecipient),
        count if count > Envelope::RECIPIENTS_MAX => Err(ReplyError::TooManyRecipients),
        _ => Ok(()),
    }
}

/// What must be the same when an Idempotency-Key comes again.
fn request_hash(conversation: PublicId, request: &ReplyRequest) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(&conversation.as_bytes());
    field(request.text.as_bytes());
    field(request.subject.as_deref().unwrap_or("\0").as_bytes());
    field(&[u8::from(request.quote_history)]);
    field(
        request
            .send_at
            .map_or_else(String::new, |at| at.to_string())
            .as_bytes(),
    );
    for list in [
        request.to.as_deref(),
        request.cc.as_deref(),
        Some(&request.bcc),
    ] {
        field(
            &list
                .map_or(u64::MAX, |list| list.len() as u64)
                .to_le_bytes(),
        );
        for one in list.unwrap_or_default() {
            field(one.address.as_str().as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}
