use axum::extract::{FromRequest, Request};
use axum::http::{Method, header};
use latchkey_core::oauth::{CallbackError, ProviderResponse};

/// The longest form that is read, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// What a provider sends: in the query, or as a form that its page posts.
pub struct Answer(pub Result<ProviderResponse, CallbackError>);

impl<S: Send + Sync> FromRequest<S> for Answer {
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
