//! A conversation that we begin.

use super::{OpeningRequest, Replies, ReplyError, check_key, check_text};
use crate::domain::key::{ConversationKey, PublicId};
use crate::domain::mailbox::Mailbox;
use crate::domain::message_id::MessageId;
use crate::domain::outbox::Purpose;
use crate::domain::user::{Actor, Role};
use crate::mime::compose::subject_as_sent;
use crate::store::{Accepted, NewOpening, NewReply};

impl Replies {
    /// Begins a conversation with its first mail. The contact's answer lands in it.
    ///
    /// # Errors
    /// As for [`Self::accept`].
    pub async fn open(
        &self,
        actor: &Actor,
        mailbox: &Mailbox,
        request: OpeningRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Accepted, ReplyError> {
        if !actor.may(Role::Operator, mailbox.workspace) {
            return Err(ReplyError::NoMailbox);
        }
        check_text(&request.text)?;
        self.check_recipients(&mailbox.settings, [&request.to, &request.cc, &[]])?;
        if request.to.is_empty() {
            return Err(ReplyError::NoRecipient);
        }
        let idempotency = idempotency_key
            .map(|key| Ok::<_, ReplyError>((check_key(key)?, request.hash(mailbox.id))))
            .transpose()?;
        let settings = &mailbox.settings;
        let recipients = request.to.iter().chain(&request.cc);
        let from = self.sender(actor, settings, None, request.from.as_ref(), recipients)?;
        let text = &request.text;
        let files = self
            .gather(mailbox.workspace, settings, text, &request.files)
            .await?;
        let now = self.clock.now();
        // Its conversation has no key yet; the store puts both in.
        let placeholder = MessageId::parse("opening").ok_or(ReplyError::Domain)?;
        let first = NewReply {
            conversation: ConversationKey(0),
            author: actor.user(),
            message_id: placeholder,
            in_reply_to: None,
            from,
            to: request.to,
            cc: request.cc,
            bcc: Vec::new(),
            subject: subject_as_sent(&request.subject),
            text: request.text,
            quote_history: false,
            automatic: false,
            send_at: self.departure(None, now)?,
            accepted_at: now,
            idempotency,
            purpose: Purpose::Opening,
            files,
            random: self.random.bytes()?,
        };
        let opening = NewOpening {
            mailbox: mailbox.key,
            id: PublicId::new(now, self.random.bytes()?),
            contact_id: PublicId::new(now, self.random.bytes()?),
            random: self.random.bytes()?,
            first,
        };
        let accepted = self.store.accept_opening(opening).await;
        accepted.map_err(ReplyError::from)
    }
}
