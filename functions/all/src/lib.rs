//! Every operation in one function: what the local server serves, and a deployment of one function.

mod operations;

use axum::http::{HeaderName, Method, header};
use axum::response::IntoResponse;
use latchkey_http::{Function, Routes};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as OpenApiDocument;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

pub use operations::operations;

/// Every function, put together.
pub fn function() -> Function {
    let own = Function::new(routes(), Description::openapi);
    operations().into_iter().fold(own, |all, (_, operation)| all.merge(operation))
}

/// The description of every route, `/health` among them, as JSON (OpenAPI 3.1).
///
/// `cargo xtask generate` makes it of what stands at the handlers. It is kept as text: the code that makes it would be a good part
/// of a Worker.
pub const OPENAPI: &str = include_str!("../openapi.json");

fn routes() -> Routes {
    Routes::new().public(Method::GET, "/openapi.json", show)
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Latchkey", description = "Sign-in for people who run no servers."),
    paths(show),
    modifiers(&Schemes),
)]
struct Description;

/// How a client proves who it is.
struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, openapi: &mut OpenApiDocument) {
        let components = openapi.components.get_or_insert_default();
        let cookie = ApiKeyValue::with_description(
            "__Host-latchkey-access",
            "The access token in a browser. On http://localhost:8787 its name is `latchkey-8787-access`.",
        );
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The access token of a client that asked for `\"transport\": \"bearer\"`."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The description
///
/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "show_description", tag = "meta", responses((status = 200, description = "OpenAPI 3.1")))]
async fn show() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, OPENAPI)
}
