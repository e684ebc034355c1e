//! From the codec's FETCH response to ours.

use imap_types::core::{IString, NString};
use imap_types::fetch::MessageDataItem;
use imap_types::flag::FlagFetch;
use jiff::Timestamp;

use super::event::Fetched;
use super::flag::Flag;
use crate::domain::folder::{ModSeq, Uid};

/// How the skeleton writes the body item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyValue {
    /// There is none.
    Absent,
    /// `NIL`.
    Nil,
    /// The placeholder: the bytes were handed out as they came.
    Streamed { offset: Option<u32> },
    /// More than one item.
    Several,
    /// A quoted string: short bodies may come like this.
    Quoted { offset: Option<u32>, text: Vec<u8> },
}

/// Takes what we asked for; the body's fate is returned beside it.
pub(super) fn convert(items: &[MessageDataItem<'_>]) -> (Fetched, BodyValue) {
    let mut fetched = Fetched::default();
    let mut body = BodyValue::Absent;
    let mut uids = Vec::with_capacity(1);
    for item in items {
        match item {
            MessageDataItem::Uid(uid) => uids.push(Uid(*uid)),
            MessageDataItem::Flags(flags) => {
                fetched.flags = Some(flags.iter().map(flag).collect());
            }
            MessageDataItem::InternalDate(date) => {
                fetched.internal_date = Timestamp::from_second(date.as_ref().timestamp()).ok();
            }
            MessageDataItem::Rfc822Size(size) => fetched.size = Some(u64::from(*size)),
            MessageDataItem::ModSeq(modseq) => fetched.modseq = Some(ModSeq(modseq.get())),
            MessageDataItem::BodyExt { origin, data, .. } => {
                body = body.and(body_value(data, *origin));
            }
            MessageDataItem::Rfc822(data)
            | MessageDataItem::Rfc822Header(data)
            | MessageDataItem::Rfc822Text(data) => body = body.and(body_value(data, None)),
            // Never asked for.
            MessageDataItem::Body(_)
            | MessageDataItem::BodyStructure(_)
            | MessageDataItem::Envelope(_)
            | MessageDataItem::Binary { .. }
            | MessageDataItem::BinarySize { .. } => {}
        }
    }
    fetched.uid = the_one(uids);
    (fetched, body)
}

/// The UID of a response. One that names two of them is about no mail that can be told.
pub(super) fn the_one(uids: impl IntoIterator<Item = Uid>) -> Option<Uid> {
    let mut uids = uids.into_iter();
    let first = uids.next()?;
    uids.all(|uid| uid == first).then_some(first)
}

impl BodyValue {
    fn and(self, next: Self) -> Self {
        match self {
            Self::Absent => next,
            _ => Self::Several,
        }
    }
}

fn body_value(data: &NString<'_>, offset: Option<u32>) -> BodyValue {
    match &data.0 {
        None => BodyValue::Nil,
        Some(IString::Literal(_)) => BodyValue::Streamed { offset },
        Some(quoted) => BodyValue::Quoted {
            offset,
            text: quoted.as_ref().to_vec(),
        },
    }
}

fn flag(flag: &FlagFetch<'_>) -> Flag {
    match flag {
        FlagFetch::Recent => Flag::Recent,
        FlagFetch::Flag(flag) => Flag::named(&flag.to_string()),
    }
}
