//! The trial connection: step by step, each with what was found or what stopped it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::proposal::Proposal;
use crate::domain::address::Address;
use crate::domain::condition::Failure;
use crate::domain::folder::Cursor;
use crate::domain::mailbox::{
    ForwardingWay, ImapWay, Login, MailboxLogins, MailboxSettings, Pop3Keep, Pop3Way, WayIn, WayOut,
};
use crate::domain::maildrop::Begin;
use crate::domain::refusal::{Dialogue, FailureClass};
use crate::domain::saying::{Said, Saying, saying};
use crate::net::dial::Dialer;
use crate::net::imap::{ImapOptions, OpenError, Session};
use crate::net::pop3::{self, Pop3Options};
use crate::net::submission::{self, SubmissionOptions};
use crate::protocol::imap::SelectMode;
use crate::service::presets::Presets;
use crate::service::sync::history::{first_cursor, renumbered_cursor};
use crate::service::sync::maildrop::{first_rows, look};
use crate::service::way_out::{SystemSmtp, way_out};

/// A server greets within this, or is not one.
const GREETING_TIME_MAX: Duration = Duration::from_secs(10);

/// A step of the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Reaching the incoming server, TLS, and logging in.
    Incoming,
    /// Opening the folder, or listing the maildrop.
    Folder,
    /// Reaching the outgoing server, TLS, and logging in.
    Outgoing,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// Which.
    pub step: Step,
    /// What was found, or what stopped it.
    pub outcome: Result<Saying, Saying>,
    /// How long it took.
    pub took: Duration,
}

/// What a trial is made with.
pub(super) struct Means<'a> {
    pub(super) dialer: &'a Dialer,
    pub(super) system: Option<&'a SystemSmtp>,
    pub(super) presets: &'a Presets,
    /// What stands behind the `@` of receiving addresses.
    pub(super) receiving_domain: Option<&'a str>,
    pub(super) now: Timestamp,
    /// The mailbox is connected since then, so its mail may be here already.
    pub(super) connected_at: Option<Timestamp>,
    /// A server has refused the login.
    pub(super) refused: AtomicBool,
}

