//! Handing a mail to the provider (RFC 6409), over connections of `dial`.
//!
//! The SMTP library is used as an engine for the dialogue only: connection, TLS,
//! STARTTLS, deadlines, AUTH and the judgement of answers are ours.
//!
//! Invariant: a failure says whether the mail can have been taken over. Until the
//! end-of-data mark it cannot ([`SubmissionError::NotSent`]); from then on silence
//! leaves it open ([`SubmissionError::Uncertain`], RFC 1047).
//! Invariant: credentials are never logged; the dialogue goes to the mailbox's own log only,
//! masked (`dialogue`).
//! Deliberately absent: retries, who keeps a session between two mails (`line` has what that takes), composing, and what a failure means for a mailbox.

mod content;
mod dialogue;
mod line;
mod options;
mod outcome;
mod reply;
mod session;
mod transaction;
mod wire;

pub use line::{IDLE_MAX, Line, submit_over};
pub use options::{Permit, SubmissionDeadlines, SubmissionOptions};
pub use outcome::{Cause, Extension, Phase, Probed, RecipientOutcome, SubmissionError, Submitted};
pub use reply::{NotAReply, Reply};
pub use transaction::Mail;

use self::session::Session;
use super::dial::Dialer;
use crate::domain::address::Address;
use crate::domain::envelope::Envelope;

/// Submits one mail over a connection of its own.
///
/// # Errors
/// See [`SubmissionError`]: not sent, wanted by nobody, or uncertain.
pub async fn submit(
    dialer: &Dialer,
    options: &SubmissionOptions,
    envelope: &Envelope,
    mail: &[u8],
) -> Result<Submitted, SubmissionError> {
    let mut line = None;
    let mail = Mail::unasked(envelope, mail);
    let result = submit_over(&mut line, dialer, options, mail, || ()).await;
    if let Some(line) = line {
        line.quit().await;
    }
    result
}

/// Connects, signs in and leaves again.
///
/// # Errors
/// [`SubmissionError::NotSent`] with the phase that failed.
pub async fn probe(
    dialer: &Dialer,
    options: &SubmissionOptions,
) -> Result<Probed, SubmissionError> {
    let session = signed_in(dialer, options).await?;
    let probed = Probed {
        size_max: session.offers.size_max,
        mechanisms: session.offers.mechanisms.clone(),
    };
    session.quit(options).await;
    Ok(probed)
}

/// The same, and asks for each sender whether the server would take its mail: `Some` is
/// its refusal. Nothing is sent.
///
/// # Errors
/// As for [`probe`].
pub async fn probe_senders(
    dialer: &Dialer,
    options: &SubmissionOptions,
    senders: &[Address],
) -> Result<(Probed, Vec<Option<Reply>>), SubmissionError> {
    let mut session = signed_in(dialer, options).await?;
    let probed = Probed {
        size_max: session.offers.size_max,
        mechanisms: session.offers.mechanisms.clone(),
    };
    let mut refusals = Vec::with_capacity(senders.len());
    for sender in senders {
        refusals.push(transaction::try_sender(&mut session, options, sender).await?);
    }
    session.quit(options).await;
    Ok((probed, refusals))
}

async fn signed_in(
    dialer: &Dialer,
    options: &SubmissionOptions,
) -> Result<Session, SubmissionError> {
    let mut session = Session::open(dialer, options).await?;
    if let Some(login) = &options.login {
        session.authenticate(login, options).await?;
    }
    Ok(session)
}

#[cfg(test)]
mod tests;
