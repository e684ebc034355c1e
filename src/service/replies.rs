//! Takes replies from people: durable before anyone is told yes.

mod error;
mod files;
mod opening;
mod people;
mod plan;
mod request;

use crate::domain::address::NamedAddress;
use crate::domain::conversation::Conversation;
use crate::domain::envelope::Envelope;
use crate::domain::key::PublicId;
use crate::domain::mailbox::Mailbox;
use crate::domain::message_id::MessageId;
use crate::domain::outbox::{Outgoing, Purpose};
use crate::domain::recipients::forward_subject;
use crate::domain::user::{Actor, Role};
use crate::service::clock::Clock;
use crate::service::presets::Presets;
use crate::service::random::Random;
pub use crate::store::Accepted;
use crate::store::{NewFile, NewReply, Store, StoreError};

pub use error::ReplyError;
pub use people::{people_in, typed_people};
pub use plan::ReplyPlan;
pub use request::{FileRequest, ForwardRequest, OpeningRequest, ReplyRequest};

/// Longest text of a reply, in bytes.
pub const TEXT_LENGTH_MAX: usize = 256 * 1024;
/// Longest Idempotency-Key, in bytes.
pub const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;
/// Most files of a mail.
pub const FILES_MAX: usize = 50;

/// The service.
#[derive(Clone, Debug)]
pub struct Replies {
    store: Store,
    presets: Presets,
    clock: Clock,
    random: Random,
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
        let conversation = self.find(actor, conversation)?;
        check_text(&request.text)?;
        let idempotency = idempotency_key
            .map(|key| Ok::<_, ReplyError>((check_key(key)?, request.hash(conversation.id))))
            .transpose()?;
        let planned = self.planned(actor, &conversation, &request)?;
        let (plan, mailbox) = (planned.plan, &planned.mailbox);
        check_count(&plan.to, &plan.cc, &request.bcc)?;
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
            subject: plan.subject,
            text: request.text,
            quote_history: request.quote_history.unwrap_or(plan.quotes),
            automatic: false,
            send_at: request.send_at.unwrap_or(now).max(now),
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
        check_count(&request.to, &request.cc, &[])?;
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
            subject: forward_subject(&found.head.subject),
            text: request.text,
            quote_history: !request.as_original,
            automatic: false,
            send_at: now,
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

    /// A reply and where it stands; `None` when the actor may not see it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outgoing(&self, actor: &Actor, id: PublicId) -> Result<Option<Outgoing>, StoreError> {
        let found = self.store.outgoing_by_id(id)?;
        Ok(found.filter(|found| actor.may(Role::Operator, found.workspace)))
    }

    /// Stops a reply that has not been sent. `false` when it is too late or the actor may not.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn cancel(&self, actor: &Actor, id: PublicId) -> Result<bool, StoreError> {
        match self.outgoing(actor, id)? {
            Some(found) if found.state.may_be_cancelled() => {
                self.store.cancel(found.key, self.clock.now()).await
            }
            _ => Ok(false),
        }
    }

    /// Sends a reply that a script held back; it is not asked again. `false` when nothing
    /// holds it back any more or the actor may not.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn release(&self, actor: &Actor, id: PublicId) -> Result<bool, StoreError> {
        let Some(found) = self.outgoing(actor, id)? else {
            return Ok(false);
        };
        let now = self.clock.now();
        self.store.release_reply(found.key, actor.user(), now).await
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
