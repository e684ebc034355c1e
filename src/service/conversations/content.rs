//! What stands in a message: its text, its HTML made harmless, its exact bytes
//! and its files, each read again from the raw mail when somebody asks.

use std::ops::Range;

use super::{ConversationError, Conversations};
use crate::domain::key::{PublicId, RawKey};
use crate::domain::message::{Attachment, Message, Part};
use crate::domain::user::Actor;
use crate::mime::{
    self,
    html::{Remote, Sanitised},
};

/// Most raw bytes of a text part that are read to be shown.
pub const TEXT_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Largest file that is decoded for a download; beyond, the raw mail has it.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A message's text, as people read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// What was written.
    pub fresh: String,
    /// What it quotes, folded away but never dropped.
    pub quoted: Option<String>,
    /// Longer than what is shown; the raw mail has all of it.
    pub cut: bool,
    /// The mail has an HTML part, too.
    pub has_html: bool,
}

/// The exact bytes of a mail, to be read in pieces.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    key: RawKey,
    /// Bytes in all.
    pub size: u64,
}

/// A file of a mail, decoded.
#[derive(Clone, Debug)]
pub struct File {
    /// A name to show; never a path.
    pub name: String,
    /// `type/subtype` as the sender claims.
    pub content_type: String,
    /// The content.
    pub bytes: Vec<u8>,
}

impl Conversations {
    /// The text of a message: of its text part, or what its HTML says.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn text(&self, message: &Message) -> Result<Text, ConversationError> {
        if let Some(written) = &message.written {
            return Ok(split(written.clone(), false, false));
        }
        let Some(raw) = message.raw else {
            return Ok(Text::default());
        };
        let has_html = message.head.html.is_some();
        let Some(part) = message.head.text.as_ref().or(message.head.html.as_ref()) else {
            return Ok(Text::default());
        };
        let (wrapped, cut) = self.part(raw, part)?;
        let read = mime::text::read_text(&wrapped, part);
        Ok(split(read.text, cut || read.cut, has_html))
    }

    /// The HTML of a message without anything that acts or loads; `None` when it has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn html(&self, message: &Message) -> Result<Option<Sanitised>, ConversationError> {
        let (Some(raw), Some(part)) = (message.raw, &message.head.html) else {
            return Ok(None);
        };
        let (wrapped, _) = self.part(raw, part)?;
        let source = mime::text::read_source(&wrapped, part);
        // Nothing remote until a person may ask for it, which needs the guarded proxy.
        Ok(Some(mime::html::sanitise(&source.text, Remote::Blocked)))
    }

    /// The exact bytes of a message.
    ///
    /// # Errors
    /// When it is not there for this actor, or has no bytes (notes, replies not yet composed).
    pub fn raw(&self, actor: &Actor, id: PublicId) -> Result<Raw, ConversationError> {
        let message = self.message(actor, id)?;
        let key = message.raw.ok_or(ConversationError::NotFound)?;
        Ok(Raw {
            key,
            size: message.size,
        })
    }

    /// A piece of exact bytes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn raw_piece(&self, raw: Raw, range: Range<u64>) -> Result<Vec<u8>, ConversationError> {
        Ok(self.store.raw_range(raw.key, range)?)
    }

    /// A file of a message, by its place in the list.
    ///
    /// # Errors
    /// When it is not there for this actor, or larger than [`FILE_BYTES_MAX`].
    pub fn file(
        &self,
        actor: &Actor,
        id: PublicId,
        place: usize,
    ) -> Result<File, ConversationError> {
        let message = self.message(actor, id)?;
        let attachment: &Attachment = message
            .head
            .attachments
            .get(place)
            .ok_or(ConversationError::NotFound)?;
        let raw = message.raw.ok_or(ConversationError::NotFound)?;
        let range = attachment.part.range.clone();
        if range.end.saturating_sub(range.start) > FILE_BYTES_MAX {
            return Err(ConversationError::NotFound);
        }
        let bytes = self.store.raw_range(raw, range)?;
        Ok(File {
            name: attachment.name.clone(),
            content_type: attachment.part.content_type.clone(),
            bytes: mime::decode_transfer(&bytes, attachment.part.encoding),
        })
    }

    /// The wrapped bytes of a part, and whether there were more.
    fn part(&self, raw: RawKey, part: &Part) -> Result<(Vec<u8>, bool), ConversationError> {
        let end = part
            .range
            .end
            .min(part.range.start.saturating_add(TEXT_BYTES_MAX));
        let bytes = self.store.raw_range(raw, part.range.start..end)?;
        Ok((bytes, end < part.range.end))
    }
}

fn split(mut text: String, cut: bool, has_html: bool) -> Text {
    let quoted = mime::quoted_from(&text).map(|at| text.split_off(at));
    Text {
        fresh: text.trim().to_owned(),
        quoted,
        cut,
        has_html,
    }
}
