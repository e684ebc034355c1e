//! A session up to the point where a mail can be handed over: greeting, STARTTLS, EHLO, AUTH.
//!
//! Invariant: with STARTTLS demanded nothing but EHLO and STARTTLS is ever said in the
//! clear, and nothing heard in the clear is believed afterwards (THREATS 15, 16).
//! Deliberately absent: the mail (`transaction`).

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::dialogue::Dialogue;
use super::options::SubmissionOptions;
use super::outcome::{Cause, Phase, SubmissionError};
use super::reply::Reply;
use super::wire::{ReplyLog, Wire};
use crate::domain::saying::{Said, Saying, saying};

use crate::domain::mailbox::{Credentials, Login, Security, Server};
use crate::net::dial::{Dialer, Target};
use crate::net::stream::Stream;
use crate::protocol::sasl::Mechanism;

/// What EHLO has offered (RFC 5321 section 4.1.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) start_tls: bool,
    pub(super) eight_bit: bool,
    pub(super) smtp_utf8: bool,
    pub(super) size: bool,
    /// Largest mail in bytes, where the server says so (RFC 1870).
    pub(super) size_max: Option<u64>,
    /// SASL mechanisms, upper case.
    pub(super) mechanisms: Vec<String>,
}

impl Offers {
    fn read(ehlo: &Reply) -> Self {
        let mut offers = Self::default();
        // The first line is the server's name.
        for line in ehlo.lines.iter().skip(1) {
            // `AUTH=LOGIN`: an old spelling that is still about.
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.start_tls = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.smtp_utf8 = true,
                Some("SIZE") => {
                    offers.size = true;
                    // 0 means: no limit that is known (RFC 1870 section 3).
                    let limit = words.next().and_then(|word| word.parse().ok());
                    offers.size_max = limit.filter(|limit| *limit > 0);
                }
                Some("AUTH") => offers.mechanisms.extend(words.map(ToOwned::to_owned)),
                _ => {}
            }
        }
        offers
    }

    fn has(&self, mechanism: &str) -> bool {
        self.mechanisms.iter().any(|offered| offered == mechanism)
    }
}

/// A session after EHLO.
#[derive(Debug)]
pub(super) struct Session {
    smtp: Connection,
    log: ReplyLog,
    pub(super) offers: Offers,
}

/// The library's connection; its own type cannot print itself.
struct Connection(AsyncSmtpConnection);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Session {
    /// Connects, encrypts as demanded and says EHLO.
    pub(super) async fn open(
        dialer: &Dialer,
        options: &SubmissionOptions,
    ) -> Result<Self, SubmissionError> {
        let opened = Self::open_noted(dialer, options).await;
        if let Err(error) = &opened {
            options.tap.remark(error);
        }
        opened
    }

    async fn open_noted(
        dialer: &Dialer,
        options: &SubmissionOptions,
    ) -> Result<Self, SubmissionError> {
        let Server { host, port, .. } = &options.server;
        options
            .tap
            .remark(format_args!("connecting to {host} port {port}"));
        let target = Target {
            guard: options.guard.clone(),
            pinned: options.pinned,
            ..Target::mail_server(options.server.host.clone(), options.server.port)
        };
        let (stream, ahead) = match options.server.security {
            Security::Tls => greeted(dialer.dial_tls(&target).await, options).await?,
            Security::None => greeted(dialer.dial_plain(&target).await, options).await?,
            Security::StartTls => {
                let (stream, ahead) = greeted(dialer.dial_plain(&target).await, options).await?;
                let stream = start_tls(stream, ahead, options).await?;
                let stream = dialer.upgrade(stream, &target).await;
                let stream = stream.map_err(|error| Phase::StartTls.failed(error))?;
                options.tap.remark(stream.shown());
                (stream, Vec::new())
            }
        };
        Self::hello(stream, &ahead, options).await
    }

