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

/// Destination after linking.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinkParams {
    /// URL that the browser returns to: a path of the first frontend, or a URL at an origin of
    /// `LATCHKEY_ORIGINS`. On failure its query has the code of the problem as `error`. By default the
    /// browser returns to the first frontend, and a page of this service shows failures.
    redirect_to: Option<String>,
}

/// Start of an authorization request.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkBegun {
    /// URL of the provider, for the browser to navigate to.
    location: String,
}

pub(crate) const LINK: Description = Description {
    id: "link_identity",
    summary: "Link an identity",
    details: "Begins an authorization request that links an identity at the provider to the caller's account. \
              The page must fetch this route with credentials, because the response sets a cookie that binds \
              the request to the browser. Then the page navigates to `location`. Needs a sign-in within the \
              last 10 minutes.",
    responses: &[json::<LinkBegun>(200, "The authorization request has begun")],
    problems: &[
        (400, "`invalid_redirect`; `invalid_request`: the query is invalid"),
        (403, "`reauthentication_required`: sign in again first"),
        (404, "No provider by this name is configured"),
        (502, "`provider_failed`: the provider's metadata could not be read"),
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
