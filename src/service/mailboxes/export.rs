//! All mails of a mailbox, taken out: a folder of exact mails, or one mbox file.
//!
//! Mails come from the store in pieces, so an export takes no more memory than one
//! piece, however big a mail is.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::mbox::Mbox;
use super::{MailboxError, Mailboxes};
use crate::domain::key::{MailboxKey, MessageKey, PublicId, RawKey};
use crate::domain::message::Message;
use crate::domain::user::Actor;
use crate::store::{Store, StoreError};

/// Bytes read from the store at a time.
const PIECE_BYTES: u64 = 256 * 1024;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Mails.
    pub mails: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// An mbox file under way; hands out piece after piece.
#[derive(Debug)]
pub struct Export {
    mails: Mails,
    mbox: Mbox,
    current: Option<Reading>,
    done: Exported,
}

impl Mailboxes {
    /// All mails of a mailbox as one mbox file.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn export(&self, actor: &Actor, id: PublicId) -> Result<Export, MailboxError> {
        let mailbox = self.managed(actor, id)?;
        Ok(Export {
            mails: Mails::new(self.store.clone(), mailbox.key),
            mbox: Mbox::new(),
            current: None,
            done: Exported::default(),
        })
    }

    /// Writes them to a new file, or into a folder as one `.eml` file each with its
    /// exact bytes. Takes as long as the disk does.
    ///
    /// # Errors
    /// When the actor may not, the file is there already, or the disk does not take it.
    pub async fn export_to(
        &self,
        actor: &Actor,
        id: PublicId,
        path: PathBuf,
    ) -> Result<Exported, MailboxError> {
        let mailbox = self.managed(actor, id)?;
        let export = self.export(actor, id)?;
        let mails = Mails::new(self.store.clone(), mailbox.key);
        let written = tokio::task::spawn_blocking(move || {
            if path.is_dir() {
                write_folder(mails, &path)
            } else {
                write_file(export, &path)
            }
        });
        written
            .await
            .map_err(|error| StoreError::worker_lost("export", &error))?
    }
}

impl Export {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut out = Vec::new();
        while out.is_empty() {
            let Some(reading) = &mut self.current else {
                let Some(message) = self.mails.next()? else {
                    return Ok(None);
                };
                let from = message.head.from.as_ref();
                let sender = from.map(|from| from.address.as_str()).unwrap_or_default();
                self.mbox.begin(sender, message.arrived_at, &mut out);
                self.current = Reading::of(&message);
                continue;
            };
            match reading.next(&self.mails.store)? {
                Some(piece) => {
                    self.done.bytes += piece.len() as u64;
                    self.mbox.write(&piece, &mut out);
                }
                None => {
                    self.mbox.end(&mut out);
                    self.done.mails += 1;
                    self.current = None;
                }
            }
        }
        Ok(Some(out))
    }
}

/// The mails of a mailbox, oldest first.
#[derive(Debug)]
struct Mails {
    store: Store,
    mailbox: MailboxKey,
    found: VecDeque<Message>,
    /// Where to look on; `None` at the end.
    after: Option<MessageKey>,
}

impl Mails {
    fn new(store: Store, mailbox: MailboxKey) -> Self {
        Self {
            store,
            mailbox,
            found: VecDeque::new(),
            after: Some(MessageKey(0)),
        }
    }

    fn next(&mut self) -> Result<Option<Message>, StoreError> {
        while self.found.is_empty() {
            let Some(after) = self.after else {
                return Ok(None);
            };
            let (found, next) = self.store.mails_of(self.mailbox, after)?;
            self.found.extend(found);
            self.after = next;
        }
        Ok(self.found.pop_front())
    }
}

/// One mail being read.
#[derive(Debug)]
struct Reading {
    raw: RawKey,
    at: u64,
    size: u64,
}

impl Reading {
    fn of(message: &Message) -> Option<Self> {
        message.raw.map(|raw| Self {
            raw,
            at: 0,
            size: message.size,
        })
    }

    fn next(&mut self, store: &Store) -> Result<Option<Vec<u8>>, StoreError> {
        if self.at >= self.size {
            return Ok(None);
        }
        let end = self.size.min(self.at + PIECE_BYTES);
        let piece = store.raw_range(self.raw, self.at..end)?;
        self.at = end;
        Ok(Some(piece))
    }
}

fn write_file(mut export: Export, path: &Path) -> Result<Exported, MailboxError> {
    let refused = |cause| MailboxError::Export {
        path: path.to_owned(),
        cause,
    };
    let mut file = BufWriter::new(create(path).map_err(refused)?);
    while let Some(piece) = export.next_piece()? {
        file.write_all(&piece).map_err(refused)?;
    }
    finish(file).map_err(refused)?;
    Ok(export.done)
}

fn write_folder(mut mails: Mails, folder: &Path) -> Result<Exported, MailboxError> {
    let mut done = Exported::default();
    while let Some(message) = mails.next()? {
        let path = folder.join(file_name(&message));
        let refused = |cause| MailboxError::Export {
            path: path.clone(),
            cause,
        };
        let Some(mut reading) = Reading::of(&message) else {
            continue;
        };
        let mut file = BufWriter::new(create(&path).map_err(refused)?);
        while let Some(piece) = reading.next(&mails.store)? {
            done.bytes += piece.len() as u64;
            file.write_all(&piece).map_err(refused)?;
        }
        finish(file).map_err(refused)?;
        done.mails += 1;
    }
    Ok(done)
}

/// Sorted by name they are sorted by time.
fn file_name(message: &Message) -> String {
    let at = message.arrived_at.strftime("%Y%m%dT%H%M%SZ");
    format!("{at}-{}.eml", message.id)
}

/// A file of the gateway's own; what is there already is never written over.
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}

fn finish(file: BufWriter<File>) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}
