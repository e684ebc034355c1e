//! Forms of jobs, replies on their way out, raw mail and scripts.

use super::{stored_enum, stored_struct};
use crate::domain::job::{Job, Work};
use crate::domain::outbox::{
    Filing, Hold, Outgoing, OutgoingState, RecipientResult, RecipientState, Release,
};

stored_enum!(Work {
    0 = Triage(message),
    1 = Compose(outgoing),
    2 = Submit(outgoing),
    3 = File(outgoing),
    4 = Authenticate(message),
});
stored_struct!(Job {
    key,
    workspace,
    conversation,
    work,
    due,
    attempts
});
stored_enum!(OutgoingState {
    0 = Queued,
    1 = Sending,
    2 = Sent,
    3 = Deferred { until, reason },
    4 = Failed { reason },
    5 = Uncertain { reason },
    6 = Bounced { reason },
    7 = Cancelled,
    8 = Held { reason },
});
stored_enum!(RecipientState { 0 = Waiting, 1 = Accepted, 2 = Refused, 3 = Uncertain });
stored_struct!(RecipientResult {
    address,
    state,
    text
});
stored_enum!(Filing { 0 = Waiting, 1 = Filed, 2 = NotNeeded, 3 = Failed { reason } });
stored_struct!(Outgoing {
    key,
    id,
    workspace,
    conversation,
    message,
    mailbox,
    author,
    message_id,
    in_reply_to,
    to,
    cc,
    bcc,
    subject,
    text,
    quote_history,
    automatic,
    send_at,
    accepted_at,
    raw,
    state,
    attempts,
    recipients,
    filing,
    hold,
});
stored_struct!(Release { at, by });
stored_struct!(Hold {
    at,
    version,
    outcome,
    trace,
    released
});

/// What is known of one raw mail; its bytes are in chunks and a tail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct RawRow {
    /// Bytes of the mail.
    pub(in crate::store) size: u64,
    /// Compressed bytes of each piece; every piece but the last holds the same number of raw bytes.
    pub(in crate::store) pieces: Vec<u32>,
    /// Lengths of the chunks the compressed bytes are cut into, the tail not counted.
    pub(in crate::store) chunks: Vec<u32>,
}
stored_struct!(RawRow {
    size,
    pieces,
    chunks
});

/// The files of one set of scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct ScriptFiles {
    /// Path below the scripts folder, and text.
    pub(in crate::store) files: Vec<(String, String)>,
}
stored_struct!(ScriptFiles { files });
