//! One mail transaction: MAIL, RCPT for each, DATA, the content, the answer (RFC 5321 section 3.3).
//!
//! Deliberately absent: how the session came about (`session`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lettre::address::Address as Mailbox;
use lettre::transport::smtp::commands::{self, Data, Rcpt, Rset};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter};
use tokio::time::sleep;

use super::content::{chunks, wire_bytes, without_last_line_end};
use super::options::{Permit, SubmissionDeadlines, SubmissionOptions};
use super::outcome::{Cause, Extension, Phase, RecipientOutcome, SubmissionError, Submitted};
use super::reply::Reply;
use super::session::{Offers, Session};
use crate::domain::address::Address;
use crate::domain::envelope::Envelope;
use crate::domain::saying::{Said, saying};
use crate::fault::{Point, reach};

/// A mail to be handed over.
#[derive(Debug)]
pub struct Mail<'m, P> {
    /// From whom, to whom.
    pub envelope: &'m Envelope,
    /// Its bytes.
    pub bytes: &'m [u8],
    /// Whether it may still leave.
    pub permit: P,
}

impl<'m> Mail<'m, ()> {
    /// Nobody keeps it back.
    #[must_use]
    pub fn unasked(envelope: &'m Envelope, bytes: &'m [u8]) -> Self {
        Self {
            envelope,
            bytes,
            permit: (),
        }
    }
}

/// `begun` is called once MAIL was accepted.
pub(super) async fn run(
    session: &mut Session,
    options: &SubmissionOptions,
    whole: &mut Mail<'_, impl Permit>,
    begun: impl FnOnce(),
) -> Result<Submitted, SubmissionError> {
    let envelope = whole.envelope;
    let mail = without_last_line_end(whole.bytes);
    let deadline = options.deadlines.command;
    let parameters = parameters(&session.offers, envelope, mail)?;
    let sender = envelope.reverse_path.as_ref().map(path);
    let command = commands::Mail::new(sender, parameters);
    session.command(Phase::Sender, 2, deadline, command).await?;
    begun();
    reach(Point::SenderNamed);

    let mut recipients = Vec::with_capacity(envelope.forward_paths.len());
    for address in &envelope.forward_paths {
        let refusal = offer(session, deadline, address).await?;
        recipients.push(RecipientOutcome {
            address: address.clone(),
            refusal,
        });
    }
    if recipients.iter().all(|one| one.refusal.is_some()) {
        // DATA without a recipient would be refused anyway (RFC 5321 section 3.3).
        session
            .command(Phase::Recipients, 2, deadline, Rset)
            .await
            .ok();
        return Err(SubmissionError::NoRecipient { recipients });
    }
    reach(Point::RecipientsNamed);
    if !whole.permit.ask().await {
        session
            .command(Phase::Recipients, 2, deadline, Rset)
            .await
            .ok();
        return Err(Phase::Recipients.failed(Cause::KeptBack));
    }
    session.command(Phase::Content, 3, deadline, Data).await?;
    reach(Point::DataBegun);
    let reply = content(session, &options.deadlines, mail, &recipients).await?;
    reach(Point::TakenOver);
    Ok(Submitted { recipients, reply })
}

/// MAIL and at once RSET: `Some` is the refusal of this sender.
pub(super) async fn try_sender(
    session: &mut Session,
    options: &SubmissionOptions,
    sender: &Address,
) -> Result<Option<Reply>, SubmissionError> {
    let deadline = options.deadlines.command;
    let command = commands::Mail::new(Some(path(sender)), Vec::new());
    let refusal = match session.command(Phase::Sender, 2, deadline, command).await {
        Ok(_) => None,
        Err(SubmissionError::NotSent {
            cause: Cause::Reply(reply),
            ..
        }) if reply.code != 421 => Some(reply),
        Err(error) => return Err(error),
    };
    session.command(Phase::Sender, 2, deadline, Rset).await?;
    Ok(refusal)
}

/// One RCPT: `Some` is a refusal of this recipient alone.
async fn offer(
    session: &mut Session,
    deadline: Duration,
    address: &Address,
) -> Result<Option<Reply>, SubmissionError> {
    let command = Rcpt::new(path(address), Vec::new());
    match session
        .command(Phase::Recipients, 2, deadline, command)
        .await
    {
        Ok(_) => Ok(None),
        // 421 means that the server is leaving (RFC 5321 section 3.8), whoever it was about.
        Err(SubmissionError::NotSent {
            cause: Cause::Reply(reply),
            ..
        }) if reply.code != 421 => Ok(Some(reply)),
        Err(error) => Err(error),
    }
}

