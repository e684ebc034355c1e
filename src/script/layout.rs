//! What stands where below the scripts folder, and whom it is for.
//!
//! Entry files at the root serve every mailbox. Those in `workspaces/<name>/` and
//! `mailboxes/<slug>/` replace some of their functions and inherit the others from the file
//! of the same name one storey up: mailbox, workspace, root. Everything else is shared and
//! stands at the root.

use super::diagnostic::Diagnostic;
use super::entry;
use super::suggest;
use super::view::WORKSPACE;
use crate::domain::slug::Slug;

/// Where files to import stand.
pub(super) const LIBRARY: &str = "lib";
/// Where folders of workspaces stand.
pub(super) const WORKSPACES: &str = "workspaces";
/// Where folders of mailboxes stand.
pub(super) const MAILBOXES: &str = "mailboxes";

/// Whom an entry file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'n> {
    Root,
    /// By its name.
    Workspace(&'n str),
    /// By its slug.
    Mailbox(&'n str),
}

impl<'n> Place<'n> {
    /// Where an entry file stands, and which one it is; `None` of other files.
    pub(super) fn of(name: &'n str) -> Option<(Self, &'static str)> {
        let mut parts = name.split('/');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
        let (place, base) = match parts {
            [Some(base), None, ..] => (Self::Root, base),
            [Some(WORKSPACES), Some(name), Some(base), None] => (Self::Workspace(name), base),
            [Some(MAILBOXES), Some(slug), Some(base), None] => (Self::Mailbox(slug), base),
            _ => return None,
        };
        let entry = entry::ALL.into_iter().find(|entry| *entry == base)?;
        Some((place, entry))
    }

    /// The storeys above, the nearest first.
    fn above(self) -> &'static [Place<'static>] {
        match self {
            Self::Root => &[],
            Self::Workspace(_) => &[Place::Root],
            // There is one workspace so far, so every mailbox is in it.
            Self::Mailbox(_) => &[Place::Workspace(WORKSPACE), Place::Root],
        }
    }

    /// What is odd about the folder, if it is one that nobody has.
    fn odd(self) -> Option<(String, String)> {
        match self {
            Self::Workspace(name) if name != WORKSPACE => Some((
                format!("there is no workspace `{name}`, so nobody is asked for this file"),
                format!("the one workspace is called `{WORKSPACE}`"),
            )),
            Self::Mailbox(name) if Slug::parse(name).is_none() => Some((
                format!("no mailbox can have the slug `{name}`, so nobody is asked for this file"),
                "a slug has lower-case letters, digits and single hyphens, such as \
                 support-example-com"
                    .to_owned(),
            )),
            _ => None,
        }
    }
}

/// Which entry file one below the scripts folder is, be it for everybody or for one mailbox
/// or workspace; `None` of other files.
#[must_use]
pub fn entry_of(name: &str) -> Option<&'static str> {
    Place::of(name).map(|(_, entry)| entry)
}

/// The slug of the mailbox that a file below the scripts folder is for alone.
#[must_use]
pub fn mailbox_of(name: &str) -> Option<&str> {
    match Place::of(name) {
        Some((Place::Mailbox(slug), _)) => Some(slug),
        _ => None,
    }
}

/// The name of a mailbox's own file in the place of this entry file.
#[must_use]
pub fn override_of(mailbox: &Slug, entry: &str) -> String {
    format!("{MAILBOXES}/{mailbox}/{entry}")
}

/// Whether it is an entry file of one mailbox or workspace.
#[must_use]
pub fn is_override(name: &str) -> bool {
    Place::of(name).is_some_and(|(place, _)| place != Place::Root)
}

/// The files that an entry file inherits from where they are there, the nearest first.
pub(super) fn parents(name: &str) -> Vec<String> {
    let Some((place, entry)) = Place::of(name) else {
        return Vec::new();
    };
    let above = place.above().iter().map(|place| match place {
        Place::Root => entry.to_owned(),
        Place::Workspace(name) => format!("{WORKSPACES}/{name}/{entry}"),
        Place::Mailbox(slug) => format!("{MAILBOXES}/{slug}/{entry}"),
    });
    above.collect()
}

/// What is to be said of a script that nobody ever runs, or for nobody.
pub(super) fn unused(name: &str) -> Option<Diagnostic> {
    let of_file = |message: String, help| {
        Some(
            Diagnostic::of_file(name, message)
                .as_warning()
                .with_help(help),
        )
    };
    if let Some((place, _)) = Place::of(name) {
        let (message, help) = place.odd()?;
        return of_file(message, Some(help));
    }
    let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
    let top = name.split('/').next().unwrap_or_default();
    if [MAILBOXES, WORKSPACES].contains(&top) {
        let message = "only entry files belong here, so this one is not read".to_owned();
        let help = suggest::did_you_mean(base, entry::ALL);
        let shared = "lib/, data/ and templates/ stand at the top of the scripts folder and are \
                      shared; here may stand";
        let help = help.unwrap_or_else(|| format!("{shared} {}", entry::ALL.join(", ")));
        return of_file(message, Some(help));
    }
    if folder.is_empty() {
        let help = suggest::did_you_mean(name, entry::ALL);
        let help = help.or_else(|| Some("files to import belong into lib/".to_owned()));
        return of_file("no file of this name is ever run".to_owned(), help);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_file_has_a_place() {
        for (name, place) in [
            ("routing.rhai", Some(Place::Root)),
            (
                "workspaces/default/timers.rhai",
                Some(Place::Workspace("default")),
            ),
            ("mailboxes/a-b/signature.rhai", Some(Place::Mailbox("a-b"))),
            ("mailboxes/routing.rhai", None),
            ("mailboxes/a/lib/routing.rhai", None),
            ("workspaces/default/mailboxes/a/routing.rhai", None),
            ("lib/routing.rhai", None),
            ("mailboxes/a/other.rhai", None),
        ] {
            assert_eq!(Place::of(name).map(|(place, _)| place), place, "{name}");
        }
    }
}
