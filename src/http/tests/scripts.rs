//! The pages of the scripts: why a mail is where it is, and the editor as a form without a
//! script of its own.

use std::fs;
use std::time::Duration;

use axum::http::StatusCode;

use super::desk::{Desk, text_of};
use crate::domain::user::Role;
use crate::http::download::percent_encoded;
use crate::http::options::SCRIPT_FORM_BYTES_MAX;
use crate::script::{Limits, Snapshot};
use crate::service::console::mark_of;
use crate::service::trying::{self, Surroundings};

const LONG: Duration = Duration::from_secs(10);

const MAIL: &str = "From: Anna <anna@customer.example>\nTo: support@desk.example\nSubject: Invoice 7 & 8\nMessage-ID: <NUMBER@customer.example>\nX-Flag: yes\n\nWhere is my refund?\n";

fn mail(number: usize) -> String {
    MAIL.replace("NUMBER", &number.to_string())
}

/// A script that sends mail to a team when this holds.
fn routing(condition: &str) -> String {
    format!(
        "fn route(mail, ctx) {{\n    let subject = mail.subject.to_lower();\n    \
         if {condition} {{\n        return team(\"billing\");\n    }}\n    inbox()\n}}\n\n\
         fn asks_for_money(mail) {{\n    mail.text.contains(\"refund\")\n}}\n"
    )
}

fn without_tags(html: &str) -> String {
    let mut plain = String::new();
    let mut is_tag = false;
    for letter in html.chars() {
        match letter {
            '<' => is_tag = true,
            '>' => is_tag = false,
            _ if !is_tag => plain.push(letter),
            _ => {}
        }
    }
    let plain = plain
        .replace("&#34;", "\"")
        .replace("&#60;", "<")
        .replace("&#62;", ">");
    plain.replace("&#38;", "&").replace("&#39;", "'")
}

/// The sentence that a page has about a mail that this script has decided on.
async fn told(desk: &Desk, session: &str, number: usize, condition: &str) -> String {
    let files = vec![("routing.rhai".to_owned(), routing(condition))];
    let scripts = Snapshot::of(files, &Limits::default()).expect("right scripts");
    let now = "2026-11-28T09:00:00+00:00[UTC]".parse().expect("a time");
    let around = Surroundings { mailbox: None, now };
    let raw = mail(number).replace('\n', "\r\n");
    let (view, context) = trying::sample(raw.as_bytes(), around);
    let routed = trying::route(&scripts, view, context, LONG).routed;
    assert!(routed.routing.team.is_some(), "{condition}: {routed:?}");
    let (_, conversation) = desk.receive_routed(&mail(number), &scripts, routed).await;
    let (status, page) = desk
        .page(session, &format!("/conversations/{conversation}"))
        .await;
    assert_eq!(status, StatusCode::OK, "{page}");
    // The latest mail stands last.
    let sentence = page.rsplit("<p class=\"sentence\">").next();
    let sentence = sentence.and_then(|rest| rest.split("</p>").next());
    without_tags(sentence.expect("a sentence"))
}

#[tokio::test]
async fn a_reason_is_told_where_it_is_certain() {
    let desk = Desk::open().await;
    let session = desk.session().await;
    let cases = [
        (
            "subject.contains(\"invoice\")",
            "the subject contains “invoice”",
        ),
        (
            "mail.subject.starts_with(\"Invoice\")",
            "the subject begins with “Invoice”",
        ),
        (
            "mail.from.ends_with(\".example\")",
            "the sender’s address ends with “.example”",
        ),
        (
            "mail.text.contains_any([\"parcel\", \"refund\"])",
            "the text contains “refund”",
        ),
        (
            "\"support@desk.example\" in mail.to",
            "To contains “support@desk.example”",
        ),
        (
            "!mail.subject.contains(\"offer\")",
            "the subject does not contain “offer”",
        ),
        (
            "subject.contains(\"offer\") || subject.contains(\"7 & 8\")",
            "the subject contains “7 & 8”",
        ),
        (
            "subject.contains(\"invoice\") && mail.size > 5",
            "the subject contains “invoice” and mail.size > 5",
        ),
        (
            "mail.header(\"X-Flag\").contains(\"yes\")",
            "mail.header(\"X-Flag\") contains “yes”",
        ),
        (
            "mail.late || (mail.language != \"zh\" && mail.text.contains(\"refund\"))",
            "mail.language != \"zh\" and the text contains “refund”",
        ),
    ];
    for (number, (condition, because)) in cases.into_iter().enumerate() {
        let sentence = told(&desk, &session, number, condition).await;
        let expected = format!("Routed to billing, by routing.rhai:4, because {because}");
        assert!(sentence.starts_with(&expected), "{condition}\n{sentence}");
    }
}

