//! The way in: login, ID, folder, junk and Sent by IMAP; the maildrop by POP3; our own
//! listener for forwarded mail.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::finding::{Check, Report};
use super::reach::count;
use super::{Doctor, login_of};
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{ImapWay, Mailbox, MailboxLogins, Pop3Keep, Pop3Way};
use crate::domain::preset::ImapId;
use crate::domain::refusal::Dialogue;
use crate::net::imap::{ImapError, OpenError, Session};
use crate::net::pop3::{self, Pop3Options};
use crate::protocol::imap::event::SpecialUse;
use crate::protocol::imap::{SearchKey, SelectMode};
use crate::service::credentials::EnterError;
use crate::service::sync::maildrop::look;

/// Mail in the junk folder that is younger may be a customer's who still waits.
const JUNK_DAYS: i64 = 7;

const REACH: (Check, Check) = (Check::IncomingReach, Check::IncomingTls);

impl Doctor {
    pub(super) async fn examine_imap(
        &self,
        mailbox: &Mailbox,
        way: &ImapWay,
        report: &mut Report<'_>,
    ) {
        if !self.reaches(&way.server, REACH, report).await {
            return;
        }
        let tap = self.tap(mailbox, "imap");
        let keyring = &self.with.keyring;
        let entered = keyring.enter(&self.with.dialer, mailbox, way, tap).await;
        let mut session = match entered {
            Ok(session) => session,
            Err(error) => {
                report.wrong(Check::Login, self.refused_by_imap(mailbox, &error));
                return;
            }
        };
        report.fine(Check::Login, format!("signed in at {}", way.server.host));
        self.looks_at_id(mailbox, &session, report);
        let looked = looks_into_folders(&mut session, mailbox, way, self.with.clock.now(), report);
        if let Err(error) = looked.await {
            report.wrong(Check::Folder, error.to_string());
        }
        session.logout().await;
    }

    fn refused_by_imap(&self, mailbox: &Mailbox, error: &EnterError) -> String {
        let sentence = error.to_string();
        let EnterError::Open(OpenError::Refused { refusal, .. }) = error else {
            return sentence;
        };
        let said = refusal.as_said();
        self.advised(mailbox, Dialogue::Imap, &said, &sentence)
    }

    /// With the provider's own advice, where its plugin has any.
    pub(super) fn advised(
        &self,
        mailbox: &Mailbox,
        dialogue: Dialogue,
        said: &str,
        sentence: &str,
    ) -> String {
        let presets = &self.with.presets;
        presets
            .understand(&mailbox.settings, dialogue, said, sentence, false)
            .reason
    }

    fn looks_at_id(&self, mailbox: &Mailbox, session: &Session, report: &mut Report<'_>) {
        let preset = self.with.presets.get(&mailbox.settings.preset);
        let wanted = preset.and_then(|plugin| plugin.preset.imap.as_ref().map(|imap| imap.id));
        match (session.capabilities().has("ID"), wanted) {
            (true, Some(ImapId::Required)) => report.fine(
                Check::Id,
                "the provider wants to know which program reads (ID), and was told",
            ),
            (true, _) => report.fine(Check::Id, "the server was told which program reads (ID)"),
            (false, Some(ImapId::Required)) => report.note(
                Check::Id,
                "the provider is known to want ID, and its server does not offer it; if folders \
                 do not open, this is why",
            ),
            (false, _) => report.fine(Check::Id, "the server does not ask which program reads"),
        }
    }

