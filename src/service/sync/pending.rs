//! When a mail is tried again that a server did not give.

use jiff::{SignedDuration, Timestamp};

use crate::domain::back_off::BackOff;
use crate::domain::folder::{Pending, PendingReason};

/// Tries after which an incomplete mail is only tried once a day.
const TRIES_MAX: u16 = 5;
/// The wait between such late tries.
const QUARANTINE: SignedDuration = SignedDuration::from_hours(24);

/// So much of a mail above the limit is taken in, so that people see who wrote what.
pub(super) const BEGINNING_BYTES: u32 = 256 * 1024;
/// Largest mail that is fetched when a person wants it anyway. Its bytes go straight to
/// the disk, which is not filled beyond its floor.
pub const ANYWAY_BYTES_MAX: u64 = 1024 * 1024 * 1024;

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

/// When a mail that did not come whole is tried again. What a person wants anyway stays
/// wanted.
pub(super) fn try_again(before: Option<&Pending>, now: Timestamp, random: u64) -> Pending {
    let attempts = before.map_or(0, |before| before.attempts).saturating_add(1);
    let anyway = before.is_some_and(|before| before.reason == PendingReason::Anyway);
    let wait = if attempts >= TRIES_MAX {
        QUARANTINE
    } else {
        SignedDuration::try_from(BackOff::FILING.wait(u32::from(attempts), random))
            .unwrap_or(QUARANTINE)
    };
    let retry_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
    Pending {
        reason: if anyway {
            PendingReason::Anyway
        } else {
            PendingReason::Incomplete
        },
        attempts,
        retry_at,
    }
}
