//! Brings notices to people, one after the other, again and again until somebody has them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Alerts;
use super::outcome::{Outcome, settled, together};
use super::ways::Way;
use super::words::{Facts, written, written_together};
use crate::domain::address::{Address, NamedAddress};
use crate::domain::alert::{Due, day_of};
use crate::domain::back_off::BackOff;
use crate::domain::envelope::Envelope;
use crate::domain::key::{MailboxKey, WorkspaceKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::message_id::MessageId;
use crate::domain::notice::{GIVE_UP_AFTER, Notice, NoticeState};
use crate::domain::saying::{Said, Saying, saying};
use crate::mime::compose::{self, Automatic, Composition};
use crate::net::submission::{SubmissionOptions, Submitted, submit};
use crate::service::presets::parted;
use crate::service::reauthentication::MadeLink;
use crate::store::StoreError;

/// The longest wait without looking, in case the wall clock jumps.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Where nobody was asked, because there is no way out or nobody to tell, this is soon
/// enough to see that there is one.
const NOBODY_ASKED_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// Notices that say the same and still leave one by one.
const APART_MAX: usize = 3;
/// Notices in one mail.
const TOGETHER_MAX: usize = 100;
/// Letters of a Message-ID that tell notices apart.
const MARK_LETTERS: usize = 32;
/// Who notices are from, beside the address.
const SENDER_NAME: &str = "Postern";

/// A notice, and the mailbox it is about.
pub(super) struct News {
    pub(super) notice: Notice,
    pub(super) mailbox: Mailbox,
}

impl Alerts {
    pub(super) async fn send_all(&self, shutdown: CancellationToken) {
        loop {
            let wait = match self.send_due(&shutdown).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "notices cannot be sent at this moment");
                    LOOK_AGAIN
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.made.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Sends what is due; answers how long nothing is.
    async fn send_due(&self, shutdown: &CancellationToken) -> Result<Duration, StoreError> {
        let mut next: Option<Timestamp> = None;
        let mut due: Vec<Notice> = Vec::new();
        for notice in self.store.waiting_notices()? {
            match notice.state {
                NoticeState::Waiting { next: at } if at > self.clock.now() => {
                    next = Some(next.map_or(at, |next| next.min(at)));
                }
                _ => due.push(notice),
            }
        }
        if !due.is_empty() {
            for together in bundled(due) {
                if shutdown.is_cancelled() {
                    break;
                }
                self.send(together).await?;
            }
            // When what did not leave is tried again, a fresh look tells.
            return Ok(Duration::ZERO);
        }
        let now = self.clock.now();
        let wait = next.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
        Ok(wait.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN))
    }

    /// Sends one notice, or several that say the same of other mailboxes, as one mail.
    async fn send(&self, together: Vec<Notice>) -> Result<(), StoreError> {
        let mut news = Vec::with_capacity(together.len());
        for notice in together {
            // It may have been overtaken since it was looked for.
            let Some(notice) = self.store.waiting_notice(notice.key)? else {
                continue;
            };
            let mailbox = self.store.mailbox(notice.mailbox)?;
            match mailbox.filter(|mailbox| self.still_true(&notice, mailbox)) {
                Some(mailbox) => news.push(News { notice, mailbox }),
                None => {
                    let dropped = |notice: &mut Notice| notice.state = NoticeState::Dropped;
                    self.store.change_notice(notice.key, dropped).await?;
                }
            }
        }
        let Some(first) = news.first() else {
            return Ok(());
        };
        let mail = if first.notice.mailed {
            None
        } else {
            Some(self.try_mail(&news).await?)
        };
        let mut silent = None;
        for one in &news {
            let posted = match &silent {
                // What did not answer a moment ago is not asked once more for each.
                Some(words) => Some(Err(Saying::clone(words))),
                None => self.post(one).await,
            };
            if let Some(Err(words)) = &posted {
                silent = Some(words.clone());
            }
            self.record(one, mail.as_ref(), posted).await?;
        }
        Ok(())
    }

    async fn try_mail(&self, news: &[News]) -> Result<Outcome, StoreError> {
        let mut people = Vec::new();
        if let Some(News { notice, mailbox }) = news.first() {
            let mut about = mailbox.clone();
            if news.len() > 1 || is_of_scripts(notice) {
                // Who is to be told of one mailbox need not hear of others, nor of scripts.
                about.settings.rescue_address = None;
            }
            people = self.people(Some(&about))?;
            people.retain(|address| !notice.accepted.contains(address));
        }
        people.retain(|address| {
            let sick = |one: &News| one.mailbox.settings.address.folded() == address.folded();
            !news.iter().any(sick)
        });
        people.truncate(Envelope::RECIPIENTS_MAX);
        if people.is_empty() {
            return Ok(Outcome::nobody_asked(saying!("unsent.no_address")));
        }
        self.try_ways(news, &people).await
    }

    /// A code that was replaced meanwhile does not end any more.
    fn still_true(&self, notice: &Notice, mailbox: &Mailbox) -> bool {
        let Due::Ends { expiry, .. } = &notice.due else {
            return true;
        };
        match self.mailboxes.expiry(mailbox) {
            Ok(now) => now.is_some_and(|now| now.ends_on == expiry.ends_on),
            // What cannot be read is no reason to be silent.
            Err(_) => true,
        }
    }

    async fn try_ways(&self, news: &[News], people: &[Address]) -> Result<Outcome, StoreError> {
        // A script that fails is no reason to distrust the mailbox.
        let sick = news.iter().filter(|one| !is_of_scripts(&one.notice));
        let sick: Vec<MailboxKey> = sick.map(|one| one.mailbox.key).collect();
        let ways = self.ways(&sick)?;
        let link = match news {
            [one] if !ways.is_empty() => self.link(one).await,
            _ => None,
        };
        let (people, shared) = self.apart(people, link.is_some())?;
        let mut outcome = self
            .try_each(news, &people, &ways, link.as_ref(), false)
            .await;
        if !shared.is_empty() {
            let other = self.try_each(news, &shared, &ways, None, true).await;
            outcome = if people.is_empty() {
                other
            } else {
                outcome.and(other)
            };
        }
        Ok(outcome)
    }

    /// Who may have a link, and whose address is itself one of ours: what arrives there
    /// becomes a conversation, and everybody who answers those would hold the link.
    fn apart(
        &self,
        people: &[Address],
        linked: bool,
    ) -> Result<(Vec<Address>, Vec<Address>), StoreError> {
        if !linked {
            return Ok((people.to_vec(), Vec::new()));
        }
        let mailboxes = self.store.mailboxes()?;
        let settings = mailboxes.iter().map(|mailbox| &mailbox.settings);
        let ours: HashSet<String> = settings
            .flat_map(|one| {
                let aliases = one.aliases.iter().map(|alias| &alias.address);
                aliases.chain([&one.address]).map(Address::folded)
            })
            .collect();
        let listener = self.mailboxes.receiving_domain();
        let alone = |address: &Address| {
            let taken_in =
                listener.is_some_and(|domain| domain.eq_ignore_ascii_case(address.domain()));
            !taken_in && !ours.contains(&address.folded())
        };
        Ok(people.iter().cloned().partition(alone))
    }

    /// Tries one way after the other, until one takes the notice.
    async fn try_each(
        &self,
        news: &[News],
        people: &[Address],
        ways: &[Way],
        link: Option<&MadeLink>,
        shared: bool,
    ) -> Outcome {
        let mut failures = Vec::new();
        if people.is_empty() {
            return Outcome::nobody_asked(saying!("unsent.nobody"));
        }
        for way in ways {
            let written = self.written(news, link, shared);
            match self.hand_over(news, people, way, written).await {
                Ok(outcome) => return outcome,
                Err(words) => failures.push(words),
            }
        }
        if failures.is_empty() {
            return Outcome::nobody_asked(saying!("unsent.no_way_out"));
        }
        Outcome {
            accepted: Vec::new(),
            failure: together(failures),
            again: true,
            asked: true,
        }
    }

    /// Hands the notice to one server; the error is why nobody has it.
    async fn hand_over(
        &self,
        news: &[News],
        people: &[Address],
        way: &Way,
        written: (String, String),
    ) -> Result<Outcome, Saying> {
        let (envelope, bytes) = mail(news, people, way, written, self.clock.now())?;
        let (by, result) = match way {
            Way::System(system) => {
                let options = SubmissionOptions::new(system.server.clone(), system.login.clone());
                let sent = submit(&self.dialer, &options, &envelope, &bytes).await;
                (system.from.to_string(), sent)
            }
            Way::Mailbox(other) => {
                let address = other.settings.address.to_string();
                let server = other.settings.way_out.server();
                let server =
                    server.ok_or_else(|| saying!("unsent.no_server", address = &address))?;
                let offered = self.keyring.offer_to_send(other).await;
                let (offer, logins) = offered.map_err(|error| error.saying())?;
                let login = logins.outgoing;
                let mut options = SubmissionOptions::new(server.clone(), login);
                options.tap = self.board.diary().tap(other.key, "smtp");
                let offer = Some(offer);
                let sent =
                    self.keyring
                        .submit(&self.dialer, other, offer, options, &envelope, &bytes);
                match sent.await {
                    (_, Some(trouble)) => return Err(trouble.saying()),
                    (result, None) => (address, result),
                }
            }
        };
        match result {
            Ok(Submitted { recipients, .. }) => Ok(settled(recipients, &by)),
            Err(error) => Err(saying!("unsent.by", by, what = &error)),
        }
    }

    /// A link for whoever reads the notice, where one helps and leads somewhere.
    async fn link(&self, News { notice, mailbox }: &News) -> Option<MadeLink> {
        self.options.public_url.as_ref()?;
        if !matches!(notice.due, Due::Ends { .. } | Due::Reauthenticate { .. }) {
            return None;
        }
        match self.links.make_for_notice(notice.key, mailbox).await {
            Ok(link) => Some(link),
            Err(error) => {
                tracing::warn!(address = %mailbox.settings.address, %error, "a notice leaves without a link");
                None
            }
        }
    }

    fn written(&self, news: &[News], link: Option<&MadeLink>, shared: bool) -> (String, String) {
        let public_url = self.options.public_url.as_deref();
        match news {
            [News { notice, mailbox }] => written(&Facts {
                mailbox,
                due: &notice.due,
                said: match &notice.due {
                    Due::Reauthenticate { reason } | Due::Error { reason, .. } => {
                        Some(parted(reason))
                    }
                    Due::Ends { .. }
                    | Due::Recovered { .. }
                    | Due::Script { .. }
                    | Due::ScriptFails { .. } => None,
                },
                shared,
                today: day_of(self.clock.now()),
                settings_url: self.settings_url(mailbox),
                public_url,
                link,
            }),
            many => {
                let many: Vec<_> = many
                    .iter()
                    .map(|one| (&one.mailbox, &one.notice.due))
                    .collect();
                written_together(&many, public_url)
            }
        }
    }

    fn settings_url(&self, mailbox: &Mailbox) -> Option<String> {
        let plugin = self.presets.get(&mailbox.settings.preset)?;
        plugin.preset.settings_url
    }

    async fn record(
        &self,
        News { notice, mailbox }: &News,
        mail: Option<&Outcome>,
        posted: Option<Result<(), Saying>>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let address = &mailbox.settings.address;
        let mut after = notice.clone();
        after.attempts = after.attempts.saturating_add(1);
        after.hooked |= matches!(posted, Some(Ok(())));
        let mut failures: Vec<Saying> = Vec::new();
        if let Some(mail) = mail {
            after.accepted.extend(mail.accepted.iter().cloned());
            // Where nobody can be written to, the webhook is enough.
            after.mailed = !mail.again || !mail.asked && after.hooked;
            failures.extend(mail.failure.clone().filter(|_| mail.asked || !after.hooked));
        }
        let asked = mail.is_some_and(|mail| mail.asked) || posted.is_some();
        failures.extend(posted.and_then(Result::err));
        after.failure = together(failures);
        match &after.failure {
            None => {
                tracing::info!(%address, notice = notice.key.0, "a notice about a mailbox has left");
            }
            known if *known == notice.failure => {}
            Some(failure) => {
                tracing::warn!(%address, notice = notice.key.0, %failure, "a notice about a mailbox did not reach everybody");
            }
        }
        let wait = BackOff::NOTICE.wait(after.attempts, self.random.jitter());
        let wait = if asked {
            SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)
        } else {
            NOBODY_ASKED_PAUSE
        };
        let next = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let done = after.mailed && (after.hooked || self.webhook.is_none());
        let patient = now.duration_since(notice.made_at) < GIVE_UP_AFTER;
        after.state = match (!done && patient, after.is_told()) {
            (true, _) => NoticeState::Waiting { next },
            (false, true) => NoticeState::Sent { at: now },
            (false, false) => NoticeState::GivenUp,
        };
        if !after.is_waiting() {
            self.links.notice_is_done(notice.key);
        }
        let change = move |notice: &mut Notice| notice.clone_from(&after);
        self.store.change_notice(notice.key, change).await
    }
}

