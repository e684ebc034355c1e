//! The scripts: which are live, what is wrong with them, their texts, which mails a line
//! decided, and changing them beside a mail.

mod decisions;
mod edit;
mod reference;
mod source;
mod status;

pub(super) use decisions::show as decisions;
pub(super) use edit::{rehearse, save, show as edit, test, try_on};
pub(super) use reference::show as reference;
pub(super) use source::show as source;
pub(super) use status::show as status;

use axum::extract::FromRef;

use super::super::error::{Kind, Problem};
use super::super::handles::Wired;
use crate::domain::user::{Actor, Role};
use crate::script::Scripts;
use crate::service::asking::Asking;
use crate::service::console::Console;
use crate::service::rehearsal::Rehearsals;
use crate::service::script_editing::{EditError, ScriptEditing};

/// The services of these pages.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    scripts: Scripts,
    asking: Asking,
    editing: ScriptEditing,
    console: Console,
    rehearsals: Rehearsals,
}

impl FromRef<Wired> for Desk {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            scripts: Scripts::from_ref(wired),
            asking: Asking::from_ref(wired),
            editing: ScriptEditing::from_ref(wired),
            console: Console::from_ref(wired),
            rehearsals: Rehearsals::from_ref(wired),
        }
    }
}

fn must_be_operator(actor: &Actor) -> Result<(), Problem> {
    if actor.may(Role::Operator, actor.workspace()) {
        Ok(())
    } else {
        Err(Problem::new(Kind::Forbidden, &EditError::NotSeen))
    }
}
