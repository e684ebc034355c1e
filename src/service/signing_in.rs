//! Signing in at a provider for a mailbox: by a browser that comes back with a code
//! (RFC 6749, with RFC 7636), or by a code typed on another device (RFC 8628).
//!
//! Invariant: a return is taken only with the state of this session, once, from the
//! provider it was sent to, and the account that signed in must be the mailbox's login.
//! Nothing is stored here: what comes out is tried and saved by `connect` and `mailboxes`.

mod device;
mod error;
mod pending;
mod subject;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::watch;

use self::device::await_tokens;
use self::pending::Pendings;
use self::subject::Pending;
use crate::domain::key::PublicId;
use crate::domain::mailbox::OAuthGrant;
use crate::domain::oauth::OAuthModule;
use crate::domain::saying::Said;
use crate::domain::secret::Secret;
use crate::domain::user::{Actor, Role};
use crate::net::http_client::HttpsUrl;
use crate::net::oauth::{Authorization, OAuth, ProofKey, Tokens, authorize_url};
use crate::service::clock::Clock;
use crate::service::connect::Connect;
use crate::service::credentials::ends;
use crate::service::mailboxes::Mailboxes;
use crate::service::oauth_clients::{OAuthClients, Provider};
use crate::service::random::Random;

pub use self::device::{DeviceProgress, DeviceShown, Finished};
pub use self::error::{SignInError, StateError, TooMany, Unfinished};
pub use self::pending::Mark;
pub use self::subject::{Purpose, Returned};

/// Characters of a provider's words that are shown.
const WORDS_MAX: usize = 300;

/// A sign-in as its page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The mailbox.
    pub address: String,
    /// Who has to sign in.
    pub account: String,
    /// Where the browser goes.
    pub url: String,
    /// The same in short.
    pub host: String,
    /// Where it comes back to, exactly as it is registered.
    pub redirect_uri: String,
    /// The provider also takes a code that is typed on another device.
    pub takes_codes: bool,
    /// How such a code is doing.
    pub device: Option<watch::Receiver<DeviceProgress>>,
}

/// The service. A cheap clone.
#[derive(Clone, Debug)]
pub struct SigningIn {
    oauth: OAuth,
    clients: OAuthClients,
    connect: Connect,
    mailboxes: Mailboxes,
    clock: Clock,
    pendings: Pendings,
}

impl SigningIn {
    /// A service over its handles.
    #[must_use]
    pub fn new(
        oauth: OAuth,
        clients: OAuthClients,
        connect: Connect,
        mailboxes: Mailboxes,
        clock: Clock,
    ) -> Self {
        Self {
            oauth,
            clients,
            connect,
            mailboxes,
            clock,
            pendings: Pendings::default(),
        }
    }

    /// Where sign-ins are possible.
    #[must_use]
    pub fn clients(&self) -> &OAuthClients {
        &self.clients
    }

    /// Begins a sign-in; its page is found by the id.
    ///
    /// # Errors
    /// When there is none for this mailbox, or the actor may not.
    pub fn begin(
        &self,
        actor: &Actor,
        mark: Mark,
        purpose: Purpose,
        select_account: bool,
    ) -> Result<PublicId, SignInError> {
        let pending = self.pending(actor, purpose, select_account)?;
        let id = PublicId::new(self.clock.now(), Random.bytes()?);
        self.pendings.begin(id, actor, mark, pending)?;
        Ok(id)
    }

    /// Begins again what came to nothing. `shared_of` says that the mailbox is a shared
    /// one of that account.
    ///
    /// # Errors
    /// As for [`SigningIn::begin`], or when it is not known any more.
    pub fn begin_again(
        &self,
        actor: &Actor,
        mark: Mark,
        id: PublicId,
        shared_of: Option<String>,
    ) -> Result<PublicId, SignInError> {
        let before = self.pendings.get(actor, mark, id);
        let mut purpose = before.ok_or(StateError::Unknown)?.purpose;
        if shared_of.is_some() {
            match &mut purpose {
                Purpose::Connect(asked) => asked.0.account = shared_of,
                Purpose::Again { account, .. } => *account = shared_of,
            }
        }
        self.begin(actor, mark, purpose, true)
    }

    /// A sign-in that the actor began in this session.
    ///
    /// # Errors
    /// When there is none, or its plugin names no address.
    pub fn show(&self, actor: &Actor, mark: Mark, id: PublicId) -> Result<Shown, SignInError> {
        let pending = self.pendings.get(actor, mark, id);
        let pending = pending.ok_or(StateError::Unknown)?;
        let Provider { module, client } = &pending.provider;
        let challenge = pending.proof.challenge();
        let asked = Authorization {
            client,
            redirect_uri: self.clients.redirect_uri(),
            state: pending.state.expose(),
            challenge: module.pkce.then_some(challenge.as_str()),
            login_hint: &pending.account,
            select_account: pending.select_account,
        };
        Ok(Shown {
            url: authorize_url(module, &asked)?,
            host: HttpsUrl::parse(&module.authorize)?.host().to_owned(),
            redirect_uri: self.clients.redirect_uri().to_owned(),
            takes_codes: module.device.is_some(),
            device: self.pendings.device(actor, mark, id),
            address: pending.address,
            account: pending.account,
        })
    }

