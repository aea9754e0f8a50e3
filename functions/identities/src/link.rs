use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use latchkey_core::Config;
use latchkey_core::account::IdentityLinking;
use latchkey_core::oauth::{AuthorizationParams, Oauth, ProviderName};
use latchkey_http::{
    Caller, Description, Params, PathParam, Problem, authorization_cookies, json, private,
    set_authorization_cookie,
};
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

pub(crate) const LINK: Description = Description {
    id: "link_identity",
    summary: "Link an identity",
    details: "Begins a trip to the provider, at whose end the identity is linked to the caller's account. \
              For a page to fetch with credentials, as it sets a cookie that binds the trip to the browser; \
              then the page navigates to `location`. Needs a sign-in within the last 10 minutes.",
    responses: &[json::<LinkBegun>(200, "The trip has begun")],
    problems: &[
        (400, "`invalid_redirect`, or `invalid_request` for the query"),
        (403, "`reauthentication_required`: sign in again first"),
        (404, "No provider by this name is configured"),
        (502, "`provider_failed`: its metadata could not be read"),
        (504, "`provider_timeout`"),
    ],
};

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
    let start = AuthorizationParams {
        provider: &provider,
        redirect_to: params.redirect_to.as_deref(),
        challenge: None,
        link: Some(ticket),
        replaces: None,
        cookies: &authorization_cookies(&headers, &oauth),
    };
    let begun = oauth.start(start).await?;
    let mut response = private(LinkBegun { location: begun.location.to_string() });
    set_authorization_cookie(response.headers_mut(), &begun, &config.url);
    Ok(response)
}
