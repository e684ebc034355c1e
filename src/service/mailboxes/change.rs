//! A connected mailbox is edited, unbound, bound again, or given a new password.
//!
//! Invariant: servers and logins are tried before they are saved; when the trial
//! fails, everything is as it was. Id, conversations and scripts stay whatever changes.

use jiff::civil::Date;

use super::edit::Edit;
use super::given::{GivenLogins, same_secret};
use super::{MailboxError, Mailboxes};
use crate::domain::attempt::Way;
use crate::domain::folder::{Cursor, FolderName};
use crate::domain::key::PublicId;
use crate::domain::mailbox::{
    Credentials, History, Mailbox, MailboxLogins, MailboxSettings, Switch, WayIn,
};
use crate::domain::user::Actor;
use crate::service::connect::sense::was_made;
use crate::service::connect::{Proposal, StepResult};
use crate::service::credentials::Held;
use crate::service::sync::to_the_end;
use crate::store::{GoesOn, NewLogins};

/// What came of a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The mailbox as it is now.
    pub mailbox: Mailbox,
    /// Where reading goes on, in words, when that was a question.
    pub reading: Option<String>,
}

impl Mailboxes {
    /// Changes settings. Other servers, another address or login are tried first;
    /// `on_step` hears each step of the trial.
    ///
    /// # Errors
    /// When a value cannot be used, the trial fails, or the actor may not; nothing is
    /// changed then.
    pub async fn edit(
        &self,
        actor: &Actor,
        id: PublicId,
        edit: Edit,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Changed, MailboxError> {
        let before = self.managed(actor, id)?;
        let wanted = edit.over(&before.settings)?;
        if edit.overlay.is_some() || edit.registered_address.is_some() {
            self.connect.presets().overlay_fits(&wanted)?;
        }
        if edit.code_created_on.is_some() {
            was_made(&wanted, self.connect.today())?;
        }
        let unbound = wanted.switch == Switch::Unbound;
        if unbound && !edit.logins.is_empty() {
            return Err(MailboxError::Unbound);
        }
        if unbound || !needs_trial(&before.settings, &wanted, &edit.logins) {
            let this = self.clone();
            let mailbox = to_the_end(async move { this.edit_in_place(before, edit).await }).await?;
            return Ok(Changed {
                mailbox,
                reading: None,
            });
        }
        let mut offer = None;
        if edit.logins.is_empty() {
            offer = Some(self.keyring.offer(&before, Way::Receiving).await?);
            self.keyring.logins(&before).await?;
        }
        let (stored, _held) = self.keyring.hold(before.key).await?;
        let given = edit.logins.clone();
        let logins = if given.is_empty() {
            stored.clone()
        } else {
            given.over(&stored, &wanted)?
        };
        edit.logins
            .stay_where_they_were(&before.settings, &wanted, &logins)?;
        let account = Account {
            same: same_account(&before.settings, &stored, &wanted, &logins),
            known: self.known_cursor(&before, &wanted)?,
        };
        let proposal = Proposal::new(wanted.clone(), logins.clone());
        let connected_at = (!account.same).then_some(before.connected_at);
        let verified = self.connect.verify(&proposal, connected_at, offer, on_step);
        let found = verified.await.map_err(MailboxError::Trial)?;
        let (goes_on, words) = account.goes_on(&wanted, found);
        let made_on = match edit.code_created_on {
            Some(_) => None,
            None => self.made_today(&wanted, &stored, &logins),
        };
        let logins = if edit.logins.is_empty() {
            NewLogins::Keep
        } else {
            NewLogins::Are(Box::new(logins))
        };
        let change = move |settings: &mut MailboxSettings| {
            apply(&edit, settings);
            date_code(settings, made_on);
        };
        let mailbox = self.replace(&before, change, logins, goes_on).await?;
        Ok(Changed {
            mailbox,
            reading: words,
        })
    }

    /// An edit that needs no trial.
    async fn edit_in_place(&self, before: Mailbox, edit: Edit) -> Result<Mailbox, MailboxError> {
        let _turn = self.sync.turn(before.key).await;
        let change = move |settings: &mut MailboxSettings| apply(&edit, settings);
        let mailbox = self
            .alter(&before, change, NewLogins::Keep, GoesOn::WhereItStopped)
            .await?;
        if restarts(&before.settings, &mailbox.settings) {
            self.sync.start(mailbox.clone());
        }
        Ok(mailbox)
    }

    /// Forgets the logins; they are gone from the store when this answers. Reading goes
    /// on where it stopped once the mailbox is bound again.
    ///
    /// # Errors
    /// When the actor may not, or the store does not take it.
    pub async fn unbind(&self, actor: &Actor, id: PublicId) -> Result<Mailbox, MailboxError> {
        let before = self.managed(actor, id)?;
        if before.settings.switch == Switch::Unbound {
            return Ok(before);
        }
        self.replace(&before, |_| {}, NewLogins::Forget, GoesOn::WhereItStopped)
            .await
    }

    /// Gives an unbound mailbox its logins: tried, stored, and everything missed collected.
    ///
    /// # Errors
    /// When it is not unbound, the trial fails, or the actor may not.
    pub async fn bind(
        &self,
        actor: &Actor,
        id: PublicId,
        given: GivenLogins,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Changed, MailboxError> {
        let before = self.managed(actor, id)?;
        let logins = given.over(&MailboxLogins::default(), &before.settings)?;
        self.bind_as(actor, id, logins, on_step).await
    }

    /// The same with logins that are complete, such as those of a sign-in at the provider.
    ///
    /// # Errors
    /// As for [`Mailboxes::bind`].
    pub async fn bind_as(
        &self,
        actor: &Actor,
        id: PublicId,
        logins: MailboxLogins,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Changed, MailboxError> {
        let before = self.managed(actor, id)?;
        if before.settings.switch != Switch::Unbound {
            return Err(MailboxError::Bound);
        }
        let proposal = Proposal::new(before.settings.clone(), logins.clone());
        let since = Some(before.connected_at);
        let found = self.connect.verify(&proposal, since, None, on_step).await;
        let found = found.map_err(MailboxError::Trial)?;
        // Whose login it was is forgotten; the folder itself tells whether it is the same.
        let known = self.known_cursor(&before, &before.settings)?;
        let same = match (&known, &found) {
            (Some(known), Some(found)) => known.validity == found.validity,
            _ => known.is_none(),
        };
        let account = Account { same, known };
        let (goes_on, words) = account.goes_on(&before.settings, found);
        let none = MailboxLogins::default();
        let made_on = self.made_today(&before.settings, &none, &logins);
        let on = move |settings: &mut MailboxSettings| {
            settings.switch = Switch::On;
            date_code(settings, made_on);
        };
        let mailbox = self
            .replace(&before, on, NewLogins::Are(Box::new(logins)), goes_on)
            .await?;
        Ok(Changed {
            mailbox,
            reading: words,
        })
    }

    /// Gives a mailbox a new password at any moment, or (with nothing given) tries the
    /// stored one again. When the trial passes, earlier failures are forgotten and
    /// everything missed is collected.
    ///
    /// # Errors
    /// When it is unbound, the trial fails, or the actor may not.
    pub async fn reauthenticate(
        &self,
        actor: &Actor,
        id: PublicId,
        given: GivenLogins,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Changed, MailboxError> {
        let before = self.managed(actor, id)?;
        let is_stored = given.is_empty();
        if is_stored {
            self.keyring.for_a_person().proven(&before).await?;
        }
        let (stored, held) = self.keyring.hold(before.key).await?;
        let logins = if is_stored {
            stored.clone()
        } else {
            given.over(&stored, &before.settings)?
        };
        // A person's own try is not counted, also with what is stored: they may have mended
        // it at the provider.
        self.sign_in_again(before, (stored, held), logins, on_step)
            .await
    }

    /// The same with logins that are complete, such as those of a sign-in at the provider.
    ///
    /// # Errors
    /// As for [`Mailboxes::reauthenticate`].
    pub async fn reauthenticate_as(
        &self,
        actor: &Actor,
        id: PublicId,
        logins: MailboxLogins,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Changed, MailboxError> {
        let before = self.managed(actor, id)?;
        let held = self.keyring.hold(before.key).await?;
        self.sign_in_again(before, held, logins, on_step).await
    }

    async fn sign_in_again(
        &self,
        before: Mailbox,
        (stored, _held): (MailboxLogins, Held),
        logins: MailboxLogins,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Changed, MailboxError> {
        if before.settings.switch == Switch::Unbound {
            return Err(MailboxError::Unbound);
        }
        let account = Account {
            same: same_account(&before.settings, &stored, &before.settings, &logins),
            known: self.known_cursor(&before, &before.settings)?,
        };
        let proposal = Proposal::new(before.settings.clone(), logins.clone());
        let connected_at = (!account.same).then_some(before.connected_at);
        let verified = self.connect.verify(&proposal, connected_at, None, on_step);
        let found = verified.await.map_err(MailboxError::Trial)?;
        let (goes_on, words) = account.goes_on(&before.settings, found);
        let made_on = self.made_today(&before.settings, &stored, &logins);
        let change = move |settings: &mut MailboxSettings| date_code(settings, made_on);
        let mailbox = self
            .replace(&before, change, NewLogins::Are(Box::new(logins)), goes_on)
            .await?;
        Ok(Changed {
            mailbox,
            reading: words,
        })
    }

    /// The day a new code was made, as far as anybody knows; `None` when it is the old one
    /// or does not end by age.
    fn made_today(
        &self,
        settings: &MailboxSettings,
        stored: &MailboxLogins,
        logins: &MailboxLogins,
    ) -> Option<Date> {
        let login = logins.incoming.as_ref().or(logins.outgoing.as_ref())?;
        let before = stored.incoming.as_ref().or(stored.outgoing.as_ref());
        let password = matches!(login.credentials, Credentials::Password(_));
        let other =
            before.is_none_or(|before| !same_secret(&before.credentials, &login.credentials));
        (password && other)
            .then(|| self.connect.made_today(&settings.preset))
            .flatten()
    }

    /// Puts verified servers and logins in place of those in use: the task that uses
    /// the old ones has ended before, so that it cannot move the new cursor.
    async fn replace(
        &self,
        before: &Mailbox,
        change: impl Fn(&mut MailboxSettings) + Send + 'static,
        logins: NewLogins,
        goes_on: GoesOn,
    ) -> Result<Mailbox, MailboxError> {
        let (this, before) = (self.clone(), before.clone());
        to_the_end(async move { this.replace_now(&before, change, logins, goes_on).await }).await
    }

    async fn replace_now(
        &self,
        before: &Mailbox,
        change: impl Fn(&mut MailboxSettings) + Send + 'static,
        logins: NewLogins,
        goes_on: GoesOn,
    ) -> Result<Mailbox, MailboxError> {
        let key = before.key;
        let _turn = self.sync.turn(key).await;
        self.sync.stop(key).await;
        let verified = !matches!(logins, NewLogins::Forget);
        let altered = self.alter(before, change, logins, goes_on).await;
        let mailbox = match altered {
            Ok(mailbox) => mailbox,
            Err(error) => {
                // It goes on as it was.
                self.sync.start_stored(key)?;
                return Err(error);
            }
        };
        self.sync.forget_failures(key);
        if verified {
            let now = self.clock.now();
            self.sync.sending_works(&mailbox, now);
            self.store.release_submissions(key, now).await?;
        }
        self.sync.start(mailbox.clone());
        Ok(mailbox)
    }

    pub(super) async fn alter(
        &self,
        before: &Mailbox,
        change: impl Fn(&mut MailboxSettings) + Send + 'static,
        logins: NewLogins,
        goes_on: GoesOn,
    ) -> Result<Mailbox, MailboxError> {
        let now = self.clock.now();
        let altered = self
            .store
            .alter_mailbox(before.key, change, logins, goes_on, now);
        Ok(altered.await?)
    }

    fn known_cursor(
        &self,
        mailbox: &Mailbox,
        wanted: &MailboxSettings,
    ) -> Result<Option<Cursor>, MailboxError> {
        Ok(match wanted.imap() {
            Some(way) => self.store.cursor(mailbox.key, &way.folder)?,
            None => None,
        })
    }
}

/// What is known of the account that will be read.
struct Account {
    /// It is the one that was read before.
    same: bool,
    /// How far its folder was read.
    known: Option<Cursor>,
}

impl Account {
    /// Where reading goes on, and what to tell people about it.
    fn goes_on(
        self,
        settings: &MailboxSettings,
        found: Option<Cursor>,
    ) -> (GoesOn, Option<String>) {
        let folder = settings.imap().map(|way| way.folder.clone());
        match (self.same, self.known, folder, found) {
            (true, Some(_), _, _) | (true, None, None, _) => (
                GoesOn::WhereItStopped,
                Some("reading goes on where it stopped".to_owned()),
            ),
            (true, None, Some(folder), Some(cursor)) => {
                let words = begins(&folder, settings.history);
                (GoesOn::At(folder, cursor), Some(words))
            }
            (false, _, folder, found) => {
                let words = "this is another account: what came since the mailbox was connected is \
                             looked through, and what is here already is not taken in twice";
                (GoesOn::Anew(folder.zip(found)), Some(words.to_owned()))
            }
            (true, None, Some(_), None) => (GoesOn::WhereItStopped, None),
        }
    }
}

fn date_code(settings: &mut MailboxSettings, made_on: Option<Date>) {
    if made_on.is_some() {
        settings.code_created_on = made_on;
    }
}

/// Carried out on the settings as they are when it is stored.
fn apply(edit: &Edit, settings: &mut MailboxSettings) {
    match edit.over(settings) {
        Ok(after) => *settings = after,
        // It fitted a moment ago; only another edit at this moment can be the reason.
        Err(error) => tracing::warn!(%error, "an edit no longer fits its mailbox"),
    }
}

fn begins(folder: &FolderName, history: History) -> String {
    match history {
        History::Nothing => format!("reading of {folder} begins with what comes from now on"),
        History::Days(days) => {
            format!("reading of {folder} begins with the mail of the last {days} days")
        }
        History::All => format!("reading of {folder} begins with its oldest mail"),
    }
}

fn needs_trial(before: &MailboxSettings, wanted: &MailboxSettings, given: &GivenLogins) -> bool {
    before.way_in != wanted.way_in
        || before.way_out != wanted.way_out
        || before.address != wanted.address
        || !given.is_empty()
}

/// Settings the running task holds.
fn restarts(before: &MailboxSettings, after: &MailboxSettings) -> bool {
    before.check_interval != after.check_interval
        || before.attempts_max != after.attempts_max
        || before.way_in != after.way_in
}

/// The same folders with the same mails: the same server knows us by the same name.
/// Another port may lead to another server; comparing anew costs time and nothing else.
fn same_account(
    before: &MailboxSettings,
    stored: &MailboxLogins,
    wanted: &MailboxSettings,
    logins: &MailboxLogins,
) -> bool {
    let place = |way: &WayIn| {
        let server = way.server();
        server.map(|server| (server.host.to_lowercase(), server.port))
    };
    let user = |logins: &MailboxLogins| logins.incoming.as_ref().map(|login| login.user.clone());
    place(&before.way_in) == place(&wanted.way_in) && user(stored) == user(logins)
}
