//! Options of when a mail joins an older conversation.

use clap::Args;

use crate::control::threading::ThreadingForm;

#[derive(Clone, Debug, Default, Args)]
pub(super) struct ThreadingOptions {
    /// Where a new mail of a known contact goes that answers none of ours: thread_only (a
    /// conversation of its own), recent (the contact's last one, if it is recent) or
    /// one_per_contact (always that one) [default: recent]
    #[arg(long, value_name = "WORD")]
    reopen: Option<String>,
    /// How many days the contact's last conversation is recent [default: 30]
    #[arg(long, value_name = "DAYS")]
    reopen_days: Option<String>,
    /// How many days a mail of the same contact and subject joins; 0 for never [default: 14]
    #[arg(long, value_name = "DAYS")]
    same_subject_days: Option<String>,
}

impl From<ThreadingOptions> for ThreadingForm {
    fn from(options: ThreadingOptions) -> Self {
        Self {
            reopen: options.reopen,
            reopen_days: options.reopen_days,
            same_subject_days: options.same_subject_days,
        }
    }
}
