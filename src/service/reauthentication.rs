//! Links by which somebody gives one mailbox a new login without signing in here.
//!
//! Invariant: a token opens one mailbox and nothing but its login; only its hash is kept. A
//! try is counted before it is made, and a new login is proven before it replaces the old
//! one (`mailboxes`). Whatever stores a login ends the links of its mailbox (`store`), so a
//! link is good once. Looking at it uses nothing up.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::domain::key::{NoticeKey, PublicId};
use crate::domain::mailbox::{Credentials, Mailbox, Switch};
use crate::domain::reauthentication::{LINK_VALID, ReauthenticationLink};
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::secret::Secret;
use crate::domain::user::Actor;
use crate::service::clock::Clock;
use crate::service::mailboxes::{GivenLogins, MailboxError, Mailboxes};
use crate::service::random::{NoRandomness, Random};
use crate::service::signing_in::{
    Mark, Purpose, Returned, Shown, SignInError, SigningIn, Unfinished,
};
use crate::store::{Store, StoreError};

/// Where the page of a link is; the token follows.
pub const LINK_PATH: &str = "/reauthenticate/";
/// Longer texts are no tokens of ours, and not hashed.
const TOKEN_LENGTH_MAX: usize = 128;
const TOKEN_BYTES: usize = 32;
/// Tries with one link in a [`PERIOD`].
const TRIES_AT_ONCE_MAX: usize = 5;
const PERIOD: Duration = Duration::from_secs(60);
/// Most notices whose links are kept for the next attempt to send them.
const NOTICES_MAX: usize = 1_000;
/// Most links whose last tries are remembered; those that rest are forgotten beyond.
const REMEMBERED_MAX: usize = 1_000;

type Hash = [u8; 32];

/// Why a link is not made, or does nothing.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum LinkError {
    /// Unknown, used, replaced, ended, or tried too often: told the same.
    Gone,
    /// One try at a time, and few in a minute.
    TooFast,
    /// Nothing of this mailbox signs in anywhere.
    NoLogin(String),
    /// A password would take the place of a sign-in at the provider.
    SignsIn(String),
    /// The mailbox did not take the login, or the actor may not.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The sign-in came to nothing.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// No token can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for LinkError {
    fn saying(&self) -> Saying {
        match self {
            Self::Gone => saying!("cannot.link.gone"),
            Self::TooFast => saying!("cannot.link.too_fast"),
            Self::NoLogin(address) => saying!("cannot.link.no_login", address),
            Self::SignsIn(address) => saying!("cannot.link.signs_in", address),
            Self::Mailbox(error) => error.saying(),
            Self::SignIn(error) => error.saying(),
            Self::Randomness(error) => error.saying(),
            Self::Store(error) => error.saying(),
        }
    }
}

impl From<Unfinished> for LinkError {
    fn from(unfinished: Unfinished) -> Self {
        Self::SignIn(unfinished.error)
    }
}

/// A link that was made. Its address is shown once and never again.
#[derive(Clone, Debug)]
pub struct MadeLink {
    /// The whole of it.
    pub url: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
    /// It begins with the address the gateway listens at, since `http.public_url` is not
    /// set: mostly nobody else can open it.
    pub is_local: bool,
}

/// How links are made.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// How long one is good.
    pub valid: SignedDuration,
    /// What stands in front of the path, without a slash at its end.
    pub address: String,
    /// Nobody has said by which address people elsewhere come here.
    pub is_local: bool,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            valid: LINK_VALID,
            address: String::new(),
            is_local: true,
        }
    }
}

/// Makes links.
#[derive(Clone, Debug)]
pub struct Links {
    store: Store,
    mailboxes: Mailboxes,
    clock: Clock,
    random: Random,
    options: LinkOptions,
    /// Of notices that are still to be sent.
    kept: Arc<Mutex<BTreeMap<NoticeKey, (MadeLink, Hash)>>>,
}

