//! Administration of roles, users and grants, and the audit log. Each route needs a permission.

use axum::http::Method;
use latchkey_core::UserId;
use latchkey_http::{Function, Routes};

mod audit;
mod grants;
mod roles;
mod users;

/// Returns this operation. Each route names the permission that it needs, by strongly consistent state.
pub fn function() -> Function {
    Routes::new("admin")
        .permission("roles:manage", Method::GET, "/v1/roles", roles::list, &roles::LIST)
        .permission("roles:manage", Method::GET, "/v1/roles/{name}", roles::show, &roles::SHOW)
        .permission("roles:manage", Method::PUT, "/v1/roles/{name}", roles::put, &roles::PUT)
        .permission("roles:manage", Method::DELETE, "/v1/roles/{name}", roles::delete, &roles::DELETE)
        .permission("users:read", Method::GET, "/v1/users", users::list, &users::LIST)
        .permission("users:read", Method::GET, "/v1/users/{id}", users::show, &users::SHOW)
        .permission("users:update", Method::PATCH, "/v1/users/{id}", users::update, &users::UPDATE)
        .permission("users:delete", Method::DELETE, "/v1/users/{id}", users::delete, &users::DELETE)
        .permission("users:read", Method::GET, "/v1/users/{id}/sessions", users::sessions, &users::SESSIONS)
        .permission(
            "users:update",
            Method::DELETE,
            "/v1/users/{id}/sessions",
            users::end_sessions,
            &users::END_SESSIONS,
        )
        .permission("roles:manage", Method::PUT, "/v1/users/{id}/roles/{name}", grants::grant, &grants::GRANT)
        .permission(
            "roles:manage",
            Method::DELETE,
            "/v1/users/{id}/roles/{name}",
            grants::revoke,
            &grants::REVOKE,
        )
        .permission("system:admin", Method::GET, "/v1/audit", audit::list, &audit::LIST)
        .into()
}

/// Parses a user's identifier in a query parameter.
fn user_id(text: &str) -> Result<UserId, latchkey_http::Problem> {
    text.parse().map_err(|_| latchkey_http::Problem::invalid("`user` must be a user's identifier"))
}

#[cfg(test)]
mod tests;
