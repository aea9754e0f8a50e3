//! Permission checks for frontends, services and reverse proxies.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_core::permission::{InvalidPermission, Permission, Reason, RoleName};
use latchkey_core::session::Sessions;
use latchkey_http::{Body, Caller, Description, Function, Params, Problem, Routes, bodiless, json, private};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Maximum number of permissions in one check.
const MAX_PERMISSIONS: usize = 100;

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("permission-check")
        .signed_in(Method::POST, "/v1/permissions/check", check, &CHECK)
        .signed_in(Method::GET, "/v1/permissions", list, &LIST)
        .proxied(Method::GET, "/v1/authorize", authorize, &AUTHORIZE)
        .into()
}

/// One permission to check, or several.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// `resource:action`, or an action of `resource`.
    #[schema(examples("products:update"))]
    permission: Option<String>,
    /// 1 to 100 permissions.
    permissions: Option<Vec<String>>,
    /// Resource of permissions that are given without one.
    resource: Option<String>,
    /// True for strongly consistent state, which costs a round trip to the store. Otherwise the state is at
    /// most 60 s old.
    #[serde(default)]
    fresh: bool,
}

/// Result of a permission check.
#[derive(Serialize, ToSchema)]
pub struct CheckResponse<'a> {
    /// True if all permissions are allowed.
    allowed: bool,
    /// Result of each permission, in the order of the request.
    results: Vec<CheckResult<'a>>,
}

/// Result for one permission, with its reason.
#[derive(Serialize, ToSchema)]
pub struct CheckResult<'a> {
    /// Permission as requested.
    permission: &'a str,
    /// True if the caller holds the permission.
    allowed: bool,
    /// Role that allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonBody<'a>>,
}

/// Reason that a permission is allowed.
#[derive(Serialize, ToSchema)]
pub struct ReasonBody<'a> {
    /// Role of the caller.
    role: &'a str,
    /// Included role that carries the grant, if it is not `role` itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<&'a str>,
    /// Grant: the permission itself, `resource:*` or `*`.
    grant: Cow<'a, str>,
}

/// All permissions of the caller.
#[derive(Serialize, ToSchema)]
pub struct PermissionList<'a> {
    /// Roles of the caller.
    roles: Vec<&'a str>,
    /// Grants of the roles.
    permissions: Vec<ReasonBody<'a>>,
}

/// Question of a reverse proxy.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuthorizeParams {
    /// `resource:action`. Either this or `signed_in=true` is required.
    permission: Option<String>,
    /// `true` if being signed in is enough. A request with neither parameter is refused, so a misspelt name
    /// never lets anyone in.
    #[serde(default)]
    signed_in: bool,
    /// True for strongly consistent state.
    #[serde(default)]
    fresh: bool,
}

const CHECK: Description = Description {
    id: "check_permissions",
    summary: "Check permissions",
    details: "Checks one permission of the caller or several, and names the role that grants each.",
    responses: &[json::<CheckResponse<'static>>(200, "The decision")],
    problems: &[(422, "`invalid_permission`")],
};

async fn check(
    State(sessions): State<Arc<Sessions>>,
    caller: Caller,
    Body(request): Body<CheckRequest>,
) -> Result<Response, Problem> {
    let permissions = asked(&request)?;
    let caller = if request.fresh { caller.renew(&sessions).await? } else { caller };
    let results: Vec<_> = permissions
        .iter()
        .map(|permission| {
            let decision = caller.grants.decide(permission);
            CheckResult {
                permission: permission.as_str(),
                allowed: decision.allowed(),
                reason: decision.reason().map(Into::into),
            }
        })
        .collect();
    Ok(private(CheckResponse { allowed: results.iter().all(|result| result.allowed), results }))
}

const LIST: Description = Description {
    id: "list_permissions",
    summary: "List permissions",
    details: "All permissions that the caller's roles grant.",
    responses: &[json::<PermissionList<'static>>(200, "The permissions")],
    problems: &[],
};

async fn list(caller: Caller) -> Response {
    private(PermissionList {
        roles: caller.user.roles.iter().map(RoleName::as_str).collect(),
        permissions: caller.grants.permissions().into_iter().map(Into::into).collect(),
    })
}

const AUTHORIZE: Description = Description {
    id: "authorize",
    summary: "Authorize",
    details: "For a reverse proxy (nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`): the \
              status is the decision. A 204 has `X-Latchkey-User`, `X-Latchkey-Session` and \
              `X-Latchkey-Roles`, for the proxy to pass on. A refusal has `X-Latchkey-Reason`. The proxy \
              sends the method of the request that it asks about in `X-Forwarded-Method` or \
              `X-Original-Method`.",
    responses: &[bodiless(204, "The caller is allowed")],
    problems: &[
        (400, "`invalid_request`: the query is invalid"),
        (403, "`permission_denied`: the caller lacks the permission"),
        (422, "`invalid_permission`"),
    ],
};

async fn authorize(
    State(sessions): State<Arc<Sessions>>,
    caller: Caller,
    Params(params): Params<AuthorizeParams>,
) -> Result<Response, Problem> {
    let permission = match (&params.permission, params.signed_in) {
        (Some(text), false) => Some(text.parse::<Permission>().map_err(|error| invalid(&error))?),
        (None, true) => None,
        (Some(_), true) | (None, false) => {
            return Err(Problem::invalid(
                "send either `permission`, or `signed_in=true` if being signed in is enough",
            ));
        }
    };
    let caller = if params.fresh {
        // A strongly consistent check costs a request to the store, so it is counted.
        caller.count(&sessions)?;
        caller.renew(&sessions).await?
    } else {
        caller
    };
    if permission.is_some_and(|permission| !caller.grants.decide(&permission).allowed()) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "permission_denied",
            "the caller lacks the permission",
        ));
    }
    let roles: Vec<_> = caller.user.roles.iter().map(ToString::to_string).collect();
    let mut response = StatusCode::NO_CONTENT.into_response();
    for (name, value) in [
        ("x-latchkey-user", caller.user.id.to_string()),
        ("x-latchkey-session", caller.session.id.to_string()),
        ("x-latchkey-roles", roles.join(",")),
    ] {
        let value = HeaderValue::try_from(value).map_err(Problem::internal)?;
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Parses the permissions that the request names.
fn asked(request: &CheckRequest) -> Result<Vec<Permission>, Problem> {
    let texts = match (&request.permission, &request.permissions) {
        (Some(one), None) => std::slice::from_ref(one),
        (None, Some(several)) if (1..=MAX_PERMISSIONS).contains(&several.len()) => several,
        _ => {
            return Err(unprocessable(format!(
                "send either `permission` or `permissions`, with 1 to {MAX_PERMISSIONS} of them"
            )));
        }
    };
    let resource = request.resource.as_deref();
    texts.iter().map(|text| Permission::resolve(text, resource).map_err(|error| invalid(&error))).collect()
}

impl<'a> From<&'a Reason> for ReasonBody<'a> {
    fn from(reason: &'a Reason) -> Self {
        Self {
            role: reason.role.as_str(),
            through: reason.through.as_ref().map(RoleName::as_str),
            grant: reason.grant.text(),
        }
    }
}

fn invalid(error: &InvalidPermission) -> Problem {
    unprocessable(error.to_string())
}

fn unprocessable(detail: String) -> Problem {
    Problem::unprocessable("invalid_permission", detail)
}

#[cfg(test)]
mod tests;
