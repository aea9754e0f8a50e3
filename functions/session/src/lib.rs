//! The caller's sessions: show this one, list all, revoke one, sign out here or everywhere.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use latchkey_core::account::{Accounts, Authority};
use latchkey_core::audit::AuditLog;
use latchkey_core::session::{RevokeError, Sessions};
use latchkey_core::{Config, SessionId};
use latchkey_http::{
    Caller, From, PathParam, Problem, ProblemBody, Routes, SessionBody, UserBody, private, signed_out,
};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// The routes, over the parts of the service that they use.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Arc<Accounts>: FromRef<S>,
    Arc<Sessions>: FromRef<S>,
    Arc<Config>: FromRef<S>,
    AuditLog: FromRef<S>,
{
    Routes::new()
        .signed_in(Method::GET, "/v1/session", show)
        .signed_in(Method::GET, "/v1/sessions", list)
        .fresh(Method::DELETE, "/v1/sessions/{id}", revoke)
        .fresh(Method::POST, "/v1/signout", sign_out)
        .fresh(Method::POST, "/v1/signout/all", sign_out_everywhere)
}

#[derive(OpenApi)]
#[openapi(paths(show, list, revoke, sign_out, sign_out_everywhere))]
struct Description;

latchkey_http::function!(routes(), Description);

/// Who is signed in, and in which session.
#[derive(Serialize, ToSchema)]
pub struct CurrentSession {
    /// The user.
    user: UserBody,
    /// This session.
    session: SessionBody,
}

/// One of the caller's sessions.
#[derive(Serialize, ToSchema)]
pub struct ListedSession {
    /// The session.
    #[serde(flatten)]
    session: SessionBody,
    /// Whether it is the one that asks.
    current: bool,
}

/// The caller's sessions, newest first.
#[derive(Serialize, ToSchema)]
pub struct SessionList {
    /// At most 200.
    sessions: Vec<ListedSession>,
}

/// This session
///
/// The signed-in user and the session. At most 60 s behind the store.
#[utoipa::path(get, path = "/v1/session", operation_id = "show_session", tag = "session", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, description = "Signed in", body = CurrentSession),
))]
async fn show(State(sessions): State<Arc<Sessions>>, caller: Caller) -> Result<Response, Problem> {
    sessions.touch(&caller).await?;
    Ok(private(CurrentSession { user: (&caller.user).into(), session: (&caller.session).into() }))
}

/// All sessions
///
/// The caller's live sessions with device and address, newest first.
#[utoipa::path(get, path = "/v1/sessions", operation_id = "list_sessions", tag = "session", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 200, description = "The sessions", body = SessionList),
))]
async fn list(State(sessions): State<Arc<Sessions>>, caller: Caller) -> Result<Response, Problem> {
    let sessions = sessions.list(&caller.user).await?;
    let sessions = sessions
        .iter()
        .map(|session| ListedSession { session: session.into(), current: session.id == caller.session.id });
    Ok(private(SessionList { sessions: sessions.collect() }))
}

/// Revoke a session
///
/// Ends one of the caller's sessions at once: its refresh token is dead, its access token is refused within 60 s.
#[utoipa::path(delete, path = "/v1/sessions/{id}", operation_id = "revoke_session", tag = "session", security(("cookie" = []), ("bearer" = [])),
    params(("id" = String, Path, description = "The session")), responses(
    (status = 204, description = "Ended"),
    (status = 404, description = "The caller has no such session", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn revoke(
    State(sessions): State<Arc<Sessions>>,
    State(config): State<Arc<Config>>,
    caller: Caller,
    from: From,
    PathParam(id): PathParam<SessionId>,
) -> Result<Response, Problem> {
    sessions.revoke(&caller, id, &from.requester).await.map_err(problem)?;
    Ok(if id == caller.session.id { signed_out(&config) } else { StatusCode::NO_CONTENT.into_response() })
}

/// Sign out
///
/// Ends this session and removes its cookies.
#[utoipa::path(post, path = "/v1/signout", operation_id = "sign_out", tag = "session", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 204, description = "Signed out"),
))]
async fn sign_out(
    State(sessions): State<Arc<Sessions>>,
    State(config): State<Arc<Config>>,
    caller: Caller,
    from: From,
) -> Result<Response, Problem> {
    match sessions.revoke(&caller, caller.session.id, &from.requester).await {
        // Another tab signed out at the same moment.
        Ok(()) | Err(RevokeError::NotFound) => Ok(signed_out(&config)),
        Err(error) => Err(problem(error)),
    }
}

/// Sign out everywhere
///
/// Ends every session of the caller in one write.
#[utoipa::path(post, path = "/v1/signout/all", operation_id = "sign_out_everywhere", tag = "session", security(("cookie" = []), ("bearer" = [])), responses(
    (status = 204, description = "Signed out everywhere"),
    (status = 404, description = "The account was deleted meanwhile", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn sign_out_everywhere(
    State(accounts): State<Arc<Accounts>>,
    State(config): State<Arc<Config>>,
    caller: Caller,
    from: From,
) -> Result<Response, Problem> {
    accounts.end_sessions(caller.user.id, Authority::Owner, &from.requester).await?;
    Ok(signed_out(&config))
}

fn problem(error: RevokeError) -> Problem {
    match error {
        RevokeError::NotFound => Problem::not_found("the caller has no such session"),
        RevokeError::Store(error) => error.into(),
        RevokeError::Entropy(error) => error.into(),
    }
}
