//! `/scripts`: which version decides now, and what is wrong with a newer one.

use axum::Json;
use axum::extract::{Extension, State};

use super::super::error::{Kind, Problem};
use super::json::scripts::ScriptsBody;
use crate::domain::user::{Actor, Role};
use crate::script::Scripts;

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
