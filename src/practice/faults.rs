//! What can go wrong on purpose. A fault lasts until another set of faults is given.

use std::collections::BTreeMap;

use crate::domain::address::Address;

/// All that goes wrong; nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// While reading.
    pub imap: ImapFaults,
    /// While sending.
    pub smtp: SmtpFaults,
}

/// Faults of the IMAP side.
#[derive(Clone, Debug, Default)]
pub struct ImapFaults {
    /// Every login is refused with this text, its response code included.
    pub refuse_login: Option<String>,
    /// The connection breaks after so many bytes of the next mail's literal.
    pub cut_body_after_bytes: Option<usize>,
    /// The next request is answered by `* BYE` with this text.
    pub bye: Option<String>,
    /// Nothing is answered any more, and the connection stays open.
    pub stall: bool,
    /// IDLE is not offered to new connections.
    pub no_idle: bool,
    /// IDLE is offered and announces nothing.
    pub silent_idle: bool,
    /// Bodies are `NIL`.
    pub nil_bodies: bool,
}

/// Faults of the SMTP side.
#[derive(Clone, Debug, Default)]
pub struct SmtpFaults {
    /// Every login is answered with this code and text.
    pub refuse_login: Option<(u16, String)>,
    /// Nothing is answered any more, and the connection stays open.
    pub stall: bool,
    /// The connection breaks around the end of the mail.
    pub drop_at: Option<DropPoint>,
    /// Answers to single recipients.
    pub recipients: BTreeMap<Address, (u16, String)>,
    /// The answer to every mail, after its final dot.
    pub refuse_mail: Option<(u16, String)>,
}

/// Where the connection breaks. For the sender both look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropPoint {
    /// At the first byte of the mail: it is not delivered.
    BeforeEndOfData,
    /// After the final dot: it is delivered, and nobody says so.
    AfterEndOfData,
}
