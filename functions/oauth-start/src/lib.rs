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

/// This operation, ready to be served.
pub fn function() -> Function {
    Routes::new("oauth").navigation("/v1/oauth/{provider}/start", start, &START).into()
}

/// How the trip ends.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StartParams {
    /// Where the browser goes afterwards: a path of the first frontend, a URL at an origin of `LATCHKEY_ORIGINS`, or, with a
    /// `code_challenge`, a URI of `LATCHKEY_APP_REDIRECTS`. There `error` in the query says why nobody was signed in. Without it,
    /// the first frontend, and a page of this service says why.
    redirect_to: Option<String>,
    /// For an app that holds its own tokens: its PKCE challenge (S256). It gets a one-time `code` in the query of
    /// `redirect_to`, and exchanges that with its verifier.
    code_challenge: Option<String>,
    /// `S256`, the only one there is.
    code_challenge_method: Option<String>,
}

const START: Description = Description {
    id: "start_oauth",
    summary: "Sign in with a provider",
    details: "For a browser to navigate to: `HEAD`, prefetches and what a page loads (images, frames, \
              `fetch`) are refused. It goes on to the provider, and comes back to `redirect_to` signed in, \
              as a new account or the one that the identity belongs to.",
    responses: &[bodiless(303, "To the provider")],
    problems: &[
        (400, "`invalid_redirect`, or `invalid_request` for the challenge"),
        (403, "`navigation_required`: the request is a prefetch, or a page loads it"),
        (404, "No provider by this name is configured"),
        (429, "`rate_limited`: `Retry-After` says for how long"),
        (502, "`provider_failed`: its metadata could not be read"),
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
        _ => Err(Problem::invalid("code_challenge must be the base64url of a SHA-256, its method S256")),
    }
}

#[cfg(test)]
mod tests;
