//! Forms of messages, contacts and the ledger.

use super::{RecordError, Stored, stored_enum, stored_struct};
use crate::domain::authentication::{Authentication, Verdict};
use crate::domain::contact::Contact;
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::forwarded::{ArrivedTwice, Way};
use crate::domain::ledger::{Fate, Forwarded, LedgerRow, Source};
use crate::domain::message::{
    Attachment, BounceReport, Defect, DeliveryAction, Direction, Head, Kind, Message, Part,
    ReportedRecipient, TransferEncoding,
};
use crate::domain::message_id::MessageId;
use crate::domain::undelivered::AddressTrouble;

stored_enum!(Direction { 0 = Inbound, 1 = Outbound, 2 = Note });
stored_enum!(Kind {
    0 = Personal,
    1 = AutomaticReply,
    2 = Automatic,
    3 = Bounce,
    4 = List,
    5 = ReadReceipt,
    6 = Invitation,
});
stored_enum!(Verdict {
    0 = None,
    1 = Pass,
    2 = Fail,
    3 = SoftFail,
    4 = Neutral,
    5 = TemporaryError,
    6 = PermanentError,
});
stored_struct!(Authentication {
    spf,
    spf_domain,
    dkim,
    dkim_domain,
    dmarc,
    dmarc_domain,
    arc,
    checked_at,
});
stored_enum!(TransferEncoding { 0 = Identity, 1 = Base64, 2 = QuotedPrintable });
stored_enum!(Defect {
    0 = TooComplex,
    1 = TooLarge,
    2 = NoSender,
    3 = TextCut,
    4 = Charset,
    5 = Unclosed,
    6 = Date,
    7 = Unreadable,
});
stored_struct!(Part {
    range,
    content_type,
    charset,
    encoding,
    flowed
});
stored_struct!(Attachment {
    name,
    part,
    size,
    content_id,
    inline
});
stored_enum!(DeliveryAction {
    0 = Failed,
    1 = Delayed,
    2 = Delivered,
    3 = Relayed,
    4 = Expanded,
});
stored_struct!(ReportedRecipient {
    address,
    action,
    status,
    text
});
stored_struct!(BounceReport {
    about,
    recipient,
    status,
    text,
    action,
    recipients,
    mentioned
});
stored_struct!(Head {
    message_id,
    references,
    from,
    reply_to,
    to,
    cc,
    delivered_to,
    subject,
    date,
    kind,
    bounce,
    preview,
    text,
    html,
    attachments,
    defects,
    language,
    writer,
});

/// A report of form 1: it told of one recipient, and every one was taken for a failure.
struct FirstReport {
    about: Option<MessageId>,
    recipient: Option<String>,
    status: Option<String>,
    text: String,
}
stored_struct!(FirstReport {
    about,
    recipient,
    status,
    text
});

impl From<FirstReport> for BounceReport {
    fn from(first: FirstReport) -> Self {
        Self {
            about: first.about,
            recipient: first.recipient,
            status: first.status,
            text: first.text,
            ..Self::default()
        }
    }
}

/// A head of form 1, which knew no writer beside From.
fn first_head(input: &mut &[u8]) -> Result<Head, RecordError> {
    Ok(Head {
        message_id: Stored::read(input)?,
        references: Stored::read(input)?,
        from: Stored::read(input)?,
        reply_to: Stored::read(input)?,
        to: Stored::read(input)?,
        cc: Stored::read(input)?,
        delivered_to: Stored::read(input)?,
        subject: Stored::read(input)?,
        date: Stored::read(input)?,
        kind: Stored::read(input)?,
        bounce: Option::<FirstReport>::read(input)?.map(Into::into),
        preview: Stored::read(input)?,
        text: Stored::read(input)?,
        html: Stored::read(input)?,
        attachments: Stored::read(input)?,
        defects: Stored::read(input)?,
        language: Stored::read(input)?,
        writer: None,
    })
}

/// The order of both forms; what they differ in is the head.
fn read_message(
    input: &mut &[u8],
    head: impl FnOnce(&mut &[u8]) -> Result<Head, RecordError>,
) -> Result<Message, RecordError> {
    Ok(Message {
        key: Stored::read(input)?,
        id: Stored::read(input)?,
        workspace: Stored::read(input)?,
        conversation: Stored::read(input)?,
        mailbox: Stored::read(input)?,
        contact: Stored::read(input)?,
        direction: Stored::read(input)?,
        head: head(input)?,
        raw: Stored::read(input)?,
        size: Stored::read(input)?,
        written: Stored::read(input)?,
        arrived_at: Stored::read(input)?,
        late: Stored::read(input)?,
        imported: Stored::read(input)?,
        new_participant: Stored::read(input)?,
    })
}

