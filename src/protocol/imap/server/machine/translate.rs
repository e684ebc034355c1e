//! From the codec's types to ours. The only place that takes them apart.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use imap_types::core::AString;
use imap_types::datetime::{DateTime, NaiveDate};
use imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName, Section as Wanted};
use imap_types::flag::{Flag as WireFlag, StoreType};
use imap_types::mailbox::{ListMailbox, Mailbox};
use imap_types::search::SearchKey;
use imap_types::sequence::{Sequence, SequenceSet};
use imap_types::status::StatusDataItemName;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::folder::{FolderName, Uid};
use crate::protocol::imap::server::mail::{Flag, FlagChange};
use crate::protocol::imap::server::search::Criteria;
use crate::protocol::imap::server::section::{Item, Section};

/// Something real that this server does not do.
#[derive(Debug)]
pub(super) struct Unserved;

pub(super) fn folder(mailbox: &Mailbox<'_>) -> Option<FolderName> {
    match mailbox {
        Mailbox::Inbox => Some(FolderName::inbox()),
        Mailbox::Other(other) => folder_name(other.as_ref()),
    }
}

/// A name that the host may know: ASCII, as all folders of the practice provider are.
fn folder_name(bytes: &[u8]) -> Option<FolderName> {
    FolderName::new(std::str::from_utf8(bytes).ok()?)
}

pub(super) fn pattern(reference: &Mailbox<'_>, wildcard: &ListMailbox<'_>) -> String {
    let reference = folder(reference).map(|name| name.as_str().to_owned());
    let wildcard = match wildcard {
        ListMailbox::Token(token) => token.as_ref(),
        ListMailbox::String(string) => string.as_ref(),
    };
    reference.unwrap_or_default() + &*String::from_utf8_lossy(wildcard)
}

pub(super) fn status_items(items: &[StatusDataItemName]) -> Vec<&'static str> {
    let known = items.iter().filter_map(|item| match item {
        StatusDataItemName::Messages => Some("MESSAGES"),
        StatusDataItemName::Recent => Some("RECENT"),
        StatusDataItemName::UidNext => Some("UIDNEXT"),
        StatusDataItemName::UidValidity => Some("UIDVALIDITY"),
        StatusDataItemName::Unseen => Some("UNSEEN"),
        _ => None,
    });
    known.collect()
}

