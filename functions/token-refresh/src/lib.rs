//! `POST /v1/token/refresh`: exchanges a refresh token for the next one and a new access token.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::session::{RefreshError, Sessions};
use latchkey_core::token::InvalidRefreshToken;
use latchkey_core::{Config, SecretString};
use latchkey_http::cookies::{self, Kind};
use latchkey_http::{
    Body, ClientInfo, Description, Function, Problem, Routes, SignedInBody, clear_cookies, json,
    tokens_refreshed,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("token").public(Method::POST, "/v1/token/refresh", refresh, &REFRESH).into()
}

/// A refresh token, for clients that hold it themselves. Browsers send their cookie and no body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// Refresh token of the last sign-in or refresh.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

const REFRESH: Description = Description {
    id: "refresh_tokens",
    summary: "Refresh",
    details: "Returns the next refresh token, and an access token with the current roles. A refresh token is \
              valid once. Presented again, it returns the same next token if that one was never presented (a \
              lost response, for 24 h) or within 10 s of its use (two tabs). Otherwise the session ends for \
              every holder.",
    responses: &[json::<SignedInBody>(200, "Refreshed")],
    problems: &[
        (
            401,
            "`invalid_refresh_token`: sign in again; `not_signed_in`: the request has no refresh token; \
             `duplicate_cookie`: several cookies of one name; none is used or removed",
        ),
        (
            429,
            "`rate_limited`: too many invalid tokens, or more than 600 requests a minute of one session; \
             `Retry-After` gives the waiting time",
        ),
        (503, "`unavailable`: the store does not respond; the token is still valid"),
    ],
};

async fn refresh(
    State(sessions): State<Arc<Sessions>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    client: ClientInfo,
    headers: HeaderMap,
    body: Result<Option<Body<RefreshRequest>>, Problem>,
) -> Result<Response, Problem> {
    let by_cookie = !matches!(cookies::get(Kind::Refresh, &headers, &config.url), Ok(None));
    let token = token(&headers, body, &config)?;
    // Only invalid tokens count against the address. A valid token cannot be guessed, and the meter of its
    // session counts it.
    let count = async || limiter.admit(&[Subject::Address(Action::Public, &client.address)]).await;
    match sessions.refresh(&token, &client.requester).await {
        Ok(refreshed) => {
            Ok(tokens_refreshed(&refreshed.user, &refreshed.session, &refreshed.tokens, &config))
        }
        // The token may belong to another service on this host, so its cookie stays.
        Err(RefreshError::Invalid) => {
            count().await?;
            Err(InvalidRefreshToken::Forged.into())
        }
        // The token is Latchkey's own but useless now, so its cookies are removed.
        Err(RefreshError::Ended { is_audited }) => {
            count().await?;
            let problem = Problem::from(InvalidRefreshToken::Forged);
            let mut response = if is_audited { problem.noted() } else { problem }.into_response();
            if by_cookie {
                clear_cookies(response.headers_mut(), &config);
            }
            Ok(response)
        }
        Err(RefreshError::UnknownSecret) => {
            count().await?;
            Err(InvalidRefreshToken::UnknownSecret.into())
        }
        Err(RefreshError::Limited(limited)) => Err(limited.into()),
        Err(RefreshError::Busy) => {
            Err(Problem::unavailable("a session is refreshed too often", std::time::Duration::from_secs(1)))
        }
        Err(RefreshError::Fault(fault)) => Err(fault.into()),
        Err(error @ RefreshError::Unreadable(_)) => Err(Problem::internal(error)),
    }
}

/// Returns the refresh token of the cookie, or else that of the body.
fn token(
    headers: &HeaderMap,
    body: Result<Option<Body<RefreshRequest>>, Problem>,
    config: &Config,
) -> Result<SecretString, Problem> {
    // No valid token has a character beyond ASCII.
    let cookie = cookies::get(Kind::Refresh, headers, &config.url)?
        .map(|token| SecretString::from(String::from_utf8_lossy(token).into_owned()));
    let body = body?;
    cookie.or_else(|| body.and_then(|Body(body)| body.refresh_token)).ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "the request has no refresh token; send it as its cookie or as {\"refresh_token\": …}",
        )
    })
}

#[cfg(test)]
mod tests;
