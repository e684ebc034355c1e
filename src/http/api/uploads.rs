//! Files handed in before the reply that takes them along.

use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::Deserialize;

use super::super::body::Asked;
use super::super::error::{Kind, Problem};
use super::failure::of_uploads;
use super::json::reply_request::UploadBody;
use crate::domain::user::Actor;
use crate::service::uploads::Uploads;

/// Bytes that are read and dropped after a file was refused.
const READ_AWAY_MAX: usize = 64 * 1024 * 1024;

/// How the file is called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Called {
    name: String,
}

/// Takes a file: its bytes are the body, its type is that of the body. It goes into the store
/// as it comes.
pub(super) async fn add(
    State(uploads): State<Uploads>,
    Extension(actor): Extension<Actor>,
    Asked(called): Asked<Called>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let claimed = headers.get(header::CONTENT_TYPE);
    let claimed = claimed.and_then(|value| value.to_str().ok());
    let begun = uploads.begin(&actor, &called.name, claimed).await;
    let mut incoming = begun.map_err(of_uploads)?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let written = match piece {
            Ok(piece) => incoming.write(&piece).await.map_err(of_uploads),
            Err(error) => Err(Problem::new(Kind::BadRequest, error.to_string())),
        };
        if let Err(problem) = written {
            incoming.discard().await;
            read_away(pieces).await;
            return Err(problem);
        }
    }
    let upload = incoming.finish().await.map_err(of_uploads)?;
    Ok((StatusCode::CREATED, Json(UploadBody::new(&upload))).into_response())
}

/// A client that is cut off while it writes does not read why. So what it sends is taken and
/// dropped, within bounds.
async fn read_away(mut pieces: BodyDataStream) {
    let mut left = READ_AWAY_MAX;
    while let Some(Ok(piece)) = pieces.next().await {
        left = left.saturating_sub(piece.len());
        if left == 0 {
            return;
        }
    }
}
