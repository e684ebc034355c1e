//! What is numbered from 1 on, each for itself.

use super::key::Key;

/// Numbers that are given out one after another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    Workspace,
    User,
    Team,
    Token,
    Mailbox,
    Contact,
    Conversation,
    Message,
    Raw,
    Decision,
    Outgoing,
    Job,
    Ledger,
    Feed,
    Notice,
    Regrouping,
}

/// How many there are.
pub(super) const COUNTERS: usize = 16;

impl Counter {
    pub(super) fn key(self) -> Key {
        Key::text(&format!("last {self:?}"))
    }
}
