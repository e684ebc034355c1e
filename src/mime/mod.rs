//! Mail: bytes to values and values to bytes. No I/O, no clock.
//!
//! Reading never fails: a mail that cannot be understood is a mail with defects. `walk` takes the
//! bytes as they come and keeps headers, text and the places of everything else, so that a
//! mail of any size costs bounded memory; `read` makes a [`Head`](crate::domain::message::Head) of
//! that. `mail_parser` stays inside this room; no type of it leaves.

mod authentication_results;
pub mod charset;
mod classify;
pub mod compose;
pub mod header;
pub mod html;
mod language;
mod list;
mod name;
mod quote;
mod read;
mod report;
pub mod text;
mod transfer;
pub mod walk;

pub use authentication_results::says_dmarc_failed;
pub use classify::is_no_reply;
pub use quote::quoted_from;
pub use read::{ReadMail, read, read_bytes};
pub use transfer::{TransferDecoder, decode_transfer};
