//! Where a mail may be that did not come: the provider's folder for spam, or what to
//! look at where there are no folders.

use super::mail::Hands;
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{ImapWay, Mailbox, WayIn};
use crate::domain::proof::Token;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::imap::Session;
use crate::protocol::imap::event::SpecialUse;
use crate::protocol::imap::{SearchKey, SelectMode};

/// Names tried where the server marks no folder as junk (RFC 6154).
const USUAL_NAMES: &[&str] = &[
    "Junk",
    "Spam",
    "Junk E-mail",
    "Junk Email",
    "Bulk Mail",
    "垃圾邮件",
];

/// What is known of a test mail that did not come back, as the end of a sentence.
pub(super) async fn where_it_may_be(hands: &Hands, mailbox: &Mailbox, token: &Token) -> Saying {
    let way = match &mailbox.settings.way_in {
        WayIn::Imap(way) => way,
        WayIn::Pop3(_) => {
            return saying!("test.place.pop3");
        }
        WayIn::Forwarding(_) => {
            return saying!("test.place.forwarding");
        }
    };
    match find_in_junk(hands, mailbox, way, token).await {
        Ok(Some(folder)) => saying!("test.place.junk", folder = &folder),
        Ok(None) => saying!("test.place.nowhere"),
        Err(words) => saying!("test.place.unsearched", what = words),
    }
}

/// The junk folder, when the mail with that token lies there. Failing is told in words.
async fn find_in_junk(
    hands: &Hands,
    mailbox: &Mailbox,
    way: &ImapWay,
    token: &Token,
) -> Result<Option<FolderName>, Saying> {
    let tap = hands.board.diary().tap(mailbox.key, "imap");
    let entered = hands.keyring.enter(&hands.dialer, mailbox, way, tap).await;
    let mut session = entered.map_err(|error| error.saying())?;
    let found = look(&mut session, way.junk.clone(), token).await;
    session.logout().await;
    found.map_err(|error| error.saying())
}

async fn look(
    session: &mut Session,
    named: Option<FolderName>,
    token: &Token,
) -> Result<Option<FolderName>, crate::net::imap::ImapError> {
    let folder = match named {
        Some(folder) => Some(folder),
        None => junk_folder(session).await?,
    };
    let Some(folder) = folder else {
        return Ok(None);
    };
    session.select(&folder, &SelectMode::ReadOnly).await?;
    let key = SearchKey::Header {
        name: "Subject".to_owned(),
        value: token.as_str().to_owned(),
    };
    let found = session.uid_search(&[key]).await?;
    Ok((!found.is_empty()).then_some(folder))
}

async fn junk_folder(
    session: &mut Session,
) -> Result<Option<FolderName>, crate::net::imap::ImapError> {
    let folders = session.list().await?;
    let marked = folders
        .iter()
        .find(|folder| folder.special_use == Some(SpecialUse::Junk) && folder.selectable);
    let named = || {
        USUAL_NAMES.iter().find_map(|name| {
            folders
                .iter()
                .find(|folder| folder.name.as_str().eq_ignore_ascii_case(name))
        })
    };
    Ok(marked.or_else(named).map(|folder| folder.name.clone()))
}
