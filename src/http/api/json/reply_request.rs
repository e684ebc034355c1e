//! What a reply, a forward and a conversation that we begin may say, and what a reply would be.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::super::body::{id_in, shortened};
use super::super::super::error::{Kind, Problem};
use super::PersonBody;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::upload::Upload;
use crate::service::replies::{
    FileRequest, ForwardRequest, OpeningRequest, ReplyPlan, ReplyRequest,
};

/// What a reply may say. Left out, recipients and subject follow from the mail answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct ReplyBody {
    text: String,
    to: Option<Vec<RecipientBody>>,
    cc: Option<Vec<RecipientBody>>,
    #[serde(default)]
    bcc: Vec<RecipientBody>,
    subject: Option<String>,
    /// One of the addresses of the mailbox; the one that was written to when left out.
    from: Option<String>,
    /// As the mailbox is set when left out, and then never to somebody who is new.
    quote_history: Option<bool>,
    #[serde(default)]
    attachments: Vec<AttachmentBody>,
    /// RFC 3339.
    send_at: Option<String>,
}

/// A file that goes along: the id of an upload, the same with a name by which `[cid:…]` in the
/// text shows it, or a file of a message.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum AttachmentBody {
    Upload(String),
    Named(NamedBody),
    OfMessage(OfMessageBody),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedBody {
    upload: String,
    content_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfMessageBody {
    message: String,
    place: usize,
}

impl AttachmentBody {
    fn read(self) -> Result<FileRequest, Problem> {
        Ok(match self {
            Self::Upload(id) => FileRequest::Upload {
                id: id_in("attachments", &id)?,
                content_id: None,
            },
            Self::Named(NamedBody { upload, content_id }) => FileRequest::Upload {
                id: id_in("attachments.upload", &upload)?,
                content_id,
            },
            Self::OfMessage(OfMessageBody { message, place }) => FileRequest::OfMessage {
                message: id_in("attachments.message", &message)?,
                place,
            },
        })
    }
}

/// A recipient.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct RecipientBody {
    name: Option<String>,
    address: String,
}

impl ReplyBody {
    pub(in crate::http::api) fn into_request(self) -> Result<ReplyRequest, Problem> {
        Ok(ReplyRequest {
            to: self.to.map(|list| recipients("to", &list)).transpose()?,
            cc: self.cc.map(|list| recipients("cc", &list)).transpose()?,
            bcc: recipients("bcc", &self.bcc)?,
            send_at: self.send_at.as_deref().map(time).transpose()?,
            text: self.text,
            subject: self.subject,
            quote_history: self.quote_history,
            from: self.from.as_deref().map(own_address).transpose()?,
            files: files(self.attachments)?,
        })
    }
}

/// A reply that is only asked about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct PlanBody {
    to: Option<Vec<RecipientBody>>,
    cc: Option<Vec<RecipientBody>>,
    #[serde(default)]
    bcc: Vec<RecipientBody>,
    from: Option<String>,
    subject: Option<String>,
}

impl PlanBody {
    pub(in crate::http::api) fn into_request(self) -> Result<ReplyRequest, Problem> {
        Ok(ReplyRequest {
            to: self.to.map(|list| recipients("to", &list)).transpose()?,
            cc: self.cc.map(|list| recipients("cc", &list)).transpose()?,
            bcc: recipients("bcc", &self.bcc)?,
            from: self.from.as_deref().map(own_address).transpose()?,
            subject: self.subject,
            ..ReplyRequest::default()
        })
    }
}

/// A message to be shown to an outsider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct ForwardBody {
    to: Vec<RecipientBody>,
    #[serde(default)]
    cc: Vec<RecipientBody>,
    #[serde(default)]
    text: String,
    from: Option<String>,
    #[serde(default)]
    attach: AttachBody,
}

/// A conversation that we begin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct OpeningBody {
    /// Id, slug or address.
    pub(in crate::http::api) mailbox: String,
    to: Vec<RecipientBody>,
    #[serde(default)]
    cc: Vec<RecipientBody>,
    from: Option<String>,
    subject: String,
    text: String,
    #[serde(default)]
    attachments: Vec<AttachmentBody>,
}

