//! The public keys, and the document that tells clients where they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use latchkey_core::Config;
use latchkey_core::token::{Algorithm, Keys};
use latchkey_http::{Problem, ProblemBody, Routes, at};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// A key signs for the first time long after it was published, so clients may keep the set for a while.
const CACHE_CONTROL: &str = "public, max-age=300";

/// The routes.
pub fn routes() -> Routes {
    // Libraries and gateways of others ask here, and some add a parameter against stale caches.
    Routes::new().public(Method::GET, at("/.well-known/jwks.json").with_any_query(), jwks).public(
        Method::GET,
        at("/.well-known/openid-configuration").with_any_query(),
        discovery,
    )
}

#[derive(OpenApi)]
#[openapi(paths(jwks, discovery))]
struct Description;

latchkey_http::function!(routes(), Description);

/// What clients need to verify access tokens (OpenID Connect Discovery 1.0, section 3, as far as it applies).
#[derive(Serialize, ToSchema)]
pub struct Discovery {
    /// The `iss` of access tokens.
    issuer: String,
    /// Where the public keys are.
    jwks_uri: String,
    /// The algorithms that keys may have.
    id_token_signing_alg_values_supported: Vec<String>,
    /// How a subject is named: the same to everyone.
    subject_types_supported: [&'static str; 1],
    /// What access tokens say.
    claims_supported: Vec<&'static str>,
}

/// Public keys
///
/// A JWK set (RFC 7517) with the next, the current and the recent signing keys.
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "show_keys", tag = "keys", responses(
    (status = 200, description = "The key set", content_type = "application/json"),
    (status = 503, description = "`unavailable`: the store cannot answer", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn jwks(State(keys): State<Arc<Keys>>) -> Result<Response, Problem> {
    let set = keys.jwks().await?;
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(set)).into_response())
}

/// Discovery
///
/// Where the keys are and which algorithms they have.
#[utoipa::path(get, path = "/.well-known/openid-configuration", operation_id = "show_discovery", tag = "keys", responses(
    (status = 200, description = "The document", body = Discovery),
))]
async fn discovery(State(config): State<Arc<Config>>) -> Response {
    let issuer = config.url.as_str().to_owned();
    let document = Discovery {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        issuer,
        id_token_signing_alg_values_supported: Algorithm::ALL.iter().map(ToString::to_string).collect(),
        subject_types_supported: ["public"],
        claims_supported: vec!["iss", "aud", "sub", "sid", "iat", "exp", "jti", "roles"],
    };
    ([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(document)).into_response()
}
