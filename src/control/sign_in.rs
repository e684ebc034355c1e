//! Signing in at a provider from a terminal: a code is printed, and typed in any browser.

use serde_json::json;

use super::desk::{Desk, words};
use super::lifecycle::done;
use super::message::Answer;
use super::row::told;
use crate::domain::mailbox::OAuthGrant;
use crate::domain::user::Actor;
use crate::service::oauth_clients::NoSignIn;
use crate::service::signing_in::{DeviceShown, Purpose, SignInError};

impl Desk {
    /// Gives a mailbox a new login.
    pub(super) async fn sign_in(
        &self,
        which: &str,
        account: Option<String>,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let purpose = Purpose::Again {
            mailbox: mailbox.id,
            account,
        };
        let grant = self.grant(purpose, tell).await?;
        let signed_in = self
            .mailboxes
            .sign_in_as(&Actor::Console, mailbox.id, grant, |step| tell(told(step)));
        Ok(done("is signed in again", &signed_in.await.map_err(words)?))
    }

    /// What the provider gives to whoever types the code.
    pub(super) async fn grant(
        &self,
        purpose: Purpose,
        tell: &mut impl FnMut(Answer),
    ) -> Result<OAuthGrant, String> {
        let signing_in = &self.signing_in;
        let grant = signing_in.by_code(&Actor::Console, purpose, |shown| tell(code(shown)));
        grant.await.map_err(|error| match &error {
            SignInError::NoSignIn(NoSignIn::NoClient {
                steps: Some(steps), ..
            }) => format!("{error}. There: {}", steps.en),
            _ => words(error),
        })
    }
}

fn code(shown: &DeviceShown) -> Answer {
    let DeviceShown {
        user_code,
        url,
        url_complete,
        lives,
    } = shown;
    let minutes = lives.as_secs() / 60;
    Answer::Item {
        words: format!(
            "Open {url} in any browser, type {user_code} and sign in; the code is good for \
             {minutes} minutes."
        ),
        item: json!({
            "url": url,
            "code": user_code,
            "url_with_code": url_complete,
            "seconds": lives.as_secs(),
        }),
    }
}
