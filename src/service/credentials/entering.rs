//! Stored logins are offered to servers: by sessions beside the mailbox's own, and to
//! send.
//!
//! Invariant: of a mailbox one offer is under way per direction. It is held until the
//! server has answered and a refusal was noted, and no longer.

use std::ops::{Deref, DerefMut};

use super::{CredentialsError, EnterError, Keyring, no_slot};
use crate::domain::attempt::Way;
use crate::domain::envelope::Envelope;
use crate::domain::mailbox::{ImapWay, Mailbox, MailboxLogins, Pop3Way, Server};
use crate::domain::refusal::Dialogue;
use crate::net::dial::Dialer;
use crate::net::imap::{ImapOptions, OpenError, RefusalMeaning, Session};
use crate::net::pop3::{self, Pop3Options};
use crate::net::submission::{
    self, Line, Mail, Permit, SubmissionError, SubmissionOptions, Submitted,
};
use crate::net::tap::Tap;
use crate::service::refusals::{Offer, Visit};
use crate::service::sync::to_the_end;

impl Keyring {
    /// Waits until the stored login may be offered to a server of that way. It is held
    /// until the server has answered and a refusal was noted, and no longer.
    ///
    /// # Errors
    /// When it was refused too often lately, or others took too long.
    pub async fn offer(&self, mailbox: &Mailbox, way: Way) -> Result<Offer, CredentialsError> {
        let offer = self.refusals.offer(mailbox.key, way, &self.clock).await;
        offer.map_err(|why| no_slot(mailbox, why))
    }

    /// The same for sending, with the logins as they are then.
    ///
    /// # Errors
    /// As for [`Keyring::offer`] and [`Keyring::logins`].
    pub async fn offer_to_send(
        &self,
        mailbox: &Mailbox,
    ) -> Result<(Offer, MailboxLogins), CredentialsError> {
        let offer = self.offer(mailbox, Way::Sending).await?;
        Ok((offer, self.logins(mailbox).await?))
    }

    /// Waits until a session beside the mailbox's own may be open.
    ///
    /// # Errors
    /// When others took too long.
    pub async fn visit(&self, mailbox: &Mailbox) -> Result<Visit, CredentialsError> {
        let visit = self.refusals.visit(mailbox.key, &self.clock).await;
        visit.map_err(|why| no_slot(mailbox, why))
    }

    /// Opens a session with a mailbox's folders; a token that is refused is renewed once.
    ///
    /// # Errors
    /// By what went wrong.
    pub async fn enter(
        &self,
        dialer: &Dialer,
        mailbox: &Mailbox,
        way: &ImapWay,
        tap: Tap,
    ) -> Result<Visiting<Session>, EnterError> {
        let visit = self.visit(mailbox).await?;
        let offer = self.offer(mailbox, Way::Receiving).await?;
        let (keyring, dialer, mailbox) = (self.clone(), dialer.clone(), mailbox.clone());
        let server = way.server.clone();
        // Whoever asked may go away; a refusal is noted all the same.
        let session = to_the_end(keyring.sign_in(dialer, mailbox, server, offer, tap)).await?;
        Ok(Visiting::new(session, visit))
    }

    async fn sign_in(
        self,
        dialer: Dialer,
        mailbox: Mailbox,
        server: Server,
        offer: Offer,
        tap: Tap,
    ) -> Result<Session, EnterError> {
        let login = self.logins(&mailbox).await?.incoming;
        let mut options = ImapOptions::new(server, login.ok_or(EnterError::NoLogin)?);
        options.tap = tap;
        let refused = match self.open(&dialer, &mailbox, offer, &options).await {
            Err(error @ OpenError::Refused { .. }) => error,
            other => return Ok(other?),
        };
        let renewed = self.renewed(&mailbox, &options.login).await?;
        options.login = match renewed.and_then(|logins| logins.incoming) {
            Some(login) => login,
            None => return Err(refused.into()),
        };
        let offer = self.offer(&mailbox, Way::Receiving).await?;
        Ok(self.open(&dialer, &mailbox, offer, &options).await?)
    }

    async fn open(
        &self,
        dialer: &Dialer,
        mailbox: &Mailbox,
        offer: Offer,
        options: &ImapOptions,
    ) -> Result<Session, OpenError> {
        let opened = Session::open(dialer, options).await;
        if let Err(OpenError::Refused { refusal, .. }) = &opened {
            let clear = refusal.meaning() == RefusalMeaning::Credentials;
            self.note_refusal(mailbox, Dialogue::Imap, &refusal.as_said(), clear)
                .await;
        }
        drop(offer);
        opened
    }

    /// The same with a maildrop.
    ///
    /// # Errors
    /// By what went wrong.
    pub async fn enter_maildrop(
        &self,
        dialer: &Dialer,
        mailbox: &Mailbox,
        way: &Pop3Way,
        tap: Tap,
    ) -> Result<Visiting<pop3::Session>, EnterError> {
        let visit = self.visit(mailbox).await?;
        let offer = self.offer(mailbox, Way::Receiving).await?;
        let (keyring, dialer, mailbox) = (self.clone(), dialer.clone(), mailbox.clone());
        let server = way.server.clone();
        let entering = keyring.sign_in_to_maildrop(dialer, mailbox, server, offer, tap);
        let session = to_the_end(entering).await?;
        Ok(Visiting::new(session, visit))
    }

