//! From nothing to a session that is logged in: connect, TLS, greeting, capabilities,
//! login, ID.

use super::error::{Lost, OpenError, Phase, Refusal};
use super::options::ImapOptions;
use super::{News, Session};
use crate::domain::mailbox::{Credentials, OAuthGrant, Security, Server};
use crate::net::dial::Dialer;
use crate::net::driver::Driver;
use crate::protocol::imap::{CloseReason, CommandId, Connection, Event, Outcome, Verdict};
use crate::protocol::sasl::Mechanism;

impl Session {
    /// Opens a session: when this returns, folders can be opened.
    ///
    /// # Errors
    /// By phase. Nothing is tried twice: providers count logins.
    pub async fn open(dialer: &Dialer, options: &ImapOptions) -> Result<Self, OpenError> {
        let opened = Self::open_noted(dialer, options).await;
        if let Err(error) = &opened {
            options.tap.remark(error);
        }
        opened
    }

    async fn open_noted(dialer: &Dialer, options: &ImapOptions) -> Result<Self, OpenError> {
        let target = options.target();
        let Server { host, port, .. } = &options.server;
        options
            .tap
            .remark(format_args!("connecting to {host} port {port}"));
        let stream = match options.server.security {
            Security::Tls => dialer.dial_tls(&target).await?,
            Security::StartTls | Security::None => dialer.dial_plain(&target).await?,
        };
        options.tap.remark(stream.shown());
        let now = tokio::time::Instant::now().into_std();
        let machine = Connection::new(options.connection_options(), now);
        let mut opening = Opening {
            session: Self {
                driver: Driver::new(machine, stream, options.driver).with_tap(options.tap.clone()),
                host: options.server.host.clone(),
                news: News::default(),
            },
            host: options.server.host.clone(),
            takes_id: false,
        };
        let authenticated = opening
            .greeting()
            .await
            .map_err(|error| in_the_clear(error, options.server.security))?;
        if options.server.security == Security::StartTls {
            opening = opening.start_tls(dialer, options).await?;
        }
        opening.learn_capabilities().await?;
        if !authenticated {
            opening.log_in(options).await?;
        }
        opening.identify(options).await?;
        Ok(opening.session)
    }
}

/// Silence means more where TLS may be what is waited for.
fn in_the_clear(error: OpenError, security: Security) -> OpenError {
    match error {
        OpenError::Lost {
            host,
            source: Lost::Closed(CloseReason::TimedOut(_)),
            ..
        } if security != Security::Tls => OpenError::Silent { host },
        error => error,
    }
}

/// A session on its way.
struct Opening {
    session: Session,
    host: String,
    /// ID was offered, before the login or after it: some servers name it only once.
    takes_id: bool,
}

impl Opening {
    /// Waits for the greeting; `true` when no login is needed.
    async fn greeting(&mut self) -> Result<bool, OpenError> {
        loop {
            match self.next(Phase::Greeting).await? {
                Event::Greeting { authenticated, .. } => return Ok(authenticated),
                other => self.session.note(other),
            }
        }
    }

    async fn start_tls(
        mut self,
        dialer: &Dialer,
        options: &ImapOptions,
    ) -> Result<Self, OpenError> {
        let now = self.session.driver.now();
        let command = self.session.driver.machine_mut().starttls(now);
        let outcome = self.finish(command, Phase::StartTls).await?;
        if !outcome.is_ok() {
            let host = self.host;
            return Err(OpenError::NoStartTls { host });
        }
        while self.next(Phase::StartTls).await? != Event::ContinueTls {}
        let lost = |source| OpenError::Lost {
            host: self.host.clone(),
            phase: Phase::StartTls,
            source: Lost::Broken(source),
        };
        let (mut machine, stream) = self.session.driver.into_parts().map_err(lost)?;
        let stream = dialer.upgrade(stream, &options.target()).await?;
        machine.tls_established(tokio::time::Instant::now().into_std());
        options.tap.remark(stream.shown());
        let driver = Driver::new(machine, stream, options.driver);
        self.session.driver = driver.with_tap(options.tap.clone());
        Ok(self)
    }

    /// Asks what the server can do, where it has not said so by itself.
    async fn learn_capabilities(&mut self) -> Result<(), OpenError> {
        if self.session.capabilities().is_empty() {
            self.ask_capabilities().await?;
        }
        self.takes_id |= self.session.capabilities().has("ID");
        Ok(())
    }

