//! A mail from the mailbox to itself: how long it takes, whether the server tells of it at
//! once, and whether the provider files what it submits.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Doctor;
use super::finding::{Check, Report};
use crate::domain::mailbox::{ImapWay, Mailbox, WayIn};
use crate::domain::proof::{SelfMailKind, TestRun, Token};
use crate::domain::saying::saying;
use crate::domain::user::Actor;
use crate::net::imap::{IdleEnd, ImapError, Session};
use crate::protocol::imap::{SearchKey, SelectMode};
use crate::service::credentials::Visiting;
use crate::service::sent_folder::{self, SentFolder};

/// The test itself waits longer and says on the mailbox's page how it ends.
const PATIENCE: Duration = Duration::from_secs(180);
/// After the mail is here, the server may be so late to tell of it.
const PUSH_GRACE: Duration = Duration::from_secs(10);

/// Whether the server told of the mail.
enum Pushed {
    /// After so long.
    After(Duration),
    /// Not while it was waited for.
    Never,
    /// It has no IDLE.
    CannotPush,
    Failed(ImapError),
}

impl Doctor {
    pub(super) async fn examine_round_trip(&self, mailbox: &Mailbox, report: &mut Report<'_>) {
        if report.is_blocked() {
            return report.note(Check::RoundTrip, saying!("found.blocked"));
        }
        let listening = match &mailbox.settings.way_in {
            WayIn::Imap(way) => self.listen(mailbox, way).await,
            WayIn::Pop3(_) | WayIn::Forwarding(_) => None,
        };
        let proving = &self.with.proving;
        if let Err(error) = proving.start(&Actor::Console, mailbox.id).await {
            report.note(
                Check::RoundTrip,
                saying!("found.not_measured", what = &error),
            );
            if let Some(session) = listening {
                session.logout().await;
            }
            return;
        }
        let test = proving.proofs(&Actor::Console, mailbox.id);
        let token = test
            .ok()
            .and_then(|proofs| proofs.test)
            .map(|test| test.token);
        let Some(token) = token else {
            return report.wrong(Check::RoundTrip, saying!("found.lost_sight"));
        };
        let (here, heard) = (CancellationToken::new(), CancellationToken::new());
        let follow = async {
            let test = proving.follow(mailbox, PATIENCE, |_| ()).await;
            tokio::select! {
                () = sleep(PUSH_GRACE) => {}
                () = heard.cancelled() => {}
            }
            here.cancel();
            test
        };
        let listen = async {
            let Some(mut session) = listening else {
                heard.cancel();
                return None;
            };
            let pushed = hear(&mut session, &token, &here).await;
            heard.cancel();
            Some((session, pushed))
        };
        let (test, listened) = tokio::join!(follow, listen);
        match test {
            Ok(Some(test)) => tell(&test, report),
            Ok(None) => report.wrong(Check::RoundTrip, saying!("found.lost_sight")),
            Err(error) => return report.wrong(Check::RoundTrip, &error),
        }
        if let Some((mut session, pushed)) = listened {
            tell_push(&pushed, report);
            if let Err(error) = self
                .looks_for_copy(&mut session, mailbox, &token, report)
                .await
            {
                report.note(Check::Sent, saying!("found.sent_unsearched", what = &error));
            }
            session.logout().await;
        }
    }

    /// Whether the provider has filed the test mail by itself. Its answer has the same words
    /// in its subject, behind a `Re:`.
    async fn looks_for_copy(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        token: &Token,
        report: &mut Report<'_>,
    ) -> Result<(), ImapError> {
        let settings = &mailbox.settings;
        let preset_name = self.with.presets.sent_folder(settings);
        let found = sent_folder::find(session, settings, preset_name.as_deref()).await?;
        let SentFolder::There(sent) = found else {
            return Ok(());
        };
        session.select(&sent, &SelectMode::ReadOnly).await?;
        let words = SelfMailKind::Test.subject(token);
        let both = session.uid_search(&[subject(&words)]).await?.len();
        let answers = format!("Re: {words}");
        let answers = session.uid_search(&[subject(&answers)]).await?.len();
        match (both > answers, settings.provider_files_sent) {
            (true, true) => report.fine(
                Check::Sent,
                saying!("found.filed_as_expected", folder = &sent),
            ),
            (true, false) => report.fine(
                Check::Sent,
                saying!("found.filed_by_itself", folder = &sent),
            ),
            (false, true) => {
                report.wrong(Check::Sent, saying!("found.filed_nowhere", folder = &sent))
            }
            (false, false) => {
                report.fine(Check::Sent, saying!("found.filed_by_us", folder = &sent))
            }
        }
        Ok(())
    }

    /// A connection of its own with the folder open; the mailbox's own is left alone.
    async fn listen(&self, mailbox: &Mailbox, way: &ImapWay) -> Option<Visiting<Session>> {
        let tap = self.tap(mailbox, "imap");
        let keyring = &self.with.keyring;
        let entered = keyring.enter(&self.with.dialer, mailbox, way, tap).await;
        // The login was told of before; a second connection may be one too many there.
        let mut session = entered.ok()?;
        let selected = session.select(&way.folder, &SelectMode::ReadOnly).await;
        selected.is_ok().then_some(session)
    }
}

async fn hear(session: &mut Session, token: &Token, stop: &CancellationToken) -> Pushed {
    if !session.capabilities().has("IDLE") {
        return Pushed::CannotPush;
    }
    let since = Instant::now();
    loop {
        match session.idle(stop.cancelled()).await {
            Ok(IdleEnd::Stopped) => return Pushed::Never,
            Ok(IdleEnd::RenewalDue) => {}
            Ok(IdleEnd::News) => {
                let after = since.elapsed();
                session.take_news();
                match session.uid_search(&[subject(token.as_str())]).await {
                    Ok(found) if found.is_empty() => {}
                    Ok(_) => return Pushed::After(after),
                    Err(error) => return Pushed::Failed(error),
                }
            }
            Err(error) => return Pushed::Failed(error),
        }
    }
}

fn subject(value: &str) -> SearchKey {
    SearchKey::Header {
        name: "Subject".to_owned(),
        value: value.to_owned(),
    }
}

fn tell(test: &TestRun, report: &mut Report<'_>) {
    if let Some(failure) = &test.failure {
        return report.wrong(Check::RoundTrip, failure);
    }
    let Some(latency) = test.latency() else {
        let seconds = PATIENCE.as_secs();
        return report.wrong(Check::RoundTrip, saying!("found.late", seconds));
    };
    let ms = latency.as_millis().to_string();
    if test.reply_left_at.is_some() {
        report.fine(Check::RoundTrip, saying!("found.round_trip", ms));
    } else {
        report.note(Check::RoundTrip, saying!("found.half_trip", ms));
    }
}

fn tell_push(pushed: &Pushed, report: &mut Report<'_>) {
    match pushed {
        Pushed::After(after) => {
            report.fine(Check::Push, saying!("found.pushed", ms = after.as_millis()))
        }
        Pushed::Never => report.note(Check::Push, saying!("found.not_pushed")),
        Pushed::CannotPush => report.note(Check::Push, saying!("found.no_push")),
        Pushed::Failed(error) => {
            report.note(Check::Push, saying!("found.push_unmeasured", what = error))
        }
    }
}
