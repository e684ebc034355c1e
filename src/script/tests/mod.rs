//! The room's tests, through its public face: one mail and its surroundings, which
//! the scripts of the other files are asked about.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use super::*;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::conversation::Tag;
use crate::domain::message::{Attachment, Head, Part, TransferEncoding};
use crate::domain::state::MailboxState;

mod cases;
mod data;
mod hooks;
mod loading;
mod overrides;
mod questions;
mod reasons;
mod views;

#[derive(Default)]
pub(super) struct Content {
    pub(super) texts_read: AtomicUsize,
}

impl MailContent for Content {
    fn text(&self) -> String {
        self.texts_read.fetch_add(1, Ordering::Relaxed);
        "new words".to_owned()
    }

    fn whole_text(&self) -> String {
        "new words\n> old words".to_owned()
    }

    fn header(&self, name: &str) -> Option<String> {
        name.eq_ignore_ascii_case("X-Spam-Flag")
            .then(|| "YES".to_owned())
    }

    fn topmost(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.header(name))
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

pub(super) fn named(name: Option<&str>, address: &str) -> NamedAddress {
    NamedAddress::new(name, Address::parse(address).expect("an address"))
}

pub(super) fn mail(content: Arc<Content>) -> MailView {
    let part = Part {
        range: 100..1100,
        content_type: "application/pdf".to_owned(),
        charset: None,
        encoding: TransferEncoding::Base64,
        flowed: false,
    };
    let head = Head {
        from: Some(named(Some("王伟"), "Wang.Wei@example.cn")),
        to: vec![named(None, "support@example.com")],
        subject: "Re: Invoice 发票 7".to_owned(),
        date: Some(at("2026-03-06T12:00:00Z")),
        language: "zh".to_owned(),
        attachments: vec![Attachment {
            name: "发票.pdf".to_owned(),
            part,
            size: 1000,
            content_id: None,
            inline: false,
        }],
        ..Head::default()
    };
    MailView {
        head: Arc::new(head),
        base_subject: "Invoice 发票 7".to_owned(),
        size: 4096,
        arrived_at: at("2026-03-06T12:30:00Z"),
        late: false,
        imported: false,
        new_participant: false,
        fields: Arc::default(),
        content,
    }
}

pub(super) fn context() -> ContextView {
    ContextView {
        conversation: Some(ConversationView {
            number: 12,
            message_count: 1,
            tags: Tag::new("vip").into_iter().collect(),
            ..ConversationView::default()
        }),
        contact: Some(ContactView {
            name: "王伟".to_owned(),
            address: "wang.wei@example.cn".to_owned(),
            conversation_count: 3,
            ..ContactView::default()
        }),
        mailbox: MailboxView {
            name: "Support".to_owned(),
            preset: "practice".to_owned(),
            state: Some(MailboxState::Active),
            signature: "Kind regards".to_owned(),
            ..MailboxView::default()
        },
        operator: None,
        now: at("2026-03-06T12:30:00Z")
            .in_tz("Asia/Shanghai")
            .expect("a time zone"),
        workspace: "Default".to_owned(),
    }
}

pub(super) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("written");
    }
    folder
}

pub(super) fn load(files: &[(&str, &str)]) -> Result<Snapshot, Vec<Diagnostic>> {
    Snapshot::load(folder(files).path(), &Limits::default())
}

pub(super) fn routed(source: &str) -> Routed {
    let snapshot = load(&[("routing.rhai", source)]).expect("right scripts");
    snapshot.route(mail(Arc::default()), context(), || false)
}
