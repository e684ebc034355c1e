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
//! Deliberately absent: retries, pools, composing, and what a failure means for a mailbox.

mod content;
mod dialogue;
mod options;
mod outcome;
mod reply;
mod session;
mod transaction;
mod wire;

pub use options::{SubmissionDeadlines, SubmissionOptions};
pub use outcome::{Cause, Extension, Phase, Probed, RecipientOutcome, SubmissionError, Submitted};
pub use reply::{NotAReply, Reply};

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
    submit_telling(dialer, options, envelope, mail, || ()).await
}

/// The same; `let_in` is called once the server has taken the login.
///
/// # Errors
/// As for [`submit`].
pub async fn submit_telling(
    dialer: &Dialer,
    options: &SubmissionOptions,
    envelope: &Envelope,
    mail: &[u8],
    let_in: impl FnOnce(),
) -> Result<Submitted, SubmissionError> {
    if envelope.forward_paths.is_empty() {
        return Err(Phase::Check.failed(Cause::NobodyToSendTo));
    }
    let mut session = signed_in(dialer, options).await?;
    let_in();
    let result = transaction::run(&mut session, options, envelope, mail).await;
    if !matches!(result, Err(SubmissionError::Uncertain { .. })) {
        session.quit(options).await;
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
