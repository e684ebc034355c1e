//! Who a reply goes to, as whom it leaves, and what that changes against the mail it answers.

use super::{Replies, ReplyError, ReplyRequest};
use crate::domain::address::{Address, NamedAddress};
use crate::domain::conversation::Conversation;
use crate::domain::key::{ConversationKey, PublicId};
use crate::domain::mailbox::{Mailbox, MailboxSettings};
use crate::domain::message::{Direction, Kind, Message};
use crate::domain::outbox::Purpose;
use crate::domain::recipients::{Changes, answer_subject, changes, plan_recipients, written_to};
use crate::domain::replying::SenderName;
use crate::domain::user::{Actor, Role};
use crate::store::StoreError;

/// Messages of a conversation looked through for the one to answer.
const LOOK_BACK: usize = 200;

/// What a reply would be.
#[derive(Clone, Debug)]
pub struct ReplyPlan {
    /// The mail it answers, where there is one.
    pub answered: Option<PublicId>,
    /// As whom it leaves.
    pub from: NamedAddress,
    /// As whom it could leave.
    pub senders: Vec<NamedAddress>,
    /// The To field.
    pub to: Vec<NamedAddress>,
    /// The Cc field.
    pub cc: Vec<NamedAddress>,
    /// The subject.
    pub subject: String,
    /// Whether the answered mail would be quoted, when nothing is said.
    pub quotes: bool,
    /// Who is new, and who is left out.
    pub changes: Changes,
    /// Where the answered mail wants its answer, when that is not its author.
    pub reply_to_elsewhere: Vec<NamedAddress>,
    /// The author of the answered mail had no part in the conversation before.
    pub new_participant: bool,
}

/// The same with what is needed to make it.
pub(super) struct Planned {
    pub(super) mailbox: Mailbox,
    pub(super) answered: Option<Message>,
    pub(super) plan: ReplyPlan,
}

impl Replies {
    /// What a reply would be, before it is sent. Of the request the recipients, the sender and
    /// the subject count.
    ///
    /// # Errors
    /// When there is no such conversation, or the sender is none of the mailbox's.
    pub fn plan(
        &self,
        actor: &Actor,
        conversation: PublicId,
        request: &ReplyRequest,
    ) -> Result<ReplyPlan, ReplyError> {
        let conversation = self.find(actor, conversation)?;
        Ok(self.planned(actor, &conversation, request)?.plan)
    }

    pub(super) fn find(&self, actor: &Actor, id: PublicId) -> Result<Conversation, ReplyError> {
        let found = self.store.conversation_by_id(actor.workspace(), id)?;
        let found = found.filter(|found| actor.may(Role::Operator, found.workspace));
        // A colleague may have merged it while this was written.
        let found = match found {
            Some(found) => self.store.conversation_after_merges(found.key)?,
            None => None,
        };
        found.ok_or(ReplyError::NoSuchConversation)
    }

    pub(super) fn planned(
        &self,
        actor: &Actor,
        conversation: &Conversation,
        request: &ReplyRequest,
    ) -> Result<Planned, ReplyError> {
        let mailbox = self
            .store
            .mailbox(conversation.mailbox)?
            .ok_or(ReplyError::NoMailbox)?;
        let answered = self.answered(conversation.key)?;
        let own: Vec<Address> = self
            .store
            .mailboxes()?
            .iter()
            .flat_map(|one| one.settings.own_addresses())
            .cloned()
            .collect();
        let recipients = answered
            .as_ref()
            .map(|message| plan_recipients(&message.head, message.direction, &own))
            .unwrap_or_default();
        let to = request.to.clone().unwrap_or(recipients.to);
        let cc = request.cc.clone().unwrap_or(recipients.cc);
        let settings = &mailbox.settings;
        let all = || to.iter().chain(&cc).chain(&request.bcc);
        let from = self.sender(
            actor,
            settings,
            answered.as_ref(),
            request.from.as_ref(),
            all(),
        )?;
        let told = answered
            .as_ref()
            .map(|message| changes(&message.head, all(), &own))
            .unwrap_or_default();
        let subject = request.subject.clone().unwrap_or_else(|| {
            let subject = answered.as_ref().map(|one| one.head.subject.as_str());
            answer_subject(subject.unwrap_or(&conversation.subject))
        });
        let plan = ReplyPlan {
            answered: answered.as_ref().map(|message| message.id),
            from,
            senders: settings.senders(),
            // Whoever is new was not meant to read what was written before.
            quotes: settings.replies.quote_history && told.new.is_empty(),
            changes: told,
            reply_to_elsewhere: answered
                .as_ref()
                .filter(|message| message.direction == Direction::Inbound)
                .map(|message| message.head.reply_to.clone())
                .unwrap_or_default(),
            new_participant: answered
                .as_ref()
                .is_some_and(|message| message.new_participant),
            to,
            cc,
            subject,
        };
        Ok(Planned {
            mailbox,
            answered,
            plan,
        })
    }

