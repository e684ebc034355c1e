//! One session: the machine asks, receiving answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::options::Options;
use crate::domain::address::Address;
use crate::domain::ledger::Forwarded;
use crate::domain::mailbox::Mailbox;
use crate::net::driver::Driver;
use crate::net::places::Place;
use crate::protocol::smtp::{Event, Reply, Server};
use crate::service::ingest::Intake;
use crate::service::receiving::{Offer, Receiving, Refusal};

/// Wrong recipients of one session before it is ended: guessing is not served.
const UNKNOWN_MAX: u32 = 10;
/// Bytes of a client's name that are kept.
const HELLO_LENGTH_MAX: usize = 255;
/// A mail that is on its way when the gateway stops may take so long to come to its end.
const LAST_MAIL_TIME_MAX: Duration = Duration::from_secs(5);

/// How a part of the dialogue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// For good.
    Closed,
    /// TLS is to begin.
    StartTls,
}

/// What is known of a session.
#[derive(Debug)]
pub(super) struct Session {
    receiving: Receiving,
    options: Arc<Options>,
    /// `None` on the local socket.
    client: Option<IpAddr>,
    /// The same in words, or empty.
    peer: String,
    hello: String,
    encrypted: bool,
    reverse_path: Option<Address>,
    announced: u64,
    recipients: Vec<Recipient>,
    /// What the strictest of them takes, when it is less than the listener does.
    size_max: Option<u64>,
    mail: Mail,
    mails: u32,
    unknown: u32,
}

#[derive(Debug)]
struct Recipient {
    address: Address,
    mailbox: Mailbox,
}

/// The mail under way.
#[derive(Debug, Default)]
enum Mail {
    #[default]
    None,
    Coming(Box<Intake>),
    /// It comes, but it was lost on its way into the store.
    Failed(Refusal),
}

/// What a session waits for.
enum Waited {
    Event(Event),
    Gone,
    Evicted,
    Stopping,
}

impl Session {
    pub(super) fn new(receiving: Receiving, options: Arc<Options>, client: Option<IpAddr>) -> Self {
        Self {
            receiving,
            options,
            client,
            peer: client.map(|client| client.to_string()).unwrap_or_default(),
            hello: String::new(),
            encrypted: false,
            reverse_path: None,
            announced: 0,
            recipients: Vec::new(),
            size_max: None,
            mail: Mail::None,
            mails: 0,
            unknown: 0,
        }
    }

    /// The handshake is done; what was said before is forgotten.
    pub(super) fn encrypted(&mut self) {
        self.encrypted = true;
        self.hello.clear();
        self.recipients.clear();
    }

