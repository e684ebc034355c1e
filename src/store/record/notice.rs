//! Forms of what was told about mailboxes, of notices on their way, and of links in them.

use super::{RecordError, Stored, stored_enum, stored_struct};
use crate::domain::alert::{Asked, Due, EndingTold, Incident, IncidentKind, Told};
use crate::domain::expiry::{Ending, Expiry};
use crate::domain::notice::{Notice, NoticeState};
use crate::domain::reauthentication::ReauthenticationLink;
use crate::domain::state::MailboxState;

stored_enum!(Ending { 0 = Code, 1 = SignIn });
stored_struct!(Expiry { of, since, ends_on });
stored_struct!(EndingTold {
    ends_on,
    days_before
});
stored_enum!(IncidentKind { 0 = Error, 1 = Reauthentication });
stored_struct!(Incident {
    kind,
    since,
    told,
    well_since
});
stored_enum!(MailboxState {
    0 = Connecting,
    1 = Active,
    2 = Interrupted,
    3 = Error,
    4 = ReauthenticationNeeded,
    5 = Offline,
    6 = Unbound,
});
stored_struct!(Asked {
    about,
    other_since,
    told_at,
    left_out
});
impl Stored for Told {
    const FORM: u8 = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.ending.write(out);
        self.incident.write(out);
        self.asked.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let before = Self::read_old(1, input)?;
        Ok(Self {
            asked: Stored::read(input)?,
            ..before
        })
    }

    /// As it was before scripts were asked about states.
    fn read_old(form: u8, input: &mut &[u8]) -> Result<Self, RecordError> {
        if form != 1 {
            return Err(RecordError::Version(form));
        }
        Ok(Self {
            ending: Stored::read(input)?,
            incident: Stored::read(input)?,
            asked: Asked::default(),
        })
    }
}
stored_enum!(Due {
    0 = Ends { expiry, days_left },
    1 = Reauthenticate { reason },
    2 = Error { reason, since },
    3 = Recovered { since },
    4 = Script { state, words, left_out },
    5 = ScriptFails { function, words, count, since },
});
stored_struct!(ReauthenticationLink {
    mailbox,
    made_at,
    expires_at,
    tries
});
stored_enum!(NoticeState {
    0 = Waiting { next },
    1 = Sent { at },
    2 = Dropped,
    3 = GivenUp,
});
stored_struct!(Notice {
    key,
    workspace,
    mailbox,
    due,
    made_at,
    mark,
    state,
    attempts,
    accepted,
    mailed,
    hooked,
    failure
});
