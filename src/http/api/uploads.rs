//! Files handed in before the reply that takes them along.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::Deserialize;

use super::super::body::Asked;
use super::super::error::{Kind, Problem};
use super::failure::of_uploads;
use super::json::outgoing::UploadBody;
use crate::domain::user::Actor;
use crate::service::uploads::{UploadError, Uploads};

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
            return Err(problem);
        }
    }
    let upload = incoming
        .finish()
        .await
        .map_err(|error: UploadError| of_uploads(error))?;
    Ok((StatusCode::CREATED, Json(UploadBody::new(&upload))).into_response())
}
