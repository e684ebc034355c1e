//! The store: everything that must survive, in one redb file per data folder.
//!
//! One method per stage or question. A write is a command for the one writer
//! thread and answers when it is durable; a read is a short snapshot. Lists and
//! counts are index rows, never scans. Deliberately absent from the face: any type
//! of redb, any transaction that a caller could hold, and any clock or network.
//!
//! From bottom to top; nothing knows what stands above it:
//! 1. `key`, `record`, `counter`, `seal`: bytes of keys, values and secrets; `error`: what can go wrong.
//! 2. `space`, `lock`, `database`: the disk; `table`: rows and transactions.
//! 3. `migrate`, `key_mark`, `public_id`, `listing`, `threading`, `outgoing_ids`, `last_word`: rows without a question.
//! 4. `shared`, `writer`, `handle`: the one writer thread, and [`Store`].
//! 5. `feed`, `jobs`, `waking`, `automatic`, `ledger`, `raw`, `uploads`, `contacts`, `people`, `attempts`, `proofs`, `reauthentication_links`,
//!    `mailboxes`, `mails`, `conversation_list`: one subject each.
//! 6. `standings`, `notices`, `conversations`, `outbox`, `outbox_attempts`,
//!    `outbox_orders`, `outbox_pages`, `fate`: subjects that move others;
//!    `lifecycle`, `purge`: the end of a mailbox moves them all.
//! 7. `regrouping`: conversations joined and taken apart; `receiving`: whose a receiving address is; `forwarding`, `authentications`: what forwarded mail tells; `extractions`: what hooks read; `decision_lines`: what scripts decided where; `openings`: conversations that we begin; `delivery`, `triage` with `routing`: the stages; `open`: everything there is, started.
//!
//! Invariant: feed listeners are told after the commit, never before.

mod attempts;
mod authentications;
mod automatic;
mod contacts;
mod conversation_list;
mod conversations;
mod counter;
mod database;
mod decision_lines;
mod delivery;
mod error;
mod extractions;
mod fate;
mod feed;
mod forwarding;
mod handle;
mod jobs;
mod key;
mod key_mark;
mod last_word;
mod ledger;
mod lifecycle;
mod listing;
mod lock;
mod mailboxes;
mod maildrops;
mod mails;
mod migrate;
mod notices;
mod open;
mod openings;
mod outbox;
mod outbox_attempts;
mod outbox_orders;
mod outbox_pages;
mod outgoing_ids;
mod people;
mod proofs;
mod public_id;
mod purge;
mod raw;
mod reauthentication_links;
mod receiving;
mod record;
mod regrouping;
mod routing;
mod seal;
mod shared;
mod space;
mod standings;
mod table;
mod threading;
mod triage;
mod uploads;
mod waking;
mod writer;

#[cfg(test)]
mod tests;

pub use conversation_list::{ConversationFilter, Counts, Page};
pub use conversations::ConversationChange;
pub use database::DATABASE_FILE;
pub use delivery::{Arrival, ArrivalRaw, Delivered, Delivery, Passed, Why};
pub use error::{OpenError, StoreError};
pub use handle::{Condition, Store};
pub use lifecycle::{GoesOn, Loss, NewLogins};
pub use lock::LOCK_FILE;
pub use mailboxes::AddError;
pub use maildrops::Maildrop;
pub use openings::NewOpening;
pub use outbox::{AcceptError, Accepted, NewReply};
pub use outbox_attempts::{AttemptEnd, AttemptNext};
pub use outbox_pages::OutboxWanted;
pub use raw::{CompressedRaw, RawWriter};
pub use receiving::{Receiver, RotateError};
pub use record::RecordError;
pub use regrouping::RegroupError;
pub use routing::NewDecision;
pub use seal::{KeyError, SealError};
pub use shared::Options;
pub use triage::{Acknowledgement, Triaged, Woken};
pub use uploads::NewFile;
