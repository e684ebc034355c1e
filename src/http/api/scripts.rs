//! `/scripts`: which version decides now, what is wrong with a newer one, and what another
//! would decide.

use axum::Json;
use axum::extract::{Extension, State};

use super::super::body::Body;
use super::super::error::{Kind, Problem};
use super::failure::of_rehearsal;
use super::json::scripts::{RehearsalAsked, RehearsedBody, ScriptsBody};
use crate::domain::user::{Actor, Role};
use crate::script::Scripts;
use crate::service::rehearsal::Rehearsals;

pub(super) async fn status(
    State(scripts): State<Scripts>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<ScriptsBody>, Problem> {
    if !actor.may(Role::Operator, actor.workspace()) {
        return Err(Problem::new(
            Kind::Forbidden,
            "Only operators may see the scripts.",
        ));
    }
    Ok(Json(ScriptsBody::new(&scripts)))
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
