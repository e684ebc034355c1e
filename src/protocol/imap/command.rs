//! What can be asked of a server, and how it is written.
//!
//! The grammar of commands is the codec's; only the mail of an APPEND is kept out of
//! it, so that it is never copied nor refused for a NUL byte.

use std::borrow::Cow;
use std::num::NonZeroU32;

use bytes::Bytes;
use imap_codec::CommandCodec;
use imap_codec::encode::{Encoder as _, Fragment};
use imap_types::command::{Command, CommandBody};
use imap_types::core::{AString, Charset, IString, NString, Vec1};
use imap_types::datetime::{DateTime, NaiveDate};
use imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName, Section};
use imap_types::flag::{Flag as WireFlag, StoreResponse, StoreType};
use imap_types::mailbox::Mailbox;
use imap_types::search::SearchKey as WireKey;
use imap_types::sequence::SequenceSet;
use imap_types::status::StatusDataItemName;
use jiff::Timestamp;

use super::flag::Flag;
use super::uid_set::UidSet;
use crate::domain::folder::{FolderName, ModSeq, UidValidity};

/// Names a command in the events that answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub(super) u32);

/// How a folder is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectMode {
    /// SELECT.
    ReadWrite,
    /// EXAMINE.
    ReadOnly,
    /// SELECT with `(CONDSTORE)` (RFC 7162 section 3.1.8).
    WithModSeq,
    /// SELECT with `(QRESYNC ...)`, after ENABLE QRESYNC (RFC 7162 section 3.2.5).
    Resync {
        /// The incarnation that was known.
        validity: UidValidity,
        /// The highest modification sequence that was known.
        modseq: ModSeq,
        /// The UIDs that are known; all when `None`.
        known: Option<UidSet>,
    },
}

/// What UID FETCH asks for; the UID always comes along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchItems {
    /// FLAGS.
    pub flags: bool,
    /// INTERNALDATE.
    pub internal_date: bool,
    /// RFC822.SIZE.
    pub size: bool,
    /// MODSEQ, only where CONDSTORE is offered.
    pub modseq: bool,
    /// The body, or a part of it.
    pub body: Option<BodyWanted>,
}

impl FetchItems {
    /// Flags, date and size, without the body.
    #[must_use]
    pub fn facts() -> Self {
        Self {
            flags: true,
            internal_date: true,
            size: true,
            ..Self::default()
        }
    }

    /// Flags, date, size and the whole mail.
    #[must_use]
    pub fn whole() -> Self {
        Self {
            body: Some(BodyWanted::Whole),
            ..Self::facts()
        }
    }
}

/// Which bytes of a mail; always with PEEK, since `\Seen` is not ours to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyWanted {
    /// `BODY.PEEK[]`.
    Whole,
    /// `BODY.PEEK[]<offset.count>`.
    Part {
        /// First byte.
        offset: u32,
        /// Most bytes to send.
        count: NonZeroU32,
    },
    /// `BODY.PEEK[HEADER.FIELDS (...)]`.
    HeaderFields(Vec<String>),
}

/// What UID SEARCH looks for; several keys must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// Every mail.
    All,
    /// Among these UIDs.
    Among(UidSet),
    /// Received on this day or later, in the server's time zone.
    Since(jiff::civil::Date),
    /// With this text in this header field.
    Header {
        /// Field name.
        name: String,
        /// What it contains.
        value: String,
    },
}

/// How UID STORE changes flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// `+FLAGS.SILENT`.
    Add,
    /// `-FLAGS.SILENT`.
    Remove,
}

/// A mail to be put into a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where.
    pub folder: FolderName,
    /// With which flags.
    pub flags: Vec<Flag>,
    /// INTERNALDATE; the server's own time when `None`.
    pub date: Option<Timestamp>,
    /// The mail, lines ended by CRLF.
    pub message: Bytes,
}

/// The value cannot be written in IMAP (a NUL in a name, a flag with a blank ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unwritable;

/// A piece of a command.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Goes out as it is.
    Line(Bytes),
    /// Goes out after its announcement `{n}`, which depends on LITERAL+ and LITERAL-.
    Literal(Bytes),
}

