//! Mail that is handed to us: whose a receiving address is, and taking mail for it.
//!
//! Invariant: what [`Receiving::take`] has answered with success is on the disk.
//! Deliberately absent: SMTP; the door says these refusals in its own words.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::Address;
use crate::domain::forwarding::written_to;
use crate::domain::ledger::{Forwarded, Source};
use crate::domain::mailbox::{Mailbox, Switch, WayIn};
use crate::domain::postmaster;
use crate::service::clock::Clock;
use crate::service::ingest::{Circumstances, IngestError, Intake};
use crate::service::random::Random;
use crate::service::sync::board::Board;
use crate::store::{Delivery, Store, StoreError};

/// Case is of no account, as in every local part here.
const POSTMASTER: &str = "postmaster";

/// How receiving addresses are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivingOptions {
    /// What stands behind the `@` of every receiving address; `None`: nothing is taken.
    pub domain: Option<String>,
    /// How long an address that was replaced is still good.
    pub old_address_for: Duration,
    /// The mailbox that takes mail for the postmaster (RFC 5321 section 4.5.1).
    pub postmaster: Option<Address>,
}

impl ReceivingOptions {
    /// Where mail of a mailbox is to be forwarded to; `None` when nothing is forwarded
    /// to it, or this gateway takes no mail.
    #[must_use]
    pub fn address_of(&self, mailbox: &Mailbox) -> Option<String> {
        match (&mailbox.settings.way_in, &self.domain) {
            (WayIn::Forwarding(way), Some(domain)) => Some(format!("{}@{domain}", way.local_part)),
            _ => None,
        }
    }

    /// Until when an address that is replaced now is good.
    #[must_use]
    pub fn old_address_until(&self, now: Timestamp) -> Timestamp {
        SignedDuration::try_from(self.old_address_for)
            .ok()
            .and_then(|wait| now.checked_add(wait).ok())
            .unwrap_or(Timestamp::MAX)
    }
}

/// Why a recipient or a mail is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another domain: we are nobody's relay.
    #[error("mail for {0} is not for this server; it relays for nobody")]
    Relay(Address),
    /// No mailbox has the address.
    #[error("there is no such receiving address here")]
    Unknown,
    /// Mail for the postmaster, and nobody is set to read it.
    #[error(
        "no mailbox takes mail for the postmaster here yet; the administrator names one by \
         `postmaster` in [smtp_listener]"
    )]
    NoPostmaster,
    /// More than the postmaster takes at once.
    #[error(
        "a mail for the postmaster may have {} bytes at most",
        postmaster::SIZE_MAX
    )]
    TooLargeForPostmaster,
    /// More than the postmaster takes in a while.
    #[error("the postmaster has got enough mail for now; try again later")]
    EnoughForPostmaster,
    /// A person has switched the mailbox off; the forwarder keeps the mail meanwhile.
    #[error("this address is switched off for now; try again later")]
    SwitchedOff,
    /// Recipients that cannot share one transaction.
    #[error("this recipient needs a mail of its own; send it again for it alone")]
    Apart,
    /// The disk is full.
    #[error("no room for mail at this moment; try again later")]
    Full,
    /// The store did not take it.
    #[error("the mail could not be stored; try again later")]
    Store(#[source] IngestError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull { .. } | StoreError::NoSpace => Self::Full,
            error => Self::Store(error.into()),
        }
    }
}

impl From<IngestError> for Refusal {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Store(error) => error.into(),
            error => Self::Store(error),
        }
    }
}

/// What is known of a mail before it comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer<'a> {
    /// Who sends it; `None` on the local socket.
    pub client: Option<IpAddr>,
    /// Its size as announced, or 0.
    pub size: u64,
    /// The mailboxes of its other recipients.
    pub others: &'a [Mailbox],
}

/// The service. A cheap clone.
#[derive(Clone, Debug)]
pub struct Receiving {
    store: Store,
    board: Board,
    clock: Clock,
    random: Random,
    options: Arc<ReceivingOptions>,
    for_postmaster: Arc<Mutex<postmaster::Quota>>,
}

impl Receiving {
    /// A service over its handles.
    #[must_use]
    pub fn new(
        store: Store,
        board: Board,
        clock: Clock,
        random: Random,
        options: ReceivingOptions,
    ) -> Self {
        Self {
            store,
            board,
            clock,
            random,
            options: Arc::new(options),
            for_postmaster: Arc::default(),
        }
    }

