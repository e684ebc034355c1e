//! The only door in: bytes of a mail become an [`Arrival`] that the store can deliver.
//!
//! A mail is read while it passes. Up to [`WHOLE_MAX`] it is kept in one piece;
//! beyond it the bytes go ahead into the store as they come, so that memory stays
//! bounded whatever a stranger sends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};

use crate::domain::fingerprint::Fingerprint;
use crate::domain::folder::Cursor;
use crate::domain::ledger::Source;
use crate::domain::message::{Defect, Head};
use crate::mime;
use crate::mime::walk::Walk;
use crate::service::random::{NoRandomness, Random};
use crate::store::{Arrival, ArrivalRaw, CompressedRaw, RawWriter, Store, StoreError};

/// Mail up to this many bytes is held in memory while it is read.
pub const WHOLE_MAX: u64 = 1024 * 1024;
/// A mail that reached the server this long before it reached us is marked late.
const LATE_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// Why a mail could not be taken in. It stays where it came from.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// More mails than can be remembered came without their bodies.
    #[error(
        "the server lists more than {} mails and does not give them; reading waits until it does",
        Cursor::PENDING_MAX
    )]
    TooManyPending,
}

/// What is known of a mail besides its bytes.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// By which way it came.
    pub source: Source,
    /// When the server had it, where the server tells (INTERNALDATE).
    pub received_at: Option<Timestamp>,
    /// When it came to us.
    pub arrived_at: Timestamp,
    /// It was there before the mailbox was connected.
    pub imported: bool,
    /// Its size on the server, when only its beginning was asked for.
    pub whole_size: Option<u64>,
}

/// A mail whose bytes are still coming.
#[derive(Debug)]
pub struct Intake {
    store: Store,
    kept: Kept,
    size: u64,
}

#[derive(Debug)]
enum Kept {
    /// In memory: not begun, one slice of what was read, or several joined.
    Whole(Pieces),
    /// On its way into the store. The walk is gone when reading has failed outright.
    Ahead {
        writer: RawWriter,
        walk: Option<Box<Walk>>,
    },
}

#[derive(Debug)]
enum Pieces {
    None,
    One(Bytes),
    Joined(BytesMut),
}

