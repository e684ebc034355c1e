//! The envelope of a mail: reverse-path and forward-paths (RFC 5321 section 2.3.1), nothing else.

use super::address::Address;

/// What MAIL FROM and RCPT TO say; the header of the mail has no part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `None` is the null reverse-path `<>` (RFC 5321 section 4.5.5).
    pub reverse_path: Option<Address>,
    /// Where the mail goes, each once.
    pub forward_paths: Vec<Address>,
}

impl Envelope {
    /// Most recipients of one mail that we send or accept (RFC 5321 section 4.5.3.1.8).
    pub const RECIPIENTS_MAX: usize = 100;
}
