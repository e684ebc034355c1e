//! Forms of numbers, texts, times, keys and the small words everything is made of.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::{RecordError, Stored, stored_struct};
use crate::domain::address::{Address, NamedAddress};
use crate::domain::conversation::Tag;
use crate::domain::decision::ScriptVersion;
use crate::domain::fingerprint::Fingerprint;
use crate::domain::folder::{Cursor, FolderName, ModSeq, Pending, Uid, UidValidity};
use crate::domain::key::{
    ContactKey, ConversationKey, DecisionKey, JobKey, LedgerKey, MailboxKey, MessageKey, NoticeKey,
    OutgoingKey, PublicId, RawKey, RegroupingKey, Sequence, TeamKey, TokenKey, UserKey,
    WorkspaceKey,
};
use crate::domain::maildrop::HeaderHash;
use crate::domain::message_id::MessageId;
use crate::domain::proof::Token;
use crate::domain::regrouping::ParticipantHash;
use crate::domain::secret::Secret;
use crate::domain::slug::Slug;

/// Takes `count` bytes off the front.
fn take<'i>(input: &mut &'i [u8], count: usize) -> Result<&'i [u8], RecordError> {
    let (front, rest) = input.split_at_checked(count).ok_or(RecordError::Damaged)?;
    *input = rest;
    Ok(front)
}

/// Postcard's variable-length number: seven bits per byte, lowest first.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Stored for $type {
            fn write(&self, out: &mut Vec<u8>) {
                write_number(u64::from(*self), out);
            }

            fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
                let (value, rest) = postcard::take_from_bytes(input)?;
                *input = rest;
                Ok(value)
            }
        }
    )*};
}
numbers!(u16 u32 u64);

impl Stored for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok(take(input, 1)?[0])
    }
}

impl Stored for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        // Zigzag, as postcard has it.
        write_number(((self << 1) ^ (self >> 63)).cast_unsigned(), out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let (value, rest) = postcard::take_from_bytes(input)?;
        *input = rest;
        Ok(value)
    }
}

impl Stored for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        match u8::read(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RecordError::Damaged),
        }
    }
}

impl Stored for String {
    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.len() as u64, out);
        out.extend_from_slice(self.as_bytes());
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let (text, rest): (&str, _) = postcard::take_from_bytes(input)?;
        *input = rest;
        Ok(text.to_owned())
    }
}

impl<const N: usize> Stored for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        take(input, N)?.try_into().map_err(|_| RecordError::Damaged)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        bool::read(input)?.then(|| T::read(input)).transpose()
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.len() as u64, out);
        self.iter().for_each(|value| value.write(out));
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let length = u64::read(input)?;
        // No capacity in advance: a damaged length must not ask for memory.
        (0..length).map(|_| T::read(input)).collect()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok((A::read(input)?, B::read(input)?))
    }
}

impl<K: Stored + Ord, V: Stored> Stored for BTreeMap<K, V> {
    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.len() as u64, out);
        for (key, value) in self {
            key.write(out);
            value.write(out);
        }
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let length = u64::read(input)?;
        (0..length)
            .map(|_| Ok((K::read(input)?, V::read(input)?)))
            .collect()
    }
}

impl Stored for Range<u64> {
    fn write(&self, out: &mut Vec<u8>) {
        self.start.write(out);
        self.end.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok(u64::read(input)?..u64::read(input)?)
    }
}

/// Microseconds since 1970.
impl Stored for Timestamp {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_microsecond().write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let microseconds = i64::read(input)?;
        // "Never" lies within the last second, which jiff does not count in microseconds.
        if microseconds == Self::MAX.as_microsecond() {
            return Ok(Self::MAX);
        }
        Self::from_microsecond(microseconds).map_err(|_| RecordError::Damaged)
    }
}

/// Whole seconds.
impl Stored for SignedDuration {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_secs().write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok(Self::from_secs(i64::read(input)?))
    }
}

/// Whole seconds.
impl Stored for Duration {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_secs().write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok(Self::from_secs(u64::read(input)?))
    }
}

/// As `2026-01-31`.
impl Stored for Date {
    fn write(&self, out: &mut Vec<u8>) {
        self.to_string().write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let text = String::read(input)?;
        text.parse().map_err(|_| RecordError::Damaged)
    }
}

macro_rules! wrapped {
    ($($type:ident)*) => {$(
        impl Stored for $type {
            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }

            fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
                Ok(Self(Stored::read(input)?))
            }
        }
    )*};
}
wrapped!(WorkspaceKey UserKey TeamKey TokenKey MailboxKey ContactKey ConversationKey MessageKey RawKey DecisionKey OutgoingKey JobKey LedgerKey NoticeKey RegroupingKey ParticipantHash Sequence ModSeq ScriptVersion Fingerprint HeaderHash);

/// A form made of a simpler one, and the way back where values have conditions.
macro_rules! through {
    ($($type:ty: $form:ty, $to:expr, $from:expr;)*) => {$(
        impl Stored for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let to: fn(&$type) -> $form = $to;
                to(self).write(out);
            }

            fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
                let from: fn($form) -> Option<$type> = $from;
                from(<$form>::read(input)?).ok_or(RecordError::Damaged)
            }
        }
    )*};
}
through! {
    PublicId: [u8; 16], |id| id.as_bytes(), |bytes| Some(Self::from_bytes(bytes));
    Uid: u32, |uid| uid.get(), Uid::new;
    UidValidity: u32, |validity| validity.get(), UidValidity::new;
    FolderName: String, |name| name.as_str().to_owned(), |name| Self::new(name);
    Address: String, |address| address.as_str().to_owned(), |text| Self::parse(&text).ok();
    MessageId: String, |id| id.as_str().to_owned(), |text| Self::parse(&text);
    Slug: String, |slug| slug.as_str().to_owned(), |text| Self::parse(&text);
    Token: String, |token| token.as_str().to_owned(), |text| Self::parse(&text);
    Tag: String, |tag| tag.as_str().to_owned(), |text| Self::new(&text);
    Secret: String, |secret| secret.expose().to_owned(), |text| Some(Self::new(text));
}

impl Stored for NamedAddress {
    fn write(&self, out: &mut Vec<u8>) {
        self.name().map(str::to_owned).write(out);
        self.address.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let name: Option<String> = Stored::read(input)?;
        Ok(Self::new(name.as_deref(), Stored::read(input)?))
    }
}

super::stored_enum!(crate::domain::folder::PendingReason { 0 = Incomplete, 1 = TooLarge, 2 = Wanted, 3 = Anyway });
stored_struct!(Pending {
    reason,
    attempts,
    retry_at
});
stored_struct!(Cursor {
    validity,
    last_uid,
    pending,
    imported_below
});