    pub(super) async fn examine_pop3(
        &self,
        mailbox: &Mailbox,
        way: &Pop3Way,
        logins: &MailboxLogins,
        report: &mut Report<'_>,
    ) {
        if !self.reaches(&way.server, REACH, report).await {
            return;
        }
        let login = match login_of(logins) {
            Ok(login) => login,
            Err(words) => return report.wrong(Check::Login, words),
        };
        let mut options = Pop3Options::new(way.server.clone(), login);
        options.tap = self.tap(mailbox, "pop3");
        let mut session = match pop3::Session::open(&self.with.dialer, &options).await {
            Ok(session) => session,
            Err(error) => {
                let sentence = error.to_string();
                let words = match &error {
                    pop3::OpenError::Refused { refusal, .. } => {
                        let said = refusal.as_said();
                        self.advised(mailbox, Dialogue::Pop3, &said, &sentence)
                    }
                    _ => sentence,
                };
                return report.wrong(Check::Login, words);
            }
        };
        report.fine(Check::Login, format!("signed in at {}", way.server.host));
        let delay = session.capabilities().login_delay();
        match look(&mut session).await {
            Ok(mails) => {
                let named = mails.iter().all(|mail| !mail.uidl.is_empty());
                let kept = match way.keep {
                    Pop3Keep::Leave => "they stay there".to_owned(),
                    Pop3Keep::Days(days) => format!("they are deleted there after {days} days"),
                    Pop3Keep::DeleteOnceStored => {
                        "they are deleted there once they are here".to_owned()
                    }
                };
                let words = format!(
                    "the maildrop holds {}; {kept}",
                    count(mails.len(), "mail", "mails")
                );
                if named {
                    report.fine(Check::Folder, words);
                } else {
                    let why = "the server has no lasting names for them (UIDL), so each look reads \
                               their headers: IMAP is better here";
                    report.note(Check::Folder, format!("{words}; {why}"));
                }
            }
            Err(error) => report.wrong(Check::Folder, error.to_string()),
        }
        session.leave().await;
        let pace = match delay {
            Some(delay) => format!(" and wants {} s between two logins", delay.as_secs()),
            None => String::new(),
        };
        report.note(
            Check::Push,
            format!("POP3 tells nothing by itself{pace}: new mail is seen at the next look"),
        );
        report.note(
            Check::Junk,
            "POP3 shows no junk folder: look there at the provider for customers' mail",
        );
    }

    pub(super) async fn examine_forwarding(&self, mailbox: &Mailbox, report: &mut Report<'_>) {
        let (Some(address), Some(domain)) = (
            self.with.receiving.address_of(mailbox),
            self.with.receiving.domain.as_deref(),
        ) else {
            let words = "this gateway takes no forwarded mail: set enabled and domain in \
                         [smtp_listener] of the configuration and restart";
            return report.wrong(Check::Listener, words);
        };
        match self.with.records.mx(domain).await {
            Ok(hosts) if hosts.is_empty() => report.wrong(
                Check::Listener,
                format!(
                    "{domain} has no MX record, so no provider can forward to {address}; add one \
                     that leads to this machine"
                ),
            ),
            Ok(hosts) => report.fine(
                Check::Listener,
                format!(
                    "mail for {address} goes to {}; whether that is this machine shows the test mail",
                    hosts.join(", ")
                ),
            ),
            Err(error) => report.note(Check::Listener, error.to_string()),
        }
        let health = self
            .mailboxes
            .get(&crate::domain::user::Actor::Console, mailbox.id);
        let Ok((_, health)) = health else { return };
        if let Some(asked) = health.confirmation {
            let words = format!(
                "the provider asks whether it may forward: the code is {}",
                asked.code
            );
            report.note(Check::Listener, words);
        }
        match health.last_mail_at {
            Some(at) => report.fine(Check::Listener, format!("the last mail came at {at}")),
            None => report.note(
                Check::Listener,
                "no mail has been forwarded yet; look whether forwarding is switched on at the \
                 provider",
            ),
        }
    }
}

