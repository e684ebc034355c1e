//! A session that outlives its mail, so that the next one of the same mailbox needs no
//! connection and no login of its own.
//!
//! Invariant: a session is kept only after a mail that went without any error, and is
//! used again only after the server has answered RSET. What it has not said anything
//! about yet may begin anew elsewhere: before MAIL was accepted nothing can have left.

use std::time::Duration;

use lettre::transport::smtp::commands::Rset;
use tokio::time::Instant;

use super::options::{Permit, SubmissionOptions};
use super::outcome::{Cause, Phase, SubmissionError, Submitted};
use super::session::Session;
use super::transaction::Mail;
use super::{signed_in, transaction};
use crate::domain::mailbox::{Credentials, Login};
use crate::net::dial::Dialer;

/// Mails of one session; providers that count end it with 421 after fewer, which costs
/// one further connection.
const MAILS_MAX: u32 = 100;
/// A session that was not used for so long is closed.
pub const IDLE_MAX: Duration = Duration::from_secs(10);
/// The answer to RSET; who is slower is asked anew, on a connection of its own.
const RSET_MAX: Duration = Duration::from_secs(5);

/// A session that waits for the next mail.
#[derive(Debug)]
pub struct Line {
    session: Session,
    options: SubmissionOptions,
    mails: u32,
    used_at: Instant,
}

impl Line {
    /// The session, when it is the one that these options ask for and the server is there.
    async fn resumed(self, options: &SubmissionOptions) -> Option<(Session, u32)> {
        let Self {
            mut session,
            options: before,
            mails,
            used_at,
        } = self;
        let fits = before.server == options.server
            && same_login(before.login.as_ref(), options.login.as_ref());
        if !fits || used_at.elapsed() > IDLE_MAX {
            session.quit(&before).await;
            return None;
        }
        if !session.is_silent().await {
            return None;
        }
        let reset = session.command(Phase::Sender, 2, RSET_MAX, Rset).await;
        (reset.is_ok() && session.is_in_step()).then_some((session, mails))
    }

    /// Ends it.
    pub async fn quit(self) {
        self.session.quit(&self.options).await;
    }
}

/// Submits one mail over the session in `line`, or over a new one, which stays there when
/// it may serve again. `let_in` is called once the server takes mail from us.
///
/// # Errors
/// As for [`super::submit`].
pub async fn submit_over(
    line: &mut Option<Line>,
    dialer: &Dialer,
    options: &SubmissionOptions,
    mut mail: Mail<'_, impl Permit>,
    let_in: impl FnOnce(),
) -> Result<Submitted, SubmissionError> {
    if mail.envelope.forward_paths.is_empty() {
        return Err(Phase::Check.failed(Cause::NobodyToSendTo));
    }
    let mut let_in = Some(let_in);
    let mut tell = || {
        if let Some(let_in) = let_in.take() {
            let_in();
        }
    };
    let resumed = match line.take() {
        Some(kept) => kept.resumed(options).await,
        None => None,
    };
    if let Some((mut session, mails)) = resumed {
        let run = transaction::run(&mut session, options, &mut mail, &mut tell);
        match run.await {
            // It has enough of this session, or has forgotten who we are.
            Err(SubmissionError::NotSent {
                phase: Phase::Sender,
                cause: Cause::Lost(_) | Cause::Reply(_) | Cause::Unexpected(_),
            }) => drop(session),
            result => return end(line, session, options, mails, result).await,
        }
    }
    let mut session = signed_in(dialer, options).await?;
    tell();
    let result = transaction::run(&mut session, options, &mut mail, || ()).await;
    end(line, session, options, 0, result).await
}

async fn end(
    line: &mut Option<Line>,
    session: Session,
    options: &SubmissionOptions,
    mails: u32,
    result: Result<Submitted, SubmissionError>,
) -> Result<Submitted, SubmissionError> {
    let mails = mails.saturating_add(1);
    match &result {
        Ok(_) if mails < MAILS_MAX && session.is_in_step() => {
            *line = Some(Line {
                session,
                options: options.clone(),
                mails,
                used_at: Instant::now(),
            });
        }
        Err(SubmissionError::Uncertain { .. }) => {}
        Ok(_) | Err(_) => session.quit(options).await,
    }
    result
}

fn same_login(one: Option<&Login>, other: Option<&Login>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            one.user == other.user && proof(&one.credentials) == proof(&other.credentials)
        }
        _ => false,
    }
}

fn proof(credentials: &Credentials) -> (bool, &str) {
    match credentials {
        Credentials::Password(password) => (false, password.expose()),
        Credentials::AccessToken(token) => (true, token.expose()),
        Credentials::OAuth(grant) => (true, grant.access_token.expose()),
    }
}
