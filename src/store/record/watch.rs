//! Forms of what is known about how mailboxes are doing.

use super::{stored_enum, stored_struct};
use crate::domain::attempt::{Attempt, Way};
use crate::domain::proof::{Canary, MailboxProofs, SelfMail, SelfMailKind, TestRun};

stored_enum!(Way { 0 = Receiving, 1 = Sending });
stored_struct!(Attempt {
    mailbox,
    way,
    at,
    last_at,
    times,
    failure,
    next_at
});
stored_enum!(SelfMailKind { 0 = Test, 1 = Canary });
stored_struct!(SelfMail {
    mailbox,
    kind,
    sender,
    sent_at
});
stored_struct!(MailboxProofs {
    proven_at,
    test,
    canary
});
stored_struct!(TestRun {
    token,
    begun_at,
    sent_at,
    received_at,
    conversation,
    reply,
    reply_left_at,
    failure
});
stored_struct!(Canary {
    token,
    sent_at,
    received_at,
    latencies_ms,
    failing_since,
    failure
});
