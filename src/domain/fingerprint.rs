//! What makes two arrivals one mail. (Being built.)

/// The fingerprint, version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);
