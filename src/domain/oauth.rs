//! How one signs in at a provider by OAuth 2 (RFC 6749): endpoints and habits, as data.
//!
//! Absent: our client there (its id and secret are a setting), tokens
//! ([`super::mailbox::OAuthGrant`]), and anything that asks an endpoint.

use super::mailbox::TokenMechanism;
use super::refusal::Bilingual;

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
    /// What the provider calls itself when it sends a browser back (RFC 9207); where it
    /// is not known, the origin of `authorize` is compared.
    pub issuer: Option<String>,
    /// A refresh token ends after so many days without use.
    pub refresh_valid_days: Option<u16>,
    /// How our client is registered there; `{redirect_uri}` is to be replaced.
    pub registration: Option<Bilingual>,
}