    async fn hello(
        stream: Stream,
        ahead: &[u8],
        options: &SubmissionOptions,
    ) -> Result<Self, SubmissionError> {
        // The library expects to read the greeting, which we have read ourselves.
        let ahead = [b"220 ready\r\n", ahead].concat();
        let dialogue = Dialogue::new(options);
        let (wire, log) = Wire::new(stream, &ahead, dialogue);
        let name = ClientId::Domain(helo_name(options));
        let connecting = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &name);
        let connected = within(Phase::Hello, options.deadlines.command, connecting).await?;
        let smtp = connected.map_err(|error| Phase::Hello.failed(cause(&error, log.take())))?;
        let offers = log.take().as_ref().map(Offers::read).unwrap_or_default();
        Ok(Self {
            smtp: Connection(smtp),
            log,
            offers,
        })
    }

    /// Says one command and waits for a positive answer of the class given (2 or 3).
    pub(super) async fn command(
        &mut self,
        phase: Phase,
        class: u16,
        deadline: Duration,
        command: impl Display,
    ) -> Result<Reply, SubmissionError> {
        let answered = within(phase, deadline, self.smtp.0.command(command)).await?;
        let log = self.log.take();
        match answered {
            Ok(response) => {
                let reply = log.unwrap_or_else(|| from_library(&response));
                if reply.code / 100 == class {
                    return Ok(reply);
                }
                Err(phase.failed(Cause::Unexpected(reply)))
            }
            Err(error) => Err(phase.failed(cause(&error, log))),
        }
    }

    /// The library's connection, for the content of the mail.
    pub(super) fn smtp(&mut self) -> &mut AsyncSmtpConnection {
        &mut self.smtp.0
    }

    /// The cause of a failure the library told while `smtp` was used.
    pub(super) fn cause(&self, error: &Error) -> Cause {
        cause(error, self.log.take())
    }

    /// What the server had to say when it stopped taking the content: a server that
    /// closes early (too large, unwanted) has often said why.
    pub(super) async fn parting_words(&mut self, deadline: Duration) -> Option<Reply> {
        let read = timeout(deadline, self.smtp.0.read_response()).await.ok()?;
        match self.cause(&read.err()?) {
            Cause::Reply(reply) => Some(reply),
            _ => None,
        }
    }

    /// The words of the last positive answer.
    pub(super) fn last_reply(&self) -> Option<Reply> {
        self.log.take()
    }

    /// Nothing came that was not an answer to what we said: the next answer will be one to
    /// the next command.
    /// The server has said nothing that it was not asked for: whoever answers twice would be
    /// one answer behind from then on.
    pub(super) async fn is_silent(&mut self) -> bool {
        let waiting = timeout(Duration::ZERO, self.smtp.0.read_response()).await;
        waiting.is_err()
    }

    pub(super) fn is_in_step(&self) -> bool {
        self.log.is_in_step()
    }

    /// Says who we are, by the best mechanism both sides know.
    pub(super) async fn authenticate(
        &mut self,
        login: &Login,
        options: &SubmissionOptions,
    ) -> Result<(), SubmissionError> {
        let user = &login.user;
        let bearer = login.credentials.bearer();
        match (&login.credentials, bearer) {
            (Credentials::Password(password), _) if self.offers.has("PLAIN") => {
                // RFC 4616 section 2.
                let message = Zeroizing::new(format!("\0{user}\0{}", password.expose()));
                self.initial("PLAIN", &message, "", options).await
            }
            (Credentials::Password(password), _) if self.offers.has("LOGIN") => {
                self.login(user, password.expose(), options).await
            }
            (_, Some(token)) => {
                let token = token.expose();
                match self.token_mechanism(login) {
                    None => Err(self.no_mechanism()),
                    Some(Mechanism::OAuthBearer) => {
                        // RFC 7628 section 3.1; `=` and `,` in the user name are escaped (RFC 5801 section 4).
                        let user = user.replace('=', "=3D").replace(',', "=2C");
                        let message = format!("n,a={user},\x01auth=Bearer {token}\x01\x01");
                        // RFC 7628 section 3.2.3: a lone %x01 ends the failed exchange.
                        self.initial("OAUTHBEARER", &Zeroizing::new(message), "AQ==", options)
                            .await
                    }
                    Some(Mechanism::XOAuth2 | Mechanism::Plain) => {
                        let message = format!("user={user}\x01auth=Bearer {token}\x01\x01");
                        self.initial("XOAUTH2", &Zeroizing::new(message), "", options)
                            .await
                    }
                }
            }
            (_, None) => Err(self.no_mechanism()),
        }
    }

    fn no_mechanism(&self) -> SubmissionError {
        let offered = self.offers.mechanisms.join(" ");
        Phase::Authentication.failed(Cause::NoMechanism { offered })
    }

    /// How a token is shown: as the provider prefers, where the server takes it so.
    fn token_mechanism(&self, login: &Login) -> Option<Mechanism> {
        Mechanism::of_tokens(login.credentials.mechanism())
            .into_iter()
            .find(|mechanism| self.offers.has(mechanism.name()))
    }

    /// A mechanism of one message. A challenge after it means refusal with reasons;
    /// `give_up` is said to hear the refusal itself.
    async fn initial(
        &mut self,
        mechanism: &str,
        message: &Zeroizing<String>,
        give_up: &str,
        options: &SubmissionOptions,
    ) -> Result<(), SubmissionError> {
        let encoded = Zeroizing::new(BASE64.encode(message.as_bytes()));
        let line = Zeroizing::new(format!("AUTH {mechanism} {}\r\n", encoded.as_str()));
        let deadline = options.deadlines.command;
        let phase = Phase::Authentication;
        match self.command(phase, 2, deadline, line.as_str()).await {
            Ok(_) => Ok(()),
            Err(SubmissionError::NotSent {
                cause: Cause::Unexpected(challenge),
                ..
            }) if challenge.code == 334 => {
                let line = format!("{give_up}\r\n");
                self.command(phase, 2, deadline, line).await.map(|_| ())
            }
            Err(error) => Err(error),
        }
    }

    /// AUTH LOGIN: user, then password, whatever words the challenges use.
    async fn login(
        &mut self,
        user: &str,
        password: &str,
        options: &SubmissionOptions,
    ) -> Result<(), SubmissionError> {
        let (phase, deadline) = (Phase::Authentication, options.deadlines.command);
        self.command(phase, 3, deadline, "AUTH LOGIN\r\n").await?;
        let line = format!("{}\r\n", BASE64.encode(user));
        self.command(phase, 3, deadline, line).await?;
        let encoded = Zeroizing::new(BASE64.encode(password));
        let line = Zeroizing::new(format!("{}\r\n", encoded.as_str()));
        self.command(phase, 2, deadline, line.as_str()).await?;
        Ok(())
    }

    /// Ends the session; what comes of it changes nothing.
    pub(super) async fn quit(mut self, options: &SubmissionOptions) {
        let farewell = self.smtp.0.quit();
        if timeout(options.deadlines.quit, farewell).await.is_err() {
            tracing::debug!(host = options.server.host, "no answer to QUIT");
        }
    }
}

