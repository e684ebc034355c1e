//! The board: how each mailbox is doing at this moment, for pages, API and alerts.
//!
//! It lives in memory. What a restart must know (refused credentials, failures in a row,
//! the last success) is handed out as [`MailboxStanding`]; `standing` keeps it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::attempt::{Attempt, Way};
use crate::domain::condition::{Attempts, Failure, MailboxStanding, Patience};
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, MailboxHealth, Switch};
use crate::domain::state::Doing;
use crate::service::diary::Diary;
use crate::service::refusals::Refusals;

/// The board. A cheap clone; its lock is never held across a wait.
#[derive(Clone, Debug)]
pub struct Board {
    patience: Patience,
    diary: Diary,
    refusals: Refusals,
    /// Boxed: a table has room for twice as many as there are.
    rows: Arc<Mutex<HashMap<MailboxKey, Box<Row>>>>,
}

#[derive(Debug)]
struct Row {
    doing: Known,
    receiving: Attempts,
    sending: Attempts,
    /// Something outlives a restart that has not been handed out for keeping.
    unkept: bool,
    /// Mail comes to us; no connection says whether the way works.
    forwarded: bool,
}

/// What the board knows of a mailbox's health; the rest is read elsewhere.
#[derive(Debug, Default)]
struct Known {
    receiving: Condition,
    sending: Condition,
    last_sign_of_life: Option<Timestamp>,
    last_submission: Option<Timestamp>,
    last_mail_at: Option<Timestamp>,
    catching_up: Option<u32>,
}

impl Row {
    fn health(&self) -> MailboxHealth {
        let doing = &self.doing;
        MailboxHealth {
            receiving: doing.receiving.clone(),
            sending: doing.sending.clone(),
            last_sign_of_life: doing.last_sign_of_life,
            last_submission: doing.last_submission,
            last_mail_at: doing.last_mail_at,
            catching_up: doing.catching_up,
            ..MailboxHealth::default()
        }
    }

    fn new(patience: Patience, standing: MailboxStanding) -> Self {
        Self {
            doing: Known::default(),
            receiving: Attempts::restored(patience, standing.receiving),
            sending: Attempts::restored(patience, standing.sending),
            unkept: false,
            forwarded: false,
        }
    }

    fn resting_receiving(&self) -> Condition {
        if self.forwarded {
            resting_passive(&self.receiving)
        } else {
            self.receiving.resting()
        }
    }

    fn standing(&self, refused_at: Vec<Timestamp>) -> MailboxStanding {
        MailboxStanding {
            receiving: self.receiving.standing().clone(),
            sending: self.sending.standing().clone(),
            refused_at,
        }
    }

    fn kinds(&self) -> [std::mem::Discriminant<Condition>; 2] {
        [&self.doing.receiving, &self.doing.sending].map(std::mem::discriminant)
    }
}

impl Board {
    /// An empty board; `patience` says how many failures make an error, and every
    /// attempt is noted in the diary.
    #[must_use]
    pub fn new(patience: Patience, diary: Diary) -> Self {
        Self {
            patience,
            diary,
            refusals: Refusals::default(),
            rows: Arc::default(),
        }
    }

    /// How a mailbox is doing.
    #[must_use]
    pub fn health(&self, mailbox: MailboxKey) -> MailboxHealth {
        self.lock()
            .get(&mailbox)
            .map(|row| row.health())
            .unwrap_or_default()
    }

    /// The state of a mailbox in one word, and why.
    #[must_use]
    pub fn doing(&self, mailbox: MailboxKey) -> Doing {
        let rows = self.lock();
        rows.get(&mailbox).map_or_else(
            || Doing::of(&MailboxHealth::default()),
            |row| Doing::of_both(&row.doing.receiving, &row.doing.sending),
        )
    }

    /// What was said and tried, for those who open connections.
    #[must_use]
    pub fn diary(&self) -> &Diary {
        &self.diary
    }

    /// How often credentials were refused lately.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// A connection to the incoming server has been opened and let us in.
    pub fn opened(&self, mailbox: MailboxKey, now: Timestamp) {
        self.diary
            .note(Attempt::new(mailbox, Way::Receiving, now, None));
    }

