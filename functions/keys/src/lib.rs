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

/// A key signs for the first time long after its publication, so clients may cache the set.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("keys")
        .public(Method::GET, "/.well-known/jwks.json", jwks, &JWKS)
        .public(Method::GET, "/.well-known/openid-configuration", discovery, &DISCOVERY)
        .into()
}

/// Metadata that clients need to verify access tokens: the applicable part of OpenID Connect Discovery 1.0,
/// section 3.
#[derive(Serialize, ToSchema)]
pub struct Discovery {
    /// The `iss` of access tokens.
    issuer: String,
    /// URL of the public keys.
    jwks_uri: String,
    /// Algorithms that keys may have.
    id_token_signing_alg_values_supported: Vec<String>,
    /// Types of subjects: every client sees the same subject.
    subject_types_supported: [&'static str; 1],
    /// Claims of access tokens.
    claims_supported: Vec<&'static str>,
}

const JWKS: Description = Description {
    id: "show_keys",
    summary: "Public keys",
    details: "A JWK set (RFC 7517) with the next, the current and the recent signing keys.",
    responses: &[any_json(200, "The key set")],
    problems: &[(503, "`unavailable`: the store does not respond")],
};

async fn jwks(_: AnyQuery, State(keys): State<Arc<Keys>>) -> Result<Response, Problem> {
    let set = keys.jwks().await?;
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(set)).into_response())
}

const DISCOVERY: Description = Description {
    id: "show_discovery",
    summary: "Discovery",
    details: "The URL of the keys, and their algorithms.",
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
