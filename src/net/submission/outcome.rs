//! How a submission ended, in types and in words.
//!
//! Deliberately absent: what follows from it for the mail, the mailbox or the next try.

use std::time::Duration;

use super::reply::{NotAReply, Reply};
use crate::domain::address::Address;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::dial::DialError;

/// The mail was taken over, by at least one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Each recipient of the envelope, in order.
    pub recipients: Vec<RecipientOutcome>,
    /// The server's answer to the content; often its queue id.
    pub reply: Reply,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientOutcome {
    /// Who.
    pub address: Address,
    /// `None`: accepted. Otherwise the server's refusal; [`Reply::is_permanent`] tells
    /// whether trying later makes sense.
    pub refusal: Option<Reply>,
}

/// How far a submission came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Resolving, connecting, TLS.
    Connect,
    /// The server's first line.
    Greeting,
    /// Upgrading to TLS.
    StartTls,
    /// EHLO.
    Hello,
    /// AUTH.
    Authentication,
    /// What we can know before saying MAIL.
    Check,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipients,
    /// DATA and the content, the end-of-data mark not included.
    Content,
    /// The answer to the content.
    EndOfData,
}

impl Phase {
    pub(super) fn failed(self, cause: impl Into<Cause>) -> SubmissionError {
        SubmissionError::NotSent {
            phase: self,
            cause: cause.into(),
        }
    }
}

/// Why a mail was not handed over.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum SubmissionError {
    /// The server does not have the mail.
    NotSent {
        /// How far it came.
        phase: Phase,
        /// What happened.
        cause: Cause,
    },
    /// The server does not have the mail, since it wants it for nobody.
    NoRecipient {
        /// Each with its refusal.
        recipients: Vec<RecipientOutcome>,
    },
    /// The server has all of the mail and has not said whether it takes it over.
    /// Sending it again may make a double.
    Uncertain {
        /// What happened instead of an answer.
        reason: Saying,
        /// What became of the recipients until then.
        recipients: Vec<RecipientOutcome>,
    },
}

impl Said for SubmissionError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotSent { cause, .. } => cause.saying(),
            Self::NoRecipient { recipients } => {
                saying!("smtp.no_recipient", reply = first_refusal(recipients))
            }
            Self::Uncertain { reason, .. } => saying!("smtp.uncertain", reason),
        }
    }
}

/// What a mail may need of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// 8BITMIME (RFC 6152).
    EightBit,
    /// SMTPUTF8 (RFC 6531), for this address.
    Utf8(Address),
}

/// What ended a submission.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum Cause {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The server said no.
    Reply(Reply),
    /// The server said something that does not fit.
    Unexpected(Reply),
    /// The server speaks something else.
    #[error(transparent)]
    NotSmtp(NotAReply),
    /// The server said nothing.
    Timeout(Duration),
    /// The connection is gone.
    Lost(Saying),
    /// STARTTLS demanded and not offered.
    NoStartTls,
    /// Somebody on the way talks to us.
    InjectedBeforeTls,
    /// No way to sign in that both know.
    NoMechanism {
        /// What it offers.
        offered: String,
    },
    /// RFC 1870.
    TooLarge {
        /// Of the mail.
        bytes: u64,
        /// Of the server.
        bytes_max: u64,
    },
    /// RFC 6531, RFC 6152.
    Unsupported(Extension),
    /// There is nobody to send to.
    NobodyToSendTo,
    /// Whoever had asked for it wants it no more.
    KeptBack,
}

impl Said for Cause {
    fn saying(&self) -> Saying {
        match self {
            Self::Dial(error) => error.saying(),
            Self::Reply(reply) => saying!("smtp.reply", reply),
            Self::Unexpected(reply) => saying!("smtp.unexpected", reply),
            Self::NotSmtp(error) => error.saying(),
            Self::Timeout(after) => saying!("smtp.timeout", seconds = after.as_secs()),
            Self::Lost(what) => saying!("smtp.lost", what),
            Self::NoStartTls => saying!("smtp.no_starttls"),
            Self::InjectedBeforeTls => saying!("smtp.injected"),
            Self::NoMechanism { offered } if offered.is_empty() => saying!("smtp.nothing_offered"),
            Self::NoMechanism { offered } => saying!("smtp.no_mechanism", offered),
            Self::TooLarge {
                bytes, bytes_max, ..
            } => saying!("smtp.too_large", bytes, bytes_max),
            Self::Unsupported(Extension::EightBit) => saying!("smtp.no_8bit"),
            Self::Unsupported(Extension::Utf8(address)) => saying!("smtp.no_utf8", address),
            Self::NobodyToSendTo => saying!("smtp.nobody_to_send_to"),
            Self::KeptBack => saying!("smtp.kept_back"),
        }
    }
}

fn first_refusal(recipients: &[RecipientOutcome]) -> String {
    let refusal = recipients.iter().find_map(|one| one.refusal.as_ref());
    refusal.map(Reply::to_string).unwrap_or_default()
}

impl SubmissionError {
    /// Whether the same mail may go out again by itself later. Never for an uncertain one.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotSent { cause, .. } => cause.is_transient(),
            Self::NoRecipient { recipients } => recipients.iter().any(|one| {
                one.refusal
                    .as_ref()
                    .is_some_and(|reply| !reply.is_permanent())
            }),
            Self::Uncertain { .. } => false,
        }
    }

    /// Whether it came as far as the mail itself; what ends a submission before that would
    /// end that of any other mail as well.
    #[must_use]
    pub fn is_about_the_mail(&self) -> bool {
        match self {
            Self::NotSent { phase, .. } => match phase {
                Phase::Connect
                | Phase::Greeting
                | Phase::StartTls
                | Phase::Hello
                | Phase::Authentication => false,
                Phase::Check
                | Phase::Sender
                | Phase::Recipients
                | Phase::Content
                | Phase::EndOfData => self.authentication_refusal().is_none(),
            },
            Self::NoRecipient { .. } | Self::Uncertain { .. } => true,
        }
    }

    /// The server's refusal of our credentials, when that is what happened. Trouble on
    /// the way never looks like one; what a refusal means is for the preset to say.
    #[must_use]
    pub fn authentication_refusal(&self) -> Option<&Reply> {
        match self {
            Self::NotSent {
                phase,
                cause: Cause::Reply(reply),
            } => {
                let in_phase = *phase == Phase::Authentication && reply.is_permanent();
                // RFC 4954 section 6: 530 authentication required, 535 credentials invalid.
                (in_phase || matches!(reply.code, 530 | 535)).then_some(reply)
            }
            Self::NotSent { .. } | Self::NoRecipient { .. } | Self::Uncertain { .. } => None,
        }
    }
}

impl Cause {
    fn is_transient(&self) -> bool {
        match self {
            Self::Dial(error) => error.is_transient(),
            Self::Reply(reply) => !reply.is_permanent(),
            Self::Timeout(_) | Self::Lost(_) | Self::Unexpected(_) | Self::KeptBack => true,
            Self::NotSmtp(_)
            | Self::NoStartTls
            | Self::InjectedBeforeTls
            | Self::NoMechanism { .. }
            | Self::TooLarge { .. }
            | Self::Unsupported(_)
            | Self::NobodyToSendTo => false,
        }
    }
}

/// What a trial connection has learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Largest mail in bytes, where the server says so.
    pub size_max: Option<u64>,
    /// How one may sign in.
    pub mechanisms: Vec<String>,
}
