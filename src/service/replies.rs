//! Takes replies from people: durable before anyone is told yes.

mod error;
mod files;
mod opening;
mod people;
mod plan;
mod request;

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::NamedAddress;
use crate::domain::conversation::Conversation;
use crate::domain::envelope::Envelope;
use crate::domain::key::PublicId;
use crate::domain::mailbox::{Mailbox, MailboxSettings};
use crate::domain::message_id::MessageId;
use crate::domain::outbox::{Purpose, UNDO_MAX};
use crate::domain::recipients::forward_subject;
use crate::domain::user::{Actor, Role};
use crate::mime::compose::subject_as_sent;
use crate::service::clock::Clock;
use crate::service::presets::Presets;
use crate::service::random::Random;
pub use crate::store::Accepted;
use crate::store::{NewFile, NewReply, Store};

pub use error::ReplyError;
pub use people::{people_in, typed_people};
pub use plan::ReplyPlan;
pub use request::{FileRequest, ForwardRequest, OpeningRequest, ReplyRequest};

/// Longest text of a reply, in bytes.
pub const TEXT_LENGTH_MAX: usize = 256 * 1024;
/// Longest Idempotency-Key, in bytes.
pub const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;
/// A reply is scheduled at most so far ahead.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Most files of a mail.
pub const FILES_MAX: usize = 50;

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

    /// Whether there is somebody to send to, and the provider takes a mail to so many.
    fn check_recipients(
        &self,
        settings: &MailboxSettings,
        lists: [&[NamedAddress]; 3],
    ) -> Result<(), ReplyError> {
        let [to, cc, bcc] = lists;
        check_count(to, cc, bcc)?;
        let count = to.len() + cc.len() + bcc.len();
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
        let asked = conversation;
        let conversation = self.find(actor, conversation)?;
        check_text(&request.text)?;
        let idempotency = idempotency_key
            .map(|key| Ok::<_, ReplyError>((check_key(key)?, request.hash(asked))))
            .transpose()?;
        let planned = self.planned(actor, &conversation, &request)?;
        let (plan, mailbox) = (planned.plan, &planned.mailbox);
        self.check_recipients(&mailbox.settings, [&plan.to, &plan.cc, &request.bcc])?;
        let text = &request.text;
        let files = self
            .gather(actor.workspace(), &mailbox.settings, text, &request.files)
            .await?;
        let now = self.clock.now();
        let reply = NewReply {
            conversation: conversation.key,
            author: actor.user(),
            message_id: self.message_id(&conversation, mailbox)?,
            in_reply_to: planned.answered.map(|message| message.key),
            from: plan.from,
            to: plan.to,
            cc: plan.cc,
            bcc: request.bcc,
            subject: subject_as_sent(&plan.subject),
            text: request.text,
            quote_history: request.quote_history.unwrap_or(plan.quotes),
            automatic: false,
            send_at: self.departure(request.send_at, now)?,
            accepted_at: now,
            idempotency,
            purpose: Purpose::Reply,
            files,
            random: self.random.bytes()?,
        };
        self.keep(reply).await
    }

    /// Shows a message to an outsider: a mail of its own, whose answer comes back into the
    /// conversation. Nobody takes part by it.
    ///
    /// # Errors
    /// As for [`Self::accept`].
    pub async fn forward(
        &self,
        actor: &Actor,
        message: PublicId,
        request: ForwardRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Accepted, ReplyError> {
        let workspace = actor.workspace();
        let found = self.store.message_by_id(workspace, message)?;
        // A note never leaves, and what is not composed yet has nothing to show.
        let found =
            found.filter(|found| actor.may(Role::Operator, found.workspace) && found.raw.is_some());
        let found = found.ok_or(ReplyError::NoSuchConversation)?;
        let conversation = self.store.conversation(found.conversation)?;
        let conversation = conversation.ok_or(ReplyError::NoSuchConversation)?;
        let mailbox = self
            .store
            .mailbox(conversation.mailbox)?
            .ok_or(ReplyError::NoMailbox)?;
        let settings = &mailbox.settings;
        if request.text.len() > TEXT_LENGTH_MAX {
            return Err(ReplyError::TooLong);
        }
        self.check_recipients(settings, [&request.to, &request.cc, &[]])?;
        let idempotency = idempotency_key
            .map(|key| Ok::<_, ReplyError>((check_key(key)?, request.hash(message))))
            .transpose()?;
        let recipients = request.to.iter().chain(&request.cc);
        let asked = request.from.as_ref();
        let from = self.sender(actor, settings, Some(&found), asked, recipients)?;
        let files = self
            .forwarded(settings, &found, &request)
            .await?
            .into_iter()
            .map(NewFile::Stored)
            .collect();
        let now = self.clock.now();
        let reply = NewReply {
            conversation: conversation.key,
            author: actor.user(),
            message_id: self.message_id(&conversation, &mailbox)?,
            in_reply_to: None,
            from,
            to: request.to,
            cc: request.cc,
            bcc: Vec::new(),
            subject: subject_as_sent(&forward_subject(&found.head.subject)),
            text: request.text,
            quote_history: !request.as_original,
            automatic: false,
            send_at: self.departure(None, now)?,
            accepted_at: now,
            idempotency,
            purpose: Purpose::Forward(found.key),
            files,
            random: self.random.bytes()?,
        };
        self.keep(reply).await
    }

    fn message_id(
        &self,
        conversation: &Conversation,
        mailbox: &Mailbox,
    ) -> Result<MessageId, ReplyError> {
        let domain = mailbox.settings.address.domain();
        let random = self.random.bytes()?;
        self.store
            .issue_message_id(conversation.workspace, conversation.key, random, domain)
            .ok_or(ReplyError::Domain)
    }

    async fn keep(&self, reply: NewReply) -> Result<Accepted, ReplyError> {
        let accepted = self.store.accept_reply(reply).await;
        accepted.map_err(ReplyError::from)
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
