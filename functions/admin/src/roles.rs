use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use latchkey_core::account::User;
use latchkey_core::permission::{Author, ChangeError, Grant, PolicyError, Role, RoleChange, RoleName, Roles};
use latchkey_core::session::Sessions;
use latchkey_http::{
    Body, Caller, ClientInfo, Description, PageParams, Params, PathParam, Problem, bodiless, json, private,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role to store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRequest {
    /// Name; if present, it must equal the name in the path. A role that the API
    /// returned can therefore be sent back unchanged.
    name: Option<String>,
    /// Purpose: one line of at most 200 characters.
    description: Option<String>,
    /// Grants of the role: `resource:action`, `resource:*` or `*`.
    #[serde(default)]
    #[schema(example = json!(["products:*", "profile:update"]))]
    permissions: Vec<String>,
    /// Roles whose grants this role has too.
    #[serde(default)]
    includes: Vec<String>,
}

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleBody {
    /// Name.
    name: String,
    /// Purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Grants of the role itself.
    permissions: Vec<String>,
    /// Roles whose grants this role has too.
    includes: Vec<String>,
}

/// Roles, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleList {
    /// Roles on this page.
    roles: Vec<RoleBody>,
    /// `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl RoleBody {
    fn new(name: &RoleName, role: &Role) -> Self {
        Self {
            name: name.to_string(),
            description: role.description.clone(),
            permissions: role.permissions.iter().map(ToString::to_string).collect(),
            includes: role.includes.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(crate) const LIST: Description = Description {
    id: "list_roles",
    summary: "List roles",
    details: "",
    responses: &[json::<RoleList>(200, "A page of roles; needs `roles:manage`")],
    problems: &[(400, "`invalid_request`: the limit is not 1 to 200")],
};

pub(crate) async fn list(
    State(roles): State<Roles>,
    _: Caller,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let policy = roles.load_fresh().await?.value;
    let all = policy.roles().iter().map(|(name, role)| RoleBody::new(name, role)).collect();
    let (roles, next) = params.of(all, |role: &RoleBody| role.name.clone())?;
    Ok(private(RoleList { roles, next }))
}

pub(crate) const SHOW: Description = Description {
    id: "show_role",
    summary: "Show a role",
    details: "",
    responses: &[json::<RoleBody>(200, "The role; needs `roles:manage`")],
    problems: &[(404, "No such role exists"), (422, "`invalid_role`: the name is malformed")],
};

pub(crate) async fn show(
    State(roles): State<Roles>,
    _: Caller,
    PathParam(name): PathParam<RoleName>,
) -> Result<Response, Problem> {
    let policy = roles.load_fresh().await?.value;
    let role = policy
        .roles()
        .get(&name)
        .ok_or_else(|| Problem::not_found("no role has this name; list the roles with GET /v1/roles"))?;
    Ok(private(RoleBody::new(&name, role)))
}

pub(crate) const PUT: Description = Description {
    id: "put_role",
    summary: "Create or replace a role",
    details: "Replaces the role as a whole. It may only contain permissions that the caller holds; a caller \
              with `system:admin` may also add any permission outside of Latchkey's own (`users:*`, \
              `roles:*`, `system:*`, `identities:*`). A change that the caller could not undo is refused. It \
              takes effect in access tokens from the next refresh on, and in permission checks within 60 s.",
    responses: &[json::<RoleBody>(200, "Replaced; needs `roles:manage`"), json::<RoleBody>(201, "Created")],
    problems: &[
        (403, "`beyond_authority`"),
        (404, "The path does not exist"),
        (
            409,
            "`role_conflict`: the roles would contradict each other; `self_lockout`: the caller could not \
             undo it",
        ),
        (422, "`invalid_role`"),
    ],
};

pub(crate) async fn put(
    State(roles): State<Roles>,
    State(sessions): State<Arc<Sessions>>,
    caller: Caller,
    client: ClientInfo,
    PathParam(name): PathParam<RoleName>,
    Body(request): Body<RoleRequest>,
) -> Result<Response, Problem> {
    if request.name.is_some_and(|text| text != name.as_str()) {
        return Err(unprocessable(
            "the `name` in the body differs from the name in the path; leave it out".to_owned(),
        ));
    }
    let role = Role {
        description: request.description,
        permissions: parse::<Grant>(&request.permissions)?,
        includes: parse::<RoleName>(&request.includes)?,
    };
    let saved = roles.put(&name, &role, author(&caller, &client)).await;
    // If the store did not respond, the change may have happened.
    sessions.memory().forget_all();
    let status = match saved.map_err(problem)? {
        RoleChange::Created => StatusCode::CREATED,
        RoleChange::Replaced | RoleChange::Unchanged => StatusCode::OK,
    };
    Ok((status, private(RoleBody::new(&name, &role))).into_response())
}

pub(crate) const DELETE: Description = Description {
    id: "delete_role",
    summary: "Delete a role",
    details: "Its holders lose its permissions. Deletion is refused for `user` and `admin`, for a role that \
              another role includes, and for a role with permissions that the caller lacks.",
    responses: &[bodiless(204, "Deleted; needs `roles:manage`")],
    problems: &[
        (403, "`beyond_authority`"),
        (404, "No such role exists"),
        (
            409,
            "`role_conflict`: the role is built in or included by another role; `self_lockout`: the caller \
             could not undo it",
        ),
        (422, "`invalid_role`: the name is malformed"),
    ],
};

pub(crate) async fn delete(
    State(roles): State<Roles>,
    State(sessions): State<Arc<Sessions>>,
    caller: Caller,
    client: ClientInfo,
    PathParam(name): PathParam<RoleName>,
) -> Result<Response, Problem> {
    let removed = roles.remove(&name, author(&caller, &client)).await;
    sessions.memory().forget_all();
    removed.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display> + Ord>(
    texts: &[String],
) -> Result<BTreeSet<T>, Problem> {
    let parse = |text: &String| text.parse().map_err(|error: T::Err| unprocessable(error.to_string()));
    texts.iter().map(parse).collect()
}

/// Returns the caller as the author of a change.
fn author<'a>(caller: &Caller, client: &'a ClientInfo) -> Author<'a> {
    Author::Administrator { holder: User::holder(caller.user.id), from: &client.requester }
}

fn unprocessable(detail: String) -> Problem {
    Problem::unprocessable("invalid_role", detail)
}

fn problem(error: ChangeError) -> Problem {
    let text = error.to_string();
    match error {
        ChangeError::Policy(PolicyError::NotFound(_)) => Problem::not_found(text),
        ChangeError::Policy(
            PolicyError::UnknownInclude { .. }
            | PolicyError::Cycle(_)
            | PolicyError::Included { .. }
            | PolicyError::BuiltIn(_)
            | PolicyError::PowerlessAdmin,
        ) => Problem::new(StatusCode::CONFLICT, "role_conflict", text),
        ChangeError::Policy(
            PolicyError::TooManyRoles
            | PolicyError::TooManyGrants(_)
            | PolicyError::TooManyIncludes(_)
            | PolicyError::Description(_)
            | PolicyError::TooLarge,
        ) => unprocessable(text),
        ChangeError::BeyondAuthority => Problem::new(StatusCode::FORBIDDEN, "beyond_authority", text),
        ChangeError::SelfLockout => Problem::new(StatusCode::CONFLICT, "self_lockout", text),
        ChangeError::Contended => Problem::unavailable(text, std::time::Duration::from_secs(1)),
        ChangeError::Fault(fault) => fault.into(),
    }
}