pub(super) fn flags(flags: &[WireFlag<'_>]) -> Vec<Flag> {
    flags.iter().map(|f| Flag::new(&f.to_string())).collect()
}

pub(super) fn change(kind: StoreType, wire: &[WireFlag<'_>]) -> FlagChange {
    match kind {
        StoreType::Replace => FlagChange::Replace(flags(wire)),
        StoreType::Add => FlagChange::Add(flags(wire)),
        StoreType::Remove => FlagChange::Remove(flags(wire)),
    }
}

pub(super) fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(date.as_ref().timestamp()).ok()
}

fn day(date: &NaiveDate) -> Result<Date, Unserved> {
    // Both write days as in ISO 8601.
    date.as_ref().to_string().parse().map_err(|_| Unserved)
}

/// The ranges of a set, `*` being `largest` (RFC 3501 section 9, seq-number).
fn ranges(set: &SequenceSet, largest: NonZeroU32) -> Vec<RangeInclusive<u32>> {
    let range = |sequence: &Sequence| match sequence {
        Sequence::Single(one) => {
            let one = one.expand(largest).get();
            one..=one
        }
        Sequence::Range(a, b) => {
            let (a, b) = (a.expand(largest).get(), b.expand(largest).get());
            a.min(b)..=a.max(b)
        }
    };
    set.0.as_ref().iter().map(range).collect()
}

/// The mails a set means, ascending; what does not exist is left out.
pub(super) fn resolve(set: &SequenceSet, by_uid: bool, uids: &[Uid]) -> Vec<Uid> {
    let largest = if by_uid {
        uids.last().map(|uid| uid.0)
    } else {
        u32::try_from(uids.len()).ok().and_then(NonZeroU32::new)
    };
    let Some(largest) = largest else {
        return Vec::new();
    };
    let ranges = ranges(set, largest);
    let numbered = (1u32..).zip(uids.iter().copied());
    let meant = numbered.filter(|(number, uid)| {
        let value = if by_uid { uid.get() } else { *number };
        ranges.iter().any(|range| range.contains(&value))
    });
    meant.map(|(_, uid)| uid).collect()
}

pub(super) fn criteria(keys: &[SearchKey<'_>], uids: &[Uid]) -> Result<Criteria, Unserved> {
    let all: Result<Vec<_>, _> = keys.iter().map(|key| criterion(key, uids)).collect();
    all.map(Criteria::And)
}

fn criterion(key: &SearchKey<'_>, uids: &[Uid]) -> Result<Criteria, Unserved> {
    let flag = |name: &str| Criteria::Flag(Flag::new(name));
    let not = |criteria| Criteria::Not(Box::new(criteria));
    let header = |name: &str, value: &AString<'_>| Criteria::Header(name.to_owned(), text(value));
    let set = |set, by_uid| {
        let uids = resolve(set, by_uid, uids);
        Criteria::Uids(uids.iter().map(|uid| uid.get()..=uid.get()).collect())
    };
    Ok(match key {
        SearchKey::All | SearchKey::Old => Criteria::All,
        SearchKey::New | SearchKey::Recent => not(Criteria::All),
        SearchKey::And(keys) => criteria(keys.as_ref(), uids)?,
        SearchKey::Or(a, b) => {
            Criteria::Or(Box::new(criterion(a, uids)?), Box::new(criterion(b, uids)?))
        }
        SearchKey::Not(key) => not(criterion(key, uids)?),
        SearchKey::SequenceSet(numbers) => set(numbers, false),
        SearchKey::Uid(numbers) => set(numbers, true),
        SearchKey::Header(name, value) => header(&text(name), value),
        SearchKey::Subject(value) => header("Subject", value),
        SearchKey::From(value) => header("From", value),
        SearchKey::To(value) => header("To", value),
        SearchKey::Cc(value) => header("Cc", value),
        SearchKey::Text(value) => Criteria::Text(text(value)),
        SearchKey::Since(date) => Criteria::Since(day(date)?),
        SearchKey::Before(date) => Criteria::Before(day(date)?),
        SearchKey::Larger(size) => Criteria::Larger(*size),
        SearchKey::Smaller(size) => Criteria::Smaller(*size),
        SearchKey::Seen => flag("\\Seen"),
        SearchKey::Unseen => not(flag("\\Seen")),
        SearchKey::Deleted => flag("\\Deleted"),
        SearchKey::Undeleted => not(flag("\\Deleted")),
        SearchKey::Answered => flag("\\Answered"),
        SearchKey::Unanswered => not(flag("\\Answered")),
        SearchKey::Flagged => flag("\\Flagged"),
        SearchKey::Unflagged => not(flag("\\Flagged")),
        SearchKey::Keyword(name) => flag(name.as_ref()),
        SearchKey::Unkeyword(name) => not(flag(name.as_ref())),
        _ => return Err(Unserved),
    })
}

fn text(value: &AString<'_>) -> String {
    String::from_utf8_lossy(value.as_ref()).into_owned()
}

/// The items of a FETCH, and whether they make a mail `\Seen`.
pub(super) fn items(
    names: &MacroOrMessageDataItemNames<'_>,
    by_uid: bool,
) -> Result<(Vec<Item>, bool), Unserved> {
    let names = match names {
        MacroOrMessageDataItemNames::Macro(short) => short.expand(),
        MacroOrMessageDataItemNames::MessageDataItemNames(names) => names.clone(),
    };
    let mut seen = false;
    let mut items = Vec::new();
    if by_uid {
        // RFC 3501 section 6.4.8: UID commands always show the UID.
        items.push(Item::Uid);
    }
    for name in &names {
        let whole = |label: &str, section| Item::Body {
            label: label.to_owned(),
            section,
            partial: None,
        };
        items.push(match name {
            MessageDataItemName::Uid if by_uid => continue,
            MessageDataItemName::Uid => Item::Uid,
            MessageDataItemName::Flags => Item::Flags,
            MessageDataItemName::InternalDate => Item::InternalDate,
            MessageDataItemName::Rfc822Size => Item::Size,
            MessageDataItemName::Rfc822 => whole("RFC822", Section::Whole),
            MessageDataItemName::Rfc822Header => whole("RFC822.HEADER", Section::Header),
            MessageDataItemName::Rfc822Text => whole("RFC822.TEXT", Section::Text),
            MessageDataItemName::BodyExt {
                section,
                partial,
                peek,
            } => {
                seen |= !peek;
                let partial = partial.map(|(offset, count)| (offset, count.get()));
                body(section.as_ref(), partial)?
            }
            _ => return Err(Unserved),
        });
        seen |= matches!(
            name,
            MessageDataItemName::Rfc822 | MessageDataItemName::Rfc822Text
        );
    }
    Ok((items, seen))
}

fn body(wanted: Option<&Wanted<'_>>, partial: Option<(u32, u32)>) -> Result<Item, Unserved> {
    let fields = |names: &[AString<'_>], wanted| {
        let names: Vec<String> = names.iter().map(text).collect();
        let not = if wanted { "" } else { ".NOT" };
        let label = format!("HEADER.FIELDS{not} ({})", names.join(" "));
        (label, Section::Fields { names, wanted })
    };
    let (label, section) = match wanted {
        None => (String::new(), Section::Whole),
        Some(Wanted::Header(None)) => ("HEADER".to_owned(), Section::Header),
        Some(Wanted::Text(None)) => ("TEXT".to_owned(), Section::Text),
        Some(Wanted::HeaderFields(None, names)) => fields(names.as_ref(), true),
        Some(Wanted::HeaderFieldsNot(None, names)) => fields(names.as_ref(), false),
        Some(_) => return Err(Unserved),
    };
    Ok(Item::Body {
        label: format!("BODY[{label}]"),
        section,
        partial,
    })
}
