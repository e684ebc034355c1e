//! Forms of messages, contacts and the ledger.

use super::{stored_enum, stored_struct};
use crate::domain::authentication::{Authentication, Verdict};
use crate::domain::contact::Contact;
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::forwarded::{ArrivedTwice, Way};
use crate::domain::ledger::{Fate, Forwarded, LedgerRow, Source};
use crate::domain::message::{
    Attachment, BounceReport, Defect, Direction, Head, Kind, Message, Part, TransferEncoding,
};

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
stored_struct!(BounceReport {
    about,
    recipient,
    status,
    text
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
});
stored_struct!(Message {
    key,
    id,
    workspace,
    conversation,
    mailbox,
    contact,
    direction,
    head,
    raw,
    size,
    written,
    arrived_at,
    late,
    imported,
    new_participant,
});
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