    /// Whether a browser that brings this state comes back from a sign-in that the actor
    /// began in this session.
    #[must_use]
    pub fn awaits(&self, actor: &Actor, mark: Mark, state: &str) -> bool {
        self.pendings.awaits(actor, mark, state)
    }

    /// A browser came back.
    ///
    /// # Errors
    /// Why nothing came of it; nothing is saved then.
    pub async fn finish(
        &self,
        actor: &Actor,
        mark: Mark,
        returned: Returned,
    ) -> Result<Finished, Unfinished> {
        let state = returned.state.as_deref().unwrap_or_default();
        let redeemed = self.pendings.redeem(actor, mark, state);
        let (id, pending) = redeemed.map_err(|error| Unfinished {
            id: None,
            error: error.into(),
        })?;
        let finished = self.redeem(actor, pending, returned).await;
        finished.map_err(|error| Unfinished {
            id: Some(id),
            error,
        })
    }

    async fn redeem(
        &self,
        actor: &Actor,
        pending: Pending,
        returned: Returned,
    ) -> Result<Finished, SignInError> {
        let Provider { module, client } = &pending.provider;
        if !sent_by(module, returned.issuer.as_deref()) {
            let from = returned.issuer.as_deref().unwrap_or("somebody unnamed");
            return Err(SignInError::Issuer { from: short(from) });
        }
        if let Some(error) = &returned.error {
            let words = match &returned.error_description {
                Some(described) => short(&format!("{error} ({described})")),
                None => short(error),
            };
            return Err(match error.as_str() {
                "access_denied" => SignInError::Declined(words),
                _ => SignInError::Refused(words),
            });
        }
        let code = returned.code.ok_or(SignInError::NoCode)?;
        let proof = module.pkce.then_some(&pending.proof);
        let redirect_uri = self.clients.redirect_uri();
        let redeemed = self
            .oauth
            .redeem(module, client, &code, redirect_uri, proof);
        let grant = self.grant(&pending, redeemed.await?).await?;
        self.complete(actor, pending.purpose, grant).await
    }

    /// Gets a code to be typed on another device, and goes on by itself once it is.
    ///
    /// # Errors
    /// When the provider gives none.
    pub async fn begin_code(
        &self,
        actor: &Actor,
        mark: Mark,
        id: PublicId,
    ) -> Result<(), SignInError> {
        let pending = self.pendings.get(actor, mark, id);
        let pending = pending.ok_or(StateError::Unknown)?;
        let running = self.pendings.device(actor, mark, id);
        if running.is_some_and(|device| device.borrow().end.is_none()) {
            return Ok(());
        }
        let Provider { module, client } = &pending.provider;
        let code = self.oauth.device_code(module, client).await?;
        let (told, progress) = watch::channel(DeviceProgress {
            shown: DeviceShown::of(&code),
            end: None,
        });
        self.pendings.follow(id, progress);
        let (service, actor) = (self.clone(), actor.clone());
        tokio::spawn(async move {
            let finished = async {
                let tokens = await_tokens(&service.oauth, &pending.provider, &code).await?;
                let grant = service.grant(&pending, tokens).await?;
                service.complete(&actor, pending.purpose, grant).await
            };
            let end = finished.await.map_err(|error| error.saying());
            told.send_modify(|progress| progress.end = Some(end));
        });
        Ok(())
    }

    /// The whole of it for a terminal: `tell` shows the code, the answer is what the
    /// provider gave.
    ///
    /// # Errors
    /// When nobody signs in, or the wrong account.
    pub async fn by_code(
        &self,
        actor: &Actor,
        purpose: Purpose,
        tell: impl FnOnce(&DeviceShown),
    ) -> Result<OAuthGrant, SignInError> {
        let pending = self.pending(actor, purpose, false)?;
        let Provider { module, client } = &pending.provider;
        let code = self.oauth.device_code(module, client).await?;
        tell(&DeviceShown::of(&code));
        let tokens = await_tokens(&self.oauth, &pending.provider, &code).await?;
        self.grant(&pending, tokens).await
    }

