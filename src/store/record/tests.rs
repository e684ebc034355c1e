//! The bytes of records do not drift: stores in the field hold them.

use jiff::{SignedDuration, Timestamp};

use super::{RecordError, decode, encode};
use crate::domain::address::{Address, NamedAddress};
use crate::domain::alert::{Asked, Incident, IncidentKind, Told};
use crate::domain::change::{Change, Event};
use crate::domain::decision::{Decision, Occasion, Outcome, Routing};
use crate::domain::folder::{Cursor, FolderName, Pending, PendingReason, Uid, UidValidity};
use crate::domain::job::{Job, Work};
use crate::domain::key::{
    ConversationKey, DecisionKey, JobKey, LedgerKey, MailboxKey, MessageKey, OutgoingKey, PublicId,
    Sequence, WorkspaceKey,
};
use crate::domain::ledger::{Fate, LedgerRow, Source};
use crate::domain::mailbox::{Mailbox, MailboxSettings, Security, Server, WayIn, WayOut};
use crate::domain::message::{Attachment, Head, Kind, Part, TransferEncoding};
use crate::domain::state::MailboxState;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

/// Encodes to these bytes, and decodes to something that encodes to them again.
macro_rules! check {
    ($type:ty, $value:expr, $golden:expr) => {
        let value: $type = $value;
        let bytes = encode(&value);
        assert_eq!(hex(&bytes), $golden);
        assert_eq!(decode::<$type>(&bytes).unwrap(), value);
        for cut in 0..bytes.len() {
            assert!(decode::<$type>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    };
}

#[test]
fn golden_bytes() {
    check!(
        Change,
        Change {
            sequence: Sequence(300),
            at: at(-1),
            workspace: WorkspaceKey(1),
            event: Event::OutgoingChanged {
                outgoing: OutgoingKey(2),
                conversation: ConversationKey(3),
            },
        },
        "01ac02010104".to_owned() + "0203"
    );
    check!(
        Job,
        Job {
            key: JobKey(1),
            workspace: WorkspaceKey(1),
            conversation: ConversationKey(128),
            work: Work::Triage(MessageKey(9)),
            due: at(1_000_000),
            attempts: 2,
        },
        "0101018001000980897a02"
    );
    let mut cursor = Cursor::start(UidValidity::new(7).unwrap());
    cursor.defer(
        Uid::new(3).unwrap(),
        Pending {
            reason: PendingReason::TooLarge,
            attempts: 1,
            retry_at: at(0),
        },
    );
    cursor.imported_below = 9;
    check!(Cursor, cursor, "010703010301".to_owned() + "010009");
    check!(
        LedgerRow,
        LedgerRow {
            key: LedgerKey(4),
            workspace: WorkspaceKey(1),
            mailbox: MailboxKey(2),
            source: Source::Imap {
                folder: FolderName::inbox(),
                validity: UidValidity::new(1).unwrap(),
                uid: Uid::new(2).unwrap(),
            },
            at: at(0),
            fingerprint: None,
            fate: Fate::Ignored {
                message: MessageKey(5),
                by: "r:7".to_owned(),
            },
        },
        "010401020005494e424f580102".to_owned() + "0000" + "050503723a37"
    );
    check!(
        Head,
        Head {
            from: Some(NamedAddress::new(
                Some("An"),
                Address::parse("a@b.c").unwrap()
            )),
            subject: "S".to_owned(),
            kind: Kind::List,
            attachments: vec![Attachment {
                name: "n".to_owned(),
                part: Part {
                    range: 1..200,
                    content_type: "a/b".to_owned(),
                    charset: None,
                    encoding: TransferEncoding::Base64,
                    flowed: false,
                },
                size: 3,
                content_id: None,
                inline: true,
            }],
            language: "und".to_owned(),
            ..Head::default()
        },
        [
            "01",
            "00",                     // no Message-ID
            "00",                     // no references
            "010102416e056140622e63", // from
            "00000000",               // reply-to, to, cc, delivered-to
            "0153",                   // subject
            "00",                     // no date
            "04",                     // kind
            "00000000",               // bounce, preview, text, html
            "01016e01c801",           // one attachment, its name and range
            "03612f62000100",         // its type, charset, encoding, flowed
            "030001",                 // its size, content id, inline
            "00",                     // no defects
            "03756e64",               // language
            "00",                     // no writer beside it
        ]
        .concat()
    );
}

/// Mail above the limit is never tried again by itself, and its cursor must be read.
#[test]
fn never_comes_back_as_never() {
    for time in [Timestamp::MAX, Timestamp::MIN, at(-1), at(1)] {
        assert_eq!(decode::<Timestamp>(&encode(&time)), Ok(time));
    }
}

#[test]
fn foreign_versions_and_trailing_bytes_are_refused() {
    let mut bytes = encode(&Cursor::start(UidValidity::new(7).unwrap()));
    bytes.push(0);
    assert_eq!(decode::<Cursor>(&bytes).unwrap_err(), RecordError::Damaged);
    bytes[0] = 2;
    assert_eq!(
        decode::<Cursor>(&bytes).unwrap_err(),
        RecordError::Version(2)
    );
}

/// Decisions made before scripts could acknowledge and wake.
#[test]
fn decisions_of_the_first_form_are_read() {
    let decision = Decision {
        key: DecisionKey(3),
        workspace: WorkspaceKey(1),
        message: MessageKey(9),
        at: at(1),
        version: None,
        outcome: Outcome::Decided,
        routing: Routing {
            team: Some("billing".to_owned()),
            ignore: Some("why".to_owned()),
            ..Routing::default()
        },
        warnings: Vec::new(),
        trace: Vec::new(),
        occasion: Occasion::Mail,
        gating: None,
    };
    let bytes = encode(&decision);
    assert_eq!(decode::<Decision>(&bytes).as_ref(), Ok(&decision));
    // The new fields of the routing are absent and stand before two empty lists; those of
    // the decision stand at its end.
    let mut first = bytes[..bytes.len() - 4].to_vec();
    first[0] = 1;
    assert_eq!(decode::<Decision>(&first).as_ref(), Ok(&decision));
    first[0] = 3;
    assert_eq!(
        decode::<Decision>(&first).unwrap_err(),
        RecordError::Version(3)
    );
    let waking = Decision {
        routing: Routing {
            acknowledge: Some("received".to_owned()),
            wake_in: Some(SignedDuration::from_hours(4)),
            ..Routing::default()
        },
        ..decision
    };
    assert_eq!(decode::<Decision>(&encode(&waking)), Ok(waking));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let mut record = vec![1];
        record.extend(bytes);
        let _any = (decode::<Head>(&record), decode::<LedgerRow>(&record), decode::<Cursor>(&record));
    }
}

#[test]
fn what_was_told_before_scripts_were_asked_about_states_is_still_known() {
    let old = Told {
        ending: None,
        incident: Some(Incident {
            kind: IncidentKind::Reauthentication,
            since: at(1),
            told: true,
            well_since: None,
        }),
        asked: Asked::default(),
    };
    assert_eq!(decode::<Told>(&[1, 0, 1, 1, 2, 1, 0]).unwrap(), old);
    let mut asked = old;
    asked.asked.about = Some(MailboxState::Active);
    asked.asked.left_out = 3;
    check!(Told, asked, "02000101020100".to_owned() + "0101000003");
}

#[test]
fn a_mailbox_of_an_earlier_form_has_what_is_usual() {
    let server = || Server {
        host: "h".to_owned(),
        port: 1,
        security: Security::Tls,
    };
    let address = Address::parse("a@b.example").unwrap();
    let (way_in, way_out) = (WayIn::inbox(server()), WayOut::Own(server()));
    let mut mailbox = Mailbox {
        key: MailboxKey(1),
        id: PublicId::new(at(0), [7; 10]),
        workspace: WorkspaceKey(1),
        settings: MailboxSettings::new(address, way_in, way_out),
        connected_at: at(0),
    };
    let mut old = encode(&mailbox);
    assert_eq!(old[0], 3);
    // How it replies came with form 3, its values with form 2.
    assert_eq!(old.split_off(old.len() - 6), [0, 1, 0, 0, 1, 1]);
    old[0] = 2;
    assert_eq!(decode::<Mailbox>(&old).unwrap(), mailbox);
    assert_eq!(old.pop(), Some(0));
    old[0] = 1;
    assert_eq!(decode::<Mailbox>(&old).unwrap(), mailbox);
    mailbox.settings.values = [("vip_team".to_owned(), "gold".to_owned())].into();
    assert_eq!(decode::<Mailbox>(&encode(&mailbox)).unwrap(), mailbox);
}