    async fn ask_capabilities(&mut self) -> Result<(), OpenError> {
        let now = self.session.driver.now();
        let command = self.session.driver.machine_mut().capability(now);
        let outcome = self.finish(command, Phase::Capability).await?;
        if outcome.is_ok() {
            return Ok(());
        }
        Err(OpenError::Unexpected {
            host: self.host.clone(),
            phase: Phase::Capability,
            refusal: Refusal::from(outcome),
        })
    }

    async fn log_in(&mut self, options: &ImapOptions) -> Result<(), OpenError> {
        let before = self.session.capabilities().clone();
        let command = self.send_login(options)?;
        let outcome = self.finish(command, Phase::Authentication).await?;
        if !outcome.is_ok() {
            return Err(self.refused(outcome));
        }
        // RFC 3501 section 6.2.3: capabilities may change with the login, and the
        // server need not say so.
        if *self.session.capabilities() == before {
            self.ask_capabilities().await?;
        }
        self.takes_id |= self.session.capabilities().has("ID");
        Ok(())
    }

    /// The credentials in the form that this server takes.
    fn send_login(&mut self, options: &ImapOptions) -> Result<CommandId, OpenError> {
        let user = &options.login.user;
        let now = self.session.driver.now();
        let host = self.host.clone();
        let machine = self.session.driver.machine_mut();
        let known = machine.capabilities();
        let preferred = options.login.credentials.mechanism();
        match &options.login.credentials {
            Credentials::AccessToken(token)
            | Credentials::OAuth(OAuthGrant {
                access_token: token,
                ..
            }) => {
                let mechanism = Mechanism::of_tokens(preferred)
                    .into_iter()
                    .find(|mechanism| known.has_mechanism(mechanism.name()))
                    .ok_or(OpenError::NoTokenMechanism { host })?;
                Ok(machine.authenticate(mechanism, user, token, now))
            }
            Credentials::Password(password) => {
                let offers_plain = known.has_mechanism(Mechanism::Plain.name());
                let offers_login = !known.has("LOGINDISABLED");
                let ascii = user.is_ascii() && password.expose().is_ascii();
                // LOGIN has no charset (RFC 3501 section 6.2.3); PLAIN is UTF-8.
                match (offers_login, offers_plain, ascii) {
                    (true, _, true) | (true, false, false) => {
                        Ok(machine.login(user, password, now))
                    }
                    (_, true, _) => Ok(machine.authenticate(Mechanism::Plain, user, password, now)),
                    (false, false, _) => Err(OpenError::LoginDisabled { host }),
                }
            }
        }
    }

    /// A refused ID is no reason to give up: it is a courtesy.
    async fn identify(&mut self, options: &ImapOptions) -> Result<(), OpenError> {
        if options.id.is_empty() || !self.takes_id {
            return Ok(());
        }
        let now = self.session.driver.now();
        let command = self.session.driver.machine_mut().id(&options.id, now);
        let outcome = self.finish(command, Phase::Identification).await?;
        if !outcome.is_ok() {
            tracing::debug!(host = self.host, text = outcome.text, "ID was refused");
        }
        Ok(())
    }

    fn refused(&self, outcome: Outcome) -> OpenError {
        let host = self.host.clone();
        match outcome.verdict {
            Verdict::Ok | Verdict::No | Verdict::Bad => OpenError::Refused {
                host,
                refusal: Refusal::from(outcome),
            },
            Verdict::NotSent => OpenError::Unexpected {
                host,
                phase: Phase::Authentication,
                refusal: Refusal::from(outcome),
            },
        }
    }

    async fn finish(&mut self, command: CommandId, phase: Phase) -> Result<Outcome, OpenError> {
        let outcome = self.session.finish(command, |_| ()).await;
        outcome.map_err(|source| self.lost(source, phase))
    }

    async fn next(&mut self, phase: Phase) -> Result<Event, OpenError> {
        let event = self.session.next_event().await;
        event.map_err(|source| self.lost(source, phase))
    }

    fn lost(&self, source: Lost, phase: Phase) -> OpenError {
        let host = self.host.clone();
        match source {
            Lost::Closed(CloseReason::Bye {
                text,
                greeting: true,
                ..
            }) => OpenError::TurnedAway { host, text },
            source => OpenError::Lost {
                host,
                phase,
                source,
            },
        }
    }
}
