//! What operators do with conversations: lists, one conversation with its
//! messages, changes and notes. Texts and files are in `content`.
//!
//! Invariant: `Conversations::conversation` and `Conversations::message` are
//! the only doors; what the actor may not see is not there.

pub mod content;
pub mod decided;
mod elsewhere;
mod error;
pub mod regrouping;

use crate::domain::authentication::Authentication;
use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, Priority, Status, Tag};
use crate::domain::decision::Decision;
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::key::{ConversationKey, MessageKey, PublicId};
use crate::domain::ledger::LedgerRow;
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Direction, Message};
use crate::domain::outbox::Outgoing;
use crate::domain::reason::Reason;
use crate::domain::user::{Actor, Role, Team, User};
use crate::service::clock::Clock;
use crate::service::random::Random;
use crate::store::{ConversationChange, ConversationFilter, Store};
pub use crate::store::{Counts, Page, StoreError};

pub use self::error::{ConversationError, NOTE_LENGTH_MAX};

/// Most conversations or messages of one page.
pub const PAGE_MAX: usize = 200;

/// Which conversations a list shall show, by the ids shown outside.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only of this mailbox.
    pub mailbox: Option<PublicId>,
    /// Only of this team.
    pub team: Option<PublicId>,
    /// Only looked after by this person.
    pub assignee: Option<PublicId>,
    /// Only with this tag.
    pub tag: Option<Tag>,
    /// What was put aside as spam, instead of the rest.
    pub spam: bool,
}

/// What shall be different. `None` leaves as it is; an inner `None` empties.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Where it stands.
    pub status: Option<Status>,
    /// How soon.
    pub priority: Option<Priority>,
    /// Which team.
    pub team: Option<Option<PublicId>>,
    /// Who.
    pub assignee: Option<Option<PublicId>>,
    /// Put on.
    pub add_tags: Vec<Tag>,
    /// Taken off.
    pub remove_tags: Vec<Tag>,
    /// Put aside as spam, or taken back.
    pub spam: Option<bool>,
}

/// A conversation with the names of what it refers to.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The conversation.
    pub conversation: Conversation,
    /// With whom.
    pub contact: Option<Contact>,
    /// The mailbox it came by; absent once removed.
    pub mailbox: Option<Mailbox>,
    /// Which team looks after it.
    pub team: Option<Team>,
    /// Who looks after it.
    pub assignee: Option<User>,
    /// What its newest mail is, where a plugin told; a notice only when nobody waits.
    pub newest_sort: Option<MailSort>,
    /// Where its messages stand now, when it was merged away.
    pub merged_into: Option<PublicId>,
}

/// The service.
#[derive(Clone, Debug)]
pub struct Conversations {
    store: Store,
    clock: Clock,
    random: Random,
}

