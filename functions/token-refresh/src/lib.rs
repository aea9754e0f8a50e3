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

/// This operation, ready to be served.
pub fn function() -> Function {
    Routes::new("token").public(Method::POST, "/v1/token/refresh", refresh, &REFRESH).into()
}

/// A refresh token, for clients that hold it themselves. Browsers send their cookie and no body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// As the last sign-in or refresh gave it.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

const REFRESH: Description = Description {
    id: "refresh_tokens",
    summary: "Refresh",
    details: "Gives the next refresh token and an access token with the roles as they are now. A token is \
              good once: presented again it gives the same next token while that one was never presented (a \
              lost response, for 24 h) or within 10 s of its use (two tabs); otherwise it ends the session \
              for every holder.",
    responses: &[json::<SignedInBody>(200, "Refreshed")],
    problems: &[
        (
            401,
            "`invalid_refresh_token`: sign in again; `not_signed_in`: there is no refresh token; \
             `duplicate_cookie`: two cookies of one name, neither is used or removed",
        ),
        (
            429,
            "`rate_limited`: too many tokens that are not good, or over 600 requests a minute of one \
             session; `Retry-After` says for how long",
        ),
        (503, "`unavailable`: the store cannot answer; the token is still good"),
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
    // What is counted is what is not good. A good token cannot be guessed; the meter of its session counts it.
    let count = async || limiter.admit(&[Subject::Address(Action::Public, &client.address)]).await;
    match sessions.refresh(&token, &client.requester).await {
        Ok(refreshed) => {
            Ok(tokens_refreshed(&refreshed.user, &refreshed.session, &refreshed.tokens, &config))
        }
        // It may belong to somebody else on this host, so nothing is removed.
        Err(RefreshError::Invalid) => {
            count().await?;
            Err(InvalidRefreshToken::Forged.into())
        }
        // It is ours, and of no more use.
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
        Err(RefreshError::Busy) => Err(Problem::unavailable(
            "a session is being refreshed too often",
            std::time::Duration::from_secs(1),
        )),
        Err(RefreshError::Fault(fault)) => Err(fault.into()),
        Err(error @ RefreshError::Unreadable(_)) => Err(Problem::internal(error)),
    }
}

/// From the cookie, else from the body.
fn token(
    headers: &HeaderMap,
    body: Result<Option<Body<RefreshRequest>>, Problem>,
    config: &Config,
) -> Result<SecretString, Problem> {
    // No token of ours has a character beyond ASCII.
    let cookie = cookies::get(Kind::Refresh, headers, &config.url)?
        .map(|token| SecretString::from(String::from_utf8_lossy(token).into_owned()));
    let body = body?;
    cookie.or_else(|| body.and_then(|Body(body)| body.refresh_token)).ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "send the refresh token as its cookie or as {\"refresh_token\": …}",
        )
    })
}

#[cfg(test)]
mod tests;
