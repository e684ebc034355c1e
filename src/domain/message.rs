//! A stored mail or note, as the desk sees it.
//!
//! Deliberately absent: the text. It is read again from the raw bytes when
//! somebody asks ([`Part`] says where it stands), so that a mail is stored once.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::Timestamp;

use super::address::NamedAddress;
use super::key::{
    ContactKey, ConversationKey, MailboxKey, MessageKey, PublicId, RawKey, WorkspaceKey,
};
use super::message_id::MessageId;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a contact to us.
    Inbound,
    /// From us to a contact.
    Outbound,
    /// Among ourselves; never sent.
    Note,
}

/// What sort of mail it is; anything but `Personal` is never answered automatically.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Written by a person, as far as anyone can tell.
    #[default]
    Personal,
    /// Sent by a machine in answer to a mail (RFC 3834 section 5, `auto-replied`).
    AutomaticReply,
    /// Sent by a machine of its own accord (`auto-generated`), or from a no-reply address.
    Automatic,
    /// A delivery status notification (RFC 3464).
    Bounce,
    /// Came through a mailing list (RFC 2369, RFC 2919).
    List,
    /// A read receipt (RFC 8098).
    ReadReceipt,
    /// A calendar invitation (RFC 6047).
    Invitation,
}

impl Kind {
    /// A machine wrote it of its own accord, so that nobody waits for an answer and nothing
    /// is answered by it.
    #[must_use]
    pub fn is_by_machine(self) -> bool {
        match self {
            Self::Automatic | Self::AutomaticReply | Self::Bounce | Self::ReadReceipt => true,
            Self::Personal | Self::List | Self::Invitation => false,
        }
    }
}

/// How a part's bytes are wrapped (RFC 2045 section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransferEncoding {
    /// 7bit, 8bit, binary, or nothing said.
    #[default]
    Identity,
    /// Base64.
    Base64,
    /// Quoted-printable.
    QuotedPrintable,
}

/// Where a part stands in the raw mail and how to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of the part's body in the raw mail.
    pub range: Range<u64>,
    /// `type/subtype` in lower case.
    pub content_type: String,
    /// The charset as declared, for text.
    pub charset: Option<String>,
    /// How the bytes are wrapped.
    pub encoding: TransferEncoding,
    /// RFC 3676: text whose lines may be joined.
    pub flowed: bool,
}

/// A part that is offered as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// A name to show: without path, controls and direction marks. Never used as a path.
    pub name: String,
    /// Where it stands.
    pub part: Part,
    /// Bytes after decoding; an estimate for base64 that is right to three bytes.
    pub size: u64,
    /// Without angle brackets; set when the HTML may show it (RFC 2392).
    pub content_id: Option<String>,
    /// Content-Disposition said `inline`.
    pub inline: bool,
}

/// Something wrong with a mail, kept to be shown; none of these loses the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// More parts, depth or header than is read; the rest stays in the raw mail.
    TooComplex,
    /// Larger than what is taken without being asked.
    TooLarge,
    /// A From that holds no address.
    NoSender,
    /// The text was cut for display.
    TextCut,
    /// Bytes that are no text in the declared charset.
    Charset,
    /// A multipart without its closing boundary.
    Unclosed,
    /// The Date is absent or unreadable.
    Date,
    /// Reading it failed outright; only the raw mail is there.
    Unreadable,
}

/// What a delivery status notification says, or a bounce without form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BounceReport {
    /// The Message-ID of the mail it is about, where the bounce tells.
    pub about: Option<MessageId>,
    /// The first recipient that it did not reach, else the first it names.
    pub recipient: Option<String>,
    /// `5.1.1` and the like (RFC 3463).
    pub status: Option<String>,
    /// The diagnostic text.
    pub text: String,
    /// The worst of what it tells.
    pub action: DeliveryAction,
    /// What became of each recipient that it names; at most [`REPORTED_MAX`].
    pub recipients: Vec<ReportedRecipient>,
    /// Further ids that stand in it, likelier ones first; at most [`REPORTED_MAX`]. One of
    /// them may be that of a mail of ours.
    pub mentioned: Vec<MessageId>,
}

/// Most recipients, and most ids, that are taken from one report.
pub const REPORTED_MAX: usize = 20;

/// What became of a mail on its further way (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryAction {
    /// It came back, and is not tried again.
    #[default]
    Failed,
    /// It is still being tried.
    Delayed,
    /// It is in the mailbox of the recipient.
    Delivered,
    /// It went on to where no such reports are made.
    Relayed,
    /// It went on to several others.
    Expanded,
}