/// Writes a command with the codec.
pub(super) fn encode(tag: &str, body: CommandBody<'_>) -> Result<Vec<Part>, Unwritable> {
    let command = Command::new(tag, body).map_err(|_| Unwritable)?;
    let mut parts = Vec::new();
    for fragment in CommandCodec::default().encode(&command) {
        match fragment {
            Fragment::Line { data } => parts.push(Part::Line(data.into())),
            Fragment::Literal { data, .. } => {
                if let Some(Part::Line(line)) = parts.last_mut() {
                    *line = without_announcement(line);
                }
                parts.push(Part::Literal(data.into()));
            }
        }
    }
    Ok(parts)
}

/// The line without the `{n}` CRLF at its end.
fn without_announcement(line: &Bytes) -> Bytes {
    let end = memchr::memrchr(b'{', line).unwrap_or(line.len());
    line.slice(..end)
}

/// Writes an APPEND around the mail, which the codec never sees.
pub(super) fn encode_append(
    tag: &str,
    append: Append,
    mailbox: Mailbox<'_>,
) -> Result<Vec<Part>, Unwritable> {
    let date = append.date.map(wire_date).transpose()?;
    let body = CommandBody::append(mailbox, wire_flags(&append.flags)?, date, "")
        .map_err(|_| Unwritable)?;
    let mut parts = encode(tag, body)?;
    match parts
        .iter_mut()
        .rfind(|part| matches!(part, Part::Literal(_)))
    {
        Some(Part::Literal(message)) => *message = append.message,
        _ => return Err(Unwritable),
    }
    Ok(parts)
}

/// The folder as the wire names it.
pub(super) fn mailbox(wire_name: &[u8]) -> Result<Mailbox<'_>, Unwritable> {
    Mailbox::try_from(wire_name).map_err(|_| Unwritable)
}

/// UID FETCH.
pub(super) fn fetch(set: &UidSet, items: &FetchItems) -> Result<CommandBody<'static>, Unwritable> {
    let mut names = vec![MessageDataItemName::Uid];
    let simple = [
        (items.flags, MessageDataItemName::Flags),
        (items.internal_date, MessageDataItemName::InternalDate),
        (items.size, MessageDataItemName::Rfc822Size),
        (items.modseq, MessageDataItemName::ModSeq),
    ];
    names.extend(
        simple
            .into_iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, name)| name),
    );
    if let Some(body) = &items.body {
        names.push(body_item(body)?);
    }
    Ok(CommandBody::Fetch {
        sequence_set: sequence_set(set)?,
        macro_or_item_names: MacroOrMessageDataItemNames::MessageDataItemNames(names),
        uid: true,
        modifiers: Vec::new(),
    })
}

fn body_item(wanted: &BodyWanted) -> Result<MessageDataItemName<'static>, Unwritable> {
    let (section, partial) = match wanted {
        BodyWanted::Whole => (None, None),
        BodyWanted::Part { offset, count } => (None, Some((*offset, *count))),
        BodyWanted::HeaderFields(names) => {
            let names = names
                .iter()
                .map(|name| AString::try_from(name.clone()).map_err(|_| Unwritable))
                .collect::<Result<Vec<_>, _>>()?;
            let names = Vec1::try_from(names).map_err(|_| Unwritable)?;
            (Some(Section::HeaderFields(None, names)), None)
        }
    };
    Ok(MessageDataItemName::BodyExt {
        section,
        partial,
        peek: true,
    })
}

/// UID SEARCH.
pub(super) fn search(keys: &[SearchKey]) -> Result<CommandBody<'static>, Unwritable> {
    let criteria = keys.iter().map(search_key).collect::<Result<Vec<_>, _>>()?;
    let ascii = keys.iter().all(|key| match key {
        SearchKey::Header { name, value } => name.is_ascii() && value.is_ascii(),
        SearchKey::All | SearchKey::Among(_) | SearchKey::Since(_) => true,
    });
    // RFC 3501 section 6.4.4: US-ASCII is the default and always understood.
    let charset = (!ascii).then(|| Charset::try_from("UTF-8")).transpose();
    Ok(CommandBody::Search {
        charset: charset.map_err(|_| Unwritable)?,
        criteria: Vec1::try_from(criteria).map_err(|_| Unwritable)?,
        uid: true,
    })
}

