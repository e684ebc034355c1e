//! The link of a notice: one page, one mailbox, one use.

use super::{Desk, OTHER, PUBLIC, read};
use crate::peers::browser::{Browser, Page};
use crate::peers::dovecot::{PASSWORD, USER};
use crate::peers::until;

fn mail(id: &str) -> Vec<u8> {
    format!(
        "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: {id}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\nHello.\r\n"
    )
    .into_bytes()
}

/// The path of the link in a text.
pub fn link_in(text: &str) -> String {
    let (_, rest) = text
        .split_once(&format!("{PUBLIC}/reauthenticate/"))
        .unwrap_or_else(|| panic!("no link in {text}"));
    let token = rest.split_whitespace().next().unwrap();
    assert!(token.len() >= 43, "{token}");
    format!("/reauthenticate/{token}")
}

fn is_gone(page: &Page) {
    assert_eq!(page.status, 404, "{page:?}");
    assert!(page.body.contains("This link leads nowhere"), "{page:?}");
    assert!(!page.body.contains(USER), "{page:?}");
}

#[test]
fn the_link_of_a_notice_gives_a_mailbox_its_new_code_once() {
    let desk = Desk::open(true, PUBLIC);
    desk.connect(&["--preset", "codes"]);
    desk.connect_other();
    desk.change_password("the new code");
    let told = desk.notices.wait_for(1);
    let (_, text) = read(&told[0]);
    let link = link_in(&text);
    let missed = ["a", "b", "c"];
    for id in missed {
        desk.dovecot.deliver(USER, &mail(id));
    }
    // A program that looks for viruses opens it first, and so does the reader, twice.
    let phone = Browser::stranger(&desk.gateway);
    for _ in 0..3 {
        let page = phone.get(&link);
        assert_eq!(page.status, 200, "{page:?}");
        for words in [USER, "Codes", "https://codes.example/settings"] {
            assert!(page.body.contains(words), "no {words} in {page:?}");
        }
        for words in [OTHER, "localhost", "/mailboxes", PASSWORD] {
            assert!(!page.body.contains(words), "{words} in {page:?}");
        }
        let head = page.head.to_lowercase();
        for field in ["referrer-policy: no-referrer", "cache-control: no-store"] {
            assert!(head.contains(field), "no {field} in {head}");
        }
        assert!(!head.contains("set-cookie"), "{head}");
    }
    phone.send(&link, &[("password", "")]).refused(&[USER]);
    let wrong = phone.send(&link, &[("password", "wrong")]);
    wrong.refused(&["Authentication failed", "left with this link: 9"]);
    assert!(!wrong.body.contains("wrong\""), "{wrong:?}");
    desk.until_state("reauthentication_needed");
    let right = phone.send(&link, &[("password", " the new code ")]);
    assert_eq!(right.status, 200, "{right:?}");
    assert!(right.body.contains("It works again"), "{right:?}");
    desk.until_state("active");
    desk.gateway.api().feed().until_routed(missed.len());
    let ids: Vec<String> = missed.map(|id| format!("<{id}@example.net>")).into();
    assert_eq!(desk.gateway.api().message_ids(), ids);
    assert!(desk.sink.kept().is_empty(), "something was answered");
    is_gone(&phone.get(&link));
    is_gone(&phone.send(&link, &[("password", "the new code")]));
    is_gone(&phone.send(&link, &[("stored", "true")]));
    is_gone(&phone.get(&format!("/reauthenticate/{}", "A".repeat(43))));
    let token = link.rsplit('/').next().unwrap();
    assert!(!desk.gateway.log().contains(token));
    let told = desk.notices.wait_for(2);
    assert!(read(&told[1]).1.contains("works again"));
}

