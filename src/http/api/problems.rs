//! The pages that the `type` of a problem points to.

use axum::extract::Path;

use super::super::error::{Kind, Problem};

/// Says what a sort of problem means.
pub(super) async fn explain(Path(name): Path<String>) -> Result<String, Problem> {
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(Problem::not_found)?;
    Ok(format!("{} ({})\n", kind.title(), kind.status().as_u16()))
}