    /// What a restart must know of a mailbox; the caller keeps it.
    #[must_use]
    pub fn standing(&self, mailbox: MailboxKey) -> MailboxStanding {
        let mut rows = self.lock();
        let refused_at = self.refusals.of(mailbox);
        let Some(row) = rows.get_mut(&mailbox) else {
            return MailboxStanding {
                refused_at,
                ..MailboxStanding::default()
            };
        };
        row.unkept = false;
        row.standing(refused_at)
    }

    /// The mailboxes whose last keeping is out of date, each told once.
    #[must_use]
    pub fn unkept(&self) -> Vec<MailboxKey> {
        let mut rows = self.lock();
        let unkept = rows.iter_mut().filter(|(_, row)| row.unkept);
        unkept
            .map(|(key, row)| {
                row.unkept = false;
                *key
            })
            .collect()
    }

    /// The gateway was started: what was kept of a mailbox holds again.
    pub fn restore(&self, mailbox: MailboxKey, mut kept: MailboxStanding) {
        let refused_at = std::mem::take(&mut kept.refused_at);
        self.refusals.restore(mailbox, refused_at);
        let mut row = Row::new(self.patience, kept);
        row.doing.receiving = row.receiving.resting();
        row.doing.last_sign_of_life = row.receiving.standing().last_success;
        row.doing.sending = resting_passive(&row.sending);
        row.doing.last_submission = row.sending.standing().last_success;
        self.lock().insert(mailbox, Box::new(row));
    }

    /// So many failures make an error of this mailbox; `None`: as many as of any other.
    pub fn set_attempts_max(&self, mailbox: MailboxKey, attempts_max: Option<u32>) {
        let attempts_max = attempts_max.unwrap_or(self.patience.attempts_max);
        self.change(mailbox, |row| {
            row.receiving.set_attempts_max(attempts_max);
            row.sending.set_attempts_max(attempts_max);
        });
    }

    /// The incoming server has answered us. Tells whether the condition changed.
    pub fn alive(&self, mailbox: MailboxKey, now: Timestamp) -> bool {
        self.change(mailbox, |row| {
            row.doing.last_sign_of_life = Some(now);
            row.doing.receiving = row.receiving.connected(now);
            row.unkept = true;
        })
    }

    /// Receiving has failed; answers the new condition.
    pub fn receiving_failed(
        &self,
        mailbox: MailboxKey,
        failure: Failure,
        now: Timestamp,
        random: u64,
    ) -> Condition {
        let mut rows = self.lock();
        let row = self.row(&mut rows, mailbox);
        row.doing.catching_up = None;
        row.doing.receiving = row.receiving.fail(failure, now, random);
        row.unkept = true;
        let condition = row.doing.receiving.clone();
        drop(rows);
        self.note(mailbox, Way::Receiving, &condition, now);
        condition
    }

    /// Submission has worked or failed. Tells whether the condition changed.
    pub fn submitted(
        &self,
        mailbox: MailboxKey,
        outcome: Result<(), Failure>,
        now: Timestamp,
        random: u64,
    ) -> bool {
        let mut condition = Condition::Active;
        let changed = self.change(mailbox, |row| {
            row.doing.sending = match outcome {
                Ok(()) => row.sending.succeed(now),
                Err(failure) => row.sending.fail(failure, now, random),
            };
            row.doing.last_submission = row.sending.standing().last_success;
            row.unkept = true;
            condition = row.doing.sending.clone();
        });
        self.note(mailbox, Way::Sending, &condition, now);
        changed
    }

    /// Mail has come.
    pub fn mail_came(&self, mailbox: MailboxKey, now: Timestamp) {
        self.change(mailbox, |row| row.doing.last_mail_at = Some(now));
    }

    /// This much mail waits on the server.
    pub fn catching_up(&self, mailbox: MailboxKey, left: Option<u32>) {
        self.change(mailbox, |row| row.doing.catching_up = left);
    }

