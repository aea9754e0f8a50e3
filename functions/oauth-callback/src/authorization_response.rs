use axum::extract::{FromRequest, Request};
use axum::http::{Method, header};
use latchkey_core::oauth::{CallbackError, ProviderResponse};
use latchkey_http::{Input, Inputs, Query};

/// Maximum size of a form, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// Authorization response of a provider (RFC 6749, section 4.1.2): in the query, or as a form that the
/// provider's page posts.
pub struct AuthorizationResponse(pub Result<ProviderResponse, CallbackError>);

impl Input for AuthorizationResponse {
    // Providers add parameters of their own to those of the standards.
    const QUERY: Query = Query::Anything;
    const BODY: bool = true;

    fn describe(inputs: &mut Inputs) {
        if inputs.method == Method::GET {
            inputs.query("state", "State of the authorization request, which its cookie confirms");
            inputs.query("code", "The provider's code");
            inputs.query("error", "Error of the provider, instead of a code");
            inputs.query("iss", "The provider's issuer (RFC 9207)");
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for AuthorizationResponse {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        if request.method() != Method::POST {
            return Ok(Self(ProviderResponse::parse(request.uri().query().unwrap_or_default())));
        }
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Ok(Self(Err(CallbackError::State)));
        }
        let body = axum::body::to_bytes(request.into_body(), MAX_FORM).await;
        let form = body.ok().and_then(|body| String::from_utf8(body.into()).ok());
        Ok(Self(form.ok_or(CallbackError::State).and_then(|form| ProviderResponse::parse(&form))))
    }
}
