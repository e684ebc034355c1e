//! Forms of conversations, decisions and changes.

use super::{RecordError, Stored, stored_enum, stored_struct};
use crate::domain::change::{Change, Event};
use crate::domain::conversation::{Conversation, Priority, Status};
use crate::domain::decision::{
    Asked, Assign, Decision, Gate, Gating, NotAsked, Occasion, Outcome, Routing, TraceStep,
};
use crate::domain::order::Order;
use crate::domain::regrouping::{Regrouped, Regrouping, RegroupingKind};

stored_enum!(Status { 0 = Open, 1 = Pending, 2 = Snoozed, 3 = Closed });
stored_enum!(Priority { 0 = Low, 1 = Normal, 2 = High, 3 = Urgent });
impl Stored for Conversation {
    const FORM: u8 = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.key.write(out);
        self.id.write(out);
        self.workspace.write(out);
        self.number.write(out);
        self.subject.write(out);
        self.contact.write(out);
        self.mailbox.write(out);
        self.status.write(out);
        self.priority.write(out);
        self.assignee.write(out);
        self.team.write(out);
        self.tags.write(out);
        self.spam.write(out);
        self.triaged.write(out);
        self.first_at.write(out);
        self.last_at.write(out);
        self.last_direction.write(out);
        self.preview.write(out);
        self.message_count.write(out);
        self.merged_into.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let before = Self::read_old(1, input)?;
        Ok(Self {
            merged_into: Stored::read(input)?,
            ..before
        })
    }

    /// As it was before conversations could be merged.
    fn read_old(form: u8, input: &mut &[u8]) -> Result<Self, RecordError> {
        if form != 1 {
            return Err(RecordError::Version(form));
        }
        Ok(Self {
            key: Stored::read(input)?,
            id: Stored::read(input)?,
            workspace: Stored::read(input)?,
            number: Stored::read(input)?,
            subject: Stored::read(input)?,
            contact: Stored::read(input)?,
            mailbox: Stored::read(input)?,
            status: Stored::read(input)?,
            priority: Stored::read(input)?,
            assignee: Stored::read(input)?,
            team: Stored::read(input)?,
            tags: Stored::read(input)?,
            spam: Stored::read(input)?,
            triaged: Stored::read(input)?,
            first_at: Stored::read(input)?,
            last_at: Stored::read(input)?,
            last_direction: Stored::read(input)?,
            preview: Stored::read(input)?,
            message_count: Stored::read(input)?,
            merged_into: None,
        })
    }
}
stored_enum!(RegroupingKind { 0 = Merge, 1 = Split });
stored_enum!(Regrouped { 0 = Merged, 1 = Split, 2 = MergeUndone, 3 = SplitUndone });
stored_struct!(Regrouping {
    key,
    id,
    workspace,
    kind,
    from,
    into,
    messages,
    strangers,
    participants,
    tags,
    status,
    at,
    by,
    undone_at
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
    wake_in,
});
stored_struct!(TraceStep {
    file,
    line,
    column,
    what
});
stored_enum!(Outcome { 0 = Decided, 1 = NoScript, 2 = Failed(words) });

stored_enum!(Occasion { 0 = Mail, 1 = Timer });
stored_enum!(Gate {
    0 = Off { why },
    1 = Draft { guidance, because },
    2 = Send { guidance, because },
});
stored_enum!(NotAsked { 0 = Imported, 1 = Late, 2 = Automatic, 3 = PutAside, 4 = FellBack, 5 = NoRoute });
stored_enum!(Asked { 0 = Yes(outcome), 1 = No(reason) });
stored_struct!(Gating {
    gate,
    asked,
    warnings,
    trace
});

impl Stored for Decision {
    const FORM: u8 = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.key.write(out);
        self.workspace.write(out);
        self.message.write(out);
        self.at.write(out);
        self.version.write(out);
        self.outcome.write(out);
        self.routing.write(out);
        self.warnings.write(out);
        self.trace.write(out);
        self.occasion.write(out);
        self.gating.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let before = decision(input, Routing::read)?;
        Ok(Self {
            occasion: Stored::read(input)?,
            gating: Stored::read(input)?,
            ..before
        })
    }

    fn read_old(form: u8, input: &mut &[u8]) -> Result<Self, RecordError> {
        match form {
            1 => decision(input, first_routing),
            newer => Err(RecordError::Version(newer)),
        }
    }
}

fn decision(
    input: &mut &[u8],
    routing: fn(&mut &[u8]) -> Result<Routing, RecordError>,
) -> Result<Decision, RecordError> {
    Ok(Decision {
        key: Stored::read(input)?,
        workspace: Stored::read(input)?,
        message: Stored::read(input)?,
        at: Stored::read(input)?,
        version: Stored::read(input)?,
        outcome: Stored::read(input)?,
        routing: routing(input)?,
        warnings: Stored::read(input)?,
        trace: Stored::read(input)?,
        occasion: Occasion::Mail,
        gating: None,
    })
}

/// As it was before scripts could acknowledge and wake.
fn first_routing(input: &mut &[u8]) -> Result<Routing, RecordError> {
    Ok(Routing {
        team: Stored::read(input)?,
        assign: Stored::read(input)?,
        tags: Stored::read(input)?,
        priority: Stored::read(input)?,
        status: Stored::read(input)?,
        note: Stored::read(input)?,
        spam: Stored::read(input)?,
        ignore: Stored::read(input)?,
        acknowledge: None,
        wake_in: None,
    })
}

stored_enum!(Order {
    0 = Cancel,
    1 = Retry,
    2 = Arrived,
    3 = Again,
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
    10 = ConversationRegrouped { how, conversation, other, by },
    11 = OutgoingOrdered { outgoing, conversation, order, by },
});
stored_struct!(Change {
    sequence,
    at,
    workspace,
    event
});
