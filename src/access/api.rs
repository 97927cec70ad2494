//! Roles over HTTP.

use axum::Json;
use kernel::caller::Permission;
use kernel::error::Error;
use kernel::http::{Problem, Who};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Role;

/// A role as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleView {
    /// The name that people and tokens carry.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub description: &'static str,
    /// The names of the permissions, such as `metrics.read`.
    pub permissions: Vec<&'static str>,
    /// Whether the caller may give this role to a token: it permits nothing that they lack.
    pub grantable: bool,
}

/// All roles.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleList {
    /// The roles, the mightiest first.
    pub items: Vec<RoleView>,
}

/// The routes of this room, to be nested under `/api/v1`.
#[must_use]
pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list_roles))
}

/// Lists the roles that people and tokens can have.
#[utoipa::path(
    get,
    path = "/roles",
    tag = "access",
    summary = "List roles",
    responses(
        (status = 200, description = "the roles", body = RoleList),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("account.self")))
)]
async fn list_roles(Who(who): Who) -> Result<Json<RoleList>, Error> {
    let view = |role: &Role| RoleView {
        name: role.name,
        description: role.description,
        permissions: role.permissions.iter().map(Permission::as_str).collect(),
        grantable: who.permissions.covers(role.permissions),
    };
    Ok(Json(RoleList { items: crate::list_roles(&who)?.iter().map(view).collect() }))
}
