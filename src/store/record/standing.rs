//! Forms of how a mailbox's last attempts went, and of what is known of a maildrop.

use std::borrow::Cow;

use super::{RecordError, Stored, stored_enum, stored_struct};
use crate::domain::condition::{Held, MailboxStanding, Standing};
use crate::domain::maildrop::{MailState, MaildropRow};
use crate::domain::refusal::Bilingual;
use crate::domain::saying::Saying;

/// Keys and the names of gaps.
impl Stored for Cow<'static, str> {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_ref().to_owned().write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        String::read(input).map(Cow::Owned)
    }
}

stored_enum!(Saying {
    0 = Words(words),
    1 = Both(both),
    2 = Sentence { key, values },
});
stored_struct!(Bilingual { en, zh });
stored_struct!(Held { reason, until });
stored_struct!(Standing {
    failures,
    refusals,
    first_refusal,
    last_success,
    held
});
stored_struct!(MailboxStanding {
    receiving,
    sending,
    refused_at
});
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
