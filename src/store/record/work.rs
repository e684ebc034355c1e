//! Forms of jobs, replies on their way out, raw mail and scripts.

use super::{RecordError, Stored, stored_enum, stored_struct};
use crate::domain::job::{Job, Work};
use crate::domain::outbox::{
    Filing, Hold, Known, Outgoing, OutgoingFile, OutgoingState, Purpose, RecipientResult,
    RecipientState, Release,
};
use crate::domain::saying::Saying;
use crate::domain::upload::Upload;

stored_enum!(Work {
    0 = Triage(message),
    1 = Compose(outgoing),
    2 = Submit(outgoing),
    3 = File(outgoing),
    4 = Authenticate(message),
    5 = Wake(message),
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
stored_enum!(RecipientState { 0 = Waiting, 1 = Accepted, 2 = Refused, 3 = Uncertain, 4 = Bounced });
stored_struct!(RecipientResult {
    address,
    state,
    text
});
impl Stored for Filing {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Waiting => out.push(0),
            Self::Filed => out.push(1),
            Self::NotNeeded => out.push(2),
            Self::Failed { reason } => {
                out.push(4);
                reason.write(out);
            }
        }
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let number: u8 = Stored::read(input)?;
        match number {
            0 => Ok(Self::Waiting),
            1 => Ok(Self::Filed),
            2 => Ok(Self::NotNeeded),
            // The words alone, before there was a catalogue.
            3 => Ok(Self::Failed {
                reason: Saying::Words(Stored::read(input)?),
            }),
            4 => Ok(Self::Failed {
                reason: Stored::read(input)?,
            }),
            _ => Err(RecordError::Damaged),
        }
    }
}
stored_enum!(Purpose { 0 = Reply, 1 = Opening, 2 = Forward(message) });
stored_struct!(OutgoingFile {
    name,
    content_type,
    raw,
    size,
    content_id
});
stored_struct!(Known { at, by, what });
stored_struct!(Upload {
    id,
    workspace,
    by,
    name,
    content_type,
    raw,
    size,
    at
});
impl Stored for Outgoing {
    const FORM: u8 = 3;

    fn write(&self, out: &mut Vec<u8>) {
        self.key.write(out);
        self.id.write(out);
        self.workspace.write(out);
        self.conversation.write(out);
        self.message.write(out);
        self.mailbox.write(out);
        self.author.write(out);
        self.message_id.write(out);
        self.in_reply_to.write(out);
        self.to.write(out);
        self.cc.write(out);
        self.bcc.write(out);
        self.subject.write(out);
        self.text.write(out);
        self.quote_history.write(out);
        self.automatic.write(out);
        self.send_at.write(out);
        self.accepted_at.write(out);
        self.raw.write(out);
        self.state.write(out);
        self.attempts.write(out);
        self.recipients.write(out);
        self.filing.write(out);
        self.hold.write(out);
        self.purpose.write(out);
        self.files.write(out);
        self.aliases.write(out);
        self.history.write(out);
        self.in_doubt.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let before = Self::read_old(2, input)?;
        Ok(Self {
            purpose: Stored::read(input)?,
            files: Stored::read(input)?,
            aliases: Stored::read(input)?,
            history: Stored::read(input)?,
            in_doubt: Stored::read(input)?,
            ..before
        })
    }

    /// Form 1 knew no scripts that hold a reply back; form 2 no files, aliases or history.
    fn read_old(form: u8, input: &mut &[u8]) -> Result<Self, RecordError> {
        if form == 2 {
            let before = Self::read_old(1, input)?;
            return Ok(Self {
                hold: Stored::read(input)?,
                ..before
            });
        }
        if form != 1 {
            return Err(RecordError::Version(form));
        }
        Ok(Self {
            key: Stored::read(input)?,
            id: Stored::read(input)?,
            workspace: Stored::read(input)?,
            conversation: Stored::read(input)?,
            message: Stored::read(input)?,
            mailbox: Stored::read(input)?,
            author: Stored::read(input)?,
            message_id: Stored::read(input)?,
            in_reply_to: Stored::read(input)?,
            to: Stored::read(input)?,
            cc: Stored::read(input)?,
            bcc: Stored::read(input)?,
            subject: Stored::read(input)?,
            text: Stored::read(input)?,
            quote_history: Stored::read(input)?,
            automatic: Stored::read(input)?,
            send_at: Stored::read(input)?,
            accepted_at: Stored::read(input)?,
            raw: Stored::read(input)?,
            state: Stored::read(input)?,
            attempts: Stored::read(input)?,
            recipients: Stored::read(input)?,
            filing: Stored::read(input)?,
            hold: None,
            purpose: Purpose::Reply,
            files: Vec::new(),
            aliases: Vec::new(),
            history: Vec::new(),
            in_doubt: false,
        })
    }
}
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
