//! Replies, asked for and on their way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::super::body::{id_in, shortened};
use super::super::super::error::{Kind, Problem};
use super::PersonBody;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::outbox::{
    Filing, Hold, OutgoingFile, OutgoingState, Purpose, RecipientResult, RecipientState,
};
use crate::domain::upload::Upload;
use crate::service::outbox::Shown;
use crate::service::replies::{
    FileRequest, ForwardRequest, OpeningRequest, ReplyPlan, ReplyRequest,
};
use crate::wire::decision::{StepBody, hexadecimal, outcome_words};

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

/// A reply on its way.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct OutgoingBody {
    id: String,
    conversation_id: Option<String>,
    message_id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    attempts: u32,
    subject: String,
    text: String,
    to: Vec<PersonBody>,
    cc: Vec<PersonBody>,
    bcc: Vec<PersonBody>,
    /// Files that leave with it.
    attachments: Vec<SentFileBody>,
    /// `reply`, `opening` or `forward`.
    purpose: &'static str,
    accepted_at: String,
    send_at: String,
    recipients: Vec<ResultBody>,
    filing: &'static str,
    /// How a script came to hold it back, once one has.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldBody>,
    /// What became known of its fate, oldest first.
    history: Vec<KnownBody>,
}

/// A step in the fate of a reply.
#[derive(Debug, Serialize)]
struct KnownBody {
    at: String,
    /// The person who said so; absent for what the gateway found.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    what: String,
}

/// A row of the outbox.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct OutgoingRow {
    id: String,
    conversation_id: Option<String>,
    conversation: Option<u64>,
    mailbox: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    send_at: String,
    accepted_at: String,
    attempts: u32,
    subject: String,
    to: Vec<PersonBody>,
    automatic: bool,
}

impl OutgoingRow {
    pub(in crate::http::api) fn new(shown: &Shown) -> Self {
        let outgoing = &shown.outgoing;
        Self {
            id: outgoing.id.to_string(),
            conversation_id: shown.conversation.map(|(id, _)| id.to_string()),
            conversation: shown.conversation.map(|(_, number)| number),
            mailbox: shown
                .mailbox
                .as_ref()
                .map(|mailbox| mailbox.settings.address.to_string()),
            state: outgoing.state_name(shown.now),
            reason: outgoing.state.reason().map(ToString::to_string),
            until: until(&outgoing.state),
            send_at: outgoing.send_at.to_string(),
            accepted_at: outgoing.accepted_at.to_string(),
            attempts: outgoing.attempts,
            subject: outgoing.subject.clone(),
            to: PersonBody::list(&outgoing.to),
            automatic: outgoing.automatic,
        }
    }
}

fn until(state: &OutgoingState) -> Option<String> {
    match state {
        OutgoingState::Deferred { until, .. } => Some(until.to_string()),
        _ => None,
    }
}

/// Why a script held a reply back, and whether a person let it go.
#[derive(Debug, Serialize)]
struct HoldBody {
    at: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    script_version: Option<String>,
    released_at: Option<String>,
    trace: Vec<StepBody>,
}

impl HoldBody {
    fn new(hold: &Hold) -> Self {
        let (outcome, error) = outcome_words(&hold.outcome);
        Self {
            at: hold.at.to_string(),
            outcome,
            error,
            script_version: hold.version.map(|version| hexadecimal(&version.0)),
            released_at: hold.released.map(|release| release.at.to_string()),
            trace: hold.trace.iter().map(StepBody::new).collect(),
        }
    }
}

/// A file that leaves with a mail.
#[derive(Debug, Serialize)]
struct SentFileBody {
    name: String,
    content_type: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<String>,
}

impl SentFileBody {
    fn new(file: &OutgoingFile) -> Self {
        Self {
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            size: file.size,
            content_id: file.content_id.clone(),
        }
    }
}

/// What one recipient's server said.
#[derive(Debug, Serialize)]
struct ResultBody {
    address: String,
    state: &'static str,
    text: String,
}

impl OutgoingBody {
    pub(in crate::http::api) fn new(shown: &Shown) -> Self {
        let outgoing = &shown.outgoing;
        Self {
            id: outgoing.id.to_string(),
            conversation_id: shown.conversation.map(|(id, _)| id.to_string()),
            message_id: outgoing.message_id.to_string(),
            state: outgoing.state_name(shown.now),
            reason: outgoing.state.reason().map(ToString::to_string),
            until: until(&outgoing.state),
            attempts: outgoing.attempts,
            subject: outgoing.subject.clone(),
            text: outgoing.text.clone(),
            to: PersonBody::list(&outgoing.to),
            cc: PersonBody::list(&outgoing.cc),
            bcc: PersonBody::list(&outgoing.bcc),
            attachments: outgoing.files.iter().map(SentFileBody::new).collect(),
            purpose: match outgoing.purpose {
                Purpose::Reply => "reply",
                Purpose::Opening => "opening",
                Purpose::Forward(_) => "forward",
            },
            accepted_at: outgoing.accepted_at.to_string(),
            send_at: outgoing.send_at.to_string(),
            recipients: outgoing.recipients.iter().map(ResultBody::new).collect(),
            filing: filing_name(&outgoing.filing),
            hold: outgoing.hold.as_ref().map(HoldBody::new),
            history: outgoing
                .history
                .iter()
                .map(|known| KnownBody {
                    at: known.at.to_string(),
                    by: shown.person(known.by).map(|user| user.id.to_string()),
                    what: known.what.to_string(),
                })
                .collect(),
        }
    }
}

impl ResultBody {
    fn new(result: &RecipientResult) -> Self {
        let state = match result.state {
            RecipientState::Waiting => "waiting",
            RecipientState::Accepted => "accepted",
            RecipientState::Refused => "refused",
            RecipientState::Uncertain => "uncertain",
            RecipientState::Bounced => "bounced",
        };
        Self {
            address: result.address.to_string(),
            state,
            text: result.text.clone(),
        }
    }
}

fn filing_name(filing: &Filing) -> &'static str {
    match filing {
        Filing::Waiting => "waiting",
        Filing::Filed => "filed",
        Filing::NotNeeded => "not_needed",
        Filing::Failed { .. } => "failed",
    }
}
