//! The public keys, and the document that tells clients where they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use latchkey_core::Config;
use latchkey_core::token::{Algorithm, Keys};
use latchkey_http::{AnyQuery, Description, Function, Problem, Routes, any_json, json};
use serde::Serialize;
use utoipa::ToSchema;

/// A key signs for the first time long after it was published, so clients may keep the set for a while.
const CACHE_CONTROL: &str = "public, max-age=300";

/// This operation, ready to be served.
pub fn function() -> Function {
    Routes::new("keys")
        .public(Method::GET, "/.well-known/jwks.json", jwks, &JWKS)
        .public(Method::GET, "/.well-known/openid-configuration", discovery, &DISCOVERY)
        .into()
}

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

const JWKS: Description = Description {
    id: "show_keys",
    summary: "Public keys",
    details: "A JWK set (RFC 7517) with the next, the current and the recent signing keys.",
    responses: &[any_json(200, "The key set")],
    problems: &[(503, "`unavailable`: the store cannot answer")],
};

async fn jwks(_: AnyQuery, State(keys): State<Arc<Keys>>) -> Result<Response, Problem> {
    let set = keys.jwks().await?;
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(set)).into_response())
}

const DISCOVERY: Description = Description {
    id: "show_discovery",
    summary: "Discovery",
    details: "Where the keys are and which algorithms they have.",
    responses: &[json::<Discovery>(200, "The document")],
    problems: &[],
};

async fn discovery(_: AnyQuery, State(config): State<Arc<Config>>) -> Response {
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

#[cfg(test)]
mod tests;
