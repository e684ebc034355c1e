//! Forms of how a mailbox's last attempts went, and of what is known of a maildrop.

use super::{stored_enum, stored_struct};
use crate::domain::condition::{Held, MailboxStanding, Standing};
use crate::domain::maildrop::{MailState, MaildropRow};

stored_struct!(Held { reason, until });
stored_struct!(Standing {
    failures,
    refusals,
    first_refusal,
    last_success,
    held
});
stored_struct!(MailboxStanding { receiving, sending });
stored_enum!(MailState {
    0 = Waiting,
    1 = Passed,
    2 = Stored,
    3 = Pending(pending),
});
stored_struct!(MaildropRow {
    state,
    at,
    header,
    size,
    gone_since
});
