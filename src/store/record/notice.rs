//! Forms of what was told about mailboxes, of notices on their way, and of links in them.

use super::{stored_enum, stored_struct};
use crate::domain::alert::{Due, EndingTold, Incident, IncidentKind, Told};
use crate::domain::expiry::{Ending, Expiry};
use crate::domain::notice::{Notice, NoticeState};
use crate::domain::reauthentication::ReauthenticationLink;

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
stored_struct!(Told { ending, incident });
stored_enum!(Due {
    0 = Ends { expiry, days_left },
    1 = Reauthenticate { reason },
    2 = Error { reason, since },
    3 = Recovered { since },
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
