//! Forms of what is known about how mailboxes are doing.

use super::{stored_enum, stored_struct};
use crate::domain::attempt::{Attempt, Way};

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
