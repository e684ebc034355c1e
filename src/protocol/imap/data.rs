//! From the codec's untagged data to events.

use std::collections::HashMap;
use std::num::NonZeroU32;

use bytes::Bytes;
use imap_types::core::{IString, NString};
use imap_types::extensions::namespace::Namespace as WireNamespace;
use imap_types::flag::FlagNameAttribute;
use imap_types::mailbox::Mailbox;
use imap_types::response::Data;
use imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use imap_types::status::StatusDataItem;

use super::event::{Event, FolderStatus, ListedFolder, Namespace, SpecialUse};
use super::uid_set::UidSet;
use super::utf7;
use crate::domain::folder::{FolderName, ModSeq, Uid, UidValidity};
use crate::protocol::prose;

/// Most odd folder names remembered.
const ODD_NAMES_MAX: usize = 2_000;

/// Folder names whose wire form is not what `utf7::encode` gives (raw UTF-8, broken
/// modified UTF-7), so that a folder can be opened under the name it was listed with.
#[derive(Default)]
pub(super) struct FolderNames(HashMap<FolderName, Bytes>);

impl FolderNames {
    /// The readable name; `None` when it is no name at all.
    fn read(&mut self, wire: &[u8]) -> Option<FolderName> {
        let text = prose_name(wire);
        let name = FolderName::new(utf7::decode(&text).unwrap_or(text))?;
        let odd = utf7::encode(name.as_str()).as_bytes() != wire;
        if odd && self.0.len() < ODD_NAMES_MAX {
            self.0.insert(name.clone(), Bytes::copy_from_slice(wire));
        }
        Some(name)
    }

    /// The name as this server writes it.
    pub(super) fn write(&self, name: &FolderName) -> Bytes {
        match self.0.get(name) {
            Some(wire) => wire.clone(),
            None => utf7::encode(name.as_str()).into(),
        }
    }
}

fn prose_name(wire: &[u8]) -> String {
    match std::str::from_utf8(wire) {
        Ok(text) => text.to_owned(),
        Err(_) => prose::decode(wire),
    }
}

/// What the codec understood, as events; `None` when a value in it cannot be (an empty
/// folder name, say).
pub(super) fn events(data: Data<'_>, names: &mut FolderNames) -> Option<Vec<Event>> {
    Some(match data {
        Data::List {
            items,
            delimiter,
            mailbox,
        } => {
            let name = names.read(wire_name(&mailbox))?;
            let delimiter = delimiter.map(|delimiter| delimiter.inner());
            vec![Event::Listed(listed(name, delimiter, &items))]
        }
        Data::Status { mailbox, items } => vec![Event::StatusOf {
            folder: names.read(wire_name(&mailbox))?,
            status: status(&items),
        }],
        Data::Search(found, _) => vec![Event::Found(found.into_iter().map(Uid).collect())],
        Data::Exists(count) => vec![Event::Exists(count)],
        Data::Expunge(sequence) => vec![Event::Expunged(sequence.get())],
        Data::Vanished {
            earlier,
            known_uids,
        } => vec![Event::Vanished {
            earlier,
            uids: uid_set(&known_uids)?,
        }],
        Data::Enabled { capabilities } => {
            let names = capabilities
                .iter()
                .map(|name| name.to_string().to_ascii_uppercase());
            vec![Event::Enabled(names.collect())]
        }
        Data::Id { parameters } => vec![Event::ServerId(id(parameters.unwrap_or_default()))],
        Data::Namespace { personal, .. } => {
            vec![Event::Namespaces(personal.iter().map(namespace).collect())]
        }
        // Read by hand, or of no use to a gateway.
        Data::Capability(_)
        | Data::Fetch { .. }
        | Data::Flags(_)
        | Data::Recent(_)
        | Data::Lsub { .. }
        | Data::Sort(..)
        | Data::Thread(_)
        | Data::Quota { .. }
        | Data::QuotaRoot { .. } => Vec::new(),
    })
}

fn wire_name<'a>(mailbox: &'a Mailbox<'_>) -> &'a [u8] {
    match mailbox {
        Mailbox::Inbox => b"INBOX",
        Mailbox::Other(other) => other.as_ref(),
    }
}

