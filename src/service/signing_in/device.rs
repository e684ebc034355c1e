//! Signing in with a code that is typed on another device (RFC 8628): for the command
//! line, and where the provider cannot send a browser back to us.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::SignInError;
use crate::domain::key::PublicId;
use crate::domain::saying::Saying;
use crate::net::oauth::{DeviceCode, OAuth, Refusal, Tokens};
use crate::service::oauth_clients::Provider;

/// A code is not waited for longer, whatever the provider says.
const LIFE_MAX: Duration = Duration::from_secs(30 * 60);
/// How often we ask, at least and at most.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// RFC 8628 section 3.5: `slow_down` adds so much, for good.
const SLOWER: Duration = Duration::from_secs(5);

/// A code as it is shown. Its texts are the provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceShown {
    /// What is typed.
    pub user_code: String,
    /// Where.
    pub url: String,
    /// The same with the code in it.
    pub url_complete: Option<String>,
    /// How long it can be typed.
    pub lives: Duration,
}

/// How a sign-in with a code is doing.
#[derive(Clone, Debug)]
pub struct DeviceProgress {
    /// The code.
    pub shown: DeviceShown,
    /// How it ended, when it has.
    pub end: Option<Result<Finished, Saying>>,
}

/// What came of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The mailbox is being tried and connected, in this attempt.
    Attempt(PublicId),
    /// This mailbox has its new login.
    SignedIn(PublicId),
}

impl DeviceShown {
    pub(super) fn of(code: &DeviceCode) -> Self {
        Self {
            user_code: code.user_code.clone(),
            url: code.verification_url.clone(),
            url_complete: code.verification_url_complete.clone(),
            lives: code.lives.min(LIFE_MAX),
        }
    }
}

/// Asks until somebody has typed the code, as often as the provider allows.
pub(super) async fn await_tokens(
    oauth: &OAuth,
    provider: &Provider,
    code: &DeviceCode,
) -> Result<Tokens, SignInError> {
    let ends = Instant::now() + code.lives.min(LIFE_MAX);
    let mut interval = code.interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
    loop {
        sleep(interval).await;
        if Instant::now() >= ends {
            return Err(SignInError::CodeEnded);
        }
        let Provider { module, client } = provider;
        let asked = oauth.device_tokens(module, client, &code.device_code).await;
        let error = match asked {
            Ok(tokens) => return Ok(tokens),
            Err(error) => error,
        };
        match error.refusal() {
            Some(Refusal::Pending) => {}
            Some(Refusal::SlowDown) => interval = (interval + SLOWER).min(INTERVAL_MAX),
            Some(Refusal::DeviceCodeEnded) => return Err(SignInError::CodeEnded),
            Some(Refusal::Declined(words)) => return Err(SignInError::Declined(words.clone())),
            // RFC 8628 section 3.5: after trouble on the way, less often.
            _ if error.is_transient() => interval = (interval * 2).min(INTERVAL_MAX),
            _ => return Err(error.into()),
        }
    }
}
