//! What is known about mail providers, as data: the folder of a plugin says it.
//!
//! `problem` is what is wrong and where, `file` the form of `plugin.toml`, `facts` its
//! values in the words of `domain` (`marks` what hooks may say), `guide` and `examples` the files beside it. `source`
//! are the shipped plugins (compiled in) and the installation's own folder; `reading` reads
//! one of them, `catalogue` is all of them, resolved, with the `claims` that meet in it; `classify` says what a server's words mean; `handle` swaps
//! the catalogue when files change.
//!
//! Deliberately absent: running hooks (`script/`, joined in `service/hooks`), looking anything up in the network
//! (`net/`), knowing when to reload (`app/reload.rs`).

mod catalogue;
mod claims;
mod classify;
mod examples;
mod facts;
mod file;
mod guide;
mod handle;
mod marks;
mod problem;
mod reading;
mod resolve;
mod source;
mod words;

pub use self::catalogue::{Catalogue, Plugin};
pub use self::classify::{classify, decode};
pub use self::examples::{Example, Expected, ExpectedMail, MailSource, bytes_of_hex, dialogue_of};
pub use self::facts::is_id;
pub use self::file::schema;
pub use self::guide::{Guide, Language, SECTIONS, Section};
pub use self::handle::{Plugins, Reloaded};
pub use self::problem::{Problem, Severity};
pub use self::reading::{HookCheck, HookFile};
pub use self::source::{PluginFolder, read_folder, read_plugin, shipped};
