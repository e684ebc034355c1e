//! Sends the mails of tests and canaries by the route that customers' mail takes.

use crate::domain::address::{Address, NamedAddress};
use crate::domain::condition::Failure;
use crate::domain::mailbox::{Login, Mailbox, MailboxLogins, Server, WayIn};
use crate::domain::proof::{SelfMail, SelfMailKind, Token};
use crate::domain::refusal::Dialogue;
use crate::domain::saying::{Said, Saying, saying};
use crate::mime::compose::{self, Automatic, Composition};
use crate::net::dial::Dialer;
use crate::net::submission::SubmissionOptions;
use crate::service::clock::Clock;
use crate::service::credentials::{CredentialsError, Keyring};
use crate::service::random::{NoRandomness, Random};
use crate::service::refusals::Offer;
use crate::service::sync::board::Board;
use crate::service::way_out::{SystemSmtp, way_out};
use crate::store::{Store, StoreError};

const TEXT: &str = "This mail was written by Postern to its own mailbox, to see whether mail \
                    arrives. Nobody has to answer it.";

/// The handles that tests and canaries share.
#[derive(Clone, Debug)]
pub(super) struct Hands {
    pub(super) store: Store,
    pub(super) dialer: Dialer,
    pub(super) board: Board,
    pub(super) keyring: Keyring,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) system: Option<SystemSmtp>,
}

/// Why a mail did not leave.
#[derive(Debug)]
pub(super) enum SendError {
    /// For a person.
    Words(Saying),
    /// The store.
    Store(StoreError),
}

impl From<StoreError> for SendError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// By which server, and as whom.
struct Route {
    server: Server,
    login: Option<Login>,
    from: Address,
    /// Where the login is the mailbox's own.
    offer: Option<Offer>,
}

impl Hands {
    pub(super) fn token(&self) -> Result<Token, NoRandomness> {
        Ok(Token::new(self.clock.now(), self.random.bytes()?))
    }

    /// Waits for the mail from now on.
    pub(super) async fn await_mail(
        &self,
        mailbox: &Mailbox,
        kind: SelfMailKind,
        token: &Token,
    ) -> Result<(), SendError> {
        let mail = SelfMail {
            mailbox: mailbox.key,
            kind,
            sender: self.route(mailbox).await?.from,
            sent_at: self.clock.now(),
        };
        let store = &self.store;
        store
            .await_self_mail(mailbox.workspace, token.clone(), mail)
            .await?;
        Ok(())
    }

    /// Hands the mail over. It must be waited for already.
    pub(super) async fn send(
        &self,
        mailbox: &Mailbox,
        kind: SelfMailKind,
        token: &Token,
    ) -> Result<(), SendError> {
        let route = self.route(mailbox).await?;
        let from = NamedAddress::from(route.from);
        let to = [NamedAddress::from(mailbox.settings.address.clone())];
        let message_id = kind.message_id(token, from.address.domain());
        let message_id =
            message_id.ok_or_else(|| SendError::Words(saying!("test.sender_domain")))?;
        let composed = compose::compose(&Composition {
            from: &from,
            reply_to: None,
            to: &to,
            cc: &[],
            bcc: &[],
            subject: &kind.subject(token),
            date: self.clock.now(),
            message_id: &message_id,
            answered: None,
            text: TEXT,
            quotation: None,
            below: None,
            with_html: false,
            automatic: Some(Automatic::Generated),
            files: &[],
        });
        let composed = composed.map_err(|error| SendError::Words(Saying::words(error)))?;
        let mut options = SubmissionOptions::new(route.server, route.login);
        options.tap = self.board.diary().tap(mailbox.key, "smtp");
        let (envelope, bytes) = (&composed.envelope, &composed.bytes);
        let by_own_login = route.offer.is_some();
        let sent =
            self.keyring
                .submit(&self.dialer, mailbox, route.offer, options, envelope, bytes);
        let (words, failure) = match sent.await {
            (Ok(_), _) => {
                if by_own_login {
                    self.note(mailbox, Ok(())).await;
                }
                return Ok(());
            }
            (_, Some(trouble)) => (trouble.saying(), Some(trouble.failure())),
            (Err(error), None) => {
                let refused = error.authentication_refusal().map(|reply| {
                    let clear = matches!(reply.code, 534 | 535);
                    let (said, words) = (reply.to_string(), error.saying());
                    let login = Dialogue::SmtpLogin;
                    self.keyring.meaning(mailbox, login, &said, words, clear)
                });
                (error.saying(), refused)
            }
        };
        if let Some(failure) = failure.filter(|_| by_own_login) {
            self.note(mailbox, Err(failure)).await;
        }
        Err(SendError::Words(words))
    }

    /// What it says about sending by this mailbox.
    async fn note(&self, mailbox: &Mailbox, outcome: Result<(), Failure>) {
        let (now, failed) = (self.clock.now(), outcome.is_err());
        let random = self.random.jitter();
        let changed = self.board.submitted(mailbox.key, outcome, now, random);
        if changed || failed {
            let (board, key) = (self.board.clone(), mailbox.key);
            let standing = move || board.standing(key);
            if let Err(error) = self.store.note_condition(key, standing, now).await {
                tracing::warn!(%error, "a mailbox's change of condition could not be written to the feed");
            }
        }
    }

    /// A mailbox that is forwarded to us is written to from outside.
    async fn route(&self, mailbox: &Mailbox) -> Result<Route, SendError> {
        let settings = &mailbox.settings;
        if let WayIn::Forwarding(_) = settings.way_in {
            let system = self
                .system
                .as_ref()
                .ok_or_else(|| SendError::Words(saying!("test.no_system_smtp")))?;
            return Ok(Route {
                server: system.server.clone(),
                login: system.login.clone(),
                offer: None,
                from: system.from.clone(),
            });
        }
        let (offer, logins) = self.offer(mailbox).await?;
        let way = way_out(settings, &logins, self.system.as_ref());
        let (server, login) = way.map_err(|error| SendError::Words(error.saying()))?;
        Ok(Route {
            server,
            login,
            offer: Some(offer),
            from: settings.address.clone(),
        })
    }

    async fn offer(&self, mailbox: &Mailbox) -> Result<(Offer, MailboxLogins), SendError> {
        match self.keyring.offer_to_send(mailbox).await {
            Ok(both) => Ok(both),
            Err(CredentialsError::Store(StoreError::Missing { .. })) => {
                Err(SendError::Words(saying!("test.no_login")))
            }
            Err(CredentialsError::Store(error)) => Err(error.into()),
            Err(error) => Err(SendError::Words(error.saying())),
        }
    }
}
