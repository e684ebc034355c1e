//! Stored forms: one version byte, then postcard, field after field.
//!
//! The types of `domain/` know nothing of it; which field stands where is written
//! here, by hand, one line per type. Absent: serde on any type (each primitive
//! goes through postcard itself). A changed form takes the next version and a reader
//! for the old one.

mod conversation;
mod message;
mod notice;
mod people;
mod primitive;
mod standing;
mod watch;
mod work;

#[cfg(test)]
mod tests;

pub(super) use work::{RawRow, ScriptFiles};

/// The version of every form that was never changed.
const FIRST_FORM: u8 = 1;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Written by a newer program.
    #[error("it has form {0}, which this program does not know")]
    Version(u8),
    /// Ends too early, or a value is out of its range.
    #[error("its bytes are damaged")]
    Damaged,
}

impl From<postcard::Error> for RecordError {
    fn from(_: postcard::Error) -> Self {
        Self::Damaged
    }
}

/// A type with a stored form.
pub(super) trait Stored: Sized {
    /// The version of the form, where the type is a whole record.
    const FORM: u8 = FIRST_FORM;
    /// Appends the form.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads it back and moves on.
    fn read(input: &mut &[u8]) -> Result<Self, RecordError>;
    /// The same with an older form.
    fn read_old(form: u8, _: &mut &[u8]) -> Result<Self, RecordError> {
        Err(RecordError::Version(form))
    }
}

/// The whole record of a value.
pub(super) fn encode<R: Stored>(value: &R) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(R::FORM);
    value.write(&mut out);
    out
}

/// The value of a whole record.
pub(super) fn decode<R: Stored>(bytes: &[u8]) -> Result<R, RecordError> {
    let (form, mut rest) = bytes.split_first().ok_or(RecordError::Damaged)?;
    let value = if *form == R::FORM {
        R::read(&mut rest)?
    } else {
        R::read_old(*form, &mut rest)?
    };
    if !rest.is_empty() {
        return Err(RecordError::Damaged);
    }
    Ok(value)
}

/// The form of a struct: its fields in this order.
macro_rules! stored_struct {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::store::record::Stored for $type {
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::store::record::Stored::write(&self.$field, out);)*
            }

            fn read(
                input: &mut &[u8],
            ) -> Result<Self, $crate::store::record::RecordError> {
                $(let $field = $crate::store::record::Stored::read(input)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// The form of an enum: a number, then the fields of the variant. Numbers stay for ever.
macro_rules! stored_enum {
    ($type:ty { $($number:literal = $variant:ident $(($($tuple:ident),*))? $({$($field:ident),*})?),* $(,)? }) => {
        impl $crate::store::record::Stored for $type {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($tuple),*))? $({$($field),*})? => {
                        out.push($number);
                        $($($crate::store::record::Stored::write($tuple, out);)*)?
                        $($($crate::store::record::Stored::write($field, out);)*)?
                    })*
                }
            }

            fn read(
                input: &mut &[u8],
            ) -> Result<Self, $crate::store::record::RecordError> {
                let number: u8 = $crate::store::record::Stored::read(input)?;
                match number {
                    $($number => {
                        $($(let $tuple = $crate::store::record::Stored::read(input)?;)*)?
                        $($(let $field = $crate::store::record::Stored::read(input)?;)*)?
                        Ok(Self::$variant $(($($tuple),*))? $({$($field),*})?)
                    })*
                    _ => Err($crate::store::record::RecordError::Damaged),
                }
            }
        }
    };
}

pub(in crate::store::record) use {stored_enum, stored_struct};
