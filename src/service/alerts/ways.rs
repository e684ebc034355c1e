//! By whom a notice leaves and to whom it goes; and what an administrator should mend
//! before it is needed.

use super::Alerts;
use super::words::in_short;
use crate::domain::address::Address;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, Mailbox, MailboxHealth, WayOut};
use crate::domain::notice::Notice;
use crate::domain::saying::Saying;
use crate::domain::user::{Actor, Role, User};
use crate::service::asking::Asking;
use crate::service::automatic::may_be_told;
use crate::service::script_failures::Failing;
use crate::service::way_out::SystemSmtp;
use crate::store::StoreError;

/// Other mailboxes that are tried in one attempt to send a notice.
const MAILBOXES_TRIED_MAX: usize = 3;
/// The domain of people who were made without an address.
const NOWHERE: &str = "localhost";

/// A way out.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// `[system_smtp]`
    System(Box<SystemSmtp>),
    /// A mailbox that works.
    Mailbox(Box<Mailbox>),
}

/// What an administrator should mend: why people would not hear of a sick mailbox, and
/// scripts that fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worry {
    /// No other way out: neither a server of the gateway nor another mailbox that sends.
    NoWayOut {
        /// The mailboxes nobody would hear of.
        addresses: Vec<Address>,
    },
    /// No administrator has an address, and no other is set.
    NobodyToTell,
    /// A script goes on failing, so that what it fails on gets no decision.
    ScriptFails(Failing),
    /// Notices wait, and the last attempt failed.
    Unsent {
        /// How many.
        count: usize,
        /// Why.
        failure: Saying,
    },
}

impl Alerts {
    /// What an administrator should mend.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn worries(&self, actor: &Actor) -> Result<Vec<Worry>, StoreError> {
        let mut worries = Vec::new();
        if actor.may(Role::Manager, actor.workspace()) {
            let failing = self.asking.iter().flat_map(Asking::failing);
            worries.extend(failing.map(Worry::ScriptFails));
        }
        if !self.options.enabled || !actor.may(Role::Manager, actor.workspace()) {
            return Ok(worries);
        }
        let all = self.store.mailboxes()?;
        let waits: Vec<Mailbox> = all.iter().filter(|one| has_login(one)).cloned().collect();
        let sends: Vec<MailboxKey> = all
            .iter()
            .filter(|one| can_send(one, &self.board.health(one.key)))
            .map(|one| one.key)
            .collect();
        if self.system.is_none() && self.webhook.is_none() {
            let alone = |one: &&Mailbox| sends.iter().all(|other| *other == one.key);
            let addresses = waits.iter().filter(alone);
            let addresses: Vec<Address> =
                addresses.map(|one| one.settings.address.clone()).collect();
            if !addresses.is_empty() {
                worries.push(Worry::NoWayOut { addresses });
            }
        }
        if !waits.is_empty() && self.webhook.is_none() && self.people(None)?.is_empty() {
            worries.push(Worry::NobodyToTell);
        }
        let unsent = self.store.waiting_notices()?;
        let mut failures = unsent.iter().filter_map(|notice| notice.failure.clone());
        if let Some(failure) = failures.next() {
            let count = 1 + failures.count();
            worries.push(Worry::Unsent { count, failure });
        }
        Ok(worries)
    }

    /// The latest notices about mailboxes that the actor manages, the newest first, each with
    /// what it says.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest(&self, actor: &Actor, limit: usize) -> Result<Vec<(Notice, String)>, StoreError> {
        let mut latest = Vec::new();
        for notice in self.store.latest_notices(limit)? {
            let mailbox = self.store.mailbox_even_removed(notice.mailbox)?;
            if let Some(mailbox) = mailbox.filter(|_| actor.may(Role::Manager, notice.workspace)) {
                let text = in_short(&mailbox, &notice.due);
                latest.push((notice, text));
            }
        }
        Ok(latest)
    }

    /// Whether people would hear of one more mailbox, were it sick.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn another_would_have_a_way(&self) -> Result<bool, StoreError> {
        if self.system.is_some() || self.webhook.is_some() || !self.options.enabled {
            return Ok(true);
        }
        let all = self.store.mailboxes()?;
        let mut all = all.iter();
        Ok(all.any(|one| can_send(one, &self.board.health(one.key))))
    }

    /// The ways out, best first, for a notice about these mailboxes; they are none of them.
    pub(super) fn ways(&self, sick: &[MailboxKey]) -> Result<Vec<Way>, StoreError> {
        let mut mailboxes: Vec<(bool, Mailbox)> = Vec::new();
        for mailbox in self.store.mailboxes()? {
            let health = self.board.health(mailbox.key);
            if !sick.contains(&mailbox.key) && can_send(&mailbox, &health) {
                let proven = matches!(health.sending, Condition::Active);
                mailboxes.push((!proven, mailbox));
            }
        }
        mailboxes.sort_by_key(|(unproven, _)| *unproven);
        let mailboxes = mailboxes.into_iter().take(MAILBOXES_TRIED_MAX);
        let mailboxes = mailboxes.map(|(_, mailbox)| Way::Mailbox(Box::new(mailbox)));
        let system = self.system.clone().map(Box::new).map(Way::System);
        Ok(system.into_iter().chain(mailboxes).collect())
    }

    /// Administrators, the managers of a mailbox's workspace, its rescue address, and who
    /// is named in the configuration; each once. Never the mailbox itself.
    pub(super) fn people(&self, about: Option<&Mailbox>) -> Result<Vec<Address>, StoreError> {
        let mut people: Vec<Address> = Vec::new();
        for user in self.store.users()? {
            if self.looks_after(&user, about)? && user.address.domain() != NOWHERE {
                people.push(user.address);
            }
        }
        people.extend(self.options.also_to.iter().cloned());
        if let Some(mailbox) = about {
            people.extend(mailbox.settings.rescue_address.clone());
            people.retain(|address| may_be_told(mailbox, address));
        }
        let mut known = std::collections::HashSet::new();
        // One that few servers take must not keep the others from being told.
        people.retain(|address| address.as_str().is_ascii() && known.insert(address.folded()));
        Ok(people)
    }

    fn looks_after(&self, user: &User, about: Option<&Mailbox>) -> Result<bool, StoreError> {
        if user.administrator {
            return Ok(true);
        }
        let Some(mailbox) = about else {
            return Ok(false);
        };
        let part = self.store.membership(user.key, mailbox.workspace)?;
        Ok(part.is_some_and(|part| part.role >= Role::Manager))
    }
}

/// It has a login that can be refused.
fn has_login(mailbox: &Mailbox) -> bool {
    let settings = &mailbox.settings;
    settings.way_in.server().is_some() || settings.way_out.server().is_some()
}

/// It has a server of its own for mail that leaves, and nothing is known against it.
fn can_send(mailbox: &Mailbox, health: &MailboxHealth) -> bool {
    let fine = |condition: &Condition| match condition {
        Condition::Connecting | Condition::Active | Condition::Interrupted { .. } => true,
        Condition::Error { .. }
        | Condition::ReauthenticationNeeded { .. }
        | Condition::Offline
        | Condition::Unbound => false,
    };
    let own = matches!(mailbox.settings.way_out, WayOut::Own(_));
    own && !mailbox.settings.offline() && fine(&health.receiving) && fine(&health.sending)
}
