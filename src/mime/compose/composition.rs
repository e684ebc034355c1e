//! What is asked for, what comes of it, and why it may not.

use jiff::Timestamp;

use crate::domain::address::{Address, NamedAddress};
use crate::domain::envelope::Envelope;
use crate::domain::message_id::MessageId;

use super::quotation::Quotation;

/// Largest mail, in bytes before wrapping. Providers take 20 to 50 MB.
pub const LENGTH_MAX: usize = 50 * 1024 * 1024;

/// Everything of a mail to be built.
#[derive(Clone, Debug)]
pub struct Composition<'a> {
    /// The author; also the reverse-path.
    pub from: &'a NamedAddress,
    /// Where answers are wanted, when elsewhere.
    pub reply_to: Option<&'a NamedAddress>,
    /// The To field.
    pub to: &'a [NamedAddress],
    /// The Cc field.
    pub cc: &'a [NamedAddress],
    /// Recipients no header names.
    pub bcc: &'a [NamedAddress],
    /// The subject.
    pub subject: &'a str,
    /// The Date field.
    pub date: Timestamp,
    /// The Message-ID.
    pub message_id: &'a MessageId,
    /// The mail it answers.
    pub answered: Option<Answered<'a>>,
    /// What was written, signature included.
    pub text: &'a str,
    /// Quoted below the text.
    pub quotation: Option<Quotation<'a>>,
    /// Stands below the text as it is: a message that is forwarded.
    pub below: Option<&'a str>,
    /// Also as simple HTML made of the same text.
    pub with_html: bool,
    /// Written by a machine.
    pub automatic: Option<Automatic>,
    /// Files.
    pub files: &'a [File<'a>],
}

/// What is needed of the mail that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Its Message-ID.
    pub message_id: &'a MessageId,
    /// Its References and In-Reply-To, oldest first.
    pub references: &'a [MessageId],
}

/// RFC 3834 section 5: how a machine's mail is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Automatic {
    /// In answer to a mail.
    Replied,
    /// Of its own accord.
    Generated,
}

/// A file to be sent with the mail.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name; cleaned before it is written.
    pub name: &'a str,
    /// `type/subtype`; what is none becomes `application/octet-stream`.
    pub content_type: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Set when the HTML shows it (RFC 2392): what `[cid:…]` in the text calls it. Without
    /// HTML it is a file like others.
    pub content_id: Option<&'a str>,
}

/// The exact bytes and the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The mail.
    pub bytes: Vec<u8>,
    /// From and to whom it is submitted.
    pub envelope: Envelope,
}

/// Why a mail cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// Nobody to send it to.
    #[error("the mail has no recipient")]
    NoRecipient,
    /// RFC 5321 section 4.5.3.1.8.
    #[error("the mail has {0} recipients, more than the {max} that one mail may have", max = Envelope::RECIPIENTS_MAX)]
    TooManyRecipients(usize),
    /// Its domain has no A-labels (RFC 5890).
    #[error("the domain of {0} is none that mail can be sent to")]
    Domain(Address),
    /// Larger than providers take.
    #[error("the mail is larger than {max} MB", max = LENGTH_MAX / 1024 / 1024)]
    TooLarge,
    /// What was built reads differently from what was asked for.
    #[error("the mail that was built does not read as intended: {0} differs")]
    Differs(&'static str),
}
