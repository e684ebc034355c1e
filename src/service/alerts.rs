//! Notices about mailboxes: a code that ends soon, a refused login, an error that lasts,
//! and that it is over.
//!
//! `watching` looks at mailboxes and stores what is due, `asking` has the administrator's
//! scripts say more; `sending` brings it to people by a
//! way out (`ways`) that is not the sick mailbox, in the words of `words`. When what is
//! due is said by a pure rule (`domain::alert`).
//! Invariant: a notice is durable before anything of it is sent, and its Message-ID is the
//! same in every attempt.

mod asking;
mod hooking;
mod outcome;
mod sending;
#[cfg(test)]
mod tests;
mod watching;
mod ways;
mod words;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::address::Address;
use crate::domain::alert::AlertRules;
use crate::net::dial::Dialer;
use crate::service::asking::Asking;
use crate::service::clock::Clock;
use crate::service::credentials::Keyring;
use crate::service::mailboxes::Mailboxes;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::reauthentication::Links;
use crate::service::sync::board::Board;
use crate::service::way_out::SystemSmtp;
use crate::store::Store;

pub use self::hooking::Webhook;
pub use self::ways::Worry;

/// What an administrator decides about notices.
#[derive(Clone, Debug, Default)]
pub struct AlertOptions {
    /// They are made and sent.
    pub enabled: bool,
    /// When something is told.
    pub rules: AlertRules,
    /// Who is told besides administrators and managers.
    pub also_to: Vec<Address>,
    /// The address people use, for links; without it there are none.
    pub public_url: Option<String>,
}

/// The service. A cheap clone.
#[derive(Clone, Debug)]
pub struct Alerts {
    store: Store,
    dialer: Dialer,
    board: Board,
    mailboxes: Mailboxes,
    keyring: Keyring,
    clock: Clock,
    random: Random,
    system: Option<SystemSmtp>,
    presets: Presets,
    links: Links,
    webhook: Option<Webhook>,
    /// The scripts that are asked about states, and what they see as local time.
    asking: Option<Asking>,
    options: Arc<AlertOptions>,
    /// A notice was made.
    made: Arc<Notify>,
}

impl Alerts {
    /// A service over its handles.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a handle that the composition root holds; a struct of them would only rename the list"
    )]
    pub fn new(
        store: Store,
        dialer: Dialer,
        board: Board,
        mailboxes: Mailboxes,
        keyring: Keyring,
        clock: Clock,
        system: Option<SystemSmtp>,
        presets: Presets,
        links: Links,
        options: AlertOptions,
    ) -> Self {
        Self {
            store,
            dialer,
            board,
            mailboxes,
            keyring,
            clock,
            random: Random,
            system,
            presets,
            links,
            webhook: None,
            asking: None,
            options: Arc::new(options),
            made: Arc::default(),
        }
    }

    /// Notices are posted there, too.
    #[must_use]
    pub fn posting_to(mut self, webhook: Option<Webhook>) -> Self {
        self.webhook = webhook;
        self
    }

    /// Makes and sends notices until `shutdown`; one that is being handed over then is
    /// finished.
    pub async fn run(self, shutdown: CancellationToken) {
        if !self.options.enabled {
            return;
        }
        tokio::join!(
            self.watch(shutdown.clone()),
            self.tell_of_failures(shutdown.clone()),
            self.send_all(shutdown)
        );
    }
}
