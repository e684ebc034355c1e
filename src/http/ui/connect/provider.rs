//! A provider as the wizard shows it.

use super::super::language::Words;
use super::super::view::marks::said;
use crate::domain::preset::{Preset, SignInMethod};
use crate::plugin::Plugin;
use crate::service::oauth_clients::NoSignIn;
use crate::service::signing_in::SigningIn;

/// Marks that tell providers apart have so many colours.
const HUES: usize = 6;

/// A provider, in the reader's language.
#[derive(Clone, Debug)]
pub(super) struct ProviderView {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) letter: String,
    pub(super) hue: usize,
    /// It has a mark of its own.
    pub(super) has_icon: bool,
    pub(super) settings_url: Option<String>,
    pub(super) verified: bool,
    /// Key of the word for what proves who one is: `connect.secret.*`.
    pub(super) secret: &'static str,
    /// Something other than a sign-in opens its mailboxes.
    pub(super) takes_passwords: bool,
    pub(super) code_valid_days: Option<u16>,
    pub(super) code_shape: Option<String>,
    pub(super) pop3: bool,
    pub(super) pop3_discouraged: Option<String>,
}

impl ProviderView {
    pub(super) fn new(plugin: &Plugin, words: Words) -> Self {
        let preset = &plugin.preset;
        let name = said(words, &preset.name).to_owned();
        let letter = name
            .chars()
            .next()
            .unwrap_or('?')
            .to_uppercase()
            .to_string();
        let pop3 = preset.pop3.as_ref();
        let shape = preset.sign_in.code_shape.as_ref();
        let discouraged = pop3.and_then(|pop3| pop3.discouraged.as_ref());
        Self {
            has_icon: plugin.icon.is_some(),
            hue: preset.id.bytes().map(usize::from).sum::<usize>() % HUES,
            secret: secret(preset),
            takes_passwords: preset.sign_in.methods != [SignInMethod::OAuth2],
            settings_url: preset.settings_url.clone(),
            verified: preset.verified,
            code_valid_days: preset.sign_in.code_valid_days,
            code_shape: shape.map(|texts| said(words, texts).to_owned()),
            pop3: pop3.is_some(),
            pop3_discouraged: discouraged.map(|texts| said(words, texts).to_owned()),
            id: preset.id.clone(),
            name,
            letter,
        }
    }
}

/// Signing in at the provider, as the form offers it.
#[derive(Clone, Debug)]
pub(super) enum SignInView {
    /// With a button.
    Possible,
    /// The gateway does not want it.
    SwitchedOff,
    /// Postern is not registered there.
    Unregistered {
        /// The section of the configuration.
        section: String,
        redirect_uri: String,
        steps: Option<String>,
    },
}

impl SignInView {
    /// `None` where nothing is known of a sign-in.
    pub(super) fn of(signing_in: &SigningIn, plugin: &Plugin, words: Words) -> Option<Self> {
        Some(match signing_in.clients().for_sign_in(&plugin.preset.id) {
            Ok(_) => Self::Possible,
            Err(NoSignIn::NoModule) => return None,
            Err(NoSignIn::SwitchedOff) => Self::SwitchedOff,
            Err(NoSignIn::NoClient {
                client,
                redirect_uri,
                steps,
            }) => Self::Unregistered {
                section: format!("[oauth.{client}]"),
                redirect_uri,
                steps: steps.map(|steps| said(words, &steps).to_owned()),
            },
        })
    }
}

fn secret(preset: &Preset) -> &'static str {
    let mut methods = preset.sign_in.methods.iter();
    match methods.find(|method| **method != SignInMethod::OAuth2) {
        Some(SignInMethod::AuthorizationCode) => "connect.secret.code",
        Some(SignInMethod::AppPassword) => "connect.secret.app",
        Some(SignInMethod::Password | SignInMethod::OAuth2) | None => "connect.secret.password",
    }
}