    /// Whether mail is forwarded to us. Before [`Board::set_switch`].
    pub fn set_forwarded(&self, mailbox: MailboxKey, forwarded: bool) {
        self.change(mailbox, |row| row.forwarded = forwarded);
    }

    /// A person has switched the mailbox off, or on again. Nothing of what was refused
    /// is forgotten by that.
    pub fn set_switch(&self, mailbox: MailboxKey, switch: Switch) {
        self.change(mailbox, |row| {
            let (receiving, sending) = match switch {
                Switch::On => (row.resting_receiving(), resting_passive(&row.sending)),
                Switch::Offline => (Condition::Offline, Condition::Offline),
                Switch::Unbound => (Condition::Unbound, Condition::Unbound),
            };
            row.doing.catching_up = None;
            row.doing.receiving = receiving;
            row.doing.sending = sending;
        });
    }

    /// The incoming server has refused the credentials; only a person mends that.
    #[must_use]
    pub fn receiving_needs_a_person(&self, mailbox: MailboxKey) -> bool {
        needs_a_person(&self.health(mailbox).receiving)
    }

    /// The condition that keeps a mailbox from being connected to at once, if one does:
    /// its credentials were refused, also before a restart.
    #[must_use]
    pub fn receiving_held(&self, mailbox: MailboxKey) -> Option<Condition> {
        let rows = self.lock();
        let row = rows.get(&mailbox)?;
        row.receiving.standing().held.as_ref()?;
        Some(row.receiving.resting())
    }

    /// A person has given new credentials or asked to try again: earlier refusals are forgotten.
    pub fn forget_failures(&self, mailbox: MailboxKey) {
        self.change(mailbox, |row| {
            row.receiving.forget_failures();
            row.sending.forget_failures();
            row.unkept = true;
            if needs_a_person(&row.doing.receiving) {
                row.doing.receiving = Condition::Connecting;
            }
            let sending = &row.doing.sending;
            let fine = matches!(sending, Condition::Active);
            if !fine && !matches!(sending, Condition::Offline | Condition::Unbound) {
                // Replies that were held back are tried again; until then nothing is proven.
                row.doing.sending = row.sending.resting();
            }
        });
    }

    /// The mailbox is gone.
    pub fn remove(&self, mailbox: MailboxKey) {
        self.lock().remove(&mailbox);
        self.refusals.forget(mailbox);
        self.diary.forget(mailbox);
    }

    /// An attempt that has come to this condition.
    fn note(&self, mailbox: MailboxKey, way: Way, condition: &Condition, now: Timestamp) {
        let (failure, next_at) = match condition {
            Condition::Interrupted {
                reason, next_at, ..
            }
            | Condition::Error { reason, next_at } => (Some(reason.to_string()), Some(*next_at)),
            Condition::ReauthenticationNeeded { reason } => (Some(reason.to_string()), None),
            Condition::Connecting | Condition::Active | Condition::Offline | Condition::Unbound => {
                (None, None)
            }
        };
        self.diary.note(Attempt {
            next_at,
            ..Attempt::new(mailbox, way, now, failure)
        });
    }

    fn change(&self, mailbox: MailboxKey, change: impl FnOnce(&mut Row)) -> bool {
        let mut rows = self.lock();
        let row = self.row(&mut rows, mailbox);
        let before = row.kinds();
        change(row);
        before != row.kinds()
    }

    fn row<'r>(
        &self,
        rows: &'r mut HashMap<MailboxKey, Box<Row>>,
        mailbox: MailboxKey,
    ) -> &'r mut Row {
        rows.entry(mailbox)
            .or_insert_with(|| Box::new(Row::new(self.patience, MailboxStanding::default())))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxKey, Box<Row>>> {
        // Rows are replaced whole, so a panic elsewhere leaves nothing half-written.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn needs_a_person(condition: &Condition) -> bool {
    matches!(condition, Condition::ReauthenticationNeeded { .. })
}