#[tokio::test]
async fn a_reason_that_is_not_certain_is_the_condition_as_it_stands() {
    let desk = Desk::open().await;
    let session = desk.session().await;
    let cases = [
        "mail.size > 90000 || asks_for_money(mail)",
        "asks_for_money(mail) || subject.contains(\"offer\")",
        "subject.contains(\"offer\") == false",
        "subject.contains(\"offer\") | subject.contains(\"invoice\")",
        "[subject.contains(\"offer\")].len() == 1",
        "(if subject.contains(\"offer\") { false } else { true })",
        "subject.contains(\"offer\") /* or */ || asks_for_money(mail)",
    ];
    for (number, condition) in cases.into_iter().enumerate() {
        let sentence = told(&desk, &session, number, condition).await;
        let expected = format!("Routed to billing, by routing.rhai:4, because {condition}");
        assert!(sentence.starts_with(&expected), "{condition}\n{sentence}");
        for claimed in ["contains “", "contain “"] {
            assert!(!sentence.contains(claimed), "{condition}\n{sentence}");
        }
    }
}

#[tokio::test]
async fn a_reason_is_told_in_chinese_too() {
    let desk = Desk::open().await;
    let session = format!("{}; postern_language=zh", desk.session().await);
    let condition = "subject.contains(\"invoice\") && !mail.text.contains(\"报价\")";
    let sentence = told(&desk, &session, 1, condition).await;
    assert!(
        sentence.contains("因为 主题包含“invoice”，并且正文不包含“报价”"),
        "{sentence}"
    );
}

/// A desk with a script and a mail, and somebody who may change the script.
async fn editing() -> (Desk, String, String) {
    let desk = Desk::open().await;
    let text = routing("subject.contains(\"invoice\")");
    fs::write(desk.script("routing.rhai"), &text).expect("written");
    desk.receive(&mail(1)).await;
    let session = desk
        .session_of("Mary", "mary@desk.example", Role::Administrator)
        .await;
    (desk, session, text)
}

fn form(file: &str, text: &str, mark: &str) -> String {
    let text = percent_encoded(text);
    format!("file={}&text={text}&mark={mark}", percent_encoded(file))
}

const EDIT: &str = "/scripts/edit?file=routing.rhai";

#[tokio::test]
async fn without_a_script_of_the_page_its_forms_try_and_save() {
    let (desk, session, before) = editing().await;
    let (status, page) = desk.page(&session, EDIT).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("<code>team billing</code>"), "{page}");
    assert!(page.contains(&format!("name=\"mark\" value=\"{}\"", mark_of(&before))));

    // Browsers send CRLF.
    let typed = before.replace("billing", "money").replace('\n', "\r\n");
    let fields = form("routing.rhai", &typed, &mark_of(&before));
    let tried = desk.submit(&session, EDIT, "/scripts/try", &fields).await;
    assert_eq!(tried.status(), StatusCode::OK);
    let tried = text_of(tried).await;
    assert!(tried.contains("<code>team money</code>"), "{tried}");
    let on_disk = || fs::read_to_string(desk.script("routing.rhai")).expect("readable");
    assert_eq!(on_disk(), before, "trying changes nothing");

    let saved = desk.submit(&session, EDIT, "/scripts/save", &fields).await;
    assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    assert_eq!(on_disk(), typed.replace("\r\n", "\n"));
    let place = saved.headers()["location"].to_str().expect("a place");
    let (_, page) = desk.page(&session, place).await;
    assert!(page.contains("Saved. The next mail sees it."), "{page}");
}

#[tokio::test]
async fn what_somebody_else_saved_meanwhile_is_not_overwritten() {
    let (desk, session, before) = editing().await;
    let theirs = before.replace("billing", "theirs");
    fs::write(desk.script("routing.rhai"), &theirs).expect("written");
    let mine = before.replace("billing", "mine <b>");
    let fields = form("routing.rhai", &mine, &mark_of(&before));
    let refused = desk.submit(&session, EDIT, "/scripts/save", &fields).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let on_disk = || fs::read_to_string(desk.script("routing.rhai")).expect("readable");
    assert_eq!(on_disk(), theirs);
    let page = text_of(refused).await;
    assert!(
        page.contains("Somebody else has saved this file meanwhile"),
        "{page}"
    );
    let area = page
        .split("<textarea")
        .nth(1)
        .and_then(|rest| rest.split("</textarea>").next());
    let area = without_tags(area.expect("a field").split_once('>').expect("a tag").1);
    assert_eq!(
        area.trim_start_matches('\n'),
        mine,
        "what was typed is kept"
    );
    assert!(
        page.contains("- ") && page.contains("theirs") && page.contains("mine"),
        "{page}"
    );

    // Whoever has seen the difference may save on top of it.
    let fields = form("routing.rhai", &mine, &mark_of(&theirs));
    assert!(page.contains(&format!("value=\"{}\"", mark_of(&theirs))));
    let saved = desk.submit(&session, EDIT, "/scripts/save", &fields).await;
    assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    assert_eq!(on_disk(), mine);
}

