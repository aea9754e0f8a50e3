//! REQUEST authorizer of API Gateway over Latchkey's permission check. It lets the API of another service
//! ask, before each call, if the caller is signed in and holds a permission.
//!
//! It is not an operation, because it is not called over HTTP: API Gateway sends an event that describes the
//! call, and expects a decision.

mod event;
mod response;
mod routes;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::BodyExt;
use latchkey_http::{App, Middleware, Paths, bearer};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;

use event::Call;
pub use event::InvalidEvent;
use response::{CallerContext, Decision};
pub use routes::{InvalidRoutes, Need, RouteNeeds};

/// Headers of a call that the check reads: they identify the caller and the page.
static FORWARDED: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::ORIGIN,
    header::REFERER,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-mode"),
];

/// Decides about calls of a protected API.
pub struct Authorizer {
    check: Middleware<Paths>,
    needs: RouteNeeds,
}

/// Error that prevents a decision. API Gateway then refuses the call with 500.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizerError {
    /// The event is not from a REQUEST authorizer, or the API's configuration is unsafe.
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    /// The check failed: the store is unavailable, or the service has an error. The log names it.
    #[error("the permission check failed with {status} {code}")]
    Check {
        /// HTTP status of the check.
        status: u16,
        /// Stable code of the check's problem.
        code: String,
    },
    /// The request to the check could not be built, or its response could not be read.
    #[error("the permission check could not be called: {0}")]
    Internal(String),
}

impl Authorizer {
    /// Creates an authorizer that decides by `needs`, over the services of `app`.
    pub fn new(app: App, needs: RouteNeeds) -> Self {
        Self { check: latchkey_http::app(latchkey_permission_check::function(), app), needs }
    }

    /// Returns the response to one event of API Gateway: a simple response for payload 2.0, an IAM policy for payload 1.0.
    pub async fn respond(&self, event: Value) -> Result<Value, AuthorizerError> {
        let call = Call::parse(event)?;
        let decision = self.decide(&call).await?;
        response::render(&decision, &call.form).map_err(|error| AuthorizerError::Internal(error.to_string()))
    }

    async fn decide(&self, call: &Call) -> Result<Decision, AuthorizerError> {
        let Some(need) = self.needs.of(&call.method, &call.route) else {
            return Ok(Decision::deny("route_not_listed"));
        };
        // Only headers tell if a page of another site made the request, and a cache of decisions ignores
        // them.
        let by_cookie = !bearer::is_present(&call.headers);
        // For the same reason a decision about a cookie must not be cached under credentials of another
        // scheme, which many people may share.
        let other_scheme = call.headers.contains_key(header::AUTHORIZATION);
        if by_cookie && call.may_be_cached && (other_scheme || !call.method.is_safe()) {
            return Ok(Decision::deny("bearer_token_required"));
        }
        self.ask(need, call).await
    }

    /// Calls `GET /v1/authorize` in this process.
    async fn ask(&self, need: &Need, call: &Call) -> Result<Decision, AuthorizerError> {
        let uri = match need {
            Need::SignedIn => "/v1/authorize?signed_in=true".to_owned(),
            Need::Permission(permission) => format!("/v1/authorize?permission={permission}"),
        };
        let mut request = Request::new(Body::empty());
        *request.uri_mut() =
            uri.parse::<Uri>().map_err(|error| AuthorizerError::Internal(error.to_string()))?;
        let method = HeaderValue::try_from(call.method.as_str());
        let method = method.map_err(|error| AuthorizerError::Internal(error.to_string()))?;
        request.headers_mut().insert("x-forwarded-method", method);
        for name in &FORWARDED {
            for value in call.headers.get_all(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
        let Ok(response) = self.check.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        match parts.status.as_u16() {
            204 => Ok(Decision::Allow(holder(&parts.headers))),
            status => {
                let body =
                    body.collect().await.map_err(|error| AuthorizerError::Internal(error.to_string()))?;
                let code = serde_json::from_slice::<Code>(&body.to_bytes()).unwrap_or_default().code;
                match status {
                    401 | 403 => Ok(Decision::Deny { code }),
                    status => Err(AuthorizerError::Check { status, code }),
                }
            }
        }
    }
}

/// Part of a problem that goes to API Gateway.
#[derive(Default, Deserialize)]
struct Code {
    code: String,
}

/// Returns the caller from the headers of the check's response.
fn holder(headers: &HeaderMap) -> CallerContext {
    let text = |name: &'static str| {
        let value = headers.get(HeaderName::from_static(name)).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    CallerContext {
        user: text("x-latchkey-user"),
        session: text("x-latchkey-session"),
        roles: text("x-latchkey-roles"),
    }
}
