//! Limits and deadlines of a POP3 connection, each with its reason.

use std::time::Duration;

/// Whether credentials may travel before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// The stream is TLS from its first byte (port 995).
    Implicit,
    /// STLS must succeed before a login.
    Demanded,
    /// The administrator confirmed that the password travels readable.
    None,
}

/// What a connection accepts and how long it waits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether credentials may travel before TLS.
    pub tls: TlsPolicy,
    /// Longest line outside mails, in bytes. RFC 2449 allows 512; servers are chatty.
    pub line_max: usize,
    /// Most rows of one listing. A maildrop with more cannot be read.
    pub rows_max: usize,
    /// Largest mail handed out, in bytes, whatever size was listed for it.
    pub body_max: u64,
    /// Time until the greeting is complete.
    pub greeting_deadline: Duration,
    /// Time a command may go without progress; opening a big maildrop takes a while.
    pub command_deadline: Duration,
    /// Time a mail or listing that has begun may go without progress.
    pub stream_deadline: Duration,
    /// Bytes that count as progress within a deadline; a server that drips less is dead.
    pub progress_bytes_min: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: TlsPolicy::Implicit,
            line_max: 4 * 1024,
            rows_max: 200_000,
            body_max: 256 * 1024 * 1024,
            greeting_deadline: Duration::from_secs(30),
            command_deadline: Duration::from_secs(120),
            stream_deadline: Duration::from_secs(60),
            progress_bytes_min: 4 * 1024,
        }
    }
}
