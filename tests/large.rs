//! large: mail above the limit: its beginning is shown at once, and the rest comes when somebody wants it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::peers::api::text;
use crate::peers::browser::Browser;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;
use crate::peers::until;

/// Bytes of the file in the large mail, before they are encoded.
const FILE_BYTES: usize = 3 * 1024 * 1024;

fn small(id: &str) -> Vec<u8> {
    format!(
        "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: {id}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\n\
         Hello, this is {id}.\r\n"
    )
    .into_bytes()
}

/// A text and a file of three megabytes.
fn large(id: &str) -> Vec<u8> {
    let mut mail = format!(
        "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: Photos\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nThe box arrived broken, see the photo.\r\n\
         --b\r\nContent-Type: image/jpeg; name=box.jpg\r\nContent-Disposition: attachment; \
         filename=box.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    // 57 bytes a line, as RFC 2045 wants.
    for _ in 0..FILE_BYTES / 57 {
        writeln!(mail, "{}\r", "QUJD".repeat(19)).unwrap();
    }
    mail.push_str("--b--\r\n");
    mail.into_bytes()
}

struct House {
    dovecot: Dovecot,
    gateway: Gateway,
    _sink: Sink,
}

impl House {
    fn open(mailbox: impl Fn(&Dovecot, &Sink) -> Mailbox) -> Self {
        let (dovecot, sink) = (Dovecot::start(), Sink::start());
        let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
        gateway.limit_mails(1);
        gateway.launch();
        gateway.add(&mailbox(&dovecot, &sink)).good();
        Self {
            dovecot,
            gateway,
            _sink: sink,
        }
    }

    /// The message with this id, once it is here.
    fn message(&self, id: &str) -> Value {
        let wanted = format!("<{id}@example.net>");
        until(&format!("{id} is here"), || {
            let all = self.gateway.api().all_messages();
            all.into_iter().find(|one| one["message_id"] == wanted)
        })
    }

    fn deliver(&self, mail: &[u8]) {
        self.dovecot.deliver(USER, mail);
        self.gateway.look(USER);
    }

    fn text_of(&self, message: &Value) -> String {
        let path = format!("/messages/{}/text", text(message, "id"));
        self.gateway.api().get(&path).to_string()
    }

    fn until_whole(&self, id: &str) -> Value {
        until("the whole mail is here", || {
            let message = self.message(id);
            (message["defects"] == serde_json::json!([])).then_some(message)
        })
    }

    fn fates(&self) -> Vec<String> {
        let ledger = self.gateway.run(&["mailbox", "ledger", USER, "--json"]);
        let rows = ledger.good().out;
        let rows = rows
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut fates: Vec<_> = rows
            .filter_map(|row| Some(row["item"]["fate"].as_str()?.to_owned()))
            .collect();
        fates.sort();
        fates
    }
}

fn comes_in_part_and_whole(house: &House) {
    house.deliver(&large("big"));
    house.deliver(&small("next"));
    house.message("next");
    let part = house.message("big");
    assert_eq!(part["defects"], serde_json::json!(["too_large"]), "{part}");
    assert!(house.text_of(&part).contains("arrived broken"), "{part}");
    assert_eq!(house.fates(), ["stored", "too_large"]);
    let mailbox = house.gateway.api().get(&format!("/mailboxes/{USER}"));
    assert_eq!(mailbox["held"]["too_large"], 1);

    let path = format!("/messages/{}/fetch", text(&part, "id"));
    let begun = house.gateway.api().post(&path, &[], &Value::Null);
    assert_eq!(begun.status, 202, "{begun:?}");
    let whole = house.until_whole("big");
    // The same message, where it stood, with every byte.
    assert_eq!(
        (&whole["id"], &whole["conversation_id"]),
        (&part["id"], &part["conversation_id"])
    );
    let raw = house.gateway.api().raw(text(&whole, "id"));
    assert!(
        raw.len() > FILE_BYTES && raw.ends_with(b"--b--\r\n"),
        "{}",
        raw.len()
    );
    assert_eq!(whole["attachments"][0]["name"], "box.jpg");
    assert_eq!(house.gateway.api().message_ids().len(), 2);
    assert_eq!(house.fates(), ["stored", "stored", "too_large"]);
    let mailbox = house.gateway.api().get(&format!("/mailboxes/{USER}"));
    assert_eq!(mailbox["held"]["too_large"], 0);
    // Nothing is left to be fetched.
    let again = house.gateway.api().post(&path, &[], &Value::Null);
    assert_eq!(again.status, 409, "{again:?}");
}

#[test]
fn by_imap_the_beginning_comes_at_once_and_the_rest_when_it_is_wanted() {
    let mut house = House::open(Mailbox::of);
    comes_in_part_and_whole(&house);
    // And it stays so.
    house.gateway.stop();
    house.gateway.launch();
    house.deliver(&small("later"));
    house.message("later");
    assert_eq!(house.gateway.api().message_ids().len(), 3);
}

#[test]
fn by_pop3_the_beginning_comes_at_once_and_the_rest_when_it_is_wanted() {
    let house = House::open(Mailbox::by_pop3);
    comes_in_part_and_whole(&house);
}

#[test]
fn the_rest_is_fetched_from_the_page_and_the_command_line_and_after_a_restart() {
    let mut house = House::open(Mailbox::of);
    house.deliver(&large("one"));
    let one = house.message("one");
    let browser = Browser::sign_in(&house.gateway);
    let place = format!("/conversations/{}", text(&one, "conversation_id"));
    let page = browser.get(&place);
    assert!(page.body.contains("Fetch anyway"), "{page:?}");
    let fetch = format!("/messages/{}/fetch", text(&one, "id"));
    let sent = browser.post(&page, &fetch, &[]);
    assert!(sent.leads().starts_with(&place), "{sent:?}");
    house.until_whole("one");
    assert!(!browser.get(&place).body.contains("Fetch anyway"));

    house.deliver(&large("two"));
    house.message("two");
    house.gateway.stop();
    // Nobody runs: what is wanted now comes with the next start.
    let said = house
        .gateway
        .run(&["mailbox", "fetch", USER, "<two@example.net>"])
        .good();
    assert!(said.out.contains("MB, is being fetched"), "{said:?}");
    house.gateway.launch();
    house.until_whole("two");
    let none = house
        .gateway
        .run(&["mailbox", "fetch", USER, "<none@example.net>"]);
    none.refused(&["has seen no mail with that id"]);
}
