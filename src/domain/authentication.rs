//! What a mail that was handed to us proves of its sender: SPF (RFC 7208), DKIM (RFC 6376),
//! DMARC (RFC 7489) and ARC (RFC 8617).

use jiff::Timestamp;

/// What one method says (RFC 8601 section 2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The mail says nothing by this method, or it was not looked at.
    #[default]
    None,
    /// It is proven.
    Pass,
    /// It is false.
    Fail,
    /// The domain suspects it is false.
    SoftFail,
    /// The domain says neither.
    Neutral,
    /// DNS did not answer in time.
    TemporaryError,
    /// What the domain publishes, or the signature, cannot be read.
    PermanentError,
}

/// All of them for one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// Whether the peer may send for the domain of the envelope. Forwarded mail fails
    /// this often, and honestly: the forwarder is not the author's server.
    pub spf: Verdict,
    /// Which domain that is.
    pub spf_domain: String,
    /// Whether one of its signatures holds.
    pub dkim: Verdict,
    /// Who signed, where one holds.
    pub dkim_domain: Option<String>,
    /// Whether one of both is proven for the author's domain.
    pub dmarc: Verdict,
    /// The author's domain.
    pub dmarc_domain: String,
    /// Whether the chain of forwarders holds.
    pub arc: Verdict,
    /// When it was looked at.
    pub checked_at: Timestamp,
}

impl Authentication {
    /// A name server could not say: the same question has an answer a little later.
    #[must_use]
    pub fn is_open(&self) -> bool {
        [self.spf, self.dkim, self.dmarc, self.arc].contains(&Verdict::TemporaryError)
    }
}
