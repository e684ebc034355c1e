//! How one signs in at a provider by OAuth 2 (RFC 6749): endpoints and habits, as data.
//!
//! Absent: our client there (its id and secret are a setting), tokens
//! ([`super::mailbox::OAuthGrant`]), and anything that asks an endpoint.

/// How a token is shown to a mail server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenMechanism {
    /// Google's and Microsoft's.
    #[default]
    XOAuth2,
    /// RFC 7628.
    OAuthBearer,
}

/// A sign-in at a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuthModule {
    /// Which `[oauth.*]` of the configuration holds client id and secret.
    pub client: String,
    /// Where a person agrees.
    pub authorize: String,
    /// Where codes become tokens.
    pub token: String,
    /// Where a code for another device is asked for (RFC 8628).
    pub device: Option<String>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Further parameters of the first request.
    pub parameters: Vec<(String, String)>,
    /// With a proof of possession (RFC 7636).
    pub pkce: bool,
    /// How the token is shown.
    pub mechanism: TokenMechanism,
    /// Says who signed in.
    pub userinfo: Option<String>,
    /// A refresh token ends after so many days without use.
    pub refresh_valid_days: Option<u16>,
}
