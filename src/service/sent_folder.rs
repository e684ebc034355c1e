//! Which folder of a mailbox holds what was sent, and the one that is made where there is none.

use crate::domain::folder::FolderName;
use crate::domain::mailbox::MailboxSettings;
use crate::net::imap::{ImapError, Session};
use crate::protocol::imap::event::{ListedFolder, SpecialUse};

/// Names tried where the server marks no folder as Sent (RFC 6154) and the preset names none.
const USUAL_NAMES: &[&str] = &[
    "Sent",
    "Sent Items",
    "Sent Messages",
    "INBOX.Sent",
    "已发送",
    "[Gmail]/Sent Mail",
];
/// The name of one that is made, where the preset has none.
const NEW_NAME: &str = "Sent";
/// Above every other folder on servers that want it so.
const INBOX: &str = "INBOX";

/// The folder, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SentFolder {
    /// It is, or a person has named it.
    There(FolderName),
    /// It is not; this would be its name, where there is a good one.
    Missing(Option<FolderName>),
}

/// Finds the folder: the one a person named, else the one marked `\Sent`, else the one the
/// preset names, else one of a usual name.
pub(super) async fn find(
    session: &mut Session,
    settings: &MailboxSettings,
    preset_name: Option<&str>,
) -> Result<SentFolder, ImapError> {
    // What the preset filled in was nobody's choice: the server knows better, since many
    // call the folder by the language of the account.
    let chosen = settings.sent_folder.as_ref();
    if let Some(folder) = chosen.filter(|folder| Some(folder.as_str()) != preset_name) {
        return Ok(SentFolder::There(folder.clone()));
    }
    Ok(choose(&session.list().await?, preset_name))
}

fn choose(folders: &[ListedFolder], preset_name: Option<&str>) -> SentFolder {
    let open = folders.iter().filter(|folder| folder.selectable);
    let marked = open
        .clone()
        .find(|folder| folder.special_use == Some(SpecialUse::Sent));
    let mut names = preset_name.iter().chain(USUAL_NAMES);
    let named = || {
        names.find_map(|name| {
            open.clone()
                .find(|folder| folder.name.as_str().eq_ignore_ascii_case(name))
        })
    };
    match marked.or_else(named) {
        Some(folder) => SentFolder::There(folder.name.clone()),
        None => SentFolder::Missing(new_name(folders, preset_name)),
    }
}

/// On servers that keep everything below INBOX (RFC 2342 has the reasons) a folder beside it
/// cannot be made.
fn new_name(folders: &[ListedFolder], preset_name: Option<&str>) -> Option<FolderName> {
    if let Some(name) = preset_name {
        return FolderName::new(name);
    }
    let others = folders
        .iter()
        .filter(|folder| !folder.name.as_str().eq_ignore_ascii_case(INBOX));
    let below = |folder: &ListedFolder| {
        let begin = folder
            .delimiter
            .map(|delimiter| format!("{INBOX}{delimiter}"));
        begin.filter(|begin| folder.name.as_str().starts_with(begin.as_str()))
    };
    let prefixes: Vec<Option<String>> = others.map(below).collect();
    match prefixes.first() {
        Some(Some(prefix)) if prefixes.iter().all(Option::is_some) => {
            FolderName::new(format!("{prefix}{NEW_NAME}"))
        }
        _ => FolderName::new(NEW_NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, delimiter: char, special_use: Option<SpecialUse>) -> ListedFolder {
        ListedFolder {
            name: FolderName::new(name).expect("a name"),
            delimiter: Some(delimiter),
            attributes: Vec::new(),
            special_use,
            selectable: true,
        }
    }

    fn there(name: &str) -> SentFolder {
        SentFolder::There(FolderName::new(name).expect("a name"))
    }

    fn missing(name: &str) -> SentFolder {
        SentFolder::Missing(FolderName::new(name))
    }

    #[test]
    fn what_the_server_marks_outranks_the_preset_and_that_outranks_usual_names() {
        let marked = listed("Gesendet", '/', Some(SpecialUse::Sent));
        let all = [
            listed("Sent", '/', None),
            listed("sent messages", '/', None),
        ];
        assert_eq!(
            choose(&[all.to_vec(), vec![marked]].concat(), None),
            there("Gesendet")
        );
        assert_eq!(choose(&all, Some("Sent Messages")), there("sent messages"));
        assert_eq!(choose(&all, Some("Elsewhere")), there("Sent"));
        assert_eq!(choose(&all[..0], Some("Sent Items")), missing("Sent Items"));
    }

    #[test]
    fn a_new_folder_stands_below_the_inbox_where_all_others_do() {
        let below = [listed("INBOX", '.', None), listed("INBOX.Trash", '.', None)];
        assert_eq!(choose(&below, None), missing("INBOX.Sent"));
        assert_eq!(choose(&below[..1], None), missing("Sent"));
        let beside = [listed("INBOX.Trash", '.', None), listed("Junk", '.', None)];
        assert_eq!(choose(&beside, None), missing("Sent"));
    }
}
