//! Forms of how a mailbox's last attempts went.

use super::stored_struct;
use crate::domain::condition::{Held, MailboxStanding, Standing};

stored_struct!(Held { reason, until });
stored_struct!(Standing {
    failures,
    refusals,
    first_refusal,
    last_success,
    held
});
stored_struct!(MailboxStanding { receiving, sending });