    /// From whom a reply leaves: whom its plugin demands for one of the recipients; else who
    /// was asked for; else the address that was written to; else who the mailbox is.
    pub(super) fn sender<'r>(
        &self,
        actor: &Actor,
        settings: &MailboxSettings,
        answered: Option<&Message>,
        asked: Option<&Address>,
        mut recipients: impl Iterator<Item = &'r NamedAddress>,
    ) -> Result<NamedAddress, ReplyError> {
        let asked = asked
            .map(|asked| {
                settings.sender(asked).ok_or_else(|| ReplyError::NotOwn {
                    from: asked.clone(),
                    mailbox: settings.address.clone(),
                })
            })
            .transpose()?;
        let rule = self.presets.reply_rule(settings);
        let bound = rule.and_then(|rule| {
            let to = recipients.find(|one| rule.holds_for(one.address.domain()))?;
            Some((to.address.clone(), rule))
        });
        let Some((to, rule)) = bound else {
            let senders = settings.senders();
            let usual = || {
                let answered = answered?;
                written_to(&answered.head, answered.direction, &senders).cloned()
            };
            let sender = asked.or_else(usual);
            let sender = sender.unwrap_or_else(|| settings.identity.clone());
            return Ok(self.under_a_name(actor, settings, sender)?);
        };
        let Some(registered) = settings.registered_address.clone() else {
            let mailbox = settings.address.clone();
            return Err(ReplyError::NothingRegistered { to, mailbox });
        };
        let refused = |from: Address| ReplyError::NotRegistered {
            to,
            from,
            registered: registered.clone(),
            advice: rule.advice.map(Box::new),
        };
        if let Some(asked) = asked.filter(|one| one.address.folded() != registered.folded()) {
            return Err(refused(asked.address));
        }
        let sender = settings.sender(&registered);
        sender.ok_or_else(|| refused(settings.identity.address.clone()))
    }

    /// The sender under the name that the mailbox wants.
    fn under_a_name(
        &self,
        actor: &Actor,
        settings: &MailboxSettings,
        sender: NamedAddress,
    ) -> Result<NamedAddress, StoreError> {
        let person = match (settings.replies.sender_name, actor.user()) {
            (SenderName::Identity, _) | (_, None) => None,
            (SenderName::Operator | SenderName::OperatorAndIdentity, Some(user)) => {
                self.store.user(user)?
            }
        };
        let Some(person) = person else {
            return Ok(sender);
        };
        let name = match (settings.replies.sender_name, sender.name()) {
            (SenderName::OperatorAndIdentity, Some(own)) => format!("{} ({own})", person.name),
            _ => person.name,
        };
        Ok(NamedAddress::new(Some(&name), sender.address))
    }

    /// The newest mail of somebody who has a part in the conversation; else that of a
    /// stranger, of a machine, or our own. A stranger who knows an id, or a bounce, must
    /// not become the one who gets the answer; nor an outsider whom we have shown a message.
    fn answered(&self, conversation: ConversationKey) -> Result<Option<Message>, StoreError> {
        let messages = self.store.latest_messages(conversation, None, LOOK_BACK)?;
        let mut best: Option<(u8, &Message)> = None;
        for message in &messages {
            let Some(unsuited) = unsuited(message) else {
                continue;
            };
            // The first of the best is the newest.
            if best.is_some_and(|(least, _)| least <= unsuited) || self.is_forward(message)? {
                continue;
            }
            best = Some((unsuited, message));
        }
        Ok(best.map(|(_, message)| message).cloned())
    }

    fn is_forward(&self, message: &Message) -> Result<bool, StoreError> {
        let (Direction::Outbound, Some(id)) = (message.direction, &message.head.message_id) else {
            return Ok(false);
        };
        let own = self.store.outgoing_by_message_id(message.workspace, id)?;
        Ok(own.is_some_and(|own| matches!(own.purpose, Purpose::Forward(_))))
    }
}

/// How badly a message suits as the one to answer; `None` for what has no readers.
fn unsuited(message: &Message) -> Option<u8> {
    match (message.direction, message.head.kind) {
        (Direction::Inbound, _) if message.new_participant => Some(2),
        (Direction::Inbound, Kind::Personal | Kind::List | Kind::Invitation) => Some(0),
        // Nobody reads what is sent back to these.
        (Direction::Inbound, Kind::AutomaticReply | Kind::Bounce | Kind::ReadReceipt) => Some(4),
        (Direction::Inbound, _) => Some(1),
        (Direction::Outbound, _) => Some(3),
        (Direction::Note, _) => None,
    }
}
