//! What a walk may take of a mail, and what it found.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::domain::fingerprint::Fingerprint;
use crate::domain::message::Defect;
use crate::mime::header::HeaderBlock;

use super::part::PartHeader;

/// What a walk takes of a mail; beyond it the mail is "too complex".
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Multiparts in multiparts.
    pub depth_max: usize,
    /// Parts, multiparts included.
    pub parts_max: usize,
    /// Header of the mail, in bytes.
    pub header_max: usize,
    /// Header of one part, in bytes.
    pub part_header_max: usize,
    /// Wrapped text kept of one part, in bytes.
    pub text_max: usize,
    /// Wrapped text kept of all parts, in bytes.
    pub text_total_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth_max: 50,
            parts_max: 1_000,
            header_max: 1024 * 1024,
            part_header_max: 64 * 1024,
            text_max: 1024 * 1024,
            text_total_max: 2 * 1024 * 1024,
        }
    }
}

/// What a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// The header of the mail.
    pub header: HeaderBlock,
    /// All parts, in the order of their headers; the first is the mail itself.
    pub parts: Vec<WalkedPart>,
    /// What makes this arrival the same as another.
    pub fingerprint: Fingerprint,
    /// Bytes of the mail.
    pub size: u64,
    /// What is wrong with it.
    pub defects: BTreeSet<Defect>,
}

/// A part and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkedPart {
    /// Index of the multipart it stands in.
    pub parent: Option<usize>,
    /// What its header says.
    pub header: PartHeader,
    /// Its header in the raw mail.
    pub header_range: Range<u64>,
    /// Its body in the raw mail, without the line break that belongs to the boundary.
    pub body_range: Range<u64>,
    /// The body as wrapped, where it is text to be read.
    pub kept: Option<Vec<u8>>,
    /// A multipart whose parts follow.
    pub divided: bool,
    /// `kept` is only the beginning.
    pub cut: bool,
    /// Bytes of line breaks within a base64 body: what to leave out when its size is told.
    pub breaks: u64,
}