impl Links {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, mailboxes: Mailboxes, clock: Clock, options: LinkOptions) -> Self {
        Self {
            store,
            mailboxes,
            clock,
            random: Random,
            options,
            kept: Arc::default(),
        }
    }

    /// Makes one for a mailbox.
    ///
    /// # Errors
    /// When the actor may not, or it has no login.
    pub async fn make(&self, actor: &Actor, id: PublicId) -> Result<MadeLink, LinkError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        Ok(self.make_for(&mailbox).await?.0)
    }

    /// The link of a notice. Every attempt to send it brings the same one: an attempt that
    /// failed may have arrived all the same, and new links would push the first one out.
    pub(super) async fn make_for_notice(
        &self,
        notice: NoticeKey,
        mailbox: &Mailbox,
    ) -> Result<MadeLink, LinkError> {
        let kept = self.kept().get(&notice).cloned();
        if let Some((kept, hash)) = kept
            && self.is_worth_sending(&hash)?
        {
            return Ok(kept);
        }
        let (made, hash) = self.make_for(mailbox).await?;
        let mut all = self.kept();
        all.insert(notice, (made.clone(), hash));
        if all.len() > NOTICES_MAX {
            all.pop_first();
        }
        Ok(made)
    }

    /// The notice is sent or given up.
    pub(super) fn notice_is_done(&self, notice: NoticeKey) {
        self.kept().remove(&notice);
    }

    /// It opens something, and will for at least half of its time.
    fn is_worth_sending(&self, hash: &Hash) -> Result<bool, StoreError> {
        let link = self.store.reauthentication_link(hash)?;
        let later = self.clock.now().checked_add(self.options.valid / 2);
        let later = later.unwrap_or(Timestamp::MAX);
        Ok(link.is_some_and(|link| link.is_good(later)))
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<NoticeKey, (MadeLink, Hash)>> {
        // Entries are put in and taken out whole, so a panic elsewhere leaves none half-made.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make_for(&self, mailbox: &Mailbox) -> Result<(MadeLink, Hash), LinkError> {
        let settings = &mailbox.settings;
        if settings.switch == Switch::Unbound {
            return Err(MailboxError::Unbound.into());
        }
        if settings.way_in.server().is_none() && settings.way_out.server().is_none() {
            return Err(LinkError::NoLogin(settings.address.to_string()));
        }
        let token = URL_SAFE_NO_PAD.encode(self.random.bytes::<TOKEN_BYTES>()?);
        let now = self.clock.now();
        let link = ReauthenticationLink {
            mailbox: mailbox.key,
            made_at: now,
            expires_at: now
                .checked_add(self.options.valid)
                .unwrap_or(Timestamp::MAX),
            tries: 0,
        };
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let expires_at = link.expires_at;
        self.store.add_reauthentication_link(hash, link).await?;
        let made = MadeLink {
            url: Secret::new(format!("{}{LINK_PATH}{token}", self.options.address)),
            expires_at,
            is_local: self.options.is_local,
        };
        Ok((made, hash))
    }
}

/// What the page of a link shows.
#[derive(Clone, Debug)]
pub struct OpenedLink {
    /// About which mailbox.
    pub mailbox: Mailbox,
    /// Its login came from a sign-in at the provider.
    pub signed_in: bool,
    /// A sign-in at the provider can be begun.
    pub signs_in: bool,
    /// Logins that can still be tried.
    pub tries_left: u32,
}

/// Uses links.
#[derive(Clone, Debug)]
pub struct Reauthentication {
    store: Store,
    mailboxes: Mailboxes,
    signing_in: SigningIn,
    clock: Clock,
    tried: Arc<Mutex<HashMap<Hash, Tried>>>,
}

/// What was tried with a link lately.
#[derive(Debug, Default)]
struct Tried {
    under_way: bool,
    at: Vec<Instant>,
}

/// While it lives, nothing else is tried with the link.
struct Turn<'t> {
    tried: &'t Mutex<HashMap<Hash, Tried>>,
    hash: Hash,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(tried) = lock(self.tried).get_mut(&self.hash) {
            tried.under_way = false;
        }
    }
}