/// It is about the scripts, and about the mailbox only since its mail showed it.
fn is_of_scripts(notice: &Notice) -> bool {
    matches!(notice.due, Due::ScriptFails { .. })
}

/// When a provider is down all its mailboxes fail at once: what says the same of more than
/// a few mailboxes becomes one mail. Notices with links stay apart.
fn bundled(due: Vec<Notice>) -> Vec<Vec<Notice>> {
    let mut alike: BTreeMap<(WorkspaceKey, bool), Vec<Notice>> = BTreeMap::new();
    let mut apart = Vec::new();
    for notice in due {
        let over = matches!(notice.due, Due::Recovered { .. });
        let bundles = over || matches!(notice.due, Due::Error { .. });
        if bundles && notice.accepted.is_empty() && !notice.mailed {
            let key = (notice.workspace, over);
            alike.entry(key).or_default().push(notice);
        } else {
            apart.push(notice);
        }
    }
    let mut together = Vec::new();
    for mut notices in alike.into_values() {
        if notices.len() <= APART_MAX {
            apart.append(&mut notices);
        }
        while !notices.is_empty() {
            let rest = notices.split_off(notices.len().min(TOGETHER_MAX));
            together.push(std::mem::replace(&mut notices, rest));
        }
    }
    apart.sort_by_key(|notice| notice.key);
    together.extend(apart.into_iter().map(|notice| vec![notice]));
    together
}

