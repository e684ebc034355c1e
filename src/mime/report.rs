//! What a bounce is about: delivery status notifications (RFC 3464), bounces without form,
//! and read receipts (RFC 8098).
//!
//! Deliberately absent: whether it is about a mail of ours. The ids that are found here are
//! only asked about; nothing in a report is believed for what it says of itself.

mod bounds;
mod free;
mod mentioned;

use crate::domain::message::{BounceReport, DeliveryAction, REPORTED_MAX, ReportedRecipient};
use crate::domain::message_id::MessageId;

use self::bounds::{RECIPIENT_LENGTH_MAX, TEXT_LENGTH_MAX, is_status, short};
use self::mentioned::Mentioned;
use super::header::{HeaderBlock, words};
use super::transfer::decode_transfer;
use super::walk::{Walked, WalkedPart};

/// Reads the report of a bounce; `about` is found in the returned mail or header, `text` is
/// what a person reads in it.
#[must_use]
pub(super) fn read_bounce(walked: &Walked, subject: &str, text: &str) -> BounceReport {
    let mut report = BounceReport::default();
    let mut mentioned = Mentioned::default();
    for part in &walked.parts {
        match part.header.content_type.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => {
                let status = unwrapped(part);
                read_status(&status, &mut report);
                mentioned.scan(&String::from_utf8_lossy(&status));
            }
            "text/rfc822-headers" | "message/rfc822" | "message/global" => {
                let returned = header_of(unwrapped(part));
                mentioned.scan(&String::from_utf8_lossy(&returned));
                let id = HeaderBlock::new(returned).text("message-id");
                report.about = report.about.or_else(|| MessageId::parse_list(&id?).pop());
            }
            _ => {}
        }
    }
    mentioned.scan(text);
    if report.recipients.is_empty() {
        free::read(&walked.header, subject, text, &mut report);
    }
    if report.about.is_none() {
        let answered = walked
            .header
            .text("in-reply-to")
            .or_else(|| walked.header.text("references"));
        report.about = answered.and_then(|ids| MessageId::parse_list(&ids).pop());
    }
    report.mentioned = mentioned.into_list();
    sum_up(&mut report);
    report
}

/// The mail that a read receipt is about (RFC 8098 section 3.2.5).
#[must_use]
pub(super) fn read_receipt(walked: &Walked) -> Option<MessageId> {
    let mut parts = walked.parts.iter();
    let part = parts.find(|part| part.header.content_type == "message/disposition-notification")?;
    let fields = HeaderBlock::new(unwrapped(part));
    MessageId::parse_list(&fields.text("original-message-id")?).pop()
}

/// The worst that is told of a recipient stands for the whole report.
fn sum_up(report: &mut BounceReport) {
    let is = |action| move |one: &&ReportedRecipient| one.action == action;
    let mut all = report.recipients.iter();
    let worst = all.clone().find(is(DeliveryAction::Failed));
    let worst = worst.or_else(|| all.clone().find(is(DeliveryAction::Delayed)));
    if let Some(worst) = worst.or_else(|| all.next()) {
        report.action = worst.action;
        report.recipient = Some(worst.address.clone());
        report.status.clone_from(&worst.status);
        report.text.clone_from(&worst.text);
    }
}

fn unwrapped(part: &WalkedPart) -> Vec<u8> {
    decode_transfer(
        part.kept.as_deref().unwrap_or_default(),
        part.header.encoding,
    )
}

/// Up to the empty line.
fn header_of(mut mail: Vec<u8>) -> Vec<u8> {
    let end = [&b"\n\r\n"[..], b"\n\n"]
        .into_iter()
        .filter_map(|gap| memchr::memmem::find(&mail, gap))
        .min();
    mail.truncate(end.map_or(mail.len(), |end| end + 1));
    mail
}

/// Groups of fields divided by empty lines (RFC 3464 section 2.1): the first group is about the
/// mail, each further one about a recipient.
fn read_status(body: &[u8], report: &mut BounceReport) {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    for group in text.split("\n\n") {
        let group = HeaderBlock::new(group.as_bytes().to_vec());
        let value = |name| {
            group
                .first(name)
                .map(|value| typed_value(&words::decode_text(value, None)))
        };
        if report.about.is_none() {
            // RFC 3464 section 2.2.1: the envelope id is often the Message-ID.
            let envelope = value("original-envelope-id");
            report.about = envelope
                .filter(|id| id.contains('@'))
                .and_then(|id| MessageId::parse(&id));
        }
        // What the sender wrote is what we know; the other may be where it was forwarded to.
        let Some(recipient) = value("original-recipient").or_else(|| value("final-recipient"))
        else {
            continue;
        };
        if report.recipients.len() < REPORTED_MAX {
            report.recipients.push(ReportedRecipient {
                address: short(&recipient, RECIPIENT_LENGTH_MAX),
                action: value("action").map_or(DeliveryAction::Failed, |word| action(&word)),
                status: value("status").and_then(|status| status_code(&status)),
                text: short(
                    &value("diagnostic-code").unwrap_or_default(),
                    TEXT_LENGTH_MAX,
                ),
            });
        }
    }
}

/// RFC 3464 section 2.3.3. What is none of the words changes nothing for the mail.
fn action(word: &str) -> DeliveryAction {
    let word = word.split_whitespace().next().unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "failed" => DeliveryAction::Failed,
        "delivered" => DeliveryAction::Delivered,
        "relayed" => DeliveryAction::Relayed,
        "expanded" => DeliveryAction::Expanded,
        _ => DeliveryAction::Delayed,
    }
}

/// Drops the type in front: `rfc822; anna@example.com`, `smtp; 550 no such user`.
fn typed_value(value: &str) -> String {
    let short_type = |kind: &str| kind.len() <= 16 && !kind.contains(' ');
    match value.split_once(';') {
        Some((kind, rest)) if short_type(kind) => rest.trim().to_owned(),
        _ => value.trim().to_owned(),
    }
}

/// RFC 3463 section 2: `5.1.1`, perhaps with a comment behind it.
fn status_code(value: &str) -> Option<String> {
    let code = value.split_whitespace().next()?;
    is_status(code).then(|| code.to_owned())
}