impl Conversations {
    /// A service over the store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, random: Random) -> Self {
        Self {
            store,
            clock,
            random,
        }
    }

    /// A page of conversations, newest first.
    ///
    /// # Errors
    /// When the filter names what is not there, or the store cannot be read.
    pub fn list(
        &self,
        actor: &Actor,
        wanted: &Wanted,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Listed>, ConversationError> {
        let filter = self.filter(actor, wanted)?;
        let page = self.store.conversations(
            actor.workspace(),
            &filter,
            after,
            limit.clamp(1, PAGE_MAX),
        )?;
        let items = page
            .items
            .into_iter()
            .map(|one| self.with_names(one))
            .collect::<Result<_, _>>()?;
        Ok(Page {
            items,
            next: page.next,
        })
    }

    /// How many there are of each status.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn counts(&self, actor: &Actor) -> Result<Counts, ConversationError> {
        Ok(self.store.counts(actor.workspace())?)
    }

    /// One conversation, with names.
    ///
    /// # Errors
    /// When it is not there for this actor.
    pub fn get(&self, actor: &Actor, id: PublicId) -> Result<Listed, ConversationError> {
        Ok(self.with_names(self.conversation(actor, id)?)?)
    }

    /// One conversation by the number people call it.
    ///
    /// # Errors
    /// When it is not there for this actor.
    pub fn by_number(&self, actor: &Actor, number: u64) -> Result<Listed, ConversationError> {
        let found = self
            .store
            .conversation_by_number(actor.workspace(), number)?;
        let found = found
            .filter(|found| actor.may(Role::Operator, found.workspace))
            .ok_or(ConversationError::NotFound)?;
        Ok(self.with_names(found)?)
    }

    /// Messages of a conversation, oldest first, after one of them.
    ///
    /// # Errors
    /// When the conversation, or the message to start after, is not there for this actor.
    pub fn messages(
        &self,
        actor: &Actor,
        id: PublicId,
        after: Option<PublicId>,
        limit: usize,
    ) -> Result<Page<Message>, ConversationError> {
        let conversation = self.conversation(actor, id)?;
        let after: Option<MessageKey> = after
            .map(|id| self.message(actor, id).map(|message| message.key))
            .transpose()?;
        let limit = limit.clamp(1, PAGE_MAX);
        let mut items = self.store.messages(conversation.key, after, limit + 1)?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        Ok(Page { items, next })
    }

    /// One message.
    ///
    /// # Errors
    /// When it is not there for this actor.
    pub fn message(&self, actor: &Actor, id: PublicId) -> Result<Message, ConversationError> {
        let found = self.store.message_by_id(actor.workspace(), id)?;
        found
            .filter(|found| actor.may(Role::Operator, found.workspace))
            .ok_or(ConversationError::NotFound)
    }

    /// What a message proves of its sender, when it was forwarded to us and is checked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn authentication(
        &self,
        message: &Message,
    ) -> Result<Option<Authentication>, ConversationError> {
        Ok(self.store.authentication(message.key)?)
    }

    /// What the plugin of its mailbox read in a message.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn extraction(&self, message: &Message) -> Result<Option<Extraction>, ConversationError> {
        Ok(self.store.extraction(message.key)?)
    }

    /// The conversation a message stands in.
    ///
    /// # Errors
    /// When it is gone.
    pub fn conversation_of(&self, message: &Message) -> Result<Conversation, ConversationError> {
        self.store
            .conversation(message.conversation)?
            .ok_or(ConversationError::NotFound)
    }

    /// The id outside of a conversation.
    ///
    /// # Errors
    /// When it is not there for this actor.
    pub fn id_of(
        &self,
        actor: &Actor,
        key: ConversationKey,
    ) -> Result<PublicId, ConversationError> {
        let found = self.store.conversation(key)?;
        let found = found.filter(|found| actor.may(Role::Operator, found.workspace));
        found
            .map(|found| found.id)
            .ok_or(ConversationError::NotFound)
    }

    /// What scripts decided on a message, with how they came to it.
    ///
    /// # Errors
    /// When the message is not there for this actor.
    pub fn decisions(
        &self,
        actor: &Actor,
        id: PublicId,
    ) -> Result<Vec<Decision>, ConversationError> {
        Ok(self.store.decisions_of(self.message(actor, id)?.key)?)
    }

    /// Which line of the scripts decided, and why, as far as trace and source tell.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn reason_of(&self, decision: &Decision) -> Result<Option<Reason>, ConversationError> {
        let Some(version) = decision.version else {
            return Ok(None);
        };
        let files = self.store.script(version)?.unwrap_or_default();
        let decided = (&decision.outcome, &decision.routing, &decision.warnings[..]);
        Ok(Reason::of(decided, &decision.trace, &files))
    }

    /// By which ways a message came.
    ///
    /// # Errors
    /// When the message is not there for this actor.
    pub fn ledger(&self, actor: &Actor, id: PublicId) -> Result<Vec<LedgerRow>, ConversationError> {
        Ok(self.store.ledger_of_message(self.message(actor, id)?.key)?)
    }

    /// The reply a message of ours is shown for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outgoing_of(&self, message: &Message) -> Result<Option<Outgoing>, ConversationError> {
        let Some(id) = message
            .head
            .message_id
            .as_ref()
            .filter(|_| message.direction == Direction::Outbound)
        else {
            return Ok(None);
        };
        Ok(self.store.outgoing_by_message_id(message.workspace, id)?)
    }

    /// Changes status, team, assignee, tags or priority.
    ///
    /// # Errors
    /// When it is not there for this actor, or the change names what does not exist.
    pub async fn edit(
        &self,
        actor: &Actor,
        id: PublicId,
        edit: Edit,
    ) -> Result<Listed, ConversationError> {
        let conversation = self.conversation(actor, id)?;
        let kept = conversation
            .tags
            .iter()
            .filter(|tag| !edit.remove_tags.contains(tag));
        let added = edit
            .add_tags
            .iter()
            .filter(|tag| !conversation.tags.contains(tag));
        if kept.chain(added).count() > Tag::COUNT_MAX {
            return Err(ConversationError::TooManyTags);
        }
        let change = ConversationChange {
            status: edit.status,
            priority: edit.priority,
            team: edit
                .team
                .map(|team| {
                    team.map(|id| self.team(actor, id).map(|team| team.key))
                        .transpose()
                })
                .transpose()?,
            assignee: edit
                .assignee
                .map(|user| {
                    user.map(|id| self.colleague(actor, id).map(|user| user.key))
                        .transpose()
                })
                .transpose()?,
            add_tags: edit.add_tags,
            remove_tags: edit.remove_tags,
            spam: edit.spam,
        };
        self.store
            .change_conversation(conversation.key, change, actor.user(), self.clock.now())
            .await?;
        self.get(actor, id)
    }

    /// Adds a note that only colleagues see.
    ///
    /// # Errors
    /// When it is empty, too long, or the conversation is not there for this actor.
    pub async fn add_note(
        &self,
        actor: &Actor,
        id: PublicId,
        text: &str,
    ) -> Result<Message, ConversationError> {
        let conversation = self.conversation(actor, id)?;
        if text.trim().is_empty() {
            return Err(ConversationError::EmptyNote);
        }
        if text.len() > NOTE_LENGTH_MAX {
            return Err(ConversationError::LongNote);
        }
        let random = self.random.bytes()?;
        Ok(self
            .store
            .add_note(
                conversation.key,
                actor.user(),
                text.to_owned(),
                self.clock.now(),
                random,
            )
            .await?)
    }

    fn conversation(&self, actor: &Actor, id: PublicId) -> Result<Conversation, ConversationError> {
        let found = self.store.conversation_by_id(actor.workspace(), id)?;
        found
            .filter(|found| actor.may(Role::Operator, found.workspace))
            .ok_or(ConversationError::NotFound)
    }

    fn filter(
        &self,
        actor: &Actor,
        wanted: &Wanted,
    ) -> Result<ConversationFilter, ConversationError> {
        let mailbox = wanted
            .mailbox
            .map(|id| self.mailbox(actor, id))
            .transpose()?;
        let team = wanted.team.map(|id| self.team(actor, id)).transpose()?;
        let assignee = wanted
            .assignee
            .map(|id| self.colleague(actor, id))
            .transpose()?;
        Ok(ConversationFilter {
            status: wanted.status,
            mailbox: mailbox.map(|found| found.key),
            team: team.map(|found| found.key),
            assignee: assignee.map(|found| found.key),
            tag: wanted.tag.clone(),
            spam: wanted.spam,
            contact: None,
        })
    }

    fn mailbox(&self, actor: &Actor, id: PublicId) -> Result<Mailbox, ConversationError> {
        let found = self.store.mailbox_by_id(id)?;
        found
            .filter(|found| actor.may(Role::Operator, found.workspace))
            .ok_or(ConversationError::NoSuch("mailbox"))
    }

    fn team(&self, actor: &Actor, id: PublicId) -> Result<Team, ConversationError> {
        let teams = self.store.teams(actor.workspace())?;
        teams
            .into_iter()
            .find(|team| team.id == id)
            .ok_or(ConversationError::NoSuch("team"))
    }

    fn colleague(&self, actor: &Actor, id: PublicId) -> Result<User, ConversationError> {
        let user = self
            .store
            .users()?
            .into_iter()
            .find(|user| user.id == id)
            .ok_or(ConversationError::NoSuch("person"))?;
        let works_here = self
            .store
            .membership(user.key, actor.workspace())?
            .is_some();
        works_here
            .then_some(user)
            .ok_or(ConversationError::NoSuch("person"))
    }

    fn with_names(&self, conversation: Conversation) -> Result<Listed, StoreError> {
        Ok(Listed {
            contact: self.store.contact(conversation.contact)?,
            mailbox: self.store.mailbox(conversation.mailbox)?,
            team: conversation
                .team
                .map(|key| self.store.team(key))
                .transpose()?
                .flatten(),
            assignee: conversation
                .assignee
                .map(|key| self.store.user(key))
                .transpose()?
                .flatten(),
            newest_sort: self.store.newest_sort(conversation.key)?,
            merged_into: match conversation.merged_into {
                Some(_) => self
                    .store
                    .conversation_after_merges(conversation.key)?
                    .map(|it| it.id),
                None => None,
            },
            conversation,
        })
    }
}
