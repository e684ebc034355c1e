//! Posts notices to an address of the administrator's, such as a chat or an on-call service.

use super::Alerts;
use super::sending::News;
use super::words::in_short;
use crate::domain::saying::{Saying, saying};
use crate::domain::secret::Secret;
use crate::net::http_client::{HttpClient, HttpsUrl};
use crate::wire::notice::NoticeBody;

/// Where notices are posted to, besides the mails.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Asks, as far as it may reach.
    pub client: HttpClient,
    /// The address; it often holds a secret, so it is never shown.
    pub url: HttpsUrl,
}

impl Alerts {
    /// Posts a notice, where that is wanted and was not done before.
    pub(super) async fn post(&self, News { notice, mailbox }: &News) -> Option<Result<(), Saying>> {
        let hook = self.webhook.as_ref().filter(|_| !notice.hooked)?;
        let body = NoticeBody::new(notice, mailbox, in_short(mailbox, &notice.due));
        let json = match serde_json::to_string(&body) {
            Ok(json) => Secret::new(json),
            Err(error) => {
                return Some(Err(saying!(
                    "unsent.hook_body",
                    what = Saying::words(error)
                )));
            }
        };
        let host = hook.url.host();
        Some(match hook.client.post_json(&hook.url, &json).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(saying!(
                "unsent.hook_answered",
                host,
                status = answer.status
            )),
            Err(error) => Err(saying!("unsent.hook", what = &error)),
        })
    }
}