fn search_key(key: &SearchKey) -> Result<WireKey<'static>, Unwritable> {
    Ok(match key {
        SearchKey::All => WireKey::All,
        SearchKey::Among(set) => WireKey::Uid(sequence_set(set)?),
        SearchKey::Since(date) => WireKey::Since(wire_day(*date)?),
        SearchKey::Header { name, value } => WireKey::Header(
            AString::try_from(name.clone()).map_err(|_| Unwritable)?,
            AString::try_from(value.clone()).map_err(|_| Unwritable)?,
        ),
    })
}

/// UID STORE, silent: nobody waits for the echo.
pub(super) fn store(
    set: &UidSet,
    kind: StoreKind,
    flags: &[Flag],
) -> Result<CommandBody<'static>, Unwritable> {
    Ok(CommandBody::Store {
        sequence_set: sequence_set(set)?,
        kind: match kind {
            StoreKind::Add => StoreType::Add,
            StoreKind::Remove => StoreType::Remove,
        },
        response: StoreResponse::Silent,
        flags: wire_flags(flags)?,
        uid: true,
        modifiers: Vec::new(),
    })
}

/// STATUS with what a sync needs; HIGHESTMODSEQ only where CONDSTORE is offered.
pub(super) fn status(mailbox: Mailbox<'_>, with_modseq: bool) -> CommandBody<'_> {
    let mut names = vec![
        StatusDataItemName::Messages,
        StatusDataItemName::UidNext,
        StatusDataItemName::UidValidity,
        StatusDataItemName::Unseen,
    ];
    names.extend(with_modseq.then_some(StatusDataItemName::HighestModSeq));
    CommandBody::Status {
        mailbox,
        item_names: Cow::Owned(names),
    }
}

/// ID (RFC 2971); `NIL` when there is nothing to say.
pub(super) fn id(fields: &[(String, String)]) -> Result<CommandBody<'static>, Unwritable> {
    let fields = fields
        .iter()
        .map(|(name, value)| {
            let name = IString::try_from(name.clone()).map_err(|_| Unwritable)?;
            let value = NString::try_from(value.clone()).map_err(|_| Unwritable)?;
            Ok((name, value))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(CommandBody::Id {
        parameters: (!fields.is_empty()).then_some(fields),
    })
}

pub(super) fn sequence_set(set: &UidSet) -> Result<SequenceSet, Unwritable> {
    SequenceSet::try_from(set.to_string().as_str()).map_err(|_| Unwritable)
}

fn wire_flags(flags: &[Flag]) -> Result<Vec<WireFlag<'static>>, Unwritable> {
    flags
        .iter()
        .map(|flag| match flag {
            Flag::Answered => Ok(WireFlag::Answered),
            Flag::Deleted => Ok(WireFlag::Deleted),
            Flag::Draft => Ok(WireFlag::Draft),
            Flag::Flagged => Ok(WireFlag::Flagged),
            Flag::Seen => Ok(WireFlag::Seen),
            // RFC 3501 section 2.3.2: only the server sets \Recent.
            Flag::Recent => Err(Unwritable),
            Flag::Other(name) => keyword(name),
        })
        .collect()
}

fn keyword(name: &str) -> Result<WireFlag<'static>, Unwritable> {
    use imap_types::IntoStatic as _;
    Ok(WireFlag::try_from(name)
        .map_err(|_| Unwritable)?
        .into_static())
}

fn wire_date(at: Timestamp) -> Result<DateTime, Unwritable> {
    let utc = chrono::DateTime::from_timestamp(at.as_second(), 0).ok_or(Unwritable)?;
    DateTime::try_from(utc.fixed_offset()).map_err(|_| Unwritable)
}

fn wire_day(day: jiff::civil::Date) -> Result<NaiveDate, Unwritable> {
    let [month, day_of_month] = [day.month(), day.day()]
        .map(i8::unsigned_abs)
        .map(u32::from);
    let day = chrono::NaiveDate::from_ymd_opt(i32::from(day.year()), month, day_of_month);
    NaiveDate::try_from(day.ok_or(Unwritable)?).map_err(|_| Unwritable)
}