    fn pending(
        &self,
        actor: &Actor,
        purpose: Purpose,
        select_account: bool,
    ) -> Result<Pending, SignInError> {
        if !actor.may(Role::Manager, actor.workspace()) {
            return Err(SignInError::NotAllowed);
        }
        let (preset, address, account) = match &purpose {
            Purpose::Connect(asked) => {
                let (wish, known) = &**asked;
                let settings = self.connect.settings(wish, known)?;
                let address = settings.address.as_str().to_owned();
                let account = wish.account_name().unwrap_or(&address).to_owned();
                (settings.preset, address, account)
            }
            Purpose::Again { mailbox, account } => {
                let (mailbox, before) = self.mailboxes.account(actor, *mailbox)?;
                let account = account.clone().unwrap_or(before);
                let settings = mailbox.settings;
                (
                    settings.preset,
                    settings.address.as_str().to_owned(),
                    account,
                )
            }
        };
        let random: [u8; 32] = Random.bytes()?;
        Ok(Pending {
            state: Secret::new(URL_SAFE_NO_PAD.encode(random)),
            proof: ProofKey::new(Random.bytes()?),
            provider: self.clients.for_sign_in(&preset)?,
            purpose,
            address,
            account,
            select_account,
        })
    }

    /// What is stored of the provider's answer, once the right account has signed in.
    async fn grant(&self, pending: &Pending, tokens: Tokens) -> Result<OAuthGrant, SignInError> {
        let module = &pending.provider.module;
        let signed_in = match tokens.account {
            Some(account) => Some(account),
            None => self.oauth.who(module, &tokens.access).await?,
        };
        // Where a provider does not say, its mail server does: it opens a mailbox only
        // to a token of the login that is shown with it.
        if let Some(signed_in) = &signed_in
            && !signed_in.is(&pending.account)
        {
            return Err(SignInError::OtherAccount {
                signed_in: short(signed_in.name()),
                expected: pending.account.clone(),
                address: pending.address.clone(),
            });
        }
        let now = self.clock.now();
        Ok(OAuthGrant {
            client: module.client.clone(),
            refresh_token: tokens.refresh.ok_or(SignInError::NoRefreshToken)?,
            access_token: tokens.access,
            access_expires_at: ends(now, tokens.lives),
            account: pending.account.clone(),
            obtained_at: now,
            mechanism: module.mechanism,
        })
    }

    async fn complete(
        &self,
        actor: &Actor,
        purpose: Purpose,
        grant: OAuthGrant,
    ) -> Result<Finished, SignInError> {
        match purpose {
            Purpose::Connect(asked) => {
                let (mut wish, known) = *asked;
                wish.grant = Some(grant);
                let attempt = self.connect.begin(actor, wish, known, None)?;
                Ok(Finished::Attempt(attempt))
            }
            Purpose::Again { mailbox, .. } => {
                let signed_in = self.mailboxes.sign_in_as(actor, mailbox, grant, |_| ());
                signed_in.await?;
                Ok(Finished::SignedIn(mailbox))
            }
        }
    }
}

/// Whether a return comes from the provider that was asked (RFC 9207 section 2.4).
fn sent_by(module: &OAuthModule, issuer: Option<&str>) -> bool {
    let origin = |url: &str| HttpsUrl::parse(url).map(|url| url.authority());
    match (&module.issuer, issuer) {
        (Some(own), Some(issuer)) => own == issuer,
        (Some(_), None) => false,
        (None, Some(issuer)) => match (origin(issuer), origin(&module.authorize)) {
            (Ok(issuer), Ok(asked)) => issuer == asked,
            _ => false,
        },
        (None, None) => true,
    }
}

/// A stranger's words: one line, and not too many of them.
fn short(words: &str) -> String {
    let one_line = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    one_line.take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_comes_from_who_was_asked() {
        let mut module = OAuthModule {
            authorize: "https://login.example.com/authorize".to_owned(),
            ..OAuthModule::default()
        };
        let cases = [
            (None, None, true),
            (None, Some("https://login.example.com/tenant/v2.0"), true),
            (None, Some("https://login.example.com.evil.example"), false),
            (None, Some("http://login.example.com"), false),
            (None, Some("login.example.com"), false),
            (
                Some("https://id.example.com"),
                Some("https://id.example.com"),
                true,
            ),
            (
                Some("https://id.example.com"),
                Some("https://id.example.com/"),
                false,
            ),
            (Some("https://id.example.com"), None, false),
        ];
        for (own, issuer, right) in cases {
            module.issuer = own.map(str::to_owned);
            assert_eq!(sent_by(&module, issuer), right, "{own:?} {issuer:?}");
        }
    }

    #[test]
    fn words_of_strangers_are_one_short_line() {
        let long = "<b>\n".repeat(1_000);
        let shown = short(&long);
        assert!(shown.chars().count() == WORDS_MAX && !shown.contains('\n'));
    }
}
