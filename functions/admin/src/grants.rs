use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use latchkey_core::UserId;
use latchkey_core::account::{Authority, UserAdministration};
use latchkey_core::permission::RoleName;
use latchkey_http::{Caller, ClientInfo, PathParams, Problem, ProblemBody, UserBody, private};

/// Grant a role
///
/// It shows at the user's next refresh, and within 60 s in permission checks. Only a role that the caller could define.
#[utoipa::path(put, path = "/v1/users/{id}/roles/{name}", operation_id = "grant_role", tag = "admin", security(("cookie" = []), ("bearer" = [])),
    params(("id" = String, Path, description = "The user"), ("name" = String, Path, description = "The role")), responses(
    (status = 200, description = "The user with the role; needs `roles:manage`", body = UserBody),
    (status = 403, description = "`beyond_authority`: the user or the role may do more than the caller", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "There is no such user or role", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`too_many_admins`; `too_many_roles`: the access token would not fit into a cookie", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_role`: the name", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn grant(
    State(users): State<Arc<UserAdministration>>,
    caller: Caller,
    client: ClientInfo,
    PathParams(id, role): PathParams<UserId, RoleName>,
) -> Result<Response, Problem> {
    let user = users.grant_role(id, &role, Authority::Administrator(&caller), &client.requester).await?;
    Ok(private(UserBody::from(&user)))
}

/// Take a role away
#[utoipa::path(delete, path = "/v1/users/{id}/roles/{name}", operation_id = "revoke_role", tag = "admin", security(("cookie" = []), ("bearer" = [])),
    params(("id" = String, Path, description = "The user"), ("name" = String, Path, description = "The role")), responses(
    (status = 200, description = "The user without the role; needs `roles:manage`", body = UserBody),
    (status = 403, description = "`beyond_authority`: the user or the role may do more than the caller", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "There is no such user", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`last_admin`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "`invalid_role`: the name", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke(
    State(users): State<Arc<UserAdministration>>,
    caller: Caller,
    client: ClientInfo,
    PathParams(id, role): PathParams<UserId, RoleName>,
) -> Result<Response, Problem> {
    let user = users.revoke_role(id, &role, Authority::Administrator(&caller), &client.requester).await?;
    Ok(private(UserBody::from(&user)))
}
