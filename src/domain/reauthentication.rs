//! A link by which somebody gives one mailbox a new login, without signing in here.
//!
//! What is kept is the hash of its token. It opens one page about one mailbox, ends by
//! time, by use, and by the number of tries.

use jiff::{SignedDuration, Timestamp};

use super::key::MailboxKey;

/// Links of one mailbox that are good at the same time; the oldest makes room. There may
/// be several notices, and links that were made by hand.
pub const LINKS_MAX: usize = 4;
/// New logins that can be tried with one link.
pub const TRIES_MAX: u32 = 10;
/// How long one is good when nobody says otherwise.
pub const LINK_VALID: SignedDuration = SignedDuration::from_hours(72);

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReauthenticationLink {
    /// Which mailbox it is about.
    pub mailbox: MailboxKey,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Logins that were tried with it.
    pub tries: u32,
}

impl ReauthenticationLink {
    /// Whether it opens anything.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.tries < TRIES_MAX
    }

    /// How many logins can still be tried.
    #[must_use]
    pub fn tries_left(&self) -> u32 {
        TRIES_MAX.saturating_sub(self.tries)
    }
}
