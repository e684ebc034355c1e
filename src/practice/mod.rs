//! The practice provider: a small mail provider on loopback, for `postern demo` and
//! for tests of what providers do wrong.
//!
//! IMAP with IDLE and SMTP submission, on the server-side machines of `protocol/`;
//! mail is kept in memory. What is sent to an address that has no account here
//! comes into an *outside* box: the inbox of a customer, for demo and tests to read.
//! [`Faults`] make it misbehave. [`customers`] writes the mails of the demo.
//!
//! Invariant: it listens on loopback only. There is no option to change that, since
//! it speaks without TLS and believes whoever is local.
//!
//! Deliberately absent: TLS, trace headers (a mail arrives as it was sent), folders
//! other than INBOX, Sent and Junk. It shares the codec of our client, so it can
//! share its mistakes: Dovecot and literal transcripts judge correctness.

mod accounts;
pub mod customers;
mod faults;
mod imap;
mod options;
mod smtp;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::address::Address;
use crate::domain::folder::{FolderName, Uid};

use accounts::Accounts;
pub use accounts::Received;
pub use faults::{DropPoint, Faults, ImapFaults, SmtpFaults};
pub use options::{Account, Clock, Options};

/// Most connections at once, of each protocol.
const CONNECTIONS_MAX: usize = 256;

/// A running provider. It ends when it is dropped; [`Provider::stop`] waits for that.
#[derive(Debug)]
pub struct Provider {
    /// Where IMAP is spoken, in clear.
    pub imap_addr: SocketAddr,
    /// Where mail is submitted, in clear.
    pub smtp_addr: SocketAddr,
    accounts: Accounts,
    shutdown: CancellationToken,
    sessions: TaskTracker,
}

impl Provider {
    /// Begins to listen on two ports of loopback that the system chooses.
    ///
    /// # Errors
    /// When loopback gives no port.
    pub async fn start(options: Options) -> io::Result<Self> {
        let imap = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let smtp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let provider = Self {
            imap_addr: imap.local_addr()?,
            smtp_addr: smtp.local_addr()?,
            accounts: Accounts::new(options),
            shutdown: CancellationToken::new(),
            sessions: TaskTracker::new(),
        };
        provider.listen(imap, Protocol::Imap);
        provider.listen(smtp, Protocol::Smtp);
        Ok(provider)
    }

    fn listen(&self, listener: TcpListener, protocol: Protocol) {
        let door = Door {
            protocol,
            accounts: self.accounts.clone(),
            shutdown: self.shutdown.clone(),
            sessions: self.sessions.clone(),
        };
        self.sessions.spawn(door.run(listener));
    }

    /// Puts a mail into a folder, as if it had come from somewhere. `None` when
    /// there is no such account or folder.
    pub fn deliver(
        &self,
        address: &Address,
        folder: &FolderName,
        raw: impl Into<Bytes>,
        at: Option<Timestamp>,
    ) -> Option<Uid> {
        let raw = raw.into();
        let delivered = self
            .accounts
            .deliver(address, folder, raw, Vec::new(), at)?;
        Some(delivered.1)
    }

    /// The mails of a folder, in order of their UIDs.
    #[must_use]
    pub fn mails(&self, address: &Address, folder: &FolderName) -> Vec<(Uid, Bytes)> {
        self.accounts.mails(address, folder)
    }

    /// Removes a mail behind the back of every client.
    pub fn remove(&self, address: &Address, folder: &FolderName, uid: Uid) -> bool {
        self.accounts.remove(address, folder, uid)
    }

    /// What has come for an address that has no account here, oldest first.
    #[must_use]
    pub fn outside(&self, address: &Address) -> Vec<Received> {
        self.accounts.outside(address)
    }

    /// Everything that goes outside from now on, as it goes.
    #[must_use]
    pub fn watch_outside(&self) -> broadcast::Receiver<Received> {
        self.accounts.watch_outside()
    }

    /// Exchanges what goes wrong. It counts from the next event of each session.
    pub fn set_faults(&self, faults: Faults) {
        self.accounts.set_faults(faults);
    }

    /// Says `* BYE` to every IMAP client now.
    pub fn bye(&self, text: &str) {
        self.accounts.bye(text);
    }

    /// Gives a folder a new UIDVALIDITY and its mails new UIDs, and says BYE to all,
    /// as servers do after a restore.
    pub fn renew_validity(&self, address: &Address, folder: &FolderName) -> bool {
        let renewed = self.accounts.renew_validity(address, folder);
        self.accounts.bye("The folder was rebuilt");
        renewed
    }

    /// Ends every session and waits until the last has gone.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.sessions.close();
        self.sessions.wait().await;
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[derive(Clone, Copy, Debug)]
enum Protocol {
    Imap,
    Smtp,
}

/// Accepts the connections of one port.
#[derive(Debug)]
struct Door {
    protocol: Protocol,
    accounts: Accounts,
    shutdown: CancellationToken,
    sessions: TaskTracker,
}

impl Door {
    async fn run(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        while let Some(Ok((stream, _))) = self.shutdown.run_until_cancelled(listener.accept()).await
        {
            // Who finds no place is hung up on: a queue would only hide it.
            let Ok(place) = places.clone().try_acquire_owned() else {
                continue;
            };
            let session = session(self.protocol, stream, self.accounts.clone());
            let shutdown = self.shutdown.clone();
            self.sessions.spawn(async move {
                shutdown.run_until_cancelled_owned(session).await;
                drop(place);
            });
        }
    }
}

async fn session(protocol: Protocol, stream: TcpStream, accounts: Accounts) {
    // Small answers go out at once; failing that, only latency suffers.
    let _ = stream.set_nodelay(true);
    match protocol {
        Protocol::Imap => imap::run(stream, accounts).await,
        Protocol::Smtp => smtp::run(stream, accounts).await,
    }
}