fn mail(
    news: &[News],
    people: &[Address],
    way: &Way,
    (subject, text): (String, String),
    now: Timestamp,
) -> Result<(Envelope, Vec<u8>), Saying> {
    let sender = match way {
        Way::System(system) => system.from.clone(),
        Way::Mailbox(other) => other.settings.address.clone(),
    };
    let mut mark = blake3::Hasher::new();
    for one in news {
        mark.update(&one.notice.mark);
    }
    let mark = mark.finalize().to_hex();
    let id = format!(
        "postern-notice.{}@{}",
        &mark[..MARK_LETTERS],
        sender.domain()
    );
    let id = MessageId::parse(&id).ok_or_else(|| saying!("unsent.id", id = &id))?;
    let from = NamedAddress::new(Some(SENDER_NAME), sender);
    let to: Vec<NamedAddress> = people.iter().cloned().map(NamedAddress::from).collect();
    let composed = compose::compose(&Composition {
        from: &from,
        reply_to: None,
        to: &to,
        cc: &[],
        bcc: &[],
        subject: &subject,
        date: now,
        message_id: &id,
        answered: None,
        text: &text,
        quotation: None,
        below: None,
        with_html: false,
        automatic: Some(Automatic::Generated),
        files: &[],
    });
    let composed = composed.map_err(Saying::words)?;
    Ok((composed.envelope, composed.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::NoticeKey;

    fn notice(key: u64, due: Due) -> Notice {
        Notice {
            key: NoticeKey(key),
            workspace: WorkspaceKey::DEFAULT,
            mailbox: MailboxKey(key),
            due,
            made_at: Timestamp::UNIX_EPOCH,
            mark: [0; 12],
            state: NoticeState::Waiting {
                next: Timestamp::UNIX_EPOCH,
            },
            attempts: 0,
            accepted: Vec::new(),
            mailed: false,
            hooked: false,
            failure: None,
        }
    }

    #[test]
    fn an_outage_of_many_mailboxes_is_a_few_mails_and_links_stay_apart() {
        let error = || Due::Error {
            reason: "down".into(),
            since: Timestamp::UNIX_EPOCH,
        };
        let refused = || Due::Reauthenticate {
            reason: "535".into(),
        };
        let sizes = |errors: u64, others: u64| {
            let errors = (0..errors).map(|key| notice(key, error()));
            let others = (0..others).map(|key| notice(1_000 + key, refused()));
            let mails = bundled(errors.chain(others).collect());
            mails.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(3, 1), [1, 1, 1, 1]);
        assert_eq!(sizes(250, 2), [100, 100, 50, 1, 1]);
        assert_eq!(sizes(0, 5), [1; 5]);
    }
}
