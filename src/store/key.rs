//! Keys of rows: big-endian numbers and bytes in a row, so that byte order is the
//! order people mean.

/// A key under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn new(number: u64) -> Self {
        Self(number.to_be_bytes().to_vec())
    }

    pub(super) fn text(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A time, in microseconds, ordered also before 1970.
    pub(super) fn time(self, at: jiff::Timestamp) -> Self {
        self.number(ordered(at))
    }

    /// A time that sorts the newest first.
    pub(super) fn newest_first(self, at: jiff::Timestamp) -> Self {
        self.number(!ordered(at))
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn ordered(at: jiff::Timestamp) -> u64 {
    at.as_microsecond().cast_unsigned() ^ (1 << 63)
}

/// The number at byte `at` of a key; keys are ours, so a short one reads as 0.
pub(super) fn number_at(key: &[u8], at: usize) -> u64 {
    key.get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The first sixteen bytes of the hash of a text that is too long or too odd for a key.
pub(super) fn hash16(text: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(text).as_bytes()[..16]);
    short
}
