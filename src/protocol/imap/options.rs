//! Limits and deadlines of an IMAP connection, each with its reason.
//!
//! Everything a server sends is measured against one of these before it is kept.

use std::time::Duration;

/// Whether credentials may travel before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// The stream is TLS from its first byte (port 993).
    Implicit,
    /// STARTTLS must succeed before LOGIN; a PREAUTH greeting is an error.
    Demanded,
    /// The administrator confirmed that the password travels readable.
    None,
}

/// What a connection accepts and how long it waits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether credentials may travel before TLS.
    pub tls: TlsPolicy,
    /// Longest response without its mail bodies, in bytes. A SEARCH over a million
    /// mails takes 8 MB, so this is generous; anything longer costs that response.
    pub response_max: usize,
    /// Bytes of one response that are thrown away before the connection is given up.
    pub discard_max: u64,
    /// Most literals in one response; a response with more is thrown away.
    pub literals_max: usize,
    /// Largest literal that is not a mail body (folder names, ID values), in bytes.
    pub inline_literal_max: u64,
    /// Largest mail body handed out, in bytes; a larger one is read and thrown away.
    pub body_max: u64,
    /// Largest mail body worth reading only to throw it away; above it the connection ends.
    pub drain_max: u64,
    /// Most events that may wait for `poll_event`.
    pub events_max: usize,
    /// Time until the greeting is complete.
    pub greeting_deadline: Duration,
    /// Time a command may go without progress.
    pub command_deadline: Duration,
    /// Time a response that has begun (a body, mostly) may go without progress.
    pub stream_deadline: Duration,
    /// Bytes that count as progress within a deadline; a server that drips less is dead.
    pub progress_bytes_min: u64,
    /// How long one IDLE lasts. Many NATs cut silent connections after 5 to 10 minutes;
    /// RFC 2177 allows 29.
    pub idle_renewal: Duration,
    /// Time between BYE and the end of the stream.
    pub bye_grace: Duration,
    /// Lines kept for `take_transcript`, secrets masked; 0 keeps none.
    pub transcript_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: TlsPolicy::Implicit,
            response_max: 12 * 1024 * 1024,
            discard_max: 64 * 1024 * 1024,
            literals_max: 1_000,
            inline_literal_max: 4 * 1024,
            body_max: 256 * 1024 * 1024,
            drain_max: 1024 * 1024 * 1024,
            events_max: 100_000,
            greeting_deadline: Duration::from_secs(30),
            command_deadline: Duration::from_secs(120),
            stream_deadline: Duration::from_secs(60),
            progress_bytes_min: 4 * 1024,
            idle_renewal: Duration::from_secs(8 * 60 + 30),
            bye_grace: Duration::from_secs(5),
            transcript_max: 0,
        }
    }
}
