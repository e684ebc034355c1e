//! A mail on its way in: its size, its pace, and what no mail may hold.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::data::{BareNewline, DataReader, Progress};
use super::reply::Reply;
use crate::protocol::progress;

/// A mail must bring its least within each span of this. Longer than any pause that TCP
/// makes of a few lost packets.
const WINDOW: Duration = Duration::from_secs(120);
const MIB: u64 = 1024 * 1024;

/// How long a mail may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// All of it, whatever its size.
    pub(super) all: Duration,
    /// Each MiB that has begun: a small mail has less time than a big one.
    pub(super) per_mib: Duration,
}

/// A mail on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    reader: DataReader,
    size: u64,
    /// Why it will be refused at its end: from there on it is read, but not kept.
    fault: Option<Fault>,
    pace: progress::Progress,
    times: Times,
    began_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TooLarge,
    /// RFC 5322 section 2.1 and RFC 2045 section 2.8: neither text nor 8bit data holds one.
    Nul,
}

/// What is told of a mail while it comes.
pub(super) enum Part {
    /// Its next bytes.
    Chunk(Bytes),
    /// It is not acceptable; nothing more of it follows.
    Abandoned,
}

impl Incoming {
    /// Begins; it may take so long.
    pub(super) fn begin(times: Times, now: Instant) -> Self {
        Self {
            reader: DataReader::new(),
            size: 0,
            fault: None,
            pace: progress::Progress::start(now),
            times,
            began_at: now,
        }
    }

    /// When it is too slow, unless enough has come by then.
    pub(super) fn deadline(&self) -> Instant {
        self.pace.deadline(WINDOW).min(self.ends_at())
    }

    /// When a mail of what has come of it so far should have ended.
    fn ends_at(&self) -> Instant {
        let begun =
            u32::try_from(self.size / MIB).map_or(u32::MAX, |whole| whole.saturating_add(1));
        let of_size = self.times.per_mib.saturating_mul(begun);
        self.began_at + of_size.min(self.times.all)
    }

    /// Whether so much has come since the last look that it may go on.
    pub(super) fn goes_on(&mut self, rate_min: u64, now: Instant) -> bool {
        if now >= self.ends_at() {
            return false;
        }
        // It has grown, so that this look is no longer the one at its end.
        let within = now < self.pace.deadline(WINDOW);
        within || self.pace.renew(rate_min * WINDOW.as_secs(), now)
    }

    /// Takes what of it is in `input`, up to `size_max` bytes in all.
    ///
    /// # Errors
    /// At the first bare CR or LF.
    pub(super) fn read(
        &mut self,
        input: &mut BytesMut,
        size_max: u64,
        mut tell: impl FnMut(Part),
    ) -> Result<Progress, BareNewline> {
        let before = input.len();
        let (size, fault) = (&mut self.size, &mut self.fault);
        let progress = self.reader.read(input, |chunk| {
            *size += chunk.len() as u64;
            if fault.is_some() {
                return;
            }
            if *size > size_max {
                *fault = Some(Fault::TooLarge);
            } else if memchr::memchr(0, &chunk).is_some() {
                *fault = Some(Fault::Nul);
            } else {
                return tell(Part::Chunk(chunk));
            }
            tell(Part::Abandoned);
        });
        self.pace.add(before - input.len());
        progress
    }

    /// Its bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Why it is refused, at its end.
    pub(super) fn refusal(&self, size_max: u64) -> Option<Reply> {
        Some(match self.fault? {
            Fault::TooLarge => {
                let words = format!("The mail is larger than {size_max} bytes");
                Reply::new(552, "5.3.4", words)
            }
            Fault::Nul => {
                let words = "The mail holds a NUL byte, which no mail may; encode it (base64)";
                Reply::new(554, "5.6.0", words)
            }
        })
    }
}