#[tokio::test]
async fn the_editor_shows_what_the_other_files_answer() {
    let (desk, session, _) = editing().await;
    let shows = async |file: &str, text: &str| {
        let fields = form(file, text, &mark_of(""));
        let page = desk.submit(&session, EDIT, "/scripts/try", &fields).await;
        let page = text_of(page).await;
        let panel = page
            .split("<section class=\"panel\" id=\"answers\">")
            .nth(1);
        let panel = panel.and_then(|rest| rest.split("</section>").next());
        without_tags(panel.unwrap_or_else(|| panic!("{page}")))
    };
    let gate = "fn ai_reply(mail, ctx) {\n    if mail.text.contains(\"refund\") { return off(\"money\"); }\n    draft()\n}";
    let panel = shows("ai_gate.rhai", gate).await;
    assert!(panel.contains("money"), "{panel}");
    assert!(panel.contains("ai_gate.rhai:2"), "{panel}");
    let panel = shows(
        "signature.rhai",
        "fn signature(ctx) { `<${ctx.mailbox.name}>` }",
    )
    .await;
    assert!(panel.contains("<Support>"), "{panel}");
    let panel = shows("timers.rhai", "fn on_timer(ctx) { team(\"second\") }").await;
    assert!(panel.contains("team second"), "{panel}");
    let broken = "fn signature(ctx) { let a = []; a[7] }";
    let panel = shows("signature.rhai", broken).await;
    assert!(panel.contains("signature.rhai:1"), "{panel}");
}

#[tokio::test]
async fn a_file_of_a_mailbox_that_is_not_there_is_not_opened_nor_rehearsed() {
    let (desk, session, text) = editing().await;
    let opened = async |of: &str| desk.page(&session, &format!("{EDIT}&of={of}")).await;
    let (status, page) = opened("").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("value=\"routing.rhai\""), "{page}");
    let (status, page) = opened("support-desk-example").await;
    assert_eq!(status, StatusCode::OK);
    let own = "mailboxes/support-desk-example/routing.rhai";
    assert!(page.contains(&format!("value=\"{own}\"")), "{page}");
    for nobody in ["nobody", "No_Slug", "..%2Fx"] {
        let (status, page) = opened(nobody).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{nobody}\n{page}");
    }

    let rehearsed = async |session: &str, file: &str| {
        let fields = form(file, &text, &mark_of(""));
        let page = desk.submit(session, EDIT, "/scripts/rehearse", &fields);
        let page = page.await;
        (page.status(), text_of(page).await)
    };
    let (status, page) = rehearsed(&session, own).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("id=\"rehearsed\""), "{page}");
    let nobody = "mailboxes/nobody/routing.rhai";
    let (status, page) = rehearsed(&session, nobody).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!page.contains("id=\"rehearsed\""), "{page}");
    assert!(page.contains("o mailbox has the slug “nobody”"), "{page}");
    let chinese = format!("{session}; postern_language=zh");
    let (_, page) = rehearsed(&chinese, nobody).await;
    assert!(page.contains("没有标识为“nobody”的邮箱"), "{page}");
}

#[tokio::test]
async fn a_form_larger_than_any_script_is_refused() {
    let (desk, session, before) = editing().await;
    let large = "x".repeat(SCRIPT_FORM_BYTES_MAX);
    for action in ["/scripts/try", "/scripts/save", "/scripts/test"] {
        let fields = form("routing.rhai", &large, &mark_of(&before));
        let refused = desk.submit(&session, EDIT, action, &fields).await;
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE, "{action}");
    }
}

#[tokio::test]
async fn the_reference_is_made_from_what_scripts_are_given() {
    let (desk, session, _) = editing().await;
    let (status, page) = desk.page(&session, "/scripts/reference").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for (owner, members) in crate::script::sections() {
        for member in members {
            let written = format!("<code>{}</code>", member.written());
            assert!(page.contains(&written), "{owner:?} {written}");
        }
    }
    assert!(page.contains("id=\"of-mail\""));
    for place in ["/scripts", EDIT] {
        let (_, from) = desk.page(&session, place).await;
        assert!(from.contains("href=\"/scripts/reference\""), "{place}");
    }
    let chinese = format!("{session}; postern_language=zh");
    let (_, page) = desk.page(&chinese, "/scripts/reference").await;
    assert!(
        page.contains("脚本可以使用什么") && page.contains("是或否"),
        "{page}"
    );
}
