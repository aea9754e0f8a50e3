//! `GET /v1/oauth/{provider}/start`: sends a browser to a provider.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use latchkey_core::Config;
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::oauth::{CodeChallenge, Oauth, ProviderName, Start};
use latchkey_http::{
    ClientInfo, Onward, Params, PathParam, Problem, ProblemBody, Replaced, Routes, at, flow_cookies,
    see_other, set_flow,
};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

/// The routes.
pub fn routes() -> Routes {
    Routes::new().navigation(at("/v1/oauth/{provider}/start").with_query(), start)
}

#[derive(OpenApi)]
#[openapi(paths(start))]
struct Description;

latchkey_http::function!(routes(), Description);

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

/// Sign in with a provider
///
/// For a browser to navigate to: `HEAD`, prefetches and what a page loads (images, frames, `fetch`) are refused. It goes on to the provider, and comes back to `redirect_to` signed in, as a new account or the
/// one that the identity belongs to.
#[utoipa::path(
    get, path = "/v1/oauth/{provider}/start", operation_id = "start_oauth", tag = "oauth",
    params(("provider" = String, Path, description = "Such as `google`"), StartParams),
    responses(
        (status = 303, description = "To the provider"),
        (status = 400, description = "`invalid_redirect`, or `invalid_request` for the challenge", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`navigation_required`: the request is a prefetch, or a page loads it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No provider by this name is configured", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`: `Retry-After` says for how long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "`provider_failed`: its metadata could not be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 504, description = "`provider_timeout`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
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
        let start = Start {
            provider: &provider,
            redirect_to: params.redirect_to.as_deref(),
            challenge: challenge(&params)?,
            link: None,
            replaces,
            cookies: &flow_cookies(&headers, &oauth),
        };
        let begun = oauth.start(start).await?;
        let mut response = see_other(begun.location.as_str())?;
        set_flow(response.headers_mut(), &begun, &config.url);
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
