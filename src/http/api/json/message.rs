//! Messages, and pages of anything.

use serde::Serialize;

use super::PersonBody;
use super::conversation::direction_name;
use super::extraction::ExtractionBody;
use crate::domain::authentication::{Authentication, Verdict};
use crate::domain::extraction::Extraction;
use crate::domain::key::PublicId;
use crate::domain::message::{
    Attachment, BounceReport, Defect, DeliveryAction, Kind, Message, ReportedRecipient,
};
use crate::service::conversations::content::Text;

/// A page of a list: ask again with `after` set to `next` for more.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct PageBody<T> {
    pub(in crate::http::api) items: Vec<T>,
    pub(in crate::http::api) next: Option<String>,
}

/// A list that is always whole.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ItemsBody<T> {
    pub(in crate::http::api) items: Vec<T>,
}

/// A message without its text.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct MessageBody {
    id: String,
    conversation_id: String,
    direction: &'static str,
    kind: &'static str,
    message_id: Option<String>,
    from: Option<PersonBody>,
    to: Vec<PersonBody>,
    cc: Vec<PersonBody>,
    reply_to: Vec<PersonBody>,
    /// Who wrote it, where a list stands in `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    writer: Option<PersonBody>,
    /// Answers are wanted at another domain than the author's.
    reply_to_elsewhere: bool,
    /// Sent from the mailbox by another program.
    written_elsewhere: bool,
    /// What a report of the mail system says, where this is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<ReportBody>,
    subject: String,
    preview: String,
    date: Option<String>,
    arrived_at: String,
    size: u64,
    has_raw: bool,
    language: String,
    late: bool,
    imported: bool,
    new_participant: bool,
    attachments: Vec<AttachmentBody>,
    defects: Vec<&'static str>,
    /// What it proves of its sender; only of one message, and once it was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication: Option<AuthenticationBody>,
    /// What the plugin of its mailbox read in it, where there is one that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    extraction: Option<ExtractionBody>,
}

/// What a report of the mail system says (RFC 3464), or a bounce without form.
#[derive(Debug, Serialize)]
struct ReportBody {
    action: &'static str,
    about: Option<String>,
    recipients: Vec<ReportedBody>,
    text: String,
}

/// What it says of one recipient.
#[derive(Debug, Serialize)]
struct ReportedBody {
    address: String,
    action: &'static str,
    status: Option<String>,
    text: String,
}

impl ReportBody {
    fn new(report: &BounceReport) -> Self {
        Self {
            action: action_name(report.action),
            about: report.about.as_ref().map(ToString::to_string),
            recipients: report.recipients.iter().map(ReportedBody::new).collect(),
            text: report.text.clone(),
        }
    }
}

impl ReportedBody {
    fn new(said: &ReportedRecipient) -> Self {
        Self {
            address: said.address.clone(),
            action: action_name(said.action),
            status: said.status.clone(),
            text: said.text.clone(),
        }
    }
}

/// As in RFC 3464.
pub(in crate::http) fn action_name(action: DeliveryAction) -> &'static str {
    match action {
        DeliveryAction::Failed => "failed",
        DeliveryAction::Delayed => "delayed",
        DeliveryAction::Delivered => "delivered",
        DeliveryAction::Relayed => "relayed",
        DeliveryAction::Expanded => "expanded",
    }
}

/// What a forwarded mail proves of its sender.
#[derive(Debug, Serialize)]
struct AuthenticationBody {
    spf: &'static str,
    spf_domain: String,
    dkim: &'static str,
    dkim_domain: Option<String>,
    dmarc: &'static str,
    dmarc_domain: String,
    arc: &'static str,
    checked_at: String,
}

impl AuthenticationBody {
    fn new(found: &Authentication) -> Self {
        Self {
            spf: verdict_name(found.spf),
            spf_domain: found.spf_domain.clone(),
            dkim: verdict_name(found.dkim),
            dkim_domain: found.dkim_domain.clone(),
            dmarc: verdict_name(found.dmarc),
            dmarc_domain: found.dmarc_domain.clone(),
            arc: verdict_name(found.arc),
            checked_at: found.checked_at.to_string(),
        }
    }
}