/// Our name, without anything that could end the line it stands in.
fn helo_name(options: &SubmissionOptions) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    options.helo_name.chars().filter(fits).collect()
}

/// Waits for a step, at most for its deadline.
pub(super) async fn within<T>(
    phase: Phase,
    deadline: Duration,
    step: impl Future<Output = T>,
) -> Result<T, SubmissionError> {
    timeout(deadline, step)
        .await
        .map_err(|_elapsed| phase.failed(Cause::Timeout(deadline)))
}

fn cause(error: &Error, reply: Option<Reply>) -> Cause {
    match (error.status(), reply) {
        (Some(status), Some(reply)) if reply.code == u16::from(status) => Cause::Reply(reply),
        (Some(status), _) => Cause::Reply(Reply {
            code: u16::from(status),
            enhanced: None,
            lines: vec![error.to_string()],
        }),
        (None, _) => Cause::Lost(Saying::words(error)),
    }
}

fn from_library(response: &lettre::transport::smtp::response::Response) -> Reply {
    Reply {
        code: u16::from(response.code()),
        enhanced: None,
        lines: response.message().map(ToOwned::to_owned).collect(),
    }
}

/// The greeting, read by ourselves so that a wrong port is recognised.
async fn greeted(
    dialled: Result<Stream, crate::net::dial::DialError>,
    options: &SubmissionOptions,
) -> Result<(Stream, Vec<u8>), SubmissionError> {
    let mut stream = dialled.map_err(|error| Phase::Connect.failed(error))?;
    options.tap.remark(stream.shown());
    let mut buffer = Vec::new();
    let deadline = options.deadlines.greeting;
    let reply = reply(Phase::Greeting, deadline, &mut stream, &mut buffer).await?;
    options.tap.note(&format!("S: {reply}"));
    if reply.code / 100 != 2 {
        return Err(Phase::Greeting.failed(Cause::Reply(reply)));
    }
    Ok((stream, buffer))
}

