//! `GET /v1/oauth/{provider}/start`: sends a browser to a provider.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use latchkey_core::Config;
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::oauth::{AuthorizationParams, CodeChallenge, Oauth, ProviderName};
use latchkey_http::{
    ClientInfo, Description, Function, Onward, Params, PathParam, Problem, Replaced, Routes,
    authorization_cookies, bodiless, see_other, set_authorization_cookie,
};
use serde::Deserialize;
use utoipa::IntoParams;

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("oauth").navigation("/v1/oauth/{provider}/start", start, &START).into()
}

/// Destination after the sign-in.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StartParams {
    /// URL that the browser returns to: a path of the first frontend, a URL at an origin of
    /// `LATCHKEY_ORIGINS`, or, with a `code_challenge`, a URI of `LATCHKEY_APP_REDIRECTS`. On failure its
    /// query has the code of the problem as `error`. By default the browser returns to the first frontend,
    /// and a page of this service shows failures.
    redirect_to: Option<String>,
    /// PKCE challenge (S256) of an app that holds its own tokens. The app receives a one-time `code` in the
    /// query of `redirect_to`, and exchanges it with its verifier.
    code_challenge: Option<String>,
    /// `S256`, the only supported method.
    code_challenge_method: Option<String>,
}

const START: Description = Description {
    id: "start_oauth",
    summary: "Sign in with a provider",
    details: "The browser must navigate here: `HEAD`, prefetches and subresource requests of a page (images, \
              frames, `fetch`) are refused. It continues to the provider and returns to `redirect_to`, signed \
              in to the account of the identity or to a new one.",
    responses: &[bodiless(303, "To the provider")],
    problems: &[
        (400, "`invalid_redirect`; `invalid_request`: the challenge is invalid"),
        (403, "`navigation_required`: the request is a prefetch or a subresource request"),
        (404, "No provider by this name is configured"),
        (429, "`rate_limited`: `Retry-After` gives the waiting time"),
        (502, "`provider_failed`: the provider's metadata could not be read"),
        (504, "`provider_timeout`"),
    ],
};

#[expect(clippy::too_many_arguments, reason = "axum passes each part of a request by itself")]
async fn start(
    State(oauth): State<Arc<Oauth>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    provider: Result<PathParam<ProviderName>, Problem>,
    params: Result<Params<StartParams>, Problem>,
    client: ClientInfo,
    Replaced(replaces): Replaced,
    headers: HeaderMap,
) -> Response {
    let begin = async {
        limiter.admit(&[Subject::Address(Action::Public, &client.address)]).await?;
        let (PathParam(provider), Params(params)) = (provider?, params?);
        let start = AuthorizationParams {
            provider: &provider,
            redirect_to: params.redirect_to.as_deref(),
            challenge: challenge(&params)?,
            link: None,
            replaces,
            cookies: &authorization_cookies(&headers, &oauth),
        };
        let begun = oauth.start(start).await?;
        let mut response = see_other(begun.location.as_str())?;
        set_authorization_cookie(response.headers_mut(), &begun, &config.url);
        Ok(response)
    };
    begin.await.unwrap_or_else(|problem: Problem| {
        let home = oauth.home().map(|home| home.url().to_string());
        problem.for_navigation(&headers, "The sign-in could not begin", Onward::Page(home.as_deref()))
    })
}

fn challenge(params: &StartParams) -> Result<Option<CodeChallenge>, Problem> {
    let s256 = params.code_challenge_method.as_deref().is_none_or(|method| method == "S256");
    let parsed = params.code_challenge.as_deref().map(str::parse).transpose();
    match parsed {
        Ok(challenge) if s256 => Ok(challenge),
        _ => Err(Problem::invalid(
            "code_challenge must be the base64url of a SHA-256 hash, and code_challenge_method must be S256",
        )),
    }
}

#[cfg(test)]
mod tests;