impl Stored for Message {
    const FORM: u8 = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.key.write(out);
        self.id.write(out);
        self.workspace.write(out);
        self.conversation.write(out);
        self.mailbox.write(out);
        self.contact.write(out);
        self.direction.write(out);
        self.head.write(out);
        self.raw.write(out);
        self.size.write(out);
        self.written.write(out);
        self.arrived_at.write(out);
        self.late.write(out);
        self.imported.write(out);
        self.new_participant.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        read_message(input, Stored::read)
    }

    fn read_old(form: u8, input: &mut &[u8]) -> Result<Self, RecordError> {
        match form {
            1 => read_message(input, first_head),
            _ => Err(RecordError::Version(form)),
        }
    }
}
stored_enum!(MailSort {
    0 = BuyerMessage,
    1 = Notice(about),
    2 = OwnAnswer,
    3 = Undeliverable,
});
stored_struct!(Extraction {
    plugin,
    sort,
    fields,
    failure
});
stored_struct!(AddressTrouble {
    hard,
    soft,
    last_at,
    status,
    text
});
stored_struct!(Contact {
    key,
    id,
    workspace,
    name,
    addresses,
    first_seen,
    conversation_count,
});
stored_enum!(Source {
    0 = Imap { folder, validity, uid },
    1 = Smtp(forwarded),
    2 = Pop3 { uidl },
});
stored_struct!(Forwarded {
    peer,
    hello,
    encrypted,
    reverse_path,
    recipient,
    written_to,
});
stored_struct!(Way { mailbox, source });
stored_struct!(ArrivedTwice {
    first,
    second,
    message,
    at,
    count
});
stored_enum!(Fate {
    0 = Stored(message),
    1 = Duplicate(message),
    2 = Own(message),
    3 = TooLarge { size, beginning },
    4 = Unreadable(message),
    5 = Ignored { message, by },
    6 = Canary,
    7 = NotGiven,
    8 = Elsewhere,
});
stored_struct!(LedgerRow {
    key,
    workspace,
    mailbox,
    source,
    at,
    fingerprint,
    fate,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{
        ContactKey, ConversationKey, MailboxKey, MessageKey, PublicId, WorkspaceKey,
    };
    use crate::store::record::{decode, encode};

    #[test]
    fn a_message_of_the_first_form_is_read() {
        let report = BounceReport {
            about: MessageId::parse("sent@shop.example"),
            text: "no such user".to_owned(),
            ..BounceReport::default()
        };
        let at = jiff::Timestamp::UNIX_EPOCH;
        let message = Message {
            key: MessageKey(1),
            id: PublicId::new(at, [7; 10]),
            workspace: WorkspaceKey(1),
            conversation: ConversationKey(2),
            mailbox: MailboxKey(3),
            contact: ContactKey(4),
            direction: Direction::Inbound,
            head: Head {
                subject: "Undelivered".to_owned(),
                kind: Kind::Bounce,
                bounce: Some(report),
                language: "und".to_owned(),
                ..Head::default()
            },
            raw: None,
            size: 5,
            written: None,
            arrived_at: at,
            late: false,
            imported: false,
            new_participant: true,
        };
        let new = encode(&message);
        assert_eq!(decode::<Message>(&new), Ok(message.clone()));
        // The new fields are the ends of the report and of the head.
        let (mut report, mut head) = (Vec::new(), Vec::new());
        message.head.bounce.write(&mut report);
        message.head.write(&mut head);
        let old_report = &report[..report.len() - 3];
        let place = memchr::memmem::find(&head, &report).expect("it stands there");
        let mut old_head = [&head[..place], old_report, &head[place + report.len()..]].concat();
        old_head.pop();
        let place = memchr::memmem::find(&new, &head).expect("it stands there");
        let mut old = [&new[..place], &old_head, &new[place + head.len()..]].concat();
        old[0] = 1;
        assert_eq!(decode::<Message>(&old), Ok(message));
    }
}
