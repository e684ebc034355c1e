//! A notice about a mailbox as JSON, for the webhook. Field names are part of the API.
//!
//! Absent: the link that gives a mailbox a new login; where webhooks lead, many read.

use serde::Serialize;

use crate::domain::alert::Due;
use crate::domain::harmless::{at_its_place, harmless};
use crate::domain::mailbox::Mailbox;
use crate::domain::notice::Notice;

/// The body of a notice.
#[derive(Clone, Debug, Serialize)]
pub struct NoticeBody {
    /// The same in every attempt.
    id: String,
    r#type: &'static str,
    at: String,
    mailbox_id: String,
    address: String,
    name: String,
    /// The day the login ends by age.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    /// When the trouble began.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// How the mailbox is doing, when a script was asked about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// What the script says.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    /// What it was not let say since the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u32>,
    /// The function of a script that goes on failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    /// How often it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The same in a sentence.
    text: String,
}

impl NoticeBody {
    /// Converts a notice; `text` is what it says.
    #[must_use]
    pub fn new(notice: &Notice, mailbox: &Mailbox, text: String) -> Self {
        let mut body = Self {
            id: notice.id(),
            r#type: "mailbox.recovered",
            at: notice.made_at.to_string(),
            mailbox_id: mailbox.id.to_string(),
            address: mailbox.settings.address.to_string(),
            name: mailbox.settings.name.clone(),
            expires_on: None,
            days_left: None,
            since: None,
            state: None,
            words: None,
            left_out: None,
            function: None,
            count: None,
            reason: None,
            text,
        };
        match &notice.due {
            Due::Ends { expiry, days_left } => {
                body.r#type = "mailbox.login_ends";
                body.expires_on = Some(expiry.ends_on.to_string());
                body.days_left = Some(*days_left);
            }
            Due::Reauthenticate { reason } => {
                body.r#type = "mailbox.reauthentication_needed";
                body.reason = Some(reason.to_string());
            }
            Due::Error { reason, since } => {
                body.r#type = "mailbox.error";
                body.reason = Some(reason.to_string());
                body.since = Some(since.to_string());
            }
            Due::Recovered { since } => body.since = Some(since.to_string()),
            Due::ScriptFails {
                function,
                words,
                count,
                since,
            } => {
                body.r#type = "script.failing";
                body.function = Some(function.clone());
                body.count = Some(*count);
                body.since = Some(since.to_string());
                body.reason = Some(at_its_place(words));
            }
            Due::Script {
                state,
                words,
                left_out,
            } => {
                body.r#type = "mailbox.script";
                body.state = Some(state.word());
                body.words = Some(harmless(words));
                body.left_out = Some(*left_out);
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::address::Address;
    use crate::domain::key::{MailboxKey, NoticeKey, PublicId, WorkspaceKey};
    use crate::domain::mailbox::{MailboxSettings, Security, Server, WayIn, WayOut};
    use crate::domain::notice::NoticeState;
    use crate::domain::state::MailboxState;

    fn body(due: Due) -> Value {
        let (at, workspace) = (Timestamp::UNIX_EPOCH, WorkspaceKey::DEFAULT);
        let server = Server {
            host: "localhost".to_owned(),
            port: 1,
            security: Security::None,
        };
        let address = Address::parse("help@shop.example").expect("an address");
        let way_in = WayIn::inbox(server.clone());
        let mailbox = Mailbox {
            key: MailboxKey(1),
            id: PublicId::new(at, [7; 10]),
            workspace,
            settings: MailboxSettings::new(address, way_in, WayOut::Own(server)),
            connected_at: at,
        };
        let notice = Notice {
            key: NoticeKey(1),
            workspace,
            mailbox: mailbox.key,
            due,
            made_at: at,
            mark: [0; 12],
            state: NoticeState::Waiting { next: at },
            attempts: 0,
            accepted: Vec::new(),
            mailed: false,
            hooked: false,
            failure: None,
        };
        let body = NoticeBody::new(&notice, &mailbox, "in short".to_owned());
        serde_json::to_value(body).expect("json")
    }

    #[test]
    fn what_scripts_say_and_that_they_fail_is_told_with_its_figures() {
        let said = body(Due::Script {
            state: MailboxState::Error,
            words: "call the bank".to_owned(),
            left_out: 2,
        });
        assert_eq!(said["type"], "mailbox.script");
        assert_eq!(said["words"], "call the bank");
        assert_eq!(said["left_out"], 2);
        assert_eq!(said.get("count"), None);
        let fails = body(Due::ScriptFails {
            function: "route".to_owned(),
            words: "routing.rhai:2:1: no".to_owned(),
            count: 5,
            since: Timestamp::UNIX_EPOCH,
        });
        assert_eq!(fails["type"], "script.failing");
        let told = ["function", "count", "since", "reason"].map(|name| fails[name].clone());
        let since = "1970-01-01T00:00:00Z";
        assert_eq!(
            json!(told),
            json!(["route", 5, since, "routing.rhai:2:1: no"])
        );
        assert_eq!(fails.get("left_out"), None);
    }
}
