use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use latchkey_core::Config;
use latchkey_core::account::IdentityLinking;
use latchkey_core::oauth::{Oauth, ProviderName, Start};
use latchkey_http::{Caller, Params, PathParam, Problem, ProblemBody, flow_cookies, private, set_flow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How the trip ends.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinkParams {
    /// Where the browser goes afterwards: a path of the first frontend, or a URL at an origin of `LATCHKEY_ORIGINS`. There
    /// `error` in the query says why nothing was linked. Without it, the first frontend, and a page of this service says why.
    redirect_to: Option<String>,
}

/// Where the trip begins.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkBegun {
    /// The provider: for the browser to navigate to.
    location: String,
}

/// Link an identity
///
/// Begins a trip to the provider, at whose end the identity is linked to the caller's account. For a page to fetch with
/// credentials, as it sets a cookie that binds the trip to the browser; then the page navigates to `location`. Needs a sign-in
/// within the last 10 minutes.
#[utoipa::path(post, path = "/v1/oauth/{provider}/link", operation_id = "link_identity", tag = "identities", security(("cookie" = []), ("bearer" = [])),
    params(("provider" = String, Path, description = "Such as `google`"), LinkParams), responses(
    (status = 200, description = "The trip has begun", body = LinkBegun),
    (status = 400, description = "`invalid_redirect`, or `invalid_request` for the query", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "`reauthentication_required`: sign in again first", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No provider by this name is configured", body = ProblemBody, content_type = "application/problem+json"),
    (status = 502, description = "`provider_failed`: its metadata could not be read", body = ProblemBody, content_type = "application/problem+json"),
    (status = 504, description = "`provider_timeout`", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn link(
    State(identities): State<Arc<IdentityLinking>>,
    State(oauth): State<Arc<Oauth>>,
    State(config): State<Arc<Config>>,
    caller: Caller,
    PathParam(provider): PathParam<ProviderName>,
    Params(params): Params<LinkParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ticket = identities.allow(&caller)?;
    let start = Start {
        provider: &provider,
        redirect_to: params.redirect_to.as_deref(),
        challenge: None,
        link: Some(ticket),
        replaces: None,
        cookies: &flow_cookies(&headers, &oauth),
    };
    let begun = oauth.start(start).await?;
    let mut response = private(LinkBegun { location: begun.location.to_string() });
    set_flow(response.headers_mut(), &begun, &config.url);
    Ok(response)
}
