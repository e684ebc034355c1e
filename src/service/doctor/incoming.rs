//! The way in: login, ID, folder, junk and Sent by IMAP; the maildrop by POP3; our own
//! listener for forwarded mail.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::finding::{Check, Report};
use super::reach::mails;
use super::{Doctor, login_of};
use crate::domain::attempt::Way;
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{ImapWay, Mailbox, MailboxLogins, Pop3Keep, Pop3Way};
use crate::domain::preset::{ImapId, SignInMethod};
use crate::domain::refusal::Dialogue;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::imap::{ImapError, OpenError, Session};
use crate::net::pop3::{self, Pop3Options};
use crate::protocol::imap::event::{ListedFolder, SpecialUse};
use crate::protocol::imap::{SearchKey, SelectMode};
use crate::service::credentials::{CredentialsError, EnterError};
use crate::service::sent_folder::{self, SentFolder};
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
        report.fine(
            Check::Login,
            saying!("trial.signed_in", host = way.server.host.as_str()),
        );
        self.looks_at_id(mailbox, &session, report);
        let looked = self.looks_into_folders(&mut session, mailbox, way, report);
        if let Err(error) = looked.await {
            report.wrong(Check::Folder, &error);
        }
        session.logout().await;
    }

    fn refused_by_imap(&self, mailbox: &Mailbox, error: &EnterError) -> Saying {
        let sentence = error.saying();
        let EnterError::Open(OpenError::Refused { refusal, .. }) = error else {
            return sentence;
        };
        let said = refusal.as_said();
        self.login_refused(mailbox, Dialogue::Imap, &said, sentence)
    }

    /// A refused login with the provider's own advice; else with what is mostly wrong.
    pub(super) fn login_refused(
        &self,
        mailbox: &Mailbox,
        dialogue: Dialogue,
        said: &str,
        sentence: Saying,
    ) -> Saying {
        let reason = self.advised(mailbox, dialogue, said, sentence.clone());
        let plugin = self.with.presets.get(&mailbox.settings.preset);
        // Whoever may have signed in at the provider has no password to look at.
        let signs_in = plugin.is_some_and(|one| one.preset.takes(SignInMethod::OAuth2));
        if signs_in || reason != sentence {
            return reason;
        }
        saying!("trial.check_login", what = sentence)
    }

    /// With the provider's own advice, where its plugin has any.
    pub(super) fn advised(
        &self,
        mailbox: &Mailbox,
        dialogue: Dialogue,
        said: &str,
        sentence: Saying,
    ) -> Saying {
        let presets = &self.with.presets;
        presets
            .understand(&mailbox.settings, dialogue, said, sentence, false)
            .reason
    }

    async fn looks_into_folders(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        way: &ImapWay,
        report: &mut Report<'_>,
    ) -> Result<(), ImapError> {
        let folder = &way.folder;
        let selected = session.select(folder, &SelectMode::ReadOnly).await?;
        let held = mails(selected.exists as usize);
        match selected.uid_validity {
            Some(_) => report.fine(Check::Folder, saying!("found.folder", folder, mails = held)),
            None => report.wrong(
                Check::Folder,
                saying!("found.no_validity", folder, mails = held),
            ),
        }
        for further in &way.more_folders {
            match session.select(further, &SelectMode::ReadOnly).await {
                Ok(selected) => {
                    let mails = mails(selected.exists as usize);
                    report.fine(
                        Check::Folder,
                        saying!("found.further", folder = further, mails),
                    );
                }
                Err(error @ ImapError::Refused { .. }) => report.wrong(
                    Check::Folder,
                    saying!("found.further_closed", folder = further, what = &error),
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
        looks_into_junk(session, way, junk, self.with.clock.now(), report).await?;
        self.looks_for_sent(session, mailbox, &folders, report)
            .await
    }

    async fn looks_for_sent(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        folders: &[ListedFolder],
        report: &mut Report<'_>,
    ) -> Result<(), ImapError> {
        let settings = &mailbox.settings;
        let preset_name = self.with.presets.sent_folder(settings);
        let found = sent_folder::find(session, settings, preset_name.as_deref()).await?;
        let is_there = |name: &FolderName| folders.iter().any(|folder| folder.name == *name);
        let (files, makes) = (settings.provider_files_sent, settings.replies.create_sent);
        match found {
            SentFolder::There(sent) if is_there(&sent) || !makes => {
                looks_into_sent(session, &sent, files, report).await;
            }
            SentFolder::Missing(_) if files => {
                report.fine(Check::Sent, saying!("found.provider_files"));
            }
            SentFolder::There(sent) | SentFolder::Missing(Some(sent)) if makes => {
                report.fine(Check::Sent, saying!("found.sent_made", folder = &sent));
            }
            SentFolder::There(_) | SentFolder::Missing(_) => {
                report.note(Check::Sent, saying!("found.no_sent"));
            }
        }
        Ok(())
    }

    fn looks_at_id(&self, mailbox: &Mailbox, session: &Session, report: &mut Report<'_>) {
        let preset = self.with.presets.get(&mailbox.settings.preset);
        let wanted = preset.and_then(|plugin| plugin.preset.imap.as_ref().map(|imap| imap.id));
        match (session.capabilities().has("ID"), wanted) {
            (true, Some(ImapId::Required)) => report.fine(Check::Id, saying!("found.id_wanted")),
            (true, _) => report.fine(Check::Id, saying!("found.id_told")),
            (false, Some(ImapId::Required)) => {
                report.note(Check::Id, saying!("found.id_not_offered"))
            }
            (false, _) => report.fine(Check::Id, saying!("found.id_unasked")),
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
        let keyring = &self.with.keyring;
        let taken = async {
            let visit = keyring.visit(mailbox).await?;
            Ok::<_, CredentialsError>((visit, keyring.offer(mailbox, Way::Receiving).await?))
        };
        let (_visit, offer) = match taken.await {
            Ok(both) => both,
            Err(error) => return report.wrong(Check::Login, &error),
        };
        let mut options = Pop3Options::new(way.server.clone(), login);
        options.tap = self.tap(mailbox, "pop3");
        let mut session = match pop3::Session::open(&self.with.dialer, &options).await {
            Ok(session) => session,
            Err(error) => {
                let sentence = error.saying();
                let words = match &error {
                    pop3::OpenError::Refused { refusal, .. } => {
                        let said = refusal.as_said();
                        if refusal.meaning() != pop3::RefusalMeaning::Passing {
                            keyring
                                .note_refusal(mailbox, Dialogue::Pop3, &said, false)
                                .await;
                        }
                        self.login_refused(mailbox, Dialogue::Pop3, &said, sentence)
                    }
                    _ => sentence,
                };
                return report.wrong(Check::Login, words);
            }
        };
        drop(offer);
        report.fine(
            Check::Login,
            saying!("trial.signed_in", host = way.server.host.as_str()),
        );
        let delay = session.capabilities().login_delay();
        match look(&mut session).await {
            Ok(found) => {
                let named = found.iter().all(|mail| !mail.uidl.is_empty());
                let kept = match way.keep {
                    Pop3Keep::Leave => saying!("found.kept"),
                    Pop3Keep::Days(days) => saying!("found.kept_days", days),
                    Pop3Keep::DeleteOnceStored => saying!("found.not_kept"),
                };
                let words = saying!("found.maildrop", mails = mails(found.len()), kept);
                if named {
                    report.fine(Check::Folder, words);
                } else {
                    report.note(Check::Folder, saying!("found.no_uidl", what = words));
                }
            }
            Err(error) => report.wrong(Check::Folder, &error),
        }
        session.leave().await;
        let pace = match delay {
            Some(delay) => saying!("found.pop3_pace", seconds = delay.as_secs()),
            None => saying!("found.pop3_silent"),
        };
        report.note(Check::Push, pace);
        report.note(Check::Junk, saying!("found.pop3_junk"));
    }

    pub(super) async fn examine_forwarding(&self, mailbox: &Mailbox, report: &mut Report<'_>) {
        let (Some(address), Some(domain)) = (
            self.with.receiving.address_of(mailbox),
            self.with.receiving.domain.as_deref(),
        ) else {
            return report.wrong(Check::Listener, saying!("found.takes_no_mail"));
        };
        match self.with.records.mx(domain).await {
            Ok(hosts) if hosts.is_empty() => {
                report.wrong(Check::Listener, saying!("found.no_mx", domain, address))
            }
            Ok(hosts) => report.fine(
                Check::Listener,
                saying!("found.mx", address, hosts = hosts.join(", ")),
            ),
            Err(error) => report.note(Check::Listener, &error),
        }
        let health = self
            .mailboxes
            .get(&crate::domain::user::Actor::Console, mailbox.id);
        let Ok((_, health)) = health else { return };
        if let Some(asked) = health.confirmation {
            report.note(Check::Listener, saying!("found.asked", code = asked.code));
        }
        match health.last_mail_at {
            Some(at) => report.fine(Check::Listener, saying!("found.last_mail", at = &at)),
            None => report.note(Check::Listener, saying!("found.nothing_forwarded")),
        }
    }
}

async fn looks_into_junk(
    session: &mut Session,
    way: &ImapWay,
    junk: Option<FolderName>,
    now: Timestamp,
    report: &mut Report<'_>,
) -> Result<(), ImapError> {
    let Some(junk) = junk else {
        report.fine(Check::Junk, saying!("found.no_junk"));
        return Ok(());
    };
    if let Err(error) = session.select(&junk, &SelectMode::ReadOnly).await {
        let ImapError::Refused { .. } = error else {
            return Err(error);
        };
        let words = saying!("found.folder_closed", folder = &junk, what = &error);
        report.note(Check::Junk, words);
        return Ok(());
    }
    let week_ago = now.checked_sub(SignedDuration::from_hours(24 * JUNK_DAYS));
    let since = week_ago.unwrap_or(now).to_zoned(TimeZone::UTC).date();
    let found = session.uid_search(&[SearchKey::Since(since)]).await?.len();
    let words = saying!(
        "found.junk",
        folder = &junk,
        mails = mails(found),
        days = JUNK_DAYS
    );
    if found == 0 {
        report.fine(Check::Junk, words);
    } else if way.junk.is_some() {
        report.fine(Check::Junk, saying!("found.junk_read", what = words));
    } else {
        report.note(Check::Junk, saying!("found.junk_unread", what = words));
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
        Ok(selected) if selected.read_only && !provider_files => {
            report.wrong(Check::Sent, saying!("found.sent_read_only", folder = sent))
        }
        Ok(_) if provider_files => report.fine(
            Check::Sent,
            saying!("found.sent_by_provider", folder = sent),
        ),
        Ok(_) => report.fine(Check::Sent, saying!("found.sent", folder = sent)),
        Err(error) => report.wrong(
            Check::Sent,
            saying!("found.sent_closed", folder = sent, what = &error),
        ),
    }
}