#[test]
fn a_link_made_by_hand_tries_the_stored_code_and_any_new_login_ends_it() {
    let desk = Desk::open(true, PUBLIC);
    desk.connect(&[]);
    let made = |desk: &Desk| {
        let made = desk.gateway.run(&["mailbox", "reauthenticate-link", USER]);
        link_in(&made.good().out)
    };
    desk.change_password("another");
    desk.until_state("reauthentication_needed");
    let (link, older) = (made(&desk), made(&desk));
    let phone = Browser::stranger(&desk.gateway);
    phone
        .send(&link, &[("stored", "true")])
        .refused(&["Authentication failed"]);
    // The provider had a bad day; what is stored is right after all.
    desk.change_password(PASSWORD);
    let right = phone.send(&link, &[("stored", "true")]);
    assert_eq!(right.status, 200, "{right:?}");
    desk.until_state("active");
    is_gone(&phone.get(&link));
    is_gone(&phone.get(&older));
    // On the page, and ended by whoever is faster.
    let browser = Browser::sign_in(&desk.gateway);
    let id = desk.gateway.api().get(&format!("/mailboxes/{USER}"))["id"].clone();
    let path = format!("/mailboxes/{}/reauthenticate-link", id.as_str().unwrap());
    let page = browser.post(&browser.get("/mailboxes"), &path, &[]);
    let link = link_in(&page.between("data-copy=\"", "\""));
    assert_eq!(phone.get(&link).status, 200);
    desk.change_password("third");
    desk.until_state("reauthentication_needed");
    desk.gateway
        .give_password("reauthenticate", USER, "third")
        .good();
    is_gone(&phone.get(&link));
    let unbound = desk.gateway.run(&["mailbox", "unbind", USER]);
    unbound.good();
    let refused = desk.gateway.run(&["mailbox", "reauthenticate-link", USER]);
    refused.refused(&["unbound"]);
}

#[test]
fn many_tries_wait_and_a_try_needs_a_page_of_ours() {
    let desk = Desk::open(true, PUBLIC);
    desk.connect(&[]);
    let made = desk.gateway.run(&["mailbox", "reauthenticate-link", USER]);
    let link = link_in(&made.good().out);
    let phone = Browser::stranger(&desk.gateway);
    for left in (5..10).rev() {
        let page = phone.send(&link, &[("password", "wrong")]);
        page.refused(&[&format!("left with this link: {left}")]);
    }
    let page = phone.send(&link, &[("password", PASSWORD)]);
    assert_eq!(page.status, 429, "{page:?}");
    // The mailbox itself goes on working.
    until("mail still comes", || {
        let mailbox = desk.gateway.api().get(&format!("/mailboxes/{USER}"));
        (mailbox["receiving"]["state"] == "active").then_some(())
    });
    let foreign = phone.send_from("https://evil.example", &link, &[("password", PASSWORD)]);
    assert_eq!(foreign.status, 403, "{foreign:?}");
}

#[test]
fn who_is_told_at_an_address_that_is_itself_a_mailbox_gets_no_link() {
    let desk = Desk::open(true, PUBLIC);
    desk.connect(&[]);
    desk.connect_other();
    let alias = "team@sales.example";
    let edit = ["mailbox", "edit", OTHER, "--alias", alias];
    desk.gateway.run(&edit).good();
    for address in [OTHER, alias] {
        let role = ["--name", "Sales", "--role", "administrator"];
        let add = [&["user", "add", address], &role[..]].concat();
        desk.gateway.run(&add).good();
    }
    desk.change_password("another");
    // One mail for those who may have the link, and one for whoever reads that mailbox.
    let told = desk.notices.wait_for(2);
    let ours = |to: &String| to == OTHER || to == alias;
    let (without, with): (Vec<_>, Vec<_>) = told.iter().partition(|mail| mail.to.iter().all(ours));
    assert_eq!((without.len(), with.len()), (1, 1), "{told:?}");
    assert_eq!(without[0].to.len(), 2, "{told:?}");
    assert!(!with[0].to.iter().any(ours), "{told:?}");
    link_in(&read(with[0]).1);
    let (_, text) = read(without[0]);
    assert!(!text.contains("/reauthenticate/"), "{text}");
    for words in [USER, "no link in this mail"] {
        assert!(text.contains(words), "no {words} in {text}");
    }
}
