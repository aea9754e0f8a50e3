//! The caller's sessions: show this one, list all, revoke one, sign out here or everywhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use latchkey_core::account::{Authority, UserAdministration};
use latchkey_core::session::{EndError, RevokeError, SessionPage, Sessions};
use latchkey_core::{Config, SessionId};
use latchkey_http::{
    Caller, ClientInfo, Description, Function, PageParams, Params, PathParam, Problem, Routes, SessionBody,
    TokenHolders, UserBody, bodiless, clear_cookies, json, private, signed_out,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("session")
        .signed_in(Method::GET, "/v1/session", show, &SHOW)
        .signed_in(Method::GET, "/v1/sessions", list, &LIST)
        .fresh(Method::DELETE, "/v1/sessions/{id}", revoke, &REVOKE)
        .holder(Method::POST, "/v1/signout", sign_out, &SIGN_OUT)
        .holder(Method::POST, "/v1/signout/all", sign_out_everywhere, &SIGN_OUT_EVERYWHERE)
        .into()
}

/// The signed-in user and the session.
#[derive(Serialize, ToSchema)]
pub struct CurrentSession {
    /// The user.
    user: UserBody,
    /// This session.
    session: SessionBody,
}

/// A session of the caller.
#[derive(Serialize, ToSchema)]
pub struct ListedSession {
    /// The session.
    #[serde(flatten)]
    session: SessionBody,
    /// True for the session that sent the request.
    current: bool,
}

/// The caller's sessions, newest first.
#[derive(Serialize, ToSchema)]
pub struct SessionList {
    /// Sessions on this page.
    sessions: Vec<ListedSession>,
    /// `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

const SHOW: Description = Description {
    id: "show_session",
    summary: "Show the current session",
    details: "The signed-in user and the session, on state at most 60 s old.",
    responses: &[json::<CurrentSession>(200, "Signed in")],
    problems: &[],
};

async fn show(State(sessions): State<Arc<Sessions>>, caller: Caller) -> Result<Response, Problem> {
    sessions.touch(&caller).await?;
    Ok(private(CurrentSession { user: (&caller.user).into(), session: (&caller.session).into() }))
}

const LIST: Description = Description {
    id: "list_sessions",
    summary: "List sessions",
    details: "The caller's live sessions with device and address, newest first. An account has at most 100 \
              sessions: one more ends the oldest.",
    responses: &[json::<SessionList>(200, "The sessions")],
    problems: &[(400, "`invalid_request`: the limit is not 1 to 200, or the cursor is not from this list")],
};

async fn list(
    State(sessions): State<Arc<Sessions>>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let page = sessions.page(&caller.user, params.size()?, params.cursor()?).await?;
    let SessionPage { sessions, next } = page;
    let sessions = sessions
        .iter()
        .map(|session| ListedSession { session: session.into(), current: session.id == caller.session.id });
    Ok(private(SessionList { sessions: sessions.collect(), next: next.map(|next| next.to_string()) }))
}

const REVOKE: Description = Description {
    id: "revoke_session",
    summary: "Revoke a session",
    details: "Ends one of the caller's sessions at once: its refresh token is invalid, and its access token \
              is refused within 60 s.",
    responses: &[bodiless(204, "Ended")],
    problems: &[(404, "The caller has no such session")],
};

async fn revoke(
    State(sessions): State<Arc<Sessions>>,
    State(config): State<Arc<Config>>,
    caller: Caller,
    client: ClientInfo,
    PathParam(id): PathParam<SessionId>,
) -> Result<Response, Problem> {
    sessions.revoke(&caller, id, &client.requester).await.map_err(problem)?;
    Ok(if id == caller.session.id { signed_out(&config) } else { StatusCode::NO_CONTENT.into_response() })
}

const SIGN_OUT: Description = Description {
    id: "sign_out",
    summary: "Sign out",
    details: "Ends this session and removes its cookies. Either cookie is enough, or the access token as a \
              bearer token, expired or not.",
    responses: &[bodiless(204, "Signed out")],
    problems: &[(
        401,
        "`session_ended`: the session has already ended, and the cookies are removed; \
         `invalid_refresh_token`: the only cookie of the request is forged",
    )],
};

async fn sign_out(
    State(sessions): State<Arc<Sessions>>,
    State(config): State<Arc<Config>>,
    holders: TokenHolders,
    client: ClientInfo,
) -> Result<Response, Problem> {
    let mut ended = Err(EndError::Ended);
    for holder in holders.iter() {
        match sessions.end(holder, &client.requester).await {
            Ok(()) => ended = Ok(()),
            Err(EndError::Ended) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(match ended {
        Ok(()) => signed_out(&config),
        Err(error) => {
            // The cookies hold Latchkey's own tokens, which are useless now.
            let mut response = Problem::from(error).into_response();
            clear_cookies(response.headers_mut(), &config);
            response
        }
    })
}

const SIGN_OUT_EVERYWHERE: Description = Description {
    id: "sign_out_everywhere",
    summary: "Sign out everywhere",
    details: "Ends every session of the caller in one write. Needs a valid token: an access token that has \
              not expired, or the refresh cookie.",
    responses: &[bodiless(204, "Signed out everywhere")],
    problems: &[
        (
            401,
            "`invalid_token`: the token is expired or used; `invalid_refresh_token`: the only cookie of the \
             request is forged",
        ),
        (404, "The account has been deleted"),
    ],
};

async fn sign_out_everywhere(
    State(administration): State<Arc<UserAdministration>>,
    State(sessions): State<Arc<Sessions>>,
    State(config): State<Arc<Config>>,
    holders: TokenHolders,
    client: ClientInfo,
) -> Result<Response, Problem> {
    let mut refused = EndError::Ended;
    let mut users = BTreeSet::new();
    for holder in holders.iter() {
        match sessions.vouch(holder).await {
            Ok(user) => drop(users.insert(user)),
            Err(error @ (EndError::Ended | EndError::Weak)) => refused = error,
            Err(error) => return Err(error.into()),
        }
    }
    if users.is_empty() {
        return Err(refused.into());
    }
    // Both cookies are removed, so the owners of both are signed out.
    for user in users {
        administration.end_sessions(user, Authority::Owner, &client.requester).await?;
    }
    Ok(signed_out(&config))
}

fn problem(error: RevokeError) -> Problem {
    match error {
        RevokeError::NotFound => Problem::not_found("the caller has no such session"),
        RevokeError::Fault(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests;
