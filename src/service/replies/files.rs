//! The files of a reply: durable before it is accepted, and not too large to be sent.

use super::{FILES_MAX, FileRequest, ForwardRequest, Replies, ReplyError};
use crate::domain::key::{PublicId, RawKey, WorkspaceKey};
use crate::domain::mailbox::MailboxSettings;
use crate::domain::message::{Attachment, Message};
use crate::domain::outbox::OutgoingFile;
use crate::mime::compose::{LENGTH_MAX, wrapped_length};
use crate::mime::text::decode_part;
use crate::store::{NewFile, StoreError};

/// Bytes that are copied at a time.
const PIECE_BYTES: u64 = 256 * 1024;
/// What header and structure of a mail take, in bytes, beside its files.
const AROUND_BYTES: u64 = 16 * 1024;
/// Longest name by which the HTML shows a file.
const CONTENT_ID_LENGTH_MAX: usize = 100;
/// For words.
const MB: u64 = 1024 * 1024;

impl Replies {
    /// The files that were asked for. Those of messages are copied out of them.
    pub(super) async fn gather(
        &self,
        workspace: WorkspaceKey,
        settings: &MailboxSettings,
        text: &str,
        asked: &[FileRequest],
    ) -> Result<Vec<NewFile>, ReplyError> {
        if asked.len() > FILES_MAX {
            return Err(ReplyError::TooManyFiles);
        }
        let mut sizes = Vec::with_capacity(asked.len());
        let mut sources = Vec::with_capacity(asked.len());
        for file in asked {
            match file {
                FileRequest::Upload { id, content_id } => {
                    if let Some(id) = content_id {
                        check_content_id(id)?;
                    }
                    // One that is gone may have gone with the same request, sent twice.
                    let found = self.store.upload(workspace, *id)?;
                    sizes.push(found.map_or(0, |upload| upload.size));
                    sources.push(None);
                }
                FileRequest::OfMessage { message, place } => {
                    let (raw, file) = self.file_of(workspace, *message, *place)?;
                    sizes.push(file.size);
                    sources.push(Some((raw, file)));
                }
            }
        }
        self.check_size(settings, text, &sizes)?;
        let mut files = Vec::with_capacity(asked.len());
        for (file, source) in asked.iter().zip(sources) {
            files.push(match (file, source) {
                (FileRequest::Upload { id, content_id }, _) => NewFile::Upload {
                    id: *id,
                    content_id: content_id.clone(),
                },
                (FileRequest::OfMessage { .. }, Some((raw, file))) => {
                    NewFile::Stored(self.copy_file(raw, &file).await?)
                }
                (FileRequest::OfMessage { .. }, None) => return Err(ReplyError::NoSuchFile),
            });
        }
        Ok(files)
    }

    fn file_of(
        &self,
        workspace: WorkspaceKey,
        message: PublicId,
        place: usize,
    ) -> Result<(RawKey, Attachment), ReplyError> {
        let found = self.store.message_by_id(workspace, message)?;
        let found = found.and_then(|message| {
            let file = message.head.attachments.get(place)?.clone();
            Some((message.raw?, file))
        });
        found.ok_or(ReplyError::NoSuchFile)
    }

    /// Tells before anything is sent what no server on this way would take.
    pub(super) fn check_size(
        &self,
        settings: &MailboxSettings,
        text: &str,
        files: &[u64],
    ) -> Result<(), ReplyError> {
        let plain = text.len() as u64 + files.iter().sum::<u64>();
        // Text may need three letters for a byte, and stands there twice with HTML.
        let wrapped: u64 = files.iter().map(|size| wrapped_length(*size)).sum();
        let wrapped = wrapped + 2 * text.len() as u64 + AROUND_BYTES;
        let known = self.presets.mail_bytes_max(settings);
        let too_large = |bytes: u64, most: u64| ReplyError::TooLarge {
            mb: bytes.div_ceil(MB),
            mb_max: most / MB,
        };
        match known {
            _ if plain > LENGTH_MAX as u64 => Err(too_large(plain, LENGTH_MAX as u64)),
            Some(most) if wrapped > most => Err(too_large(wrapped, most)),
            _ => Ok(()),
        }
    }

    /// A file of a message, unwrapped, as bytes of their own: the mail may go before the reply does.
    pub(super) async fn copy_file(
        &self,
        raw: RawKey,
        file: &Attachment,
    ) -> Result<OutgoingFile, StoreError> {
        let mut writer = self.store.begin_raw().await;
        let mut decoder = decode_part(&file.part);
        let mut decoded = Vec::new();
        let (mut at, end) = (file.part.range.start, file.part.range.end);
        let mut size = 0;
        while at < end {
            let next = end.min(at + PIECE_BYTES);
            decoder.feed(&self.store.raw_range(raw, at..next)?, &mut decoded);
            writer.write(&decoded).await?;
            size += decoded.len() as u64;
            decoded.clear();
            at = next;
        }
        decoder.finish(&mut decoded);
        writer.write(&decoded).await?;
        size += decoded.len() as u64;
        Ok(OutgoingFile {
            name: file.name.clone(),
            content_type: file.part.content_type.clone(),
            raw: writer.finish().await?,
            size,
            content_id: None,
        })
    }

    /// What goes with a forwarded message: its files, or all of it as one.
    pub(super) async fn forwarded(
        &self,
        settings: &MailboxSettings,
        message: &Message,
        request: &ForwardRequest,
    ) -> Result<Vec<OutgoingFile>, ReplyError> {
        if request.as_original {
            self.check_size(settings, &request.text, &[message.size])?;
            return Ok(vec![self.copy_message(message).await?]);
        }
        let raw = message.raw.ok_or(ReplyError::NoSuchFile)?;
        let files = &message.head.attachments;
        if files.len() > FILES_MAX {
            return Err(ReplyError::TooManyFiles);
        }
        let sizes: Vec<u64> = files.iter().map(|file| file.size).collect();
        self.check_size(settings, &request.text, &sizes)?;
        let mut copies = Vec::with_capacity(files.len());
        for file in files {
            copies.push(self.copy_file(raw, file).await?);
        }
        Ok(copies)
    }

    /// A whole message as a file.
    pub(super) async fn copy_message(&self, message: &Message) -> Result<OutgoingFile, ReplyError> {
        let raw = message.raw.ok_or(ReplyError::NoSuchFile)?;
        let mut writer = self.store.begin_raw().await;
        let mut at = 0;
        while at < message.size {
            let next = message.size.min(at + PIECE_BYTES);
            let piece = self.store.raw_range(raw, at..next)?;
            writer.write(&piece).await?;
            at = next;
        }
        Ok(OutgoingFile {
            name: format!("{}.eml", message.head.subject),
            content_type: "message/rfc822".to_owned(),
            raw: writer.finish().await?,
            size: message.size,
            content_id: None,
        })
    }
}

fn check_content_id(id: &str) -> Result<(), ReplyError> {
    let right = (1..=CONTENT_ID_LENGTH_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    right
        .then_some(())
        .ok_or_else(|| ReplyError::ContentId(id.to_owned()))
}
