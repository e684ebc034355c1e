//! `/scripts`: which version decides now, what is wrong with a newer one, and what another
//! would decide.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;

use super::super::body::Body;
use super::super::error::{Kind, Problem};
use super::failure::{of_editing, of_rehearsal};
use super::json::scripts::{
    FileBody, FileWritten, RehearsalAsked, RehearsedBody, ScriptsBody, VersionBody, WrittenBody,
};
use crate::domain::user::{Actor, Role};
use crate::script::Scripts;
use crate::service::asking::Asking;
use crate::service::rehearsal::Rehearsals;
use crate::service::script_editing::{EditError, ScriptEditing};
use crate::wire::decision::{hexadecimal, version_of};

pub(super) async fn status(
    State(scripts): State<Scripts>,
    State(asking): State<Asking>,
    State(editing): State<ScriptEditing>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<ScriptsBody>, Problem> {
    if !actor.may(Role::Operator, actor.workspace()) {
        return Err(Problem::new(
            Kind::Forbidden,
            "Only operators may see the scripts.",
        ));
    }
    let problems = editing.problems().map_err(of_editing)?;
    Ok(Json(ScriptsBody::new(
        &scripts,
        &problems,
        &asking.failing(),
    )))
}

pub(super) async fn rehearse(
    State(rehearsals): State<Rehearsals>,
    Extension(actor): Extension<Actor>,
    Body(asked): Body<RehearsalAsked>,
) -> Result<Json<RehearsedBody>, Problem> {
    let question = asked.question()?;
    let done = rehearsals.rehearse(&actor, question).await;
    done.map(|done| Json(RehearsedBody::new(&done)))
        .map_err(of_rehearsal)
}

/// The files of a version that has decided on a mail.
pub(super) async fn version(
    State(editing): State<ScriptEditing>,
    Extension(actor): Extension<Actor>,
    Path(version): Path<String>,
) -> Result<Json<VersionBody>, Problem> {
    let version = version_of(&version).ok_or_else(Problem::not_found)?;
    let found = editing.version(&actor, version);
    found
        .map(|found| Json(VersionBody::new(&found)))
        .map_err(of_editing)
}

/// One file as it is in the folder; its `ETag` is what `If-Match` of a change says.
pub(super) async fn file(
    State(editing): State<ScriptEditing>,
    Extension(actor): Extension<Actor>,
    Path(path): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let sources = editing.sources(&actor).await.map_err(of_editing)?;
    let body = FileBody::new(&sources, &path).ok_or_else(|| of_editing(EditError::NotFound))?;
    let tag = format!("\"{}\"", hexadecimal(&sources.version.0));
    Ok(([(header::ETAG, tag)], Json(body)))
}

pub(super) async fn write(
    State(editing): State<ScriptEditing>,
    Extension(actor): Extension<Actor>,
    Path(path): Path<String>,
    headers: HeaderMap,
    Body(asked): Body<FileWritten>,
) -> Result<Json<WrittenBody>, Problem> {
    let wanted = "Say by `If-Match` which version of the scripts the change was made for: that of \
                  `GET /scripts`, or `*` for any.";
    let seen = headers
        .get(header::IF_MATCH)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Problem::new(Kind::BadRequest, wanted))?;
    let seen = match seen.trim().trim_matches('"') {
        "*" => None,
        version => {
            let version = version_of(version);
            Some(version.ok_or_else(|| Problem::new(Kind::BadRequest, wanted))?)
        }
    };
    let written = editing.write(&actor, &path, asked.text, seen).await;
    written
        .map(|written| Json(WrittenBody::new(&written)))
        .map_err(of_editing)
}