    /// Whether mail can be taken at all at this moment.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), Refusal> {
        Ok(self.store.accepts()?)
    }

    /// Whose the address is. One of the postmaster counts as a mail from here on.
    ///
    /// # Errors
    /// When it is nobody's, or the mailbox takes nothing now.
    pub fn recipient(&self, address: &Address, offer: &Offer<'_>) -> Result<Mailbox, Refusal> {
        let ours = self.options.domain.as_deref();
        if ours.is_none_or(|domain| !address.domain().eq_ignore_ascii_case(domain)) {
            return Err(Refusal::Relay(address.clone()));
        }
        let local_part = address.local().to_ascii_lowercase();
        let mailbox = if local_part == POSTMASTER {
            self.postmaster()?
        } else {
            let receiver = self.store.receiver(&local_part, self.clock.now())?;
            receiver.ok_or(Refusal::Unknown)?.mailbox
        };
        if mailbox.settings.switch != Switch::On {
            return Err(Refusal::SwitchedOff);
        }
        let mut others = offer.others.iter();
        if others.any(|other| other.workspace != mailbox.workspace) {
            return Err(Refusal::Apart);
        }
        if local_part == POSTMASTER {
            self.postmaster_has_room(offer)?;
        }
        Ok(mailbox)
    }

    fn postmaster_has_room(&self, offer: &Offer<'_>) -> Result<(), Refusal> {
        if offer.size > postmaster::SIZE_MAX {
            return Err(Refusal::TooLargeForPostmaster);
        }
        // One mail is added whole, so a panic elsewhere leaves nothing half-done.
        let quota = self.for_postmaster.lock();
        let mut quota = quota.unwrap_or_else(PoisonError::into_inner);
        let taken = quota.take(offer.client, self.clock.now());
        taken.then_some(()).ok_or(Refusal::EnoughForPostmaster)
    }

    /// The largest mail for this recipient, when it is less than for others.
    #[must_use]
    pub fn size_max(&self, recipient: &Address) -> Option<u64> {
        let for_postmaster = recipient.local().eq_ignore_ascii_case(POSTMASTER);
        for_postmaster.then_some(postmaster::SIZE_MAX)
    }

    fn postmaster(&self) -> Result<Mailbox, Refusal> {
        let named = self.options.postmaster.as_ref();
        let mailbox = match named {
            Some(address) => self.store.mailbox_by_address(address)?,
            None => None,
        };
        if let (Some(address), None) = (named, &mailbox) {
            tracing::warn!(%address, "the mailbox for the postmaster's mail is not connected");
        }
        mailbox.ok_or(Refusal::NoPostmaster)
    }

    /// Begins a mail of about `size` bytes.
    pub async fn begin(&self, size: u64) -> Intake {
        Intake::begin(&self.store, size).await
    }

    /// Makes a mail durable for all its recipients, or for none.
    ///
    /// # Errors
    /// When it is not on the disk; the sender keeps it then.
    pub async fn take(
        &self,
        mail: Intake,
        mut forwarded: Forwarded,
        recipients: &[Mailbox],
    ) -> Result<(), Refusal> {
        let Some((first, others)) = recipients.split_first() else {
            return Err(Refusal::Unknown);
        };
        let arrived_at = self.clock.now();
        let circumstances = Circumstances {
            source: Source::Smtp(forwarded.clone()),
            received_at: None,
            arrived_at,
            imported: false,
            whole_size: None,
        };
        let mut arrival = mail.finish(circumstances, self.random).await?;
        let domain = self.options.domain.as_deref().unwrap_or_default();
        forwarded.written_to = written_to(
            &arrival.head,
            forwarded.reverse_path.as_ref(),
            &first.settings,
            domain,
        );
        arrival.source = Source::Smtp(forwarded);
        let delivery = Delivery {
            mailbox: first.key,
            is_junk: false,
            is_sent: false,
            also_for: others.iter().map(|mailbox| mailbox.key).collect(),
            arrivals: vec![arrival],
            cursor: None,
            maildrop: Vec::new(),
            passed: Vec::new(),
        };
        self.store.deliver(delivery).await?;
        for mailbox in recipients {
            // A mailbox that is read elsewhere and takes the postmaster's mail is not
            // proven by it.
            if matches!(mailbox.settings.way_in, WayIn::Forwarding(_)) {
                self.board.alive(mailbox.key, arrived_at);
            }
            self.board.mail_came(mailbox.key, arrived_at);
        }
        Ok(())
    }
}