fn listed(
    name: FolderName,
    delimiter: Option<char>,
    items: &[FlagNameAttribute<'_>],
) -> ListedFolder {
    let attributes: Vec<String> = items.iter().map(ToString::to_string).collect();
    let has = |wanted: &str| {
        attributes
            .iter()
            .any(|name| name.eq_ignore_ascii_case(wanted))
    };
    ListedFolder {
        name,
        delimiter,
        special_use: attributes.iter().find_map(|name| SpecialUse::named(name)),
        selectable: !has("\\Noselect") && !has("\\NonExistent"),
        attributes,
    }
}

impl SpecialUse {
    /// Reads an attribute of RFC 6154, or its older name from XLIST.
    fn named(attribute: &str) -> Option<Self> {
        Some(match attribute.to_ascii_lowercase().as_str() {
            "\\all" | "\\allmail" => Self::All,
            "\\archive" => Self::Archive,
            "\\drafts" => Self::Drafts,
            "\\flagged" | "\\starred" => Self::Flagged,
            "\\junk" | "\\spam" => Self::Junk,
            "\\sent" => Self::Sent,
            "\\trash" => Self::Trash,
            _ => return None,
        })
    }
}

fn status(items: &[StatusDataItem]) -> FolderStatus {
    let mut status = FolderStatus::default();
    for item in items {
        match item {
            StatusDataItem::Messages(count) => status.messages = Some(*count),
            StatusDataItem::UidNext(uid) => status.uid_next = Some(Uid(*uid)),
            StatusDataItem::UidValidity(value) => status.uid_validity = Some(UidValidity(*value)),
            StatusDataItem::Unseen(count) => status.unseen = Some(*count),
            StatusDataItem::HighestModSeq(value) => status.highest_modseq = Some(ModSeq(*value)),
            StatusDataItem::Recent(_)
            | StatusDataItem::Deleted(_)
            | StatusDataItem::DeletedStorage(_)
            | StatusDataItem::Size(_) => {}
        }
    }
    status
}

/// `*` is no UID of a mail that vanished (RFC 7162 section 3.2.10).
fn uid_set(set: &SequenceSet) -> Option<UidSet> {
    let number = |end: &SeqOrUid| match end {
        SeqOrUid::Value(value) => Some(value.get()),
        SeqOrUid::Asterisk => None,
    };
    let ranges = set
        .0
        .as_ref()
        .iter()
        .map(|sequence| match sequence {
            Sequence::Single(one) => number(one).map(|one| (one, one)),
            Sequence::Range(from, to) => {
                let (from, to) = (number(from)?, number(to)?);
                Some((from.min(to), from.max(to)))
            }
        })
        .collect::<Option<Vec<_>>>()?;
    UidSet::of_ranges(ranges)
}

fn id(parameters: Vec<(IString<'_>, NString<'_>)>) -> Vec<(String, String)> {
    parameters
        .into_iter()
        .map(|(name, value)| {
            let value = value.into_option().unwrap_or_default();
            (prose::decode(name.as_ref()), prose::decode(&value))
        })
        .collect()
}

fn namespace(wire: &WireNamespace<'_>) -> Namespace {
    let prefix = prose_name(wire.prefix.as_ref());
    Namespace {
        prefix: utf7::decode(&prefix).unwrap_or(prefix),
        delimiter: wire.delimiter.as_ref().map(|delimiter| delimiter.inner()),
    }
}

/// Takes the numbers of a SEARCH response that the codec refused (a zero among them,
/// an unknown addition at the end).
pub(super) fn scan_search(line: &[u8]) -> Option<Event> {
    let (start, rest) = line.split_at_checked(b"* SEARCH".len())?;
    if !start.eq_ignore_ascii_case(b"* SEARCH") {
        return None;
    }
    let uids = rest
        .split(u8::is_ascii_whitespace)
        .filter_map(super::status_line::number::<NonZeroU32>)
        .map(Uid);
    Some(Event::Found(uids.collect()))
}
