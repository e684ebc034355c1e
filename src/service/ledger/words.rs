//! What became of a mail, in words for API and command line.

use super::{Entry, FirstWay};
use crate::domain::ledger::{Fate, Source};

/// By which way a mail came.
#[must_use]
pub fn source(source: &Source) -> String {
    match source {
        Source::Imap { folder, uid, .. } => format!("{folder} UID {uid}"),
        Source::Pop3 { uidl } if uidl.is_empty() => "POP3".to_owned(),
        Source::Pop3 { uidl } => format!("POP3 UIDL {uidl}"),
        Source::Smtp(forwarded) => match &forwarded.written_to {
            Some(written_to) => format!("forwarding from {written_to}"),
            None if forwarded.peer.is_empty() => "forwarding through the local socket".to_owned(),
            None => format!("forwarding by {}", forwarded.peer),
        },
    }
}

/// The word for programs.
#[must_use]
pub fn fate_name(fate: &Fate) -> &'static str {
    match fate {
        Fate::Stored(_) => "stored",
        Fate::Duplicate(_) => "duplicate",
        Fate::Own(_) => "own",
        Fate::TooLarge { .. } => "too_large",
        Fate::Unreadable(_) => "unreadable",
        Fate::Ignored { .. } => "ignored",
        Fate::Canary => "canary",
        Fate::Elsewhere => "elsewhere",
        Fate::NotGiven => "not_given",
    }
}

/// The sentence for people.
#[must_use]
pub fn fate(entry: &Entry) -> String {
    let place = match entry.conversation {
        Some((_, number)) => format!("conversation #{number}"),
        None => "a conversation that is no longer there".to_owned(),
    };
    match &entry.row.fate {
        Fate::Stored(_) => place,
        Fate::Duplicate(_) => match &entry.first {
            Some(first) => format!("{place} has it already, by {}", way(first)),
            None => format!("{place} has it already"),
        },
        Fate::Own(_) => format!("our own reply in {place}"),
        Fate::TooLarge { size, beginning } => {
            let left = format!(
                "left on the server: {} is more than the limit in the settings",
                megabytes(*size)
            );
            match beginning {
                Some(_) => format!("{left}; its beginning is in {place}"),
                None => left,
            }
        }
        Fate::Unreadable(_) => format!("{place}; it could not be read and is kept as it came"),
        Fate::Canary => {
            "a canary: the mailbox wrote to itself to see whether mail comes".to_owned()
        }
        Fate::Elsewhere => {
            "written elsewhere and sent, to nobody we have a conversation with".to_owned()
        }
        Fate::NotGiven => "the server lists it and did not give it; it is asked for again until \
                           it comes or is gone there"
            .to_owned(),
        Fate::Ignored { by, .. } => format!("put aside by {by} ({place}, closed)"),
    }
}

fn way(first: &FirstWay) -> String {
    let source = source(&first.row.source);
    match &first.mailbox {
        Some(mailbox) => format!("{source} of {mailbox}"),
        None => source,
    }
}

/// A size for people.
#[must_use]
pub fn megabytes(bytes: u64) -> String {
    const MEGA: u64 = 1_000_000;
    if bytes < MEGA {
        return format!("{} KB", bytes.div_ceil(1_000));
    }
    let tenths = bytes / (MEGA / 10);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// A count for people: `4,312`.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (4_312, "4,312"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(grouped(number), shown);
        }
        assert_eq!(megabytes(1), "1 KB");
        assert_eq!(megabytes(71_260_000), "71.2 MB");
    }
}
