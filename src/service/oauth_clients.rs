//! Where a sign-in at a provider is possible: its plugin says how, the configuration
//! holds our client, and one setting switches all of it off.
//!
//! Absent: asking providers (`credentials`, `signing_in`).

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::oauth::OAuthModule;
use crate::domain::refusal::Bilingual;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::oauth::OAuthClient;
use crate::service::presets::Presets;

/// The path that providers send browsers back to.
pub const CALLBACK_PATH: &str = "/oauth/callback";

/// What the configuration says about sign-ins.
#[derive(Clone, Debug, Default)]
pub struct OAuthOptions {
    /// People may sign in at providers.
    pub enabled: bool,
    /// Our clients, by the name that plugins call them.
    pub clients: Vec<(String, OAuthClient)>,
    /// The address people reach the pages by, without a slash at its end.
    pub public_url: String,
}

/// Why there is no sign-in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum NoSignIn {
    /// The gateway does not want any.
    SwitchedOff,
    /// The provider has none.
    NoModule,
    /// Postern is not registered there.
    NoClient {
        /// The section of the configuration.
        client: String,
        /// What is registered, exactly.
        redirect_uri: String,
        /// The steps there.
        steps: Option<Bilingual>,
    },
}

impl Said for NoSignIn {
    fn saying(&self) -> Saying {
        match self {
            Self::SwitchedOff => saying!("cannot.sign_in.switched_off"),
            Self::NoModule => saying!("cannot.sign_in.no_module"),
            Self::NoClient {
                redirect_uri,
                client,
                ..
            } => saying!("cannot.sign_in.no_client", redirect_uri, client),
        }
    }
}

/// A sign-in that is possible.
#[derive(Clone, Debug)]
pub struct Provider {
    /// How it goes.
    pub module: OAuthModule,
    /// Our client there.
    pub client: OAuthClient,
}

/// The service. A cheap clone.
#[derive(Clone, Debug)]
pub struct OAuthClients {
    enabled: bool,
    clients: Arc<HashMap<String, OAuthClient>>,
    redirect_uri: Arc<str>,
    presets: Presets,
}

impl OAuthClients {
    /// What is known about providers.
    #[must_use]
    pub fn presets(&self) -> &Presets {
        &self.presets
    }

    /// A service over the plugins.
    #[must_use]
    pub fn new(options: OAuthOptions, presets: Presets) -> Self {
        Self {
            enabled: options.enabled,
            clients: Arc::new(options.clients.into_iter().collect()),
            redirect_uri: format!("{}{CALLBACK_PATH}", options.public_url).into(),
            presets,
        }
    }

    /// The address that browsers come back to, exactly as it is registered.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The sign-in of a preset's provider, for somebody who wants to begin one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn for_sign_in(&self, preset: &str) -> Result<Provider, NoSignIn> {
        let module = self.module(preset).ok_or(NoSignIn::NoModule)?;
        if !self.enabled {
            return Err(NoSignIn::SwitchedOff);
        }
        self.with_client(module)
    }

    /// The same to renew what was given before, which goes on when the sign-ins are
    /// switched off: mailboxes that work are not to stop by a setting about new ones.
    ///
    /// # Errors
    /// Why there is none.
    pub fn for_renewal(&self, preset: &str) -> Result<Provider, NoSignIn> {
        let module = self.module(preset).ok_or(NoSignIn::NoModule)?;
        self.with_client(module)
    }

    fn module(&self, preset: &str) -> Option<OAuthModule> {
        self.presets.get(preset)?.preset.sign_in.oauth
    }

    fn with_client(&self, module: OAuthModule) -> Result<Provider, NoSignIn> {
        match self.clients.get(&module.client) {
            Some(client) => Ok(Provider {
                client: client.clone(),
                module,
            }),
            None => Err(NoSignIn::NoClient {
                redirect_uri: self.redirect_uri.to_string(),
                steps: module
                    .registration
                    .map(|steps| steps_with(&steps, &self.redirect_uri)),
                client: module.client,
            }),
        }
    }
}

fn steps_with(steps: &Bilingual, redirect_uri: &str) -> Bilingual {
    let filled = |text: &str| text.replace("{redirect_uri}", redirect_uri);
    Bilingual {
        en: filled(&steps.en),
        zh: filled(&steps.zh),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(enabled: bool, clients: Vec<(String, OAuthClient)>) -> OAuthClients {
        let folder = tempfile::tempdir().expect("a folder");
        let options = OAuthOptions {
            enabled,
            clients,
            public_url: "https://desk.example.com".to_owned(),
        };
        OAuthClients::new(options, Presets::open(folder.path()))
    }

    #[test]
    fn what_is_missing_for_a_sign_in_is_named() {
        let none = clients(true, Vec::new());
        let Err(NoSignIn::NoClient {
            client,
            redirect_uri,
            steps,
        }) = none.for_sign_in("gmail")
        else {
            panic!("a client out of nothing");
        };
        assert_eq!(client, "google");
        assert_eq!(redirect_uri, "https://desk.example.com/oauth/callback");
        assert!(steps.expect("steps").en.contains(&redirect_uri));
        assert!(matches!(none.for_sign_in("qq"), Err(NoSignIn::NoModule)));
        let client = OAuthClient {
            id: "us".to_owned(),
            secret: None,
        };
        let ours = vec![("google".to_owned(), client)];
        let on = clients(true, ours.clone());
        assert!(on.for_sign_in("gmail").is_ok());
        let off = clients(false, ours);
        let refused = off.for_sign_in("gmail").expect_err("switched off");
        assert!(refused.to_string().contains("`enabled` of [oauth]"));
        assert!(off.for_renewal("gmail").is_ok());
    }
}
