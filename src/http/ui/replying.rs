//! The forms that send: a reply with its files, a message shown to an outsider.

use axum::Form;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Extension, FromRef, FromRequest, Multipart, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::api::{of_conversations, of_replies, of_uploads, status_named};
use super::super::body::{Id, id_in};
use super::super::error::{Kind, Problem};
use super::super::handles::Wired;
use super::conversation::{Readers, back, refused};
use super::page::Frame;
use super::refused::{Kept, KeptFile, why_refused};
use crate::domain::address::Address;
use crate::domain::saying::{Saying, saying};
use crate::domain::user::Actor;
use crate::mime::compose::LENGTH_MAX;
use crate::service::conversations::{Conversations, Edit};
use crate::service::replies::{
    FILES_MAX, FileRequest, ForwardRequest, Replies, ReplyRequest, people_in,
};
use crate::service::uploads::Uploads;

/// Most bytes of the form of a reply: the largest mail, and the text beside it.
pub(super) const FORM_BYTES_MAX: usize = LENGTH_MAX + 2 * 1024 * 1024;
/// Most fields of that form that hold no file, each at most as long as a text may be.
const FIELDS_MAX: usize = 100;

/// What sends a reply.
#[derive(Clone)]
pub(super) struct Senders {
    replies: Replies,
    uploads: Uploads,
}

impl FromRef<Wired> for Senders {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            replies: Replies::from_ref(wired),
            uploads: Uploads::from_ref(wired),
        }
    }
}

/// A reply as it was typed.
#[derive(Debug, Default)]
struct Typed {
    key: String,
    text: String,
    then: String,
    to: Option<String>,
    cc: Option<String>,
    from: Option<String>,
    /// The box was shown; whether it was ticked says the next.
    quote_shown: bool,
    quote: bool,
    files: Vec<KeptFile>,
}

pub(super) async fn reply(
    State(senders): State<Senders>,
    State(readers): State<Readers>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    request: Request,
) -> Result<Response, Problem> {
    let typed = read(&senders.uploads, &actor, &frame, request).await?;
    let asked = match typed.asked() {
        Ok(asked) => asked,
        Err(Wrong::Problem(problem)) => return Err(problem),
        Err(Wrong::Recipient(piece)) => {
            let words = saying!("reply.no_address", typed = Saying::quoted(&piece));
            let kept = typed.kept(words.sentence(frame.words.language()));
            return refused(&readers, &actor, id, frame, kept);
        }
    };
    let taken = senders
        .replies
        .accept(&actor, id, asked, Some(&typed.key))
        .await;
    if let Err(error) = taken {
        let why = why_refused(frame.words, &error);
        let kept = typed.kept(why.ok_or_else(|| of_replies(error))?);
        return refused(&readers, &actor, id, frame, kept);
    }
    if !typed.then.is_empty() {
        let edit = Edit {
            status: Some(status_named(&typed.then)?),
            ..Edit::default()
        };
        let edited = readers.conversations().edit(&actor, id, edit).await;
        edited.map_err(of_conversations)?;
    }
    Ok(back(id).into_response())
}

/// Why what was typed is no request.
enum Wrong {
    Recipient(String),
    Problem(Problem),
}

impl Typed {
    fn asked(&self) -> Result<ReplyRequest, Wrong> {
        let people = |typed: &Option<String>| {
            let people = typed.as_deref().map(people_in).transpose();
            people.map_err(Wrong::Recipient)
        };
        let from = self.from.as_deref().filter(|from| !from.is_empty());
        let from = from.map(Address::parse).transpose();
        let files = self.files.iter().map(|file| {
            Ok(FileRequest::Upload {
                id: id_in("upload", &file.id)?,
                content_id: None,
            })
        });
        Ok(ReplyRequest {
            text: self.text.clone(),
            to: people(&self.to)?,
            cc: people(&self.cc)?,
            from: from.map_err(|error| Wrong::Recipient(error.to_string()))?,
            quote_history: self.quote_shown.then_some(self.quote),
            files: files.collect::<Result<_, _>>().map_err(Wrong::Problem)?,
            ..ReplyRequest::default()
        })
    }

    fn kept(self, why: String) -> Kept {
        Kept {
            reply: self.text,
            reply_refused: Some(why),
            to: self.to,
            cc: self.cc,
            from: self.from,
            files: self.files,
            ..Kept::default()
        }
    }

