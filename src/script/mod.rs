//! Scripts of the administrator and hooks of plugins, in Rhai: pure functions, a view in, an answer out.
//!
//! Invariant: a script does no I/O, knows no time but `ctx.now`, and is bounded in
//! operations, depth, sizes and time. A failing script costs a mail its decision,
//! never the mail. Nothing of Rhai leaves this room.
//!
//! Deliberately absent: watching the folder (`app/reload.rs`) and carrying out what
//! a script answers (`service/triage`).
//!
//! The files, in the order in which a call passes them: [`files`](self) reads the
//! folder (`layout` says whom each file is for), `check` refuses what can be known to be wrong, [`Snapshot`] is the
//! immutable result, `reading` and `answer` are what a script sees, `trace` is what
//! it did, `words` says what went wrong. `hooks` does the same with the one file that a
//! plugin may have. `program` calls a function of a file and of those it inherits from.

mod answer;
mod check;
mod data;
mod definitions;
mod diagnostic;
mod engine;
pub mod entry;
mod files;
mod found;
mod growth;
mod handle;
mod helpers;
mod hooks;
mod hours;
mod layout;
mod limits;
mod moment;
mod program;
mod reading;
mod reference;
mod sample;
mod shape;
mod snapshot;
mod suggest;
mod template;
mod testing;
mod trace;
mod view;
mod weight;
mod words;

pub use definitions::definitions;
pub use diagnostic::{Diagnostic, Severity};
pub use handle::{Demand, Reloaded, Scripts};
pub use hooks::{Extracted, Hooks, Vocabulary};
pub use layout::{entry_of, is_override, mailbox_of, override_of};
pub use limits::Limits;
pub use moment::{NoTime, moment};
pub use reference::{Section, reference, sections, with_reference, word as type_word};
pub use shape::{Member, Parameter, Sort, Type};
pub use snapshot::asked::{Alerted, Gated, Routed, Signed, Vetted};
pub use snapshot::{Snapshot, Sources};
pub use template::{Filled, Template, TemplateValues};
pub use testing::{Case, Difference, Judged, Suite};
pub use view::{
    ContactView, ContextView, ConversationView, FileView, Later, MailContent, MailView,
    MailboxView, OperatorView, ReplyView, WORKSPACE,
};

#[cfg(test)]
mod tests;