/// The content and the answer to it. Here lies the line between not sent and uncertain.
async fn content(
    session: &mut Session,
    deadlines: &SubmissionDeadlines,
    mail: &[u8],
    recipients: &[RecipientOutcome],
) -> Result<Reply, SubmissionError> {
    let progress = Progress::default();
    let watched = chunks(mail).enumerate().map(|(number, chunk)| {
        progress.step();
        if number > 0 {
            reach(Point::ContentBegun);
        }
        chunk
    });
    // The library asks for a further chunk when all before are written, and writes
    // the end-of-data mark when there is none.
    let watched = watched.chain(std::iter::from_fn(|| {
        progress.complete.store(true, Ordering::Relaxed);
        reach(Point::ContentWritten);
        None
    }));
    let answered = tokio::select! {
        biased;
        answered = session.smtp().message_iter(watched) => Some(answered),
        () = progress.stalled(deadlines) => None,
    };
    let complete = progress.complete.load(Ordering::Relaxed);
    let cause = match answered {
        Some(Ok(_)) => match session.last_reply() {
            Some(reply) if reply.code / 100 == 2 => return Ok(reply),
            Some(reply) => Cause::Unexpected(reply),
            None => Cause::Lost(saying!("smtp.unreadable")),
        },
        Some(Err(error)) if complete => session.cause(&error),
        Some(Err(error)) => match session.parting_words(deadlines.quit).await {
            Some(reply) => Cause::Reply(reply),
            None => session.cause(&error),
        },
        None if complete => Cause::Timeout(deadlines.end_of_data),
        None => Cause::Timeout(deadlines.block),
    };
    match cause {
        // The server has answered, so there is no doubt.
        Cause::Reply(_) if complete => Err(Phase::EndOfData.failed(cause)),
        _ if complete => Err(SubmissionError::Uncertain {
            reason: cause.saying(),
            recipients: recipients.to_vec(),
        }),
        _ => Err(Phase::Content.failed(cause)),
    }
}

/// How far the content is, seen from beside.
#[derive(Debug, Default)]
struct Progress {
    chunks: AtomicU64,
    complete: AtomicBool,
}

impl Progress {
    fn step(&self) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
    }

    fn seen(&self) -> (u64, bool) {
        let chunks = self.chunks.load(Ordering::Relaxed);
        (chunks, self.complete.load(Ordering::Relaxed))
    }

    /// Ends when nothing has moved for the deadline of the stage, at the latest
    /// after twice that.
    async fn stalled(&self, deadlines: &SubmissionDeadlines) {
        loop {
            let seen = self.seen();
            let (_, complete) = seen;
            sleep(if complete {
                deadlines.end_of_data
            } else {
                deadlines.block
            })
            .await;
            if self.seen() == seen {
                return;
            }
        }
    }
}

/// What MAIL says beside the sender, after checking what the server has offered.
fn parameters(
    offers: &Offers,
    envelope: &Envelope,
    mail: &[u8],
) -> Result<Vec<MailParameter>, SubmissionError> {
    let mut parameters = Vec::new();
    let bytes = wire_bytes(mail);
    if let Some(bytes_max) = offers.size_max.filter(|bytes_max| bytes > *bytes_max) {
        return Err(Phase::Check.failed(Cause::TooLarge { bytes, bytes_max }));
    }
    if offers.size {
        parameters.push(MailParameter::Size(
            usize::try_from(bytes).unwrap_or(usize::MAX),
        ));
    }
    let mut paths = envelope.reverse_path.iter().chain(&envelope.forward_paths);
    let beyond = paths.find(|address| !address.local().is_ascii());
    if let Some(address) = beyond.filter(|_| !offers.smtp_utf8) {
        let cause = Cause::Unsupported(Extension::Utf8(address.clone()));
        return Err(Phase::Check.failed(cause));
    }
    if !mail.is_ascii() {
        if !offers.eight_bit {
            let cause = Cause::Unsupported(Extension::EightBit);
            return Err(Phase::Check.failed(cause));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    if beyond.is_some() {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    Ok(parameters)
}

/// An address as it stands in a path, the domain in its ASCII form (RFC 5890).
fn path(address: &Address) -> Mailbox {
    let domain = idna::domain_to_ascii(address.domain());
    let domain = domain.unwrap_or_else(|_| address.domain().to_owned());
    // Not parsed again: our type is the stricter one about what could extend a
    // command, and it knows quoted local parts.
    Mailbox::new_dangerous(address.local(), domain)
}