/// As in RFC 8601.
pub(in crate::http) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::None => "none",
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::SoftFail => "softfail",
        Verdict::Neutral => "neutral",
        Verdict::TemporaryError => "temperror",
        Verdict::PermanentError => "permerror",
    }
}

/// A file; its content is at `/messages/{id}/attachments/{place}`.
#[derive(Debug, Serialize)]
struct AttachmentBody {
    place: usize,
    name: String,
    content_type: String,
    size: u64,
    inline: bool,
}

impl MessageBody {
    pub(in crate::http::api) fn new(message: &Message, conversation: PublicId) -> Self {
        let head = &message.head;
        Self {
            id: message.id.to_string(),
            conversation_id: conversation.to_string(),
            direction: direction_name(message.direction),
            kind: kind_name(head.kind),
            message_id: head.message_id.as_ref().map(ToString::to_string),
            from: head.from.as_ref().map(PersonBody::new),
            to: PersonBody::list(&head.to),
            cc: PersonBody::list(&head.cc),
            reply_to: PersonBody::list(&head.reply_to),
            writer: head.writer.as_ref().map(PersonBody::new),
            reply_to_elsewhere: head.answers_go_elsewhere(),
            written_elsewhere: false,
            report: head.bounce.as_ref().map(ReportBody::new),
            subject: head.subject.clone(),
            preview: head.preview.clone(),
            date: head.date.map(|date| date.to_string()),
            arrived_at: message.arrived_at.to_string(),
            size: message.size,
            has_raw: message.raw.is_some(),
            language: head.language.clone(),
            late: message.late,
            imported: message.imported,
            new_participant: message.new_participant,
            attachments: head
                .attachments
                .iter()
                .enumerate()
                .map(AttachmentBody::new)
                .collect(),
            defects: head.defects.iter().copied().map(defect_name).collect(),
            authentication: None,
            extraction: None,
        }
    }

    /// Nobody wrote it here.
    pub(in crate::http::api) fn elsewhere(mut self, is_elsewhere: bool) -> Self {
        self.written_elsewhere = is_elsewhere;
        self
    }

    pub(in crate::http::api) fn read(mut self, found: Option<&Extraction>) -> Self {
        self.extraction = found.map(ExtractionBody::new);
        self
    }

    pub(in crate::http::api) fn checked(mut self, found: Option<&Authentication>) -> Self {
        self.authentication = found.map(AuthenticationBody::new);
        self
    }
}

impl AttachmentBody {
    fn new((place, attachment): (usize, &Attachment)) -> Self {
        Self {
            place,
            name: attachment.name.clone(),
            content_type: attachment.part.content_type.clone(),
            size: attachment.size,
            inline: attachment.inline,
        }
    }
}

/// A message's text.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct TextBody {
    text: String,
    quoted: Option<String>,
    cut: bool,
    has_html: bool,
}

impl TextBody {
    pub(in crate::http::api) fn new(text: &Text) -> Self {
        Self {
            text: text.fresh.clone(),
            quoted: text.quoted.clone(),
            cut: text.cut,
            has_html: text.has_html,
        }
    }
}

pub(in crate::http) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Personal => "personal",
        Kind::AutomaticReply => "automatic_reply",
        Kind::Automatic => "automatic",
        Kind::Bounce => "bounce",
        Kind::List => "list",
        Kind::ReadReceipt => "read_receipt",
        Kind::Invitation => "invitation",
    }
}

fn defect_name(defect: Defect) -> &'static str {
    match defect {
        Defect::TooComplex => "too_complex",
        Defect::TooLarge => "too_large",
        Defect::NoSender => "no_sender",
        Defect::TextCut => "text_cut",
        Defect::Charset => "charset",
        Defect::Unclosed => "unclosed",
        Defect::Date => "date",
        Defect::Unreadable => "unreadable",
    }
}