impl Means<'_> {
    /// What stopped the login, with the provider's own advice.
    fn explain(&self, settings: &MailboxSettings, login: &Login, error: &OpenError) -> Saying {
        let sentence = saying!("about", whom = &settings.address, what = error);
        let OpenError::Refused { refusal, .. } = error else {
            return sentence;
        };
        self.advise(
            settings,
            login,
            Dialogue::Imap,
            &refusal.as_said(),
            sentence,
        )
    }

    fn explain_pop3(
        &self,
        settings: &MailboxSettings,
        login: &Login,
        error: &pop3::OpenError,
    ) -> Saying {
        let sentence = saying!("about", whom = &settings.address, what = error);
        let pop3::OpenError::Refused { refusal, .. } = error else {
            return sentence;
        };
        self.advise(
            settings,
            login,
            Dialogue::Pop3,
            &refusal.as_said(),
            sentence,
        )
    }

    fn advise(
        &self,
        settings: &MailboxSettings,
        login: &Login,
        dialogue: Dialogue,
        said: &str,
        sentence: Saying,
    ) -> Saying {
        let found = self
            .presets
            .understand(settings, dialogue, said, sentence.clone(), false);
        self.note(&found.failure);
        let advised = found
            .verdict
            .is_some_and(|verdict| verdict.advice.is_some());
        let token = login.credentials.bearer().is_some();
        if advised || token || found.reason != sentence {
            return found.reason;
        }
        saying!("trial.check_login", what = sentence)
    }

    fn note(&self, failure: &Failure) {
        if failure.is_refusal() {
            self.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the user name may be what is wrong with a login that was refused.
    fn may_be_the_name(&self, settings: &MailboxSettings, dialogue: Dialogue, said: &str) -> bool {
        let found = self
            .presets
            .understand(settings, dialogue, said, Saying::from(said), false);
        let class = found.verdict.map(|verdict| verdict.class);
        class.is_none_or(|class| class == FailureClass::BadCredentials)
    }

    async fn try_submission(
        &self,
        proposal: &Proposal,
        other: Option<&str>,
    ) -> (Result<Saying, Saying>, Option<String>) {
        let settings = &proposal.settings;
        let address = &settings.address;
        let way = match way_out(settings, &proposal.logins, self.system) {
            Ok(way) => way,
            Err(error) => return (Err(about(address, &error)), None),
        };
        let (server, login) = way;
        let probe = async |login| {
            let options = SubmissionOptions::new(server.clone(), login);
            submission::probe(self.dialer, &options).await.map(drop)
        };
        let mut tried = probe(login.clone()).await;
        let refused = tried
            .as_ref()
            .err()
            .and_then(|error| error.authentication_refusal());
        let refused = refused.map(ToString::to_string);
        let again = refused
            .as_deref()
            .is_some_and(|said| self.may_be_the_name(settings, Dialogue::SmtpLogin, said));
        let mut other = other.filter(|_| again).zip(login);
        if let Some((name, login)) = other.as_mut() {
            login.user = (*name).to_owned();
            match probe(Some(login.clone())).await {
                Ok(()) => tried = Ok(()),
                // The usual name is the one to tell of.
                Err(_) => other = None,
            }
        }
        match tried {
            Ok(()) => {
                let user = other.map(|(name, _)| name.to_owned());
                (Ok(signed_in(&server.host, user.as_deref())), user)
            }
            Err(error) => {
                let mut sentence = about(address, &error);
                if settings.way_out == WayOut::System {
                    // Nothing that is typed here is wrong.
                    let what = saying!("trial.system", what = &error);
                    sentence = about(address, &what);
                }
                let Some(said) = refused else {
                    return (Err(sentence), None);
                };
                let login = Dialogue::SmtpLogin;
                let found = self
                    .presets
                    .understand(settings, login, &said, sentence, true);
                self.note(&found.failure);
                (Err(found.reason), None)
            }
        }
    }
}

async fn open(dialer: &Dialer, way: &ImapWay, login: &Login) -> Result<Session, OpenError> {
    let mut options = ImapOptions::new(way.server.clone(), login.clone());
    // A person is waiting; a server that says nothing first is on the wrong port.
    options.limits.greeting_deadline = GREETING_TIME_MAX;
    Session::open(dialer, &options).await
}

async fn open_pop3(
    dialer: &Dialer,
    way: &Pop3Way,
    login: &Login,
) -> Result<pop3::Session, pop3::OpenError> {
    let mut options = Pop3Options::new(way.server.clone(), login.clone());
    options.limits.greeting_deadline = GREETING_TIME_MAX;
    pop3::Session::open(dialer, &options).await
}

/// A trial connection: what has been found so far.
#[derive(Debug, Default)]
pub(super) struct Trial {
    pub(super) steps: Vec<StepResult>,
    /// Where reading would begin, once the folder or maildrop has been looked into.
    pub(super) begin: Option<Begin>,
    pub(super) outgoing_works: bool,
    pub(super) users: ProvenUsers,
    /// A server has refused the login.
    pub(super) refused: bool,
}

/// User names that were let in where the usual ones were not.
#[derive(Debug, Default)]
pub(super) struct ProvenUsers {
    incoming: Option<String>,
    outgoing: Option<String>,
}

impl ProvenUsers {
    pub(super) fn put_into(self, logins: &mut MailboxLogins) {
        for (name, login) in [
            (self.incoming, &mut logins.incoming),
            (self.outgoing, &mut logins.outgoing),
        ] {
            if let (Some(name), Some(login)) = (name, login) {
                login.user = name;
            }
        }
    }
}

impl Trial {
    pub(super) async fn run(
        &mut self,
        means: &Means<'_>,
        proposal: &Proposal,
        mut on_step: impl FnMut(&StepResult),
    ) {
        let begun = Instant::now();
        let settings = &proposal.settings;
        let address = &settings.address;
        match (&settings.way_in, &proposal.logins.incoming) {
            (WayIn::Imap(way), Some(login)) => {
                let mut opened = open(means.dialer, way, login).await;
                if let Err(OpenError::Refused { refusal, .. }) = &opened
                    && let Some(other) = proposal.other_login()
                    && means.may_be_the_name(settings, Dialogue::Imap, &refusal.as_said())
                    && let Ok(session) = open(means.dialer, way, &other).await
                {
                    opened = Ok(session);
                    self.users.incoming = Some(other.user);
                }
                let words = match &opened {
                    Ok(_) => Ok(signed_in(&way.server.host, self.users.incoming.as_deref())),
                    Err(error) => Err(means.explain(settings, login, error)),
                };
                on_step(self.note(Step::Incoming, words, begun));
                let Ok(mut session) = opened else { return };
                let begun = Instant::now();
                let looked = look_into_folder(&mut session, settings, way, means).await;
                session.logout().await;
                let looked = looked.map(|(cursor, words)| (Begin::Folder(cursor), words));
                on_step(self.note_begin(looked, begun));
            }
            (WayIn::Pop3(way), Some(login)) => {
                let mut opened = open_pop3(means.dialer, way, login).await;
                if let Err(pop3::OpenError::Refused { refusal, .. }) = &opened
                    && let Some(other) = proposal.other_login()
                    && means.may_be_the_name(settings, Dialogue::Pop3, &refusal.as_said())
                    && let Ok(session) = open_pop3(means.dialer, way, &other).await
                {
                    opened = Ok(session);
                    self.users.incoming = Some(other.user);
                }
                let words = match &opened {
                    Ok(_) => Ok(signed_in(&way.server.host, self.users.incoming.as_deref())),
                    Err(error) => Err(means.explain_pop3(settings, login, error)),
                };
                on_step(self.note(Step::Incoming, words, begun));
                let Ok(mut session) = opened else { return };
                let begun = Instant::now();
                let looked = look_into_maildrop(&mut session, settings, way, means).await;
                session.leave().await;
                on_step(self.note_begin(looked, begun));
            }
            (WayIn::Forwarding(way), _) => {
                let words = forwarded(way, settings, means.receiving_domain);
                let fine = words.is_ok();
                on_step(self.note(Step::Incoming, words, begun));
                if fine {
                    self.try_outgoing(means, proposal, on_step).await;
                }
                return;
            }
            (_, None) => {
                let words = about(address, &saying!("trial.no_login"));
                on_step(self.note(Step::Incoming, Err(words), begun));
            }
        }
        if self.begin.is_none() {
            return;
        }

        self.try_outgoing(means, proposal, on_step).await;
    }

    async fn try_outgoing(
        &mut self,
        means: &Means<'_>,
        proposal: &Proposal,
        mut on_step: impl FnMut(&StepResult),
    ) {
        let begun = Instant::now();
        let other = proposal.other_users.outgoing.as_deref();
        let (submission, user) = means.try_submission(proposal, other).await;
        self.users.outgoing = user;
        self.outgoing_works = submission.is_ok();
        on_step(self.note(Step::Outgoing, submission, begun));
    }

    /// Every step was taken, and none failed.
    pub(super) fn passed(&self) -> bool {
        self.outgoing_works && self.steps.iter().all(|step| step.outcome.is_ok())
    }

    /// The step after the last one did not end.
    pub(super) fn give_up(&mut self, settings: &MailboxSettings, after: Duration) {
        let address = &settings.address;
        let step = match self.steps.len() {
            0 => Step::Incoming,
            1 if settings.way_in.server().is_some() => Step::Folder,
            _ => Step::Outgoing,
        };
        let seconds = after.as_secs();
        self.steps.push(StepResult {
            step,
            outcome: Err(about(address, &saying!("trial.too_long", seconds))),
            took: after,
        });
    }

    fn note_begin(
        &mut self,
        looked: Result<(Begin, Saying), Saying>,
        begun: Instant,
    ) -> &StepResult {
        let words = looked.map(|(begin, words)| {
            self.begin = Some(begin);
            words
        });
        self.note(Step::Folder, words, begun)
    }

    fn note(&mut self, step: Step, outcome: Result<Saying, Saying>, begun: Instant) -> &StepResult {
        let result = StepResult {
            step,
            outcome,
            took: begun.elapsed(),
        };
        self.steps.push(result);
        &self.steps[self.steps.len() - 1]
    }
}

fn about(address: &Address, what: &impl Said) -> Saying {
    saying!("about", whom = address, what)
}

/// `user` when that is not the usual name.
fn signed_in(host: &str, user: Option<&str>) -> Saying {
    match user {
        Some(user) => saying!("trial.signed_in_as", host, user),
        None => saying!("trial.signed_in", host),
    }
}

/// Whether forwarded mail would be taken. That the provider does forward shows only when
/// the first mail comes.
fn forwarded(
    way: &ForwardingWay,
    settings: &MailboxSettings,
    domain: Option<&str>,
) -> Result<Saying, Saying> {
    let address = &settings.address;
    match domain {
        Some(domain) => {
            let to = format!("{}@{domain}", way.local_part);
            Ok(saying!("trial.forward", address, to))
        }
        None => Err(about(address, &saying!("trial.takes_no_mail"))),
    }
}

/// Opens the folder: where reading would begin, and what is there in words.
async fn look_into_folder(
    session: &mut Session,
    settings: &MailboxSettings,
    way: &ImapWay,
    means: &Means<'_>,
) -> Result<(Cursor, Saying), Saying> {
    let MailboxSettings {
        address, history, ..
    } = settings;
    let folder = &way.folder;
    let selected = session
        .select(folder, &SelectMode::ReadOnly)
        .await
        .map_err(|error| {
            let what = saying!("trial.folder_closed", folder, what = &error);
            about(address, &what)
        })?;
    let validity = selected
        .uid_validity
        .ok_or_else(|| about(address, &saying!("trial.no_validity", folder)))?;
    let cursor = match means.connected_at {
        None => first_cursor(session, &selected, validity, *history, means.now).await,
        Some(since) => renumbered_cursor(session, &selected, validity, *history, since).await,
    };
    let cursor = cursor.map_err(|error| {
        let what = saying!("trial.folder_unsearched", folder, what = &error);
        about(address, &what)
    })?;
    let push = if session.capabilities().has("IDLE") {
        saying!("trial.pushes")
    } else {
        saying!("trial.polled")
    };
    let words = saying!("trial.folder", folder, mails = selected.exists, push);
    Ok((cursor, words))
}

/// Lists the maildrop: where reading would begin, and what is there in words.
async fn look_into_maildrop(
    session: &mut pop3::Session,
    settings: &MailboxSettings,
    way: &Pop3Way,
    means: &Means<'_>,
) -> Result<(Begin, Saying), Saying> {
    let address = &settings.address;
    let mails = look(session).await.map_err(|error| {
        let what = saying!("trial.maildrop_unread", what = &error);
        about(address, &what)
    })?;
    let named = if mails.iter().all(|mail| !mail.uidl.is_empty()) {
        saying!("trial.uidl")
    } else {
        saying!("trial.no_uidl")
    };
    let kept = match way.keep {
        Pop3Keep::Leave => saying!("trial.kept"),
        Pop3Keep::Days(days) => saying!("trial.kept_days", days),
        Pop3Keep::DeleteOnceStored => saying!("trial.not_kept"),
    };
    let mut words = saying!("trial.maildrop", mails = mails.len(), named, kept);
    let preset = means.presets.get(&settings.preset);
    let facts = preset.and_then(|plugin| plugin.preset.pop3.clone());
    if let Some(why) = facts.and_then(|pop3| pop3.discouraged) {
        words = saying!("trial.imap_is_better", what = words, why);
    }
    let begin = Begin::Maildrop(first_rows(&mails, settings.history, means.now));
    Ok((begin, words))
}
