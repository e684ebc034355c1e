//! `[alerts]`: which notices about mailboxes are sent, and to whom.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::oauth::Hidden;
use super::place::{ConfigError, Source};
use crate::domain::address::Address;
use crate::domain::alert::AlertRules;
use crate::net::http_client::HttpsUrl;
use crate::service::alerts::AlertOptions;

/// Stages of a warning.
const STAGES_MAX: usize = 10;
/// Longest rest before a script is asked about a state.
const STATE_REST_SECONDS_MAX: u32 = 3_600;
/// Further recipients.
const RECIPIENTS_MAX: usize = 20;

/// `[alerts]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsSection {
    /// Notices are sent.
    pub notices: bool,
    /// Days before a code ends.
    pub days_before: Vec<u16>,
    /// Minutes that an error lasts before it is told.
    pub error_after_minutes: u32,
    /// Seconds that a state lasts before a script is asked about it.
    pub state_rest_seconds: u32,
    /// Who is told besides administrators and managers.
    pub also_to: Vec<String>,
    /// Where notices are posted to as well.
    pub webhook_url: Hidden,
    /// Hours that the link of a notice is good.
    pub link_valid_hours: u32,
}

impl Default for AlertsSection {
    fn default() -> Self {
        Self {
            notices: true,
            days_before: vec![14, 7, 1],
            error_after_minutes: 15,
            state_rest_seconds: 60,
            also_to: Vec::new(),
            webhook_url: Hidden::default(),
            link_valid_hours: 72,
        }
    }
}

impl AlertsSection {
    pub(super) fn check(&self, source: &Source<'_>) -> Result<(), ConfigError> {
        let stage = |days: &u16| (1..=365).contains(days);
        if self.days_before.len() > STAGES_MAX || !self.days_before.iter().all(stage) {
            let words = format!(
                "days_before is {:?}; write at most {STAGES_MAX} numbers of days from 1 to 365",
                self.days_before
            );
            return Err(source.at_key("days_before", words));
        }
        if self.error_after_minutes > 1_440 {
            let words = format!(
                "error_after_minutes is {}; it must be from 0 to 1440",
                self.error_after_minutes
            );
            return Err(source.at_key("error_after_minutes", words));
        }
        if self.state_rest_seconds > STATE_REST_SECONDS_MAX {
            let words = format!(
                "state_rest_seconds is {}; it must be from 0 to {STATE_REST_SECONDS_MAX}",
                self.state_rest_seconds
            );
            return Err(source.at_key("state_rest_seconds", words));
        }
        if !(1..=720).contains(&self.link_valid_hours) {
            let words = format!(
                "link_valid_hours is {}; it must be from 1 to 720",
                self.link_valid_hours
            );
            return Err(source.at_key("link_valid_hours", words));
        }
        if let Some(Err(error)) = self
            .webhook_url
            .secret()
            .map(|url| HttpsUrl::parse(url.expose()))
        {
            return Err(source.at_key("webhook_url", format!("webhook_url: {error}")));
        }
        if self.also_to.len() > RECIPIENTS_MAX {
            let words = format!("also_to has more than {RECIPIENTS_MAX} addresses");
            return Err(source.at_key("also_to", words));
        }
        for text in &self.also_to {
            if let Err(error) = Address::parse(text) {
                return Err(source.at_key("also_to", format!("also_to names {text:?}: {error}")));
            }
        }
        Ok(())
    }

    /// Where notices are posted to.
    #[must_use]
    pub fn webhook(&self) -> Option<HttpsUrl> {
        let url = self.webhook_url.secret()?;
        HttpsUrl::parse(url.expose()).ok()
    }

    /// How long a link is good.
    #[must_use]
    pub fn link_valid(&self) -> SignedDuration {
        SignedDuration::from_hours(self.link_valid_hours.into())
    }

    /// What the service is told.
    #[must_use]
    pub fn options(&self, public_url: Option<String>) -> AlertOptions {
        let also_to = self.also_to.iter();
        AlertOptions {
            enabled: self.notices,
            rules: AlertRules {
                days_before: self.days_before.clone(),
                error_after: SignedDuration::from_mins(self.error_after_minutes.into()),
                state_rest: SignedDuration::from_secs(self.state_rest_seconds.into()),
            },
            also_to: also_to
                .filter_map(|text| Address::parse(text).ok())
                .collect(),
            public_url,
        }
    }
}
