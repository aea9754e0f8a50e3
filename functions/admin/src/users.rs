use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use latchkey_core::account::{Authority, Status, UserAdministration};
use latchkey_core::session::Sessions;
use latchkey_core::{Email, UserId};
use latchkey_http::{
    Body, Caller, ClientInfo, Description, PageParams, Params, PathParam, Problem, SessionBody, UserBody,
    bodiless, json, page_size, private,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Filter and page of users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only the user with this address.
    email: Option<String>,
    /// Maximum number of users on the page: 1 to 200, 50 by default.
    limit: Option<u32>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// Users in the order of their sign-up. A page may hold fewer users than requested although `next` is
/// present.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    /// Users on this page.
    users: Vec<UserBody>,
    /// `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Properties of a user that an administrator may change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRequest {
    /// `disabled` ends every session and refuses sign-in; `active` allows it again.
    #[schema(value_type = String, examples("disabled"))]
    status: Status,
}

/// A user's sessions, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserSessions {
    /// Sessions on this page.
    sessions: Vec<SessionBody>,
    /// `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(crate) const LIST: Description = Description {
    id: "list_users",
    summary: "List users",
    details: "",
    responses: &[json::<UserList>(200, "A page of users; needs `users:read`")],
    problems: &[(400, "`invalid_request`: the address, the cursor or the limit is invalid")],
};

pub(crate) async fn list(
    State(users): State<Arc<UserAdministration>>,
    _: Caller,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    if let Some(email) = params.email {
        let email: Email =
            email.parse().map_err(|_| Problem::invalid("`email` must be an e-mail address"))?;
        let found = users.find_by_email(&email).await?;
        return Ok(private(UserList { users: found.iter().map(Into::into).collect(), next: None }));
    }
    let after = params.cursor.map(|cursor| cursor.parse::<UserId>()).transpose();
    let after = after.map_err(|_| Problem::invalid("the cursor is not from this list; use its `next`"))?;
    let page = users.list(page_size(params.limit)?, after).await?;
    let users = page.users.iter().map(Into::into).collect();
    Ok(private(UserList { users, next: page.next.map(|id| id.to_string()) }))
}

pub(crate) const SHOW: Description = Description {
    id: "show_user",
    summary: "Show a user",
    details: "",
    responses: &[json::<UserBody>(200, "The user; needs `users:read`")],
    problems: &[(404, "No such user exists")],
};

pub(crate) async fn show(
    State(users): State<Arc<UserAdministration>>,
    _: Caller,
    PathParam(id): PathParam<UserId>,
) -> Result<Response, Problem> {
    let user = users.find(id).await?.ok_or_else(|| Problem::not_found("no user has this identifier"))?;
    Ok(private(UserBody::from(&user)))
}

pub(crate) const UPDATE: Description = Description {
    id: "update_user",
    summary: "Disable or enable a user",
    details: "A disabled user is signed out everywhere: at once on routes with strongly consistent state, and \
              within 60 s on others.",
    responses: &[json::<UserBody>(200, "Changed; needs `users:update`")],
    problems: &[
        (403, "`beyond_authority`: the user has permissions that the caller lacks"),
        (404, "No such user exists"),
        (409, "`last_admin` or `too_many_admins`"),
    ],
};

pub(crate) async fn update(
    State(users): State<Arc<UserAdministration>>,
    caller: Caller,
    client: ClientInfo,
    PathParam(id): PathParam<UserId>,
    Body(request): Body<UserRequest>,
) -> Result<Response, Problem> {
    let by = Authority::Administrator(&caller);
    let user = users.set_status(id, request.status, by, &client.requester).await?;
    Ok(private(UserBody::from(&user)))
}

pub(crate) const DELETE: Description = Description {
    id: "delete_user",
    summary: "Delete a user",
    details: "Deletes the account and every session. The e-mail address can be used again. The audit log \
              keeps the events.",
    responses: &[bodiless(204, "Deleted; needs `users:delete`")],
    problems: &[
        (403, "`beyond_authority`: the user has permissions that the caller lacks"),
        (404, "No such user exists"),
        (409, "`last_admin`"),
    ],
};

pub(crate) async fn delete(
    State(users): State<Arc<UserAdministration>>,
    caller: Caller,
    client: ClientInfo,
    PathParam(id): PathParam<UserId>,
) -> Result<Response, Problem> {
    users.delete(id, Authority::Administrator(&caller), &client.requester).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) const SESSIONS: Description = Description {
    id: "list_user_sessions",
    summary: "List a user's sessions",
    details: "",
    responses: &[json::<UserSessions>(200, "The sessions; needs `users:read`")],
    problems: &[
        (400, "`invalid_request`: the limit is not 1 to 200, or the cursor is not from this list"),
        (404, "No such user exists"),
    ],
};

pub(crate) async fn sessions(
    State(users): State<Arc<UserAdministration>>,
    State(sessions): State<Arc<Sessions>>,
    _: Caller,
    PathParam(id): PathParam<UserId>,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let user = users.find(id).await?.ok_or_else(|| Problem::not_found("no user has this identifier"))?;
    let page = sessions.page(&user, params.size()?, params.cursor()?).await?;
    let sessions = page.sessions.iter().map(Into::into).collect();
    Ok(private(UserSessions { sessions, next: page.next.map(|next| next.to_string()) }))
}

pub(crate) const END_SESSIONS: Description = Description {
    id: "end_user_sessions",
    summary: "Sign a user out everywhere",
    details: "",
    responses: &[bodiless(204, "Ended; needs `users:update`")],
    problems: &[
        (403, "`beyond_authority`: the user has permissions that the caller lacks"),
        (404, "No such user exists"),
    ],
};

pub(crate) async fn end_sessions(
    State(users): State<Arc<UserAdministration>>,
    caller: Caller,
    client: ClientInfo,
    PathParam(id): PathParam<UserId>,
) -> Result<Response, Problem> {
    users.end_sessions(id, Authority::Administrator(&caller), &client.requester).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
