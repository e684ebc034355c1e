//! From nothing to a session that is logged in: connect, TLS, greeting, CAPA, login.

use super::Session;
use super::error::{Lost, OpenError, Refusal};
use super::options::Pop3Options;
use crate::domain::mailbox::{Credentials, Security, Server};
use crate::net::dial::Dialer;
use crate::net::driver::Driver;
use crate::protocol::pop3::event::Waiting;
use crate::protocol::pop3::{CloseReason, CommandId, Connection, Event, Outcome, Verdict};
use crate::protocol::sasl::Mechanism;

impl Session {
    /// Opens a session: when this returns, the maildrop is ours until QUIT.
    ///
    /// # Errors
    /// By phase. Nothing is tried twice: providers count logins.
    pub async fn open(dialer: &Dialer, options: &Pop3Options) -> Result<Self, OpenError> {
        let opened = open_noted(dialer, options).await;
        if let Err(error) = &opened {
            options.tap.remark(error);
        }
        opened
    }
}

async fn open_noted(dialer: &Dialer, options: &Pop3Options) -> Result<Session, OpenError> {
    let target = options.target();
    let Server {
        host,
        port,
        security,
    } = &options.server;
    options
        .tap
        .remark(format_args!("connecting to {host} port {port}"));
    let stream = match security {
        Security::Tls => dialer.dial_tls(&target).await?,
        Security::StartTls | Security::None => dialer.dial_plain(&target).await?,
    };
    options.tap.remark(stream.shown());
    let now = tokio::time::Instant::now().into_std();
    let machine = Connection::new(options.connection_options(), now);
    let mut opening = Opening {
        session: Session {
            driver: Driver::new(machine, stream, options.driver).with_tap(options.tap.clone()),
        },
        host: host.clone(),
    };
    opening
        .greeting()
        .await
        .map_err(|error| in_the_clear(error, *security))?;
    if *security == Security::StartTls {
        opening = opening.start_tls(dialer, options).await?;
    }
    opening.learn_capabilities().await?;
    opening.log_in(options).await?;
    // RFC 2449 section 6: what a server can do may change with the login.
    opening.learn_capabilities().await?;
    Ok(opening.session)
}

/// Silence means more where TLS may be what is waited for.
fn in_the_clear(error: OpenError, security: Security) -> OpenError {
    match error {
        OpenError::Lost {
            host,
            source: Lost::Closed(CloseReason::TimedOut(Waiting::Greeting)),
        } if security != Security::Tls => OpenError::Silent { host },
        error => error,
    }
}

/// A session on its way.
struct Opening {
    session: Session,
    host: String,
}

impl Opening {
    async fn greeting(&mut self) -> Result<(), OpenError> {
        while !matches!(self.next().await?, Event::Greeting { .. }) {}
        Ok(())
    }

    async fn start_tls(
        mut self,
        dialer: &Dialer,
        options: &Pop3Options,
    ) -> Result<Self, OpenError> {
        let now = self.session.driver.now();
        let command = self.session.driver.machine_mut().stls(now);
        if !self.finish(command).await?.is_ok() {
            return Err(OpenError::NoStls { host: self.host });
        }
        while self.next().await? != Event::ContinueTls {}
        let host = self.host.clone();
        let lost = |source| OpenError::Lost {
            host,
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

    /// A server without CAPA can do what RFC 1939 says.
    async fn learn_capabilities(&mut self) -> Result<(), OpenError> {
        let now = self.session.driver.now();
        let command = self.session.driver.machine_mut().capa(now);
        self.finish(command).await.map(drop)
    }

    async fn log_in(&mut self, options: &Pop3Options) -> Result<(), OpenError> {
        let command = self.send_login(options)?;
        let outcome = self.finish(command).await?;
        let host = self.host.clone();
        match outcome.verdict {
            Verdict::Ok => Ok(()),
            Verdict::Refused => Err(OpenError::Refused {
                host,
                refusal: Refusal::from(outcome),
            }),
            Verdict::NotSent => Err(OpenError::NotSent {
                host,
                reason: outcome.text,
            }),
        }
    }

    /// The credentials in the form that this server takes.
    fn send_login(&mut self, options: &Pop3Options) -> Result<CommandId, OpenError> {
        let user = &options.login.user;
        let now = self.session.driver.now();
        let machine = self.session.driver.machine_mut();
        let known = machine.capabilities();
        let takes = |mechanism: &Mechanism| known.has_mechanism(mechanism.name());
        let credentials = &options.login.credentials;
        if let Some(token) = credentials.bearer() {
            let mechanism = Mechanism::of_tokens(credentials.mechanism())
                .into_iter()
                .find(takes)
                .ok_or_else(|| OpenError::NoTokenMechanism {
                    host: self.host.clone(),
                })?;
            return Ok(machine.authenticate(mechanism, user, token, now));
        }
        let Credentials::Password(password) = credentials else {
            let host = self.host.clone();
            return Err(OpenError::NoTokenMechanism { host });
        };
        // USER and PASS are ASCII (RFC 1939 section 3); PLAIN is UTF-8.
        let ascii = user.is_ascii() && password.expose().is_ascii();
        let takes_user = known.is_empty() || known.has("USER");
        if takes(&Mechanism::Plain) && !(ascii && takes_user) {
            return Ok(machine.authenticate(Mechanism::Plain, user, password, now));
        }
        Ok(machine.login(user, password, now))
    }

    async fn finish(&mut self, command: CommandId) -> Result<Outcome, OpenError> {
        let outcome = self.session.finish(command, |_| ()).await;
        outcome.map_err(|source| self.lost(source))
    }

    async fn next(&mut self) -> Result<Event, OpenError> {
        let event = self.session.next_event().await;
        event.map_err(|source| self.lost(source))
    }

    fn lost(&self, source: Lost) -> OpenError {
        let host = self.host.clone();
        match source {
            Lost::Closed(CloseReason::TurnedAway { text, .. }) => {
                OpenError::TurnedAway { host, text }
            }
            source => OpenError::Lost { host, source },
        }
    }
}