impl DeliveryAction {
    /// The next server has the mail: whoever handed it over has done so.
    #[must_use]
    pub fn is_taken_over(self) -> bool {
        matches!(self, Self::Delivered | Self::Relayed | Self::Expanded)
    }
}

/// What a report says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedRecipient {
    /// Whom, as it stands there.
    pub address: String,
    /// What became of the mail.
    pub action: DeliveryAction,
    /// `5.1.1` and the like (RFC 3463).
    pub status: Option<String>,
    /// The diagnostic text.
    pub text: String,
}

/// What the header and structure of a mail say: the part of a message that is
/// the same whoever stores it. Made by `mime/` for mail, and by composing for replies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The Message-ID, where there is a usable one.
    pub message_id: Option<MessageId>,
    /// In-Reply-To and References, oldest first, each once.
    pub references: Vec<MessageId>,
    /// The author. `None` when the header holds no address.
    pub from: Option<NamedAddress>,
    /// Who wrote it, where a list has put its own address into From and tells whose place
    /// it took. `from` stays what the header says.
    pub writer: Option<NamedAddress>,
    /// Where answers are wanted, when that is not `from`.
    pub reply_to: Vec<NamedAddress>,
    /// The To field.
    pub to: Vec<NamedAddress>,
    /// The Cc field.
    pub cc: Vec<NamedAddress>,
    /// Delivered-To, X-Original-To and the like: addresses it came through.
    pub delivered_to: Vec<NamedAddress>,
    /// The subject, decoded and on one line.
    pub subject: String,
    /// The Date field. Display only; order comes from arrival.
    pub date: Option<Timestamp>,
    /// What sort of mail it is.
    pub kind: Kind,
    /// For a bounce: what it is about.
    pub bounce: Option<BounceReport>,
    /// The first readable words, on one line.
    pub preview: String,
    /// The text part to read, where there is one.
    pub text: Option<Part>,
    /// The HTML part, where there is one.
    pub html: Option<Part>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
    /// A guess of the language: a BCP 47 primary tag, or `und`.
    pub language: String,
}

impl Head {
    /// Who wrote it, as far as the header tells.
    #[must_use]
    pub fn author(&self) -> Option<&NamedAddress> {
        self.writer.as_ref().or(self.from.as_ref())
    }

    /// Whether another mail is a copy of this one, whatever its Message-ID: a provider that
    /// replaces that leaves sender, recipients, subject and date as they were.
    #[must_use]
    pub fn is_copied_by(&self, copy: &Self) -> bool {
        let people = |list: &[NamedAddress]| -> BTreeSet<String> {
            list.iter().map(|one| one.address.folded()).collect()
        };
        let sender = |head: &Self| head.from.as_ref().map(|from| from.address.folded());
        self.date.is_some()
            && self.date == copy.date
            && self.subject.trim() == copy.subject.trim()
            && sender(self) == sender(copy)
            && people(&self.to) == people(&copy.to)
            && people(&self.cc) == people(&copy.cc)
    }

    /// Answers are wanted at an address of another domain than the author's: a person
    /// should look before they write there.
    #[must_use]
    pub fn answers_go_elsewhere(&self) -> bool {
        let Some(author) = self.author() else {
            return false;
        };
        let home = author.address.domain();
        let mut wanted = self.reply_to.iter();
        wanted.any(|one| !one.address.domain().eq_ignore_ascii_case(home))
    }
}

/// Most attachments that are listed; further ones stay in the raw mail.
pub const ATTACHMENTS_MAX: usize = 1_000;

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its key.
    pub key: MessageKey,
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// The thread it stands in.
    pub conversation: ConversationKey,
    /// The mailbox it came in by or leaves by.
    pub mailbox: MailboxKey,
    /// The contact who wrote it, or to whom it goes.
    pub contact: ContactKey,
    /// Which way it went.
    pub direction: Direction,
    /// What it says of itself.
    pub head: Head,
    /// The exact bytes; `None` only for a reply that is not composed yet, and for notes.
    pub raw: Option<RawKey>,
    /// Bytes of the raw mail.
    pub size: u64,
    /// Text of a note, or of a reply until its bytes exist.
    pub written: Option<String>,
    /// When it came to us.
    pub arrived_at: Timestamp,
    /// It reached the server long before it reached us (an outage lay between).
    pub late: bool,
    /// It was there before the mailbox was connected.
    pub imported: bool,
    /// Its sender had no part in the conversation before.
    pub new_participant: bool,
}