    /// Holds the dialogue until it ends, or TLS is to begin.
    pub(super) async fn hold<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        driver: &mut Driver<Server, S>,
        place: &Place,
        stop: &CancellationToken,
    ) -> End {
        let end = self.converse(driver, place, stop).await;
        self.forget_mail().await;
        end
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        driver: &mut Driver<Server, S>,
        place: &Place,
        stop: &CancellationToken,
    ) -> End {
        let mut ending = false;
        loop {
            match self.wait(driver, place, stop, ending).await {
                Waited::Event(Event::StartTls) => return End::StartTls,
                Waited::Event(Event::Closed(reason)) => {
                    tracing::debug!(peer = %self.peer, ?reason, "a mail connection ended");
                    return End::Closed;
                }
                Waited::Event(event) => {
                    match &event {
                        Event::Data(_) => place.mail_begins(),
                        Event::Chunk(bytes) => place.mail_comes(bytes.len()),
                        // From here on it is we who take our time.
                        Event::EndOfData { .. } => place.set_busy(true),
                        _ => {}
                    }
                    let was_busy = self.is_busy();
                    if let Some(reply) = self.handle(event).await {
                        let now = driver.now();
                        driver.machine_mut().answer(reply, now);
                    }
                    if was_busy && !self.is_busy() {
                        place.set_busy(false);
                    }
                }
                Waited::Gone => return End::Closed,
                Waited::Evicted => {
                    ending = true;
                    let words = "Others are waiting, try again later";
                    driver.machine_mut().end(&Reply::new(421, "4.3.2", words));
                }
                Waited::Stopping => {
                    ending = true;
                    let words = "Shutting down, try again later";
                    driver.machine_mut().end(&Reply::new(421, "4.3.2", words));
                }
            }
        }
    }

    async fn wait<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        driver: &mut Driver<Server, S>,
        place: &Place,
        stop: &CancellationToken,
        ending: bool,
    ) -> Waited {
        let busy = self.is_busy();
        let too_long = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_MAIL_TIME_MAX).await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled(), if !busy && !ending => Waited::Stopping,
            () = place.evicted().cancelled(), if !ending => Waited::Evicted,
            () = too_long, if busy => Waited::Gone,
            event = driver.next_event() => event.map_or(Waited::Gone, Waited::Event),
        }
    }

    /// Between the beginning of a mail and the answer to its end.
    fn is_busy(&self) -> bool {
        !matches!(self.mail, Mail::None)
    }

    /// The answer, when the event asks for one.
    async fn handle(&mut self, event: Event) -> Option<Reply> {
        match event {
            Event::Hello(name) => {
                self.hello = name;
                let end = self.hello.floor_char_boundary(HELLO_LENGTH_MAX);
                self.hello.truncate(end);
                None
            }
            Event::Sender { reverse_path, size } => Some(self.sender(reverse_path, size)),
            Event::Recipient(address) => Some(self.recipient(address)),
            Event::Data(_) => {
                let intake = self.receiving.begin(self.announced).await;
                self.mail = Mail::Coming(Box::new(intake));
                None
            }
            Event::Chunk(bytes) => {
                self.chunk(bytes).await;
                None
            }
            Event::EndOfData { .. } => Some(self.end_of_data().await),
            Event::Abandoned => {
                self.forget_mail().await;
                None
            }
            // Never offered, so never asked; and these two end the dialogue before.
            Event::Credentials { .. } => Some(Reply::bad_credentials()),
            Event::StartTls | Event::Closed(_) => None,
        }
    }

    async fn chunk(&mut self, bytes: Bytes) {
        let Mail::Coming(intake) = &mut self.mail else {
            return;
        };
        let size = intake.size() + bytes.len() as u64;
        if self.size_max.is_some_and(|most| size > most) {
            self.forget_mail().await;
            self.mail = Mail::Failed(Refusal::TooLargeForPostmaster);
        } else if let Err(error) = intake.take(bytes).await {
            self.mail = Mail::Failed(error.into());
        }
    }

    /// Lets go of a mail that does not come to its end.
    async fn forget_mail(&mut self) {
        if let Mail::Coming(intake) = std::mem::take(&mut self.mail)
            && let Err(error) = intake.discard().await
        {
            tracing::debug!(%error, "half a mail is left behind until the next start");
        }
    }

    fn sender(&mut self, reverse_path: Option<Address>, size: Option<u64>) -> Reply {
        if self.mails >= self.options.mails_per_connection_max {
            let words = "Enough mails on one connection, open another";
            return Reply::new(421, "4.7.0", words);
        }
        if let Err(refusal) = self.receiving.ready() {
            return self.refuse(&refusal);
        }
        self.reverse_path = reverse_path;
        self.announced = size.unwrap_or(0);
        self.recipients.clear();
        self.size_max = None;
        Reply::ok()
    }

    fn recipient(&mut self, address: Address) -> Reply {
        let offer = Offer {
            client: self.client,
            size: self.announced,
            others: &self.mailboxes(),
        };
        match self.receiving.recipient(&address, &offer) {
            Ok(mailbox) => {
                self.size_max = self.size_max.or_else(|| self.receiving.size_max(&address));
                self.recipients.push(Recipient { address, mailbox });
                Reply::new(250, "2.1.5", "OK")
            }
            Err(refusal) => {
                let wrong = matches!(refusal, Refusal::Unknown | Refusal::Relay(_));
                self.unknown += u32::from(wrong);
                if self.unknown > UNKNOWN_MAX {
                    return Reply::new(421, "4.7.0", "Too many unknown recipients");
                }
                self.refuse(&refusal)
            }
        }
    }

    /// The recipients' mailboxes, each once.
    fn mailboxes(&self) -> Vec<Mailbox> {
        let mut mailboxes: Vec<Mailbox> = Vec::with_capacity(self.recipients.len());
        for recipient in &self.recipients {
            let mailbox = &recipient.mailbox;
            if !mailboxes.iter().any(|known| known.key == mailbox.key) {
                mailboxes.push(mailbox.clone());
            }
        }
        mailboxes
    }

    async fn end_of_data(&mut self) -> Reply {
        self.mails += 1;
        let intake = match std::mem::take(&mut self.mail) {
            Mail::Coming(intake) => *intake,
            Mail::Failed(refusal) => return self.refuse(&refusal),
            Mail::None => return Reply::new(451, "4.3.0", "There was no mail"),
        };
        let Some(first) = self.recipients.first() else {
            return Reply::new(451, "4.3.0", "There was no recipient");
        };
        let forwarded = Forwarded {
            peer: self.peer.clone(),
            hello: self.hello.clone(),
            encrypted: self.encrypted,
            reverse_path: self.reverse_path.take(),
            recipient: first.address.clone(),
            written_to: None,
        };
        let mailboxes = self.mailboxes();
        match self.receiving.take(intake, forwarded, &mailboxes).await {
            Ok(()) => Reply::stored(),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let (code, status) = match refusal {
            Refusal::Relay(_) => (550, "5.7.1"),
            Refusal::Unknown | Refusal::NoPostmaster => (550, "5.1.1"),
            Refusal::TooLargeForPostmaster => (552, "5.3.4"),
            Refusal::EnoughForPostmaster => (452, "4.7.1"),
            Refusal::SwitchedOff => (451, "4.2.1"),
            Refusal::Apart => (452, "4.5.3"),
            Refusal::Full => (452, "4.3.1"),
            Refusal::Store(_) => (451, "4.3.0"),
        };
        if let Refusal::Store(cause) = refusal {
            tracing::warn!(peer = %self.peer, %cause, "a forwarded mail could not be stored; its sender keeps it");
        } else {
            tracing::debug!(peer = %self.peer, %refusal, "refused");
        }
        Reply::new(code, status, refusal.to_string())
    }
}