async fn looks_into_folders(
    session: &mut Session,
    mailbox: &Mailbox,
    way: &ImapWay,
    now: Timestamp,
    report: &mut Report<'_>,
) -> Result<(), ImapError> {
    let folder = &way.folder;
    let selected = session.select(folder, &SelectMode::ReadOnly).await?;
    let words = format!(
        "{folder} holds {}",
        count(selected.exists as usize, "mail", "mails")
    );
    match selected.uid_validity {
        Some(_) => report.fine(Check::Folder, words),
        None => report.wrong(
            Check::Folder,
            format!(
                "{words}, and the server gives it no UIDVALIDITY, so they cannot be told apart"
            ),
        ),
    }
    for further in &way.more_folders {
        match session.select(further, &SelectMode::ReadOnly).await {
            Ok(selected) => {
                let mails = count(selected.exists as usize, "mail", "mails");
                report.fine(
                    Check::Folder,
                    format!("{further} holds {mails}, and is read too"),
                );
            }
            Err(error @ ImapError::Refused { .. }) => report.wrong(
                Check::Folder,
                format!(
                    "{further} cannot be opened: {error}; create it there, or connect without it"
                ),
            ),
            Err(error) => return Err(error),
        }
    }
    let folders = session.list().await?;
    let special = |wanted| {
        let mut named = folders.iter().filter(|folder| folder.selectable);
        let found = named.find(|folder| folder.special_use == Some(wanted));
        found.map(|folder| folder.name.clone())
    };
    let junk = way.junk.clone().or_else(|| special(SpecialUse::Junk));
    looks_into_junk(session, way, junk, now, report).await?;
    let settings = &mailbox.settings;
    let sent = settings.sent_folder.clone();
    let sent = sent.or_else(|| special(SpecialUse::Sent));
    match sent {
        Some(sent) => looks_into_sent(session, &sent, settings.provider_files_sent, report).await,
        None if settings.provider_files_sent => report.fine(
            Check::Sent,
            "the provider files what it submits, so no copy is put anywhere",
        ),
        None => report.note(
            Check::Sent,
            "the server marks no folder as Sent, so copies of replies are filed nowhere; name one \
             (mailbox edit --sent-folder)",
        ),
    }
    Ok(())
}

async fn looks_into_junk(
    session: &mut Session,
    way: &ImapWay,
    junk: Option<FolderName>,
    now: Timestamp,
    report: &mut Report<'_>,
) -> Result<(), ImapError> {
    let Some(junk) = junk else {
        report.fine(Check::Junk, "the server marks no folder as junk");
        return Ok(());
    };
    if let Err(error) = session.select(&junk, &SelectMode::ReadOnly).await {
        let ImapError::Refused { .. } = error else {
            return Err(error);
        };
        report.note(Check::Junk, format!("{junk} cannot be opened: {error}"));
        return Ok(());
    }
    let week_ago = now.checked_sub(SignedDuration::from_hours(24 * JUNK_DAYS));
    let since = week_ago.unwrap_or(now).to_zoned(TimeZone::UTC).date();
    let found = session.uid_search(&[SearchKey::Since(since)]).await?.len();
    let words = format!(
        "{junk} has {} of the last {JUNK_DAYS} days",
        count(found, "mail", "mails")
    );
    if found == 0 {
        report.fine(Check::Junk, words);
    } else if way.junk.is_some() {
        report.fine(Check::Junk, format!("{words}; they are read and marked"));
    } else {
        let hint = "it is not read; look whether customers' mail is among them, or let it be read \
                    (mailbox edit --junk)";
        report.note(Check::Junk, format!("{words}; {hint}"));
    }
    Ok(())
}

async fn looks_into_sent(
    session: &mut Session,
    sent: &FolderName,
    provider_files: bool,
    report: &mut Report<'_>,
) {
    match session.select(sent, &SelectMode::ReadWrite).await {
        Ok(selected) if selected.read_only && !provider_files => report.wrong(
            Check::Sent,
            format!("{sent} is read-only, so copies of replies cannot be filed in it"),
        ),
        Ok(_) if provider_files => report.fine(
            Check::Sent,
            format!("{sent} is there; the provider files what it submits"),
        ),
        Ok(_) => report.fine(
            Check::Sent,
            format!("{sent} can be written to; replies are filed there"),
        ),
        Err(error) => report.wrong(
            Check::Sent,
            format!("{sent} cannot be opened: {error}; name another (mailbox edit --sent-folder)"),
        ),
    }
}
