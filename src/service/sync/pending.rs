//! When a mail is tried again that a server did not give.

use jiff::{SignedDuration, Timestamp};

use crate::domain::back_off::BackOff;
use crate::domain::folder::{Pending, PendingReason};

/// Tries after which an incomplete mail is only tried once a day.
const TRIES_MAX: u16 = 5;
/// The wait between such late tries.
const QUARANTINE: SignedDuration = SignedDuration::from_hours(24);

/// A mail above the limit: only a person asks for it.
pub(super) fn too_large() -> Pending {
    Pending {
        reason: PendingReason::TooLarge,
        attempts: 0,
        retry_at: Timestamp::MAX,
    }
}

/// A mail at which connection after connection ended.
pub(super) fn put_aside(now: Timestamp) -> Pending {
    Pending {
        reason: PendingReason::Incomplete,
        attempts: TRIES_MAX,
        retry_at: now.checked_add(QUARANTINE).unwrap_or(Timestamp::MAX),
    }
}

/// When a mail that did not come whole is tried again.
pub(super) fn try_again(attempts: u16, now: Timestamp, random: u64) -> Pending {
    let wait = if attempts >= TRIES_MAX {
        QUARANTINE
    } else {
        SignedDuration::try_from(BackOff::FILING.wait(u32::from(attempts), random))
            .unwrap_or(QUARANTINE)
    };
    let retry_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
    Pending {
        reason: PendingReason::Incomplete,
        attempts,
        retry_at,
    }
}
