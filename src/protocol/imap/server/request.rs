//! What the machine asks its host, and what the host may answer.

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::domain::secret::Secret;

use super::mail::{Flag, FlagChange, Mail};
use super::search::Criteria;

/// A question. Beside each, the [`Answer`] it wants; [`Answer::Refused`] fits all.
#[derive(Debug)]
pub enum Request {
    /// Are these right? [`Answer::Done`].
    Login {
        /// As the client wrote it.
        username: String,
        /// In clear.
        password: Secret,
    },
    /// Which folders are there? [`Answer::Folders`].
    Folders,
    /// Opens a folder. [`Answer::Selected`].
    Select(FolderName),
    /// Counts a folder. [`Answer::Status`].
    Status(FolderName),
    /// Which mails of the selected folder match? [`Answer::Found`].
    Search(Criteria),
    /// One mail of the selected folder. [`Answer::Mail`].
    Mail {
        /// Which.
        uid: Uid,
        /// Whether it thereby becomes `\Seen`.
        mark_seen: bool,
    },
    /// Changes flags in the selected folder. [`Answer::Flags`] with those of all `uids`.
    Store {
        /// Which mails.
        uids: Vec<Uid>,
        /// How.
        change: FlagChange,
    },
    /// A new mail. [`Answer::Appended`].
    Append {
        /// Into which folder.
        folder: FolderName,
        /// Its first flags.
        flags: Vec<Flag>,
        /// Its INTERNALDATE, where the client says one.
        date: Option<Timestamp>,
        /// The mail.
        raw: Bytes,
    },
    /// Removes the `\Deleted` mails of the selected folder. [`Answer::Expunged`].
    Expunge {
        /// Only among these (RFC 4315 section 2.1).
        only: Option<Vec<Uid>>,
    },
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// It is done.
    Done,
    /// It is not.
    Refused(Refusal),
    /// All folders.
    Folders(Vec<Listed>),
    /// The opened folder.
    Selected(Selected),
    /// The counted folder.
    Status(Status),
    /// Matching mails, ascending.
    Found(Vec<Uid>),
    /// The mail; `None` when it is gone.
    Mail(Option<Mail>),
    /// Flags as they are now.
    Flags(Vec<(Uid, Vec<Flag>)>),
    /// Where the mail is now (RFC 4315 section 3).
    Appended {
        /// Of the folder.
        validity: UidValidity,
        /// Of the mail.
        uid: Uid,
    },
    /// The mails that are gone.
    Expunged(Vec<Uid>),
}

/// A `NO`, with its response code (RFC 5530) in brackets where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// A folder of LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name; only ASCII is served here.
    pub name: FolderName,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
}

/// RFC 6154 section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialUse {
    /// `\Sent`
    Sent,
    /// `\Junk`
    Junk,
}

/// A folder just opened.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its incarnation.
    pub validity: UidValidity,
    /// What the next mail will get.
    pub uid_next: u32,
    /// Its mails, ascending.
    pub uids: Vec<Uid>,
}

/// A folder counted.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Its incarnation.
    pub validity: UidValidity,
    /// What the next mail will get.
    pub uid_next: u32,
    /// How many mails it holds.
    pub messages: usize,
    /// How many of them are not `\Seen`.
    pub unseen: usize,
}