    fn take(&mut self, name: &str, value: String) {
        match name {
            "key" => self.key = value,
            // Browsers send CRLF; mail is composed from lines.
            "text" => self.text = value.replace("\r\n", "\n"),
            "then" => self.then = value,
            "to" => self.to = Some(value),
            "cc" => self.cc = Some(value),
            "from" => self.from = Some(value),
            "quote_shown" => self.quote_shown = true,
            "quote" => self.quote = true,
            // One that was handed in before, when the reply was refused: its id and its name.
            "upload" => {
                if let Some((id, name)) = value.split_once(' ') {
                    self.files.push(KeptFile {
                        id: id.to_owned(),
                        name: name.to_owned(),
                    });
                }
            }
            _ => {}
        }
    }
}

/// Reads the form, with files or without. The token is its first field: nothing is taken in
/// before it is right.
async fn read(
    uploads: &Uploads,
    actor: &Actor,
    frame: &Frame,
    request: Request,
) -> Result<Typed, Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let mut typed = Typed::default();
    if !content_type.is_some_and(|value| value.starts_with("multipart/")) {
        let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
        let Form(fields) =
            form.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
        let token = fields.iter().find(|(name, _)| name == "form_token");
        frame
            .session
            .check(token.map_or("", |(_, token)| token.as_str()))?;
        for (name, value) in fields {
            typed.take(&name, value);
        }
        return Ok(typed);
    }
    let multipart = Multipart::from_request(request, &()).await;
    let mut multipart =
        multipart.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
    let (mut checked, mut fields) = (false, 0);
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if !checked {
            let token = if name == "form_token" {
                field.text().await.map_err(broken)?
            } else {
                String::new()
            };
            frame.session.check(&token)?;
            checked = true;
            continue;
        }
        fields += 1;
        if fields > FIELDS_MAX + FILES_MAX {
            return Err(Problem::new(
                Kind::TooLarge,
                saying!("problem.form_too_large"),
            ));
        }
        if name == "file" {
            typed.files.extend(keep(uploads, actor, field).await?);
        } else {
            typed.take(&name, field.text().await.map_err(broken)?);
        }
    }
    if !checked {
        frame.session.check("")?;
    }
    Ok(typed)
}

/// Hands a file in, as it comes. Of a field where none was chosen there is neither name nor byte.
async fn keep(
    uploads: &Uploads,
    actor: &Actor,
    mut field: Field<'_>,
) -> Result<Option<KeptFile>, Problem> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let content_type = field.content_type().map(str::to_owned);
    if name.is_empty() {
        return Ok(None);
    }
    let begun = uploads.begin(actor, &name, content_type.as_deref()).await;
    let mut incoming = begun.map_err(of_uploads)?;
    loop {
        let written = match field.chunk().await {
            Ok(None) => break,
            Ok(Some(piece)) => incoming.write(&piece).await.map_err(of_uploads),
            Err(error) => Err(broken(error)),
        };
        if let Err(problem) = written {
            incoming.discard().await;
            return Err(problem);
        }
    }
    let upload = incoming.finish().await.map_err(of_uploads)?;
    Ok(Some(KeptFile {
        id: upload.id.to_string(),
        name: upload.name,
    }))
}

fn broken(error: MultipartError) -> Problem {
    let kind = if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        Kind::TooLarge
    } else {
        Kind::BadRequest
    };
    Problem::new(kind, error.body_text())
}

/// A message shown to an outsider.
#[derive(Debug, Deserialize)]
pub(super) struct ForwardForm {
    form_token: String,
    key: String,
    to: String,
    #[serde(default)]
    text: String,
    original: Option<String>,
}

pub(super) async fn forward(
    State(senders): State<Senders>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<ForwardForm>,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    let to = people_in(&form.to).map_err(|piece| {
        let words = saying!("reply.no_address", typed = Saying::quoted(&piece));
        Problem::new(Kind::Unprocessable, words)
    })?;
    let request = ForwardRequest {
        text: form.text.replace("\r\n", "\n"),
        to,
        as_original: form.original.is_some(),
        ..ForwardRequest::default()
    };
    let key = format!("forward-{id}-{}", form.key);
    let taken = senders
        .replies
        .forward(&actor, id, request, Some(&key))
        .await;
    let taken = taken.map_err(of_replies)?;
    let place = conversations.id_of(&actor, taken.outgoing.conversation);
    Ok(back(place.map_err(of_conversations)?))
}
