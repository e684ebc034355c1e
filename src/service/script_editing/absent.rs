//! What is wrong with the scripts, and which of them are for mailboxes that are not there.
//!
//! Scripts are judged without a store, so only here both are known.

use super::{EditError, ScriptEditing};
use crate::domain::slug::Slug;
use crate::script::Diagnostic;

impl ScriptEditing {
    /// Errors of scripts that were refused, or warnings of those that are live.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn problems(&self) -> Result<Vec<Diagnostic>, EditError> {
        let mut problems = self.scripts.problems();
        let Some(live) = self.scripts.current() else {
            return Ok(problems);
        };
        for text in live.mailboxes() {
            // What is no slug at all was said when the scripts were read.
            let Some(slug) = Slug::parse(text) else {
                continue;
            };
            if self.store.mailbox_by_slug(&slug)?.is_none() {
                let folder = format!("mailboxes/{slug}");
                let message = format!("no mailbox has the slug `{slug}`");
                let help = "name the folder as `postern mailbox list` has it, or remove it";
                let odd = Diagnostic::of_file(&folder, message).as_warning();
                problems.push(odd.with_help(Some(help.to_owned())));
            }
        }
        Ok(problems)
    }
}