impl OpeningBody {
    pub(in crate::http::api) fn into_request(self) -> Result<OpeningRequest, Problem> {
        Ok(OpeningRequest {
            to: recipients("to", &self.to)?,
            cc: recipients("cc", &self.cc)?,
            from: self.from.as_deref().map(own_address).transpose()?,
            files: files(self.attachments)?,
            subject: self.subject,
            text: self.text,
        })
    }
}

/// How a message goes along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AttachBody {
    /// Its text below, its files beside.
    #[default]
    Inline,
    /// All of it as one file.
    Original,
}

impl ForwardBody {
    pub(in crate::http::api) fn into_request(self) -> Result<ForwardRequest, Problem> {
        Ok(ForwardRequest {
            to: recipients("to", &self.to)?,
            cc: recipients("cc", &self.cc)?,
            from: self.from.as_deref().map(own_address).transpose()?,
            as_original: self.attach == AttachBody::Original,
            text: self.text,
        })
    }
}

/// What a reply would be, and what that changes against the mail it answers.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ReplyPlanBody {
    /// The message that is answered.
    in_reply_to: Option<String>,
    from: PersonBody,
    /// As whom it could leave.
    senders: Vec<PersonBody>,
    to: Vec<PersonBody>,
    cc: Vec<PersonBody>,
    subject: String,
    quote_history: bool,
    /// Get the answer and had no part in the mail.
    new: Vec<PersonBody>,
    /// Had a part in the mail and do not get the answer.
    dropped: Vec<PersonBody>,
    /// Where the mail wants its answer, when that is not its author.
    reply_to_elsewhere: Vec<PersonBody>,
    /// The author of the mail had no part in the conversation before.
    new_participant: bool,
}

impl ReplyPlanBody {
    pub(in crate::http::api) fn new(plan: &ReplyPlan) -> Self {
        Self {
            in_reply_to: plan.answered.map(|id| id.to_string()),
            from: PersonBody::new(&plan.from),
            senders: PersonBody::list(&plan.senders),
            to: PersonBody::list(&plan.to),
            cc: PersonBody::list(&plan.cc),
            subject: plan.subject.clone(),
            quote_history: plan.quotes,
            new: PersonBody::list(&plan.changes.new),
            dropped: PersonBody::list(&plan.changes.dropped),
            reply_to_elsewhere: PersonBody::list(&plan.reply_to_elsewhere),
            new_participant: plan.new_participant,
        }
    }
}

/// A file that waits for a mail.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct UploadBody {
    id: String,
    name: String,
    content_type: String,
    size: u64,
    expires_at: String,
}

impl UploadBody {
    pub(in crate::http::api) fn new(upload: &Upload) -> Self {
        Self {
            id: upload.id.to_string(),
            name: upload.name.clone(),
            content_type: upload.content_type.clone(),
            size: upload.size,
            expires_at: upload.ends_at().to_string(),
        }
    }
}

fn files(attachments: Vec<AttachmentBody>) -> Result<Vec<FileRequest>, Problem> {
    attachments.into_iter().map(AttachmentBody::read).collect()
}

fn own_address(text: &str) -> Result<Address, Problem> {
    Address::parse(text).map_err(|error| {
        Problem::new(
            Kind::Unprocessable,
            format!("`from`: {error}, not `{}`.", shortened(text)),
        )
    })
}

fn recipients(field: &str, list: &[RecipientBody]) -> Result<Vec<NamedAddress>, Problem> {
    let read = |(place, one): (usize, &RecipientBody)| {
        let address = Address::typed(&one.address).map_err(|error| {
            Problem::new(
                Kind::Unprocessable,
                format!(
                    "`{field}[{place}].address`: {error}, not `{}`.",
                    shortened(&one.address)
                ),
            )
        })?;
        Ok(NamedAddress::new(one.name.as_deref(), address))
    };
    list.iter().enumerate().map(read).collect()
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            Kind::Unprocessable,
            format!(
                "`send_at` must be a time like 2026-11-21T09:00:00Z, not `{}`.",
                shortened(text)
            ),
        )
    })
}
