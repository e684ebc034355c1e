//! The doctor: everything a mailbox depends on, measured one after the other, with what
//! to do about what is wrong.
//!
//! An examination runs by itself, one per mailbox at a time, and is remembered until the
//! next one. It changes nothing on the servers but for the test mail it sends.

mod finding;
mod incoming;
mod outgoing;
mod reach;
mod round_trip;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

pub use self::finding::{Check, Examination, Finding, Verdict};

use self::finding::Report;
use crate::domain::key::{MailboxKey, PublicId};
use crate::domain::mailbox::{Mailbox, MailboxLogins, Switch, WayIn};
use crate::domain::saying::{Saying, saying};
use crate::domain::user::Actor;
use crate::net::dial::Dialer;
use crate::net::dns::Records;
use crate::net::tap::Tap;
use crate::service::clock::Clock;
use crate::service::credentials::Keyring;
use crate::service::diary::Diary;
use crate::service::mailboxes::{MailboxError, Mailboxes};
use crate::service::presets::Presets;
use crate::service::proving::Proving;
use crate::service::receiving::ReceivingOptions;
use crate::service::way_out::SystemSmtp;

/// A whole examination; most of it is waiting for the test mail.
const EXAMINATION_TIME_MAX: Duration = Duration::from_secs(6 * 60);

/// What an examination is made with.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// Connections.
    pub dialer: Dialer,
    /// MX records of receiving addresses.
    pub records: Records,
    /// Logins.
    pub keyring: Keyring,
    /// What refusals mean.
    pub presets: Presets,
    /// The gateway's own way out.
    pub system: Option<SystemSmtp>,
    /// Receiving addresses.
    pub receiving: ReceivingOptions,
    /// Where dialogues are noted.
    pub diary: Diary,
    /// The test mail.
    pub proving: Proving,
    /// The time.
    pub clock: Clock,
}

/// The service. A cheap clone.
#[derive(Clone, Debug)]
pub struct Doctor {
    with: Instruments,
    mailboxes: Mailboxes,
    last: Examinations,
}

/// The last examination of each mailbox, whoever began it. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Examinations(Arc<Mutex<HashMap<MailboxKey, watch::Receiver<Examination>>>>);

impl Examinations {
    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxKey, watch::Receiver<Examination>>> {
        // Whole values; a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doctor {
    /// A service over its instruments.
    #[must_use]
    pub fn new(with: Instruments, mailboxes: Mailboxes, last: Examinations) -> Self {
        Self {
            with,
            mailboxes,
            last,
        }
    }

    /// Begins an examination; one that runs already is the answer as well.
    ///
    /// # Errors
    /// When the actor may not, or there is no such mailbox.
    pub fn begin(
        &self,
        actor: &Actor,
        id: PublicId,
    ) -> Result<(Mailbox, watch::Receiver<Examination>), MailboxError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        let mut last = self.last.lock();
        if let Some(running) = last.get(&mailbox.key)
            && !running.borrow().is_over
            // Whoever ran it may have been stopped.
            && running.has_changed().is_ok()
        {
            let running = running.clone();
            return Ok((mailbox, running));
        }
        let begun_at = self.with.clock.now();
        let (told, examination) = watch::channel(Examination {
            begun_at,
            findings: Vec::new(),
            is_over: false,
        });
        last.insert(mailbox.key, examination.clone());
        let (mut doctor, theirs) = (self.clone(), mailbox.clone());
        // Somebody wants to know, and one examination runs at a time.
        doctor.with.keyring = self.with.keyring.for_a_person();
        tokio::spawn(async move { doctor.run(&theirs, told).await });
        Ok((mailbox, examination))
    }

    /// The last examination of a mailbox since the gateway started.
    ///
    /// # Errors
    /// When the actor may not see it, or there is no such mailbox.
    pub fn last(
        &self,
        actor: &Actor,
        id: PublicId,
    ) -> Result<(Mailbox, Option<watch::Receiver<Examination>>), MailboxError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        let found = self.last.lock().get(&mailbox.key).cloned();
        Ok((mailbox, found))
    }

    async fn run(&self, mailbox: &Mailbox, told: watch::Sender<Examination>) {
        let mut report = Report::new(&told);
        let examined = timeout(EXAMINATION_TIME_MAX, self.examine(mailbox, &mut report)).await;
        if examined.is_err() {
            let minutes = EXAMINATION_TIME_MAX.as_secs() / 60;
            report.wrong(Check::RoundTrip, saying!("found.stopped", minutes));
        }
        told.send_modify(|examination| examination.is_over = true);
    }

    async fn examine(&self, mailbox: &Mailbox, report: &mut Report<'_>) {
        if mailbox.settings.switch == Switch::Unbound {
            report.wrong(Check::Login, saying!("found.unbound"));
            return;
        }
        let logins = match self.with.keyring.logins(mailbox).await {
            Ok(logins) => logins,
            Err(error) => {
                report.wrong(Check::Login, &error);
                return;
            }
        };
        match &mailbox.settings.way_in {
            WayIn::Imap(way) => self.examine_imap(mailbox, way, report).await,
            WayIn::Pop3(way) => self.examine_pop3(mailbox, way, &logins, report).await,
            WayIn::Forwarding(_) => self.examine_forwarding(mailbox, report).await,
        }
        self.examine_outgoing(mailbox, &logins, report).await;
        self.examine_round_trip(mailbox, report).await;
    }

    fn tap(&self, mailbox: &Mailbox, protocol: &'static str) -> Tap {
        self.with.diary.tap(mailbox.key, protocol)
    }
}

/// Nothing to log in with at that side.
fn login_of(logins: &MailboxLogins) -> Result<crate::domain::mailbox::Login, Saying> {
    let login = logins.incoming.clone();
    login.ok_or_else(|| saying!("found.no_login"))
}
