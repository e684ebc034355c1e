//! Signing in by OAuth 2: asking a provider's endpoints (RFC 6749, RFC 7636, RFC 8628).
//!
//! Invariant: requests go by HTTPS through the guard; answers are small, bounded and
//! typed, and only a provider that ends a grant in its own words asks for a person.
//! Deliberately absent: keeping tokens, when they are renewed (`service::credentials`),
//! and who may begin a sign-in (`service::signing_in`).

mod answer;
mod request;

use super::http_client::{HttpAnswer, HttpClient, HttpError, HttpsUrl, UrlError};
use crate::domain::oauth::OAuthModule;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::secret::Secret;

pub use self::answer::{Account, DeviceCode, Refusal, Tokens};
pub use self::request::{Authorization, OAuthClient, ProofKey, authorize_url};

/// Why a provider gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum OAuthError {
    /// It answered, and said no.
    Refused {
        /// Whom we asked.
        host: String,
        /// What it said.
        refusal: Refusal,
    },
    /// It could not be asked.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The module names no address.
    Url(#[from] UrlError),
    /// The provider has no such flow.
    NoDeviceFlow,
}

impl Said for OAuthError {
    fn saying(&self) -> Saying {
        match self {
            Self::Refused { host, refusal, .. } => saying!("net.at", host, what = refusal),
            Self::Http(error) => error.saying(),
            Self::Url(what) => saying!("oauth.url", what),
            Self::NoDeviceFlow => saying!("oauth.no_device_flow"),
        }
    }
}

impl OAuthError {
    /// What the provider said, if it spoke.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            Self::Http(_) | Self::Url(_) | Self::NoDeviceFlow => None,
        }
    }

    /// The grant has ended: somebody has to sign in again.
    #[must_use]
    pub fn ends_the_grant(&self) -> bool {
        matches!(self.refusal(), Some(Refusal::Grant(_)))
    }

    /// Whether trying again, without anybody changing anything, makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { refusal, .. } => match refusal {
                Refusal::Passing(_) | Refusal::Pending | Refusal::SlowDown => true,
                Refusal::Grant(_)
                | Refusal::Declined(_)
                | Refusal::DeviceCodeEnded
                | Refusal::Settings(_)
                | Refusal::Strange(_) => false,
            },
            Self::Http(error) => error.is_transient(),
            Self::Url(_) | Self::NoDeviceFlow => false,
        }
    }
}

/// Asks providers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OAuth {
    http: HttpClient,
}

impl OAuth {
    /// Over a client whose guard says how far endpoints may lie.
    #[must_use]
    pub fn new(http: HttpClient) -> Self {
        Self { http }
    }

    /// Turns a code into tokens (RFC 6749 section 4.1.3).
    ///
    /// # Errors
    /// When the provider gives none.
    pub async fn redeem(
        &self,
        module: &OAuthModule,
        client: &OAuthClient,
        code: &Secret,
        redirect_uri: &str,
        proof: Option<&ProofKey>,
    ) -> Result<Tokens, OAuthError> {
        let form = request::code_form(client, code, redirect_uri, proof);
        self.tokens(module, client, &form).await
    }

    /// A new access token (RFC 6749 section 6), perhaps with a new refresh token.
    ///
    /// # Errors
    /// When the provider gives none.
    pub async fn refresh(
        &self,
        module: &OAuthModule,
        client: &OAuthClient,
        refresh_token: &Secret,
    ) -> Result<Tokens, OAuthError> {
        let form = request::refresh_form(client, refresh_token);
        self.tokens(module, client, &form).await
    }

    /// A code to be typed on another device (RFC 8628 section 3.1).
    ///
    /// # Errors
    /// When the provider gives none, or has no such flow.
    pub async fn device_code(
        &self,
        module: &OAuthModule,
        client: &OAuthClient,
    ) -> Result<DeviceCode, OAuthError> {
        let endpoint = module.device.as_ref().ok_or(OAuthError::NoDeviceFlow)?;
        let url = HttpsUrl::parse(endpoint)?;
        let form = request::device_form(client, module);
        let answer = self.http.post_form(&url, &form).await?;
        answer::device_code(answer.status, &answer.body).map_err(refused(&url))
    }

    /// Tokens, once the code has been typed (RFC 8628 section 3.4).
    ///
    /// # Errors
    /// [`Refusal::Pending`] until then.
    pub async fn device_tokens(
        &self,
        module: &OAuthModule,
        client: &OAuthClient,
        device_code: &Secret,
    ) -> Result<Tokens, OAuthError> {
        let form = request::device_token_form(client, device_code);
        self.tokens(module, client, &form).await
    }

    /// Who signed in, asked with the token; `None` when the module names no place to ask.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn who(
        &self,
        module: &OAuthModule,
        access: &Secret,
    ) -> Result<Option<Account>, OAuthError> {
        let Some(endpoint) = &module.userinfo else {
            return Ok(None);
        };
        let url = HttpsUrl::parse(endpoint)?;
        let answer = self
            .http
            .get(&url, "application/json", Some(access))
            .await?;
        let account = answer::userinfo(answer.status, &answer.body);
        account.map(Some).map_err(refused(&url))
    }

    async fn tokens(
        &self,
        module: &OAuthModule,
        client: &OAuthClient,
        form: &Secret,
    ) -> Result<Tokens, OAuthError> {
        let url = HttpsUrl::parse(&module.token)?;
        let HttpAnswer { status, body } = self.http.post_form(&url, form).await?;
        answer::tokens(status, &body, &client.id).map_err(refused(&url))
    }
}

fn refused(url: &HttpsUrl) -> impl FnOnce(Refusal) -> OAuthError {
    let host = url.host().to_owned();
    move |refusal| OAuthError::Refused { host, refusal }
}