/// Sending and forwarding keep no connection: what worked last works as far as anybody knows.
fn resting_passive(attempts: &Attempts) -> Condition {
    let standing = attempts.standing();
    if standing.last_success.is_some() && standing.failures == 0 && standing.held.is_none() {
        return Condition::Active;
    }
    attempts.resting()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::Situation;
    use crate::service::clock::Clock;

    const MAILBOX: MailboxKey = MailboxKey(1);

    fn board() -> Board {
        let (diary, _) = Diary::new(Clock::new(|| Timestamp::UNIX_EPOCH));
        Board::new(Patience::default(), diary)
    }

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn restarted(before: &Board) -> Board {
        let after = board();
        after.restore(MAILBOX, before.standing(MAILBOX));
        after.set_switch(MAILBOX, Switch::On);
        after
    }

    #[test]
    fn a_refused_password_is_not_offered_again_after_a_restart() {
        let board = board();
        board.alive(MAILBOX, now());
        board.submitted(MAILBOX, Ok(()), now(), 0);
        assert_eq!(board.receiving_held(MAILBOX), None);
        let refused = Failure::Refused("expired".into());
        let condition = board.receiving_failed(MAILBOX, refused, now(), 0);
        let after = restarted(&board);
        assert_eq!(after.receiving_held(MAILBOX), Some(condition.clone()));
        assert_eq!(after.health(MAILBOX).receiving, condition);
        assert_eq!(after.health(MAILBOX).sending, Condition::Active);
        assert_eq!(after.health(MAILBOX).last_sign_of_life, Some(now()));
        after.set_switch(MAILBOX, Switch::Offline);
        assert_eq!(after.health(MAILBOX).receiving, Condition::Offline);
        after.set_switch(MAILBOX, Switch::On);
        assert_eq!(after.health(MAILBOX).receiving, condition);
        after.forget_failures(MAILBOX);
        assert_eq!(restarted(&after).receiving_held(MAILBOX), None);
    }

    #[test]
    fn another_try_proves_nothing_of_sending_that_failed_and_leaves_the_rest_as_it_is() {
        let board = board();
        board.set_attempts_max(MAILBOX, Some(1));
        board.alive(MAILBOX, now());
        board.submitted(MAILBOX, Ok(()), now(), 0);
        board.forget_failures(MAILBOX);
        assert_eq!(board.health(MAILBOX).sending, Condition::Active);
        let gone = Failure::Passing("timed out".into());
        board.submitted(MAILBOX, Err(gone), now(), 0);
        board.forget_failures(MAILBOX);
        let health = board.health(MAILBOX);
        assert_eq!(health.sending, Condition::Connecting);
        assert_eq!(Situation::of(&health, false), Situation::Unsettled);
        board.submitted(MAILBOX, Ok(()), now(), 0);
        let health = board.health(MAILBOX);
        assert_eq!(Situation::of(&health, false), Situation::Well);
    }

    #[test]
    fn an_outage_holds_nobody_back_after_a_restart() {
        let board = board();
        let passing = || Failure::Passing("cut".into());
        board.receiving_failed(MAILBOX, passing(), now(), 0);
        let after = restarted(&board);
        assert_eq!(after.receiving_held(MAILBOX), None);
        // The row of failures goes on.
        let condition = after.receiving_failed(MAILBOX, passing(), now(), 0);
        assert!(matches!(condition, Condition::Interrupted { retry: 2, .. }));
    }

    #[test]
    fn what_changed_is_handed_out_for_keeping_once() {
        let board = board();
        board.mail_came(MAILBOX, now());
        assert!(board.unkept().is_empty());
        board.alive(MAILBOX, now());
        assert_eq!(board.unkept().len(), 1);
        assert!(board.unkept().is_empty());
    }

    #[test]
    fn a_mailbox_may_be_more_patient_than_the_others() {
        let board = board();
        board.set_attempts_max(MAILBOX, Some(1));
        let passing = || Failure::Passing("cut".into());
        let condition = board.receiving_failed(MAILBOX, passing(), now(), 0);
        assert!(matches!(condition, Condition::Error { .. }));
        board.set_attempts_max(MAILBOX, None);
        let condition = board.receiving_failed(MAILBOX, passing(), now(), 0);
        assert!(matches!(condition, Condition::Interrupted { retry: 2, .. }));
    }
}
