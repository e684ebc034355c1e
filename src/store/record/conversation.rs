//! Forms of conversations, decisions and changes.

use super::{stored_enum, stored_struct};
use crate::domain::change::{Change, Event};
use crate::domain::conversation::{Conversation, Priority, Status};
use crate::domain::decision::{Assign, Decision, Outcome, Routing, TraceStep};

stored_enum!(Status { 0 = Open, 1 = Pending, 2 = Snoozed, 3 = Closed });
stored_enum!(Priority { 0 = Low, 1 = Normal, 2 = High, 3 = Urgent });
stored_struct!(Conversation {
    key,
    id,
    workspace,
    number,
    subject,
    contact,
    mailbox,
    status,
    priority,
    assignee,
    team,
    tags,
    spam,
    triaged,
    first_at,
    last_at,
    last_direction,
    preview,
    message_count,
});
stored_enum!(Assign {
    0 = Unchanged,
    1 = To(address),
    2 = LeastBusy,
    3 = RoundRobin,
});
stored_struct!(Routing {
    team,
    assign,
    tags,
    priority,
    status,
    note,
    spam,
    ignore,
    acknowledge,
    wake_in
});
stored_struct!(TraceStep {
    file,
    line,
    column,
    what
});
stored_enum!(Outcome { 0 = Decided, 1 = NoScript, 2 = Failed(words) });
stored_struct!(Decision {
    key,
    workspace,
    message,
    at,
    version,
    outcome,
    routing,
    warnings,
    trace,
});
stored_enum!(Event {
    0 = MessageReceived { message, conversation },
    1 = MailImported { message, conversation },
    2 = ConversationRouted { conversation, message },
    3 = ConversationChanged { conversation },
    4 = OutgoingChanged { outgoing, conversation },
    5 = MailboxChanged { mailbox },
    6 = ScriptsChanged,
    7 = CanaryFailed { mailbox },
    8 = CanaryRecovered { mailbox },
    9 = OutgoingReleased { outgoing, conversation, by },
});
stored_struct!(Change {
    sequence,
    at,
    workspace,
    event
});