/// EHLO and STARTTLS in the clear (RFC 3207). What stands in `ahead` or behind the
/// go-ahead was not said by whom we are about to trust, so it ends the session.
async fn start_tls(
    mut stream: Stream,
    ahead: Vec<u8>,
    options: &SubmissionOptions,
) -> Result<Stream, SubmissionError> {
    let phase = Phase::StartTls;
    let deadline = options.deadlines.command;
    let mut buffer = ahead;
    let hello = format!("EHLO {}\r\n", helo_name(options));
    say(phase, deadline, &mut stream, hello.as_bytes()).await?;
    options.tap.note(&format!("C: {}", hello.trim_end()));
    let ehlo = reply(phase, deadline, &mut stream, &mut buffer).await?;
    options.tap.note(&format!("S: {ehlo}"));
    if ehlo.code / 100 != 2 {
        return Err(phase.failed(Cause::Reply(ehlo)));
    }
    if !Offers::read(&ehlo).start_tls {
        return Err(phase.failed(Cause::NoStartTls));
    }
    say(phase, deadline, &mut stream, b"STARTTLS\r\n").await?;
    options.tap.note("C: STARTTLS");
    let go_ahead = reply(phase, deadline, &mut stream, &mut buffer).await?;
    options.tap.note(&format!("S: {go_ahead}"));
    if go_ahead.code != 220 {
        return Err(phase.failed(Cause::Reply(go_ahead)));
    }
    if !buffer.is_empty() {
        return Err(phase.failed(Cause::InjectedBeforeTls));
    }
    Ok(stream)
}

async fn say(
    phase: Phase,
    deadline: Duration,
    stream: &mut Stream,
    line: &[u8],
) -> Result<(), SubmissionError> {
    let written = within(phase, deadline, stream.write_all(line)).await?;
    written.map_err(|error| phase.failed(Cause::Lost(error.saying())))
}

/// One reply off the bare stream. What came behind it stays in `buffer`.
async fn reply(
    phase: Phase,
    deadline: Duration,
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
) -> Result<Reply, SubmissionError> {
    let reading = async {
        loop {
            if let Some((reply, used)) = Reply::parse(buffer).map_err(Cause::NotSmtp)? {
                buffer.drain(..used);
                return Ok(reply);
            }
            match stream.read_buf(buffer).await {
                Ok(0) => return Err(Cause::Lost(saying!("smtp.closed"))),
                Ok(_) => {}
                Err(error) => return Err(Cause::Lost(error.saying())),
            }
        }
    };
    within(phase, deadline, reading)
        .await?
        .map_err(|cause| phase.failed(cause))
}
