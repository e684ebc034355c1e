//! What an address probably needs, and how that was found out.

use super::known::Known;
use crate::plugin::Plugin;

/// What is suggested for an address. Everything in it can be changed by who asks.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// Servers and names.
    pub known: Known,
    /// The plugin of the provider, where there is one.
    pub plugin: Option<Plugin>,
    /// How it was found.
    pub how: How,
}

/// How a suggestion was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// A person chose the preset.
    Chosen,
    /// A preset has the domain of the address.
    Domain,
    /// Mail of the domain is received by this host, which a preset knows.
    Mx(String),
    /// The provider publishes its servers (autoconfig).
    Autoconfig,
    /// The domain names its servers (RFC 6186).
    Srv,
    /// Nothing is known; the usual names are a guess.
    Guess,
}