impl Intake {
    /// Begins a mail of `size` announced bytes.
    pub async fn begin(store: &Store, size: u64) -> Self {
        let kept = if size <= WHOLE_MAX {
            Kept::Whole(Pieces::None)
        } else {
            Kept::Ahead {
                writer: store.begin_raw().await,
                walk: Some(Box::default()),
            }
        };
        let store = store.clone();
        Self {
            store,
            kept,
            size: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the store does not take a big mail's bytes.
    pub async fn take(&mut self, chunk: Bytes) -> Result<(), IngestError> {
        self.size += chunk.len() as u64;
        if self.size > WHOLE_MAX {
            self.go_ahead().await?;
        }
        match &mut self.kept {
            Kept::Whole(pieces) => pieces.push(chunk),
            Kept::Ahead { writer, walk } => {
                let whole = chunk.clone();
                *walk = walk.take().and_then(|mut walk| {
                    guarded(move || {
                        walk.feed(&chunk);
                        walk
                    })
                });
                writer.write(&whole).await?;
            }
        }
        Ok(())
    }

    /// Stops keeping in memory what is more than was announced.
    async fn go_ahead(&mut self) -> Result<(), IngestError> {
        let Kept::Whole(pieces) = &mut self.kept else {
            return Ok(());
        };
        let before = std::mem::replace(pieces, Pieces::None).whole();
        let mut writer = self.store.begin_raw().await;
        let read = before.clone();
        let walk = guarded(move || {
            let mut walk = Box::<Walk>::default();
            walk.feed(&read);
            walk
        });
        writer.write(&before).await?;
        self.kept = Kept::Ahead { writer, walk };
        Ok(())
    }

    /// Forgets the mail, with what of it is on the disk already.
    ///
    /// # Errors
    /// When the store takes no write; the next start clears it up then.
    pub async fn discard(self) -> Result<(), IngestError> {
        match self.kept {
            Kept::Whole(_) => Ok(()),
            Kept::Ahead { writer, .. } => Ok(writer.discard().await?),
        }
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads the mail and makes it ready for delivery.
    ///
    /// # Errors
    /// When the store does not take a big mail's bytes. A mail that cannot be read is no error.
    pub async fn finish(
        self,
        circumstances: Circumstances,
        random: Random,
    ) -> Result<Arrival, IngestError> {
        let (read, raw) = match self.kept {
            Kept::Whole(pieces) => {
                let bytes = pieces.whole();
                let read = guarded(|| mime::read_bytes(&bytes));
                (read, ArrivalRaw::Whole(CompressedRaw::new(&bytes)))
            }
            Kept::Ahead { writer, walk } => {
                let read = walk.and_then(|walk| guarded(move || mime::read(walk.finish())));
                (read, ArrivalRaw::Stored(writer.finish().await?))
            }
        };
        let (mut head, fingerprint) = match read {
            Some(mail) => (mail.head, mail.fingerprint),
            None => unreadable(&circumstances),
        };
        if circumstances.whole_size.is_some() {
            // What stands after the beginning is missing, but not damaged.
            head.defects.retain(|defect| *defect != Defect::Unclosed);
            head.defects.push(Defect::TooLarge);
        }
        Ok(Arrival {
            source: circumstances.source,
            raw,
            size: self.size,
            whole_size: circumstances.whole_size,
            head,
            fingerprint,
            arrived_at: circumstances.arrived_at,
            late: circumstances
                .received_at
                .is_some_and(|at| circumstances.arrived_at.duration_since(at) > LATE_AFTER),
            imported: circumstances.imported,
            random: random.bytes()?,
        })
    }
}

/// Reading never fails, so a panic is a defect of ours: it must cost one mail its
/// reading, not the mailbox its collecting.
fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    // What the closure owns is dropped with the panic; nothing half-read is seen again.
    let read = catch_unwind(AssertUnwindSafe(read)).ok();
    if read.is_none() {
        tracing::error!("a mail could not be read at all; it is kept as it came and shown as such");
    }
    read
}

/// A mail of which only the bytes are known. It is like no other: rather shown twice
/// than lost as a double of something else.
fn unreadable(circumstances: &Circumstances) -> (Head, Fingerprint) {
    let head = Head {
        defects: vec![Defect::Unreadable],
        language: "und".to_owned(),
        ..Head::default()
    };
    let (source, at) = (&circumstances.source, circumstances.arrived_at);
    let arrival = blake3::hash(format!("unreadable {source:?} {at}").as_bytes());
    (head, Fingerprint(*arrival.as_bytes()))
}

impl Pieces {
    fn push(&mut self, chunk: Bytes) {
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One(chunk),
            Self::One(first) => {
                let mut joined = BytesMut::with_capacity(first.len() + chunk.len());
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&chunk);
                Self::Joined(joined)
            }
            Self::Joined(mut joined) => {
                joined.extend_from_slice(&chunk);
                Self::Joined(joined)
            }
        };
    }

    fn whole(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Joined(joined) => joined.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::folder::{FolderName, Uid, UidValidity};

    #[test]
    fn a_panic_while_reading_costs_the_reading_only() {
        assert_eq!(guarded(|| 7), Some(7));
        let lost: Option<()> = guarded(|| panic!("a mail nobody thought of"));
        assert_eq!(lost, None);
        let arrived = |second| Circumstances {
            source: Source::Imap {
                folder: FolderName::inbox(),
                validity: UidValidity::new(1).expect("not zero"),
                uid: Uid::new(1).expect("not zero"),
            },
            received_at: None,
            arrived_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second),
            imported: false,
            whole_size: None,
        };
        let (head, fingerprint) = unreadable(&arrived(1));
        assert_eq!(head.defects, [Defect::Unreadable]);
        assert_ne!(fingerprint, unreadable(&arrived(2)).1);
    }
}
