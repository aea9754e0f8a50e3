use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use latchkey_core::UserId;
use latchkey_core::account::{Authority, UserAdministration};
use latchkey_core::permission::RoleName;
use latchkey_http::{Caller, ClientInfo, Description, PathParams, Problem, UserBody, json, private};

pub(crate) const GRANT: Description = Description {
    id: "grant_role",
    summary: "Grant a role",
    details: "The user has the role in access tokens from the next refresh on, and in permission checks \
              within 60 s. The caller must have the right to define the role.",
    responses: &[json::<UserBody>(200, "The user with the role; needs `roles:manage`")],
    problems: &[
        (403, "`beyond_authority`: the user or the role has permissions that the caller lacks"),
        (404, "No such user or role exists"),
        (409, "`too_many_admins`; `too_many_roles`: the access token would not fit into a cookie"),
        (422, "`invalid_role`: the name is malformed"),
    ],
};

pub(crate) async fn grant(
    State(users): State<Arc<UserAdministration>>,
    caller: Caller,
    client: ClientInfo,
    PathParams(id, role): PathParams<UserId, RoleName>,
) -> Result<Response, Problem> {
    let user = users.grant_role(id, &role, Authority::Administrator(&caller), &client.requester).await?;
    Ok(private(UserBody::from(&user)))
}

pub(crate) const REVOKE: Description = Description {
    id: "revoke_role",
    summary: "Revoke a role",
    details: "",
    responses: &[json::<UserBody>(200, "The user without the role; needs `roles:manage`")],
    problems: &[
        (403, "`beyond_authority`: the user or the role has permissions that the caller lacks"),
        (404, "No such user exists"),
        (409, "`last_admin`"),
        (422, "`invalid_role`: the name is malformed"),
    ],
};

pub(crate) async fn revoke(
    State(users): State<Arc<UserAdministration>>,
    caller: Caller,
    client: ClientInfo,
    PathParams(id, role): PathParams<UserId, RoleName>,
) -> Result<Response, Problem> {
    let user = users.revoke_role(id, &role, Authority::Administrator(&caller), &client.requester).await?;
    Ok(private(UserBody::from(&user)))
}
