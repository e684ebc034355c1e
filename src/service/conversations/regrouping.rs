//! Joining conversations and taking them apart, by a person who may answer in them.

use super::{ConversationError, Conversations};
use crate::domain::conversation::Conversation;
use crate::domain::key::{ConversationKey, MessageKey, PublicId};
use crate::domain::regrouping::Regrouping;
use crate::domain::user::{Actor, Role, User};

/// Acts of one conversation that are shown, the newest ones.
const SHOWN_MAX: usize = 20;

/// An act with what it is about.
#[derive(Clone, Debug)]
pub struct Act {
    /// It.
    pub regrouping: Regrouping,
    /// Where the messages stood; absent once removed.
    pub from: Option<Conversation>,
    /// Where they went.
    pub into: Option<Conversation>,
    /// Who did it, where that is known.
    pub by: Option<User>,
}

impl Conversations {
    /// Moves all messages of `other` into `id`.
    ///
    /// # Errors
    /// When one of them is not there for this actor, or it makes no sense.
    pub async fn merge(
        &self,
        actor: &Actor,
        id: PublicId,
        other: PublicId,
    ) -> Result<Act, ConversationError> {
        let into = self.get(actor, id)?.conversation;
        let from = self.get(actor, other)?.conversation;
        let (by, now, random) = (actor.user(), self.clock.now(), self.random.bytes()?);
        let merging = self
            .store
            .merge_conversations(from.key, into.key, by, now, random);
        self.act(merging.await?)
    }

    /// Makes a conversation of some messages of `id`.
    ///
    /// # Errors
    /// When it or one of them is not there for this actor, or it makes no sense.
    pub async fn split(
        &self,
        actor: &Actor,
        id: PublicId,
        messages: &[PublicId],
    ) -> Result<Act, ConversationError> {
        let from = self.get(actor, id)?.conversation;
        let messages = messages
            .iter()
            .map(|id| self.message(actor, *id).map(|message| message.key))
            .collect::<Result<Vec<MessageKey>, _>>()?;
        self.split_off(actor, from.key, messages).await
    }

    /// The same with a message and all that came after it.
    ///
    /// # Errors
    /// See [`Self::split`].
    pub async fn split_from(
        &self,
        actor: &Actor,
        id: PublicId,
        first: PublicId,
    ) -> Result<Act, ConversationError> {
        let from = self.get(actor, id)?.conversation;
        let first = self.message(actor, first)?.key;
        let later = self.store.messages(
            from.key,
            Some(first),
            crate::domain::regrouping::MESSAGES_MAX,
        )?;
        let later = later.iter().map(|message| message.key);
        let messages = std::iter::once(first).chain(later).collect();
        self.split_off(actor, from.key, messages).await
    }

    async fn split_off(
        &self,
        actor: &Actor,
        from: ConversationKey,
        messages: Vec<MessageKey>,
    ) -> Result<Act, ConversationError> {
        let (by, now, random) = (actor.user(), self.clock.now(), self.random.bytes()?);
        let splitting = self
            .store
            .split_conversation(from, messages, by, now, random);
        self.act(splitting.await?)
    }

    /// Undoes one.
    ///
    /// # Errors
    /// When it is not there for this actor, or something later stands on it.
    pub async fn undo_regrouping(
        &self,
        actor: &Actor,
        id: PublicId,
    ) -> Result<Act, ConversationError> {
        let found = self.store.regrouping_by_id(id)?;
        let found = found
            .filter(|found| actor.may(Role::Operator, found.workspace))
            .ok_or(ConversationError::NotFound)?;
        let now = self.clock.now();
        let undoing = self.store.undo_regrouping(found.key, actor.user(), now);
        self.act(undoing.await?)
    }

    /// The conversation on whose page an act is shown: where the messages went.
    ///
    /// # Errors
    /// When it is not there for this actor.
    pub fn place_of_act(&self, actor: &Actor, id: PublicId) -> Result<PublicId, ConversationError> {
        let found = self.store.regrouping_by_id(id)?;
        let found = found.ok_or(ConversationError::NotFound)?;
        self.id_of(actor, found.into)
    }

    /// What a conversation was part of, newest first.
    ///
    /// # Errors
    /// When it is not there for this actor.
    pub fn regroupings(&self, actor: &Actor, id: PublicId) -> Result<Vec<Act>, ConversationError> {
        let conversation = self.get(actor, id)?.conversation;
        let all = self.store.regroupings_of(conversation.key, SHOWN_MAX)?;
        all.into_iter().map(|one| self.act(one)).collect()
    }

    fn act(&self, regrouping: Regrouping) -> Result<Act, ConversationError> {
        let by = regrouping.by.map(|key| self.store.user(key));
        Ok(Act {
            from: self.store.conversation(regrouping.from)?,
            into: self.store.conversation(regrouping.into)?,
            by: by.transpose()?.flatten(),
            regrouping,
        })
    }
}
