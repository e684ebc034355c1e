//! What a person asks to be sent, and what must be the same when it is asked again.

use jiff::Timestamp;

use crate::domain::address::{Address, NamedAddress};
use crate::domain::key::PublicId;

/// A file that goes with a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRequest {
    /// One that was handed in.
    Upload {
        /// Which.
        id: PublicId,
        /// Set when the HTML shows it: what `[cid:…]` in the text calls it.
        content_id: Option<String>,
    },
    /// One of a message of the same workspace.
    OfMessage {
        /// Which message.
        message: PublicId,
        /// Its place in the list, from 0.
        place: usize,
    },
}

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
    /// One of the addresses of the mailbox, instead of the one that was written to.
    pub from: Option<Address>,
    /// Instead of the subject of the mail answered.
    pub subject: Option<String>,
    /// Whether the answered mail is quoted below; as the mailbox is set, when nothing is said,
    /// and then never to somebody who is new.
    pub quote_history: Option<bool>,
    /// Files, in their order.
    pub files: Vec<FileRequest>,
    /// Not before this.
    pub send_at: Option<Timestamp>,
}

/// A message to be shown to an outsider.
#[derive(Clone, Debug, Default)]
pub struct ForwardRequest {
    /// Written above it; may be empty.
    pub text: String,
    /// To whom.
    pub to: Vec<NamedAddress>,
    /// To whom else.
    pub cc: Vec<NamedAddress>,
    /// One of the addresses of the mailbox.
    pub from: Option<Address>,
    /// As a file with all its headers; otherwise its text below and its files beside.
    pub as_original: bool,
}

/// A conversation that we begin.
#[derive(Clone, Debug, Default)]
pub struct OpeningRequest {
    /// What was written.
    pub text: String,
    /// To whom; the first becomes the contact.
    pub to: Vec<NamedAddress>,
    /// To whom else.
    pub cc: Vec<NamedAddress>,
    /// One of the addresses of the mailbox.
    pub from: Option<Address>,
    /// What it is about.
    pub subject: String,
    /// Files, in their order.
    pub files: Vec<FileRequest>,
}

/// Hashes values so that none can be taken for the end of another.
struct Fields(blake3::Hasher);

impl Fields {
    fn new(what: &str, of: PublicId) -> Self {
        let mut fields = Self(blake3::Hasher::new());
        fields.add(what.as_bytes());
        fields.add(&of.as_bytes());
        fields
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn optional(&mut self, text: Option<&str>) {
        self.add(&[u8::from(text.is_some())]);
        self.add(text.unwrap_or_default().as_bytes());
    }

    fn people(&mut self, list: Option<&[NamedAddress]>) {
        let length = list.map_or(u64::MAX, |list| list.len() as u64);
        self.add(&length.to_le_bytes());
        for one in list.unwrap_or_default() {
            self.add(one.address.as_str().as_bytes());
        }
    }

    fn files(&mut self, files: &[FileRequest]) {
        for file in files {
            match file {
                FileRequest::Upload { id, content_id } => {
                    self.add(&id.as_bytes());
                    self.optional(content_id.as_deref());
                }
                FileRequest::OfMessage { message, place } => {
                    self.add(&message.as_bytes());
                    self.add(&(*place as u64).to_le_bytes());
                }
            }
        }
    }

    fn end(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

impl ReplyRequest {
    pub(super) fn hash(&self, conversation: PublicId) -> [u8; 32] {
        let mut fields = Fields::new("reply", conversation);
        fields.add(self.text.as_bytes());
        fields.optional(self.subject.as_deref());
        fields.optional(self.from.as_ref().map(Address::as_str));
        fields.add(&[match self.quote_history {
            None => 2,
            Some(quoted) => u8::from(quoted),
        }]);
        fields.optional(self.send_at.map(|at| at.to_string()).as_deref());
        fields.people(self.to.as_deref());
        fields.people(self.cc.as_deref());
        fields.people(Some(&self.bcc));
        fields.files(&self.files);
        fields.end()
    }
}

impl ForwardRequest {
    pub(super) fn hash(&self, message: PublicId) -> [u8; 32] {
        let mut fields = Fields::new("forward", message);
        fields.add(self.text.as_bytes());
        fields.people(Some(&self.to));
        fields.people(Some(&self.cc));
        fields.optional(self.from.as_ref().map(Address::as_str));
        fields.add(&[u8::from(self.as_original)]);
        fields.end()
    }
}

impl OpeningRequest {
    pub(super) fn hash(&self, mailbox: PublicId) -> [u8; 32] {
        let mut fields = Fields::new("opening", mailbox);
        fields.add(self.text.as_bytes());
        fields.add(self.subject.as_bytes());
        fields.people(Some(&self.to));
        fields.people(Some(&self.cc));
        fields.optional(self.from.as_ref().map(Address::as_str));
        fields.files(&self.files);
        fields.end()
    }
}
