//! Roles, users, grants and the audit log, for whoever holds the permissions.

use axum::http::Method;
use latchkey_core::UserId;
use latchkey_http::{Routes, at};
use utoipa::OpenApi;

mod audit;
mod grants;
mod roles;
mod users;

/// The routes. Each states the permission that it needs, as of now.
pub fn routes() -> Routes {
    Routes::new()
        .permission("roles:manage", Method::GET, at("/v1/roles").with_query(), roles::list)
        .permission("roles:manage", Method::GET, "/v1/roles/{name}", roles::show)
        .permission("roles:manage", Method::PUT, at("/v1/roles/{name}").with_body(), roles::put)
        .permission("roles:manage", Method::DELETE, "/v1/roles/{name}", roles::delete)
        .permission("users:read", Method::GET, at("/v1/users").with_query(), users::list)
        .permission("users:read", Method::GET, "/v1/users/{id}", users::show)
        .permission("users:update", Method::PATCH, at("/v1/users/{id}").with_body(), users::update)
        .permission("users:delete", Method::DELETE, "/v1/users/{id}", users::delete)
        .permission("users:read", Method::GET, at("/v1/users/{id}/sessions").with_query(), users::sessions)
        .permission("users:update", Method::DELETE, "/v1/users/{id}/sessions", users::end_sessions)
        .permission("roles:manage", Method::PUT, "/v1/users/{id}/roles/{name}", grants::grant)
        .permission("roles:manage", Method::DELETE, "/v1/users/{id}/roles/{name}", grants::revoke)
        .permission("system:admin", Method::GET, at("/v1/audit").with_query(), audit::list)
}

#[derive(OpenApi)]
#[openapi(paths(
    roles::list,
    roles::show,
    roles::put,
    roles::delete,
    users::list,
    users::show,
    users::update,
    users::delete,
    users::sessions,
    users::end_sessions,
    grants::grant,
    grants::revoke,
    audit::list,
))]
struct Description;

latchkey_http::function!(routes(), Description);

/// A user's identifier in a query parameter.
fn user_id(text: &str) -> Result<UserId, latchkey_http::Problem> {
    text.parse().map_err(|_| latchkey_http::Problem::invalid("`user` must be a user's identifier"))
}