impl Reauthentication {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, mailboxes: Mailboxes, signing_in: SigningIn, clock: Clock) -> Self {
        Self {
            store,
            mailboxes,
            signing_in,
            clock,
            tried: Arc::default(),
        }
    }

    /// What a link is about. Opening it uses nothing up: programs that look for viruses
    /// open links before people do.
    ///
    /// # Errors
    /// [`LinkError::Gone`] when it opens nothing.
    pub fn open(&self, token: &Secret) -> Result<OpenedLink, LinkError> {
        let (_, link, mailbox) = self.found(token)?;
        let signed_in = self.is_signed_in(&mailbox)?;
        let provider = self
            .signing_in
            .clients()
            .for_sign_in(&mailbox.settings.preset);
        Ok(OpenedLink {
            signed_in,
            signs_in: provider.is_ok(),
            tries_left: link.tries_left(),
            mailbox,
        })
    }

    /// Whether the login of a mailbox came from a sign-in at its provider.
    fn is_signed_in(&self, mailbox: &Mailbox) -> Result<bool, StoreError> {
        let logins = self.store.logins(mailbox.key)?;
        let login = logins.incoming.or(logins.outgoing);
        Ok(login.is_some_and(|login| {
            matches!(
                login.credentials,
                Credentials::OAuth(_) | Credentials::AccessToken(_)
            )
        }))
    }

    /// Tries a new password, or the stored login again. When it works it is stored, what
    /// was missed is collected, and the link has ended.
    ///
    /// # Errors
    /// Why it does not work; the link stays good unless that was its last try.
    pub async fn give(&self, token: &Secret, password: Option<Secret>) -> Result<(), LinkError> {
        let (hash, _, mailbox) = self.found(token)?;
        if password.is_some() && self.is_signed_in(&mailbox)? {
            return Err(LinkError::SignsIn(mailbox.settings.address.to_string()));
        }
        let _turn = self.turn(hash)?;
        let counted = self.store.count_try(hash, self.clock.now()).await?;
        counted.ok_or(LinkError::Gone)?;
        let given = GivenLogins {
            password,
            ..GivenLogins::default()
        };
        let done = self
            .mailboxes
            .reauthenticate(&Actor::Gateway, mailbox.id, given, |_| ())
            .await;
        let address = &mailbox.settings.address;
        match &done {
            Ok(_) => tracing::info!(%address, "a mailbox was given its login by a link"),
            Err(error) => tracing::info!(%address, %error, "a login given by a link was refused"),
        }
        done?;
        Ok(())
    }

    /// Begins a sign-in at the provider, which comes back to whoever has the token.
    ///
    /// # Errors
    /// When there is none, the link is gone, or much was tried with it lately.
    pub fn begin_sign_in(&self, token: &Secret) -> Result<Shown, LinkError> {
        let (hash, _, mailbox) = self.found(token)?;
        let _turn = self.turn(hash)?;
        let (actor, mark) = (Actor::Gateway, Mark::of(token.expose()));
        let purpose = Purpose::Again {
            mailbox: mailbox.id,
            account: None,
        };
        let id = self.signing_in.begin(&actor, mark, purpose, false)?;
        Ok(self.signing_in.show(&actor, mark, id)?)
    }

    /// Whether a browser that brings this state comes back from the sign-in of a link.
    #[must_use]
    pub fn awaits(&self, token: &Secret, state: &str) -> bool {
        let mark = Mark::of(token.expose());
        self.signing_in.awaits(&Actor::Gateway, mark, state)
    }

    /// A browser came back. When the sign-in works the link has ended.
    ///
    /// # Errors
    /// Why nothing came of it; the link stays good unless that was its last try.
    pub async fn finish_sign_in(
        &self,
        token: &Secret,
        returned: Returned,
    ) -> Result<Mailbox, LinkError> {
        let (hash, _, mailbox) = self.found(token)?;
        let _turn = self.turn(hash)?;
        let counted = self.store.count_try(hash, self.clock.now()).await?;
        counted.ok_or(LinkError::Gone)?;
        let mark = Mark::of(token.expose());
        self.signing_in
            .finish(&Actor::Gateway, mark, returned)
            .await?;
        let address = &mailbox.settings.address;
        tracing::info!(%address, "a mailbox was signed in again by a link");
        Ok(mailbox)
    }

    fn found(&self, token: &Secret) -> Result<(Hash, ReauthenticationLink, Mailbox), LinkError> {
        let text = token.expose();
        if !(1..=TOKEN_LENGTH_MAX).contains(&text.len()) {
            return Err(LinkError::Gone);
        }
        let hash = *blake3::hash(text.as_bytes()).as_bytes();
        let link = self.store.reauthentication_link(&hash)?;
        let link = link.filter(|link| link.is_good(self.clock.now()));
        let link = link.ok_or(LinkError::Gone)?;
        let mailbox = self.store.mailbox(link.mailbox)?;
        let bound = mailbox.filter(|mailbox| mailbox.settings.switch != Switch::Unbound);
        Ok((hash, link, bound.ok_or(LinkError::Gone)?))
    }

    fn turn(&self, hash: Hash) -> Result<Turn<'_>, LinkError> {
        let now = Instant::now();
        let recent = |at: &Instant| now.duration_since(*at) < PERIOD;
        let mut all = lock(&self.tried);
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, tried| tried.under_way || tried.at.iter().any(recent));
        }
        let tried = all.entry(hash).or_default();
        tried.at.retain(recent);
        if tried.under_way || tried.at.len() >= TRIES_AT_ONCE_MAX {
            return Err(LinkError::TooFast);
        }
        tried.under_way = true;
        tried.at.push(now);
        Ok(Turn {
            tried: &self.tried,
            hash,
        })
    }
}

fn lock(tried: &Mutex<HashMap<Hash, Tried>>) -> MutexGuard<'_, HashMap<Hash, Tried>> {
    // Rows are changed whole, so a panic elsewhere leaves nothing half-written.
    tried.lock().unwrap_or_else(PoisonError::into_inner)
}