    async fn sign_in_to_maildrop(
        self,
        dialer: Dialer,
        mailbox: Mailbox,
        server: Server,
        offer: Offer,
        tap: Tap,
    ) -> Result<pop3::Session, EnterError> {
        let login = self.logins(&mailbox).await?.incoming;
        let mut options = Pop3Options::new(server, login.ok_or(EnterError::NoLogin)?);
        options.tap = tap;
        let opened = self.open_maildrop(&dialer, &mailbox, offer, &options).await;
        let refused = match opened {
            Err(error @ pop3::OpenError::Refused { .. }) => error,
            other => return Ok(other?),
        };
        let renewed = self.renewed(&mailbox, &options.login).await?;
        options.login = match renewed.and_then(|logins| logins.incoming) {
            Some(login) => login,
            None => return Err(refused.into()),
        };
        let offer = self.offer(&mailbox, Way::Receiving).await?;
        let opened = self.open_maildrop(&dialer, &mailbox, offer, &options).await;
        Ok(opened?)
    }

    async fn open_maildrop(
        &self,
        dialer: &Dialer,
        mailbox: &Mailbox,
        offer: Offer,
        options: &Pop3Options,
    ) -> Result<pop3::Session, pop3::OpenError> {
        let opened = pop3::Session::open(dialer, options).await;
        if let Err(pop3::OpenError::Refused { refusal, .. }) = &opened
            && refusal.meaning() != pop3::RefusalMeaning::Passing
        {
            let clear = refusal.meaning() == pop3::RefusalMeaning::Credentials;
            self.note_refusal(mailbox, Dialogue::Pop3, &refusal.as_said(), clear)
                .await;
        }
        drop(offer);
        opened
    }

    /// Submits by the mailbox's way out; a token that is refused is renewed once. Beside
    /// the result stands why it was not renewed, when that was tried. `offer` is held
    /// until the server has let us in: a mail may take long.
    pub async fn submit(
        &self,
        dialer: &Dialer,
        mailbox: &Mailbox,
        offer: Option<Offer>,
        options: SubmissionOptions,
        envelope: &Envelope,
        raw: &[u8],
    ) -> (Result<Submitted, SubmissionError>, Option<CredentialsError>) {
        let mut line = None;
        let mail = Submission {
            envelope,
            raw,
            line: &mut line,
            permit: &mut (),
        };
        let sent = self
            .submit_over(dialer, mailbox, offer, options, mail)
            .await;
        if let Some(line) = line {
            line.quit().await;
        }
        sent
    }

    /// The same over a session that is kept between mails, where there is one.
    pub async fn submit_over(
        &self,
        dialer: &Dialer,
        mailbox: &Mailbox,
        offer: Option<Offer>,
        mut options: SubmissionOptions,
        mut mail: Submission<'_, impl Permit>,
    ) -> (Result<Submitted, SubmissionError>, Option<CredentialsError>) {
        let sent = self.submit_once(dialer, mailbox, offer, &options, &mut mail);
        let result = sent.await;
        let refused = match &result {
            Err(error) if error.authentication_refusal().is_some() => options.login.as_ref(),
            _ => None,
        };
        let Some(refused) = refused else {
            return (result, None);
        };
        let logins = match self.renewed(mailbox, refused).await {
            Ok(None) => return (result, None),
            Ok(Some(logins)) => logins,
            Err(error) => return (result, Some(error)),
        };
        let offer = match self.offer(mailbox, Way::Sending).await {
            Ok(offer) => offer,
            Err(error) => return (result, Some(error)),
        };
        options.login = logins.outgoing;
        let sent = self.submit_once(dialer, mailbox, Some(offer), &options, &mut mail);
        (sent.await, None)
    }

    async fn submit_once(
        &self,
        dialer: &Dialer,
        mailbox: &Mailbox,
        offer: Option<Offer>,
        options: &SubmissionOptions,
        mail: &mut Submission<'_, impl Permit>,
    ) -> Result<Submitted, SubmissionError> {
        let mut offer = offer;
        let let_in = || drop(offer.take());
        let whole = Mail {
            envelope: mail.envelope,
            bytes: mail.raw,
            permit: &mut *mail.permit,
        };
        let sent = submission::submit_over(mail.line, dialer, options, whole, let_in);
        let result = sent.await;
        self.note_submission(mailbox, &result).await;
        drop(offer);
        result
    }

    async fn note_submission(
        &self,
        mailbox: &Mailbox,
        result: &Result<Submitted, SubmissionError>,
    ) {
        let refused = result.as_ref().err();
        if let Some(reply) = refused.and_then(SubmissionError::authentication_refusal) {
            // 534 and 535 leave no doubt (RFC 4954 section 6).
            let clear = matches!(reply.code, 534 | 535);
            self.note_refusal(mailbox, Dialogue::SmtpLogin, &reply.to_string(), clear)
                .await;
        }
    }
}

/// A mail to be handed over.
#[derive(Debug)]
pub struct Submission<'m, P> {
    /// From whom, to whom.
    pub envelope: &'m Envelope,
    /// Its bytes.
    pub raw: &'m [u8],
    /// The session of the mail before, and of the next.
    pub line: &'m mut Option<Line>,
    /// Whether it may still leave.
    pub permit: &'m mut P,
}

/// A session; when it is dropped, the next may be opened.
#[derive(Debug)]
pub struct Visiting<S> {
    session: S,
    visit: Visit,
}

impl<S> Visiting<S> {
    pub(super) fn new(session: S, visit: Visit) -> Self {
        Self { session, visit }
    }
}

impl Visiting<Session> {
    /// Says goodbye; the place is free when it was answered.
    pub async fn logout(self) {
        let Self { session, visit } = self;
        session.logout().await;
        drop(visit);
    }
}

impl Visiting<pop3::Session> {
    /// The same.
    pub async fn leave(self) {
        let Self { session, visit } = self;
        session.leave().await;
        drop(visit);
    }
}

impl<S> Deref for Visiting<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.session
    }
}

impl<S> DerefMut for Visiting<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.session
    }
}
