//! How patient and how greedy collecting is.

use std::time::Duration;

/// Settings of all mailboxes.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// Mail above this many bytes waits for a person.
    pub mail_size_max: u64,
    /// How often a server that does not push is asked.
    pub check_interval: Duration,
    /// How often IDLE is renewed and the folder looked through. Well under the 29
    /// minutes of RFC 2177, because many networks forget a silent connection after 5 to 10.
    pub rescan: Duration,
    /// How long a server may take over an answer before its connection counts as dead.
    pub answer_deadline: Duration,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            mail_size_max: 64 * 1024 * 1024,
            check_interval: Duration::from_secs(60),
            rescan: Duration::from_secs(5 * 60),
            answer_deadline: Duration::from_secs(2 * 60),
        }
    }
}
