//! `/people`: who works here, and who is given conversations now.

use axum::Json;
use axum::extract::{Extension, State};
use serde::{Deserialize, Serialize};

use super::super::body::{Body, Id};
use super::super::error::{Kind, Problem};
use super::failure::of_store;
use super::json::message::ItemsBody;
use crate::domain::user::{Actor, User};
use crate::service::people::{People, PeopleError};

/// A colleague.
#[derive(Debug, Serialize)]
pub(super) struct ColleagueBody {
    id: String,
    name: String,
    address: String,
    available: bool,
}

impl ColleagueBody {
    fn new(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            address: user.address.to_string(),
            available: user.available,
        }
    }
}

/// What shall be different.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AvailableBody {
    available: bool,
}

pub(super) async fn list(
    State(people): State<People>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<ItemsBody<ColleagueBody>>, Problem> {
    let users = people.users(&actor).map_err(|error| of_store(&error))?;
    Ok(Json(ItemsBody {
        items: users.iter().map(ColleagueBody::new).collect(),
    }))
}

pub(super) async fn edit(
    State(people): State<People>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Body(body): Body<AvailableBody>,
) -> Result<Json<ColleagueBody>, Problem> {
    let users = people.users(&actor).map_err(|error| of_store(&error))?;
    let user = users.into_iter().find(|user| user.id == id);
    let user = user.ok_or_else(Problem::not_found)?;
    let changed = people
        .set_available(&actor, user.key, body.available)
        .await
        .map_err(refused)?;
    Ok(Json(ColleagueBody::new(&changed)))
}

fn refused(error: PeopleError) -> Problem {
    match error {
        PeopleError::NotFound => Problem::not_found(),
        PeopleError::Forbidden | PeopleError::NotYours => {
            Problem::new(Kind::Forbidden, format!("{error}."))
        }
        PeopleError::Store(error) => of_store(&error),
        other => Problem::internal(&other),
    }
}
