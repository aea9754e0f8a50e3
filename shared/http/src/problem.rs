use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_core::account::ManageError;
use latchkey_core::audit::AuditError;
use latchkey_core::limit::RateLimitExceeded;
use latchkey_core::permission::AdminsError;
use latchkey_core::port::{EntropyError, StoreError};
use latchkey_core::session::{AuthenticateError, EndError, ReauthenticationRequired};
use latchkey_core::token::{InvalidRefreshToken, KeysError};
use latchkey_core::{Fault, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// An error response (RFC 9457, `application/problem+json`). It holds only what a client may know. The cause
/// is logged where the problem is created.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

/// Parts of a problem, boxed because most results that can hold a problem hold none.
#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    headers: HeaderMap,
    audit: Audit,
}

/// Audit information of a problem.
#[derive(Debug, Clone, Default)]
struct Audit {
    /// True if the event is already in the audit log, or does not belong there.
    is_noted: bool,
    /// User who sent the request.
    by: Option<UserId>,
    /// Further details, by name.
    details: Vec<(&'static str, String)>,
}

/// The body of an error response.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody<'a> {
    /// Kind of the problem: `urn:latchkey:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// Stable code, for programs.
    pub code: &'a str,
    /// The problem and its fix, for people.
    pub detail: &'a str,
    /// Identifier of this request in the log.
    pub request_id: &'a str,
}

impl Problem {
    /// Creates a problem with a stable code and a text that tells what is wrong, then the fix.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: detail.into(),
            headers: HeaderMap::new(),
            audit: Audit::default(),
        }))
    }

    /// 400: the route does not accept the request.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// 422: a member of the body is invalid.
    pub fn unprocessable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 401: the request has no token.
    pub fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "the request has no access token; sign in, or send the token as a cookie or as a bearer token",
        )
    }

    /// 401: the request has a token, but it is invalid (RFC 6750, section 3.1).
    pub fn invalid_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "the access token is not valid; refresh it or sign in again",
        )
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
    }

    /// 404: nothing exists here.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 500: a failure of the service. `cause` goes only to the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the service failed; try again later")
    }

    /// 503: the client may retry after `retry_after`. `cause` goes only to the log.
    pub fn unavailable(cause: impl std::fmt::Display, retry_after: Duration) -> Self {
        tracing::error!(%cause, "a request could not be served");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the service is unavailable; try again shortly",
        )
        .retry_after(retry_after)
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Adds `Retry-After`, in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        let seconds = after.as_millis().div_ceil(1000).max(1);
        match HeaderValue::from_str(&seconds.to_string()) {
            Ok(value) => self.with(header::RETRY_AFTER, value),
            Err(_) => self,
        }
    }

    /// Adapts the problem for a reverse proxy, which takes 401 and 403 for a refusal and anything else for an
    /// outage. A rate limit therefore becomes 403. The problem is about a request to another service, so it
    /// stays out of the audit log.
    #[must_use]
    pub(crate) fn for_proxy(mut self) -> Self {
        self.0.audit.is_noted = true;
        if self.0.status == StatusCode::TOO_MANY_REQUESTS {
            self.0.status = StatusCode::FORBIDDEN;
        }
        self
    }

    /// Keeps the problem out of the audit log of the middleware, because the commit that decided it wrote the
    /// event, or because the response refuses nobody.
    #[must_use]
    pub fn noted(mut self) -> Self {
        self.0.audit.is_noted = true;
        self
    }

    /// Adds a detail for the audit log. It must never be a secret.
    #[must_use]
    pub fn telling(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.audit.details.push((name, value.into()));
        self
    }

    /// Records the user who sent the request.
    pub(crate) fn asked(&mut self, by: UserId) {
        self.0.audit.by = Some(by);
    }

    /// Returns the user who sent the request, if signed in.
    pub(crate) fn asked_by(&self) -> Option<UserId> {
        self.0.audit.by
    }

    /// Returns true if the middleware must not write the problem to the audit log.
    pub(crate) fn is_noted(&self) -> bool {
        self.0.audit.is_noted
    }

    /// Returns the further details for the audit log.
    pub(crate) fn details(&self) -> &[(&'static str, String)] {
        &self.0.audit.details
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Returns the text for people.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Returns the headers of the problem itself.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Returns the response to the request with the identifier `request_id`.
    pub(crate) fn render(&self, request_id: &str) -> Response {
        let Parts { status, code, detail, headers, .. } = &*self.0;
        let body = ProblemBody {
            kind: format!("urn:latchkey:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail,
            request_id,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = *status;
        response.headers_mut().extend(headers.clone());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // This header is for reverse proxies, which do not read bodies.
        headers.insert("x-latchkey-reason", HeaderValue::from_static(code));
        // Every 401 names a scheme (RFC 9110, section 15.5.2).
        if *status == StatusCode::UNAUTHORIZED && !headers.contains_key(header::WWW_AUTHENTICATE) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Returns a response without a body. The middleware knows the request's identifier and renders the body.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable(error, Duration::from_secs(1)),
            StoreError::Corrupt { .. } | StoreError::Refused(_) => Self::internal(error),
        }
    }
}

impl From<EntropyError> for Problem {
    fn from(error: EntropyError) -> Self {
        Self::internal(error)
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Store(error) => error.into(),
            error if error.is_outage() => Self::unavailable(error, Duration::from_secs(1)),
            error => Self::internal(error),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error.into(),
            Fault::Busy(_) => Self::unavailable(fault, Duration::from_secs(1)),
            Fault::Entropy(error) => error.into(),
            Fault::Keys(error) => error.into(),
            Fault::Hash(_) | Fault::Seal(_) => Self::internal(fault),
            // The client retries after the secrets are restored; the password itself is not wrong.
            Fault::Open(_) => Self::unavailable(fault, Duration::from_mins(1)),
        }
    }
}

impl From<ReauthenticationRequired> for Problem {
    fn from(error: ReauthenticationRequired) -> Self {
        Self::new(StatusCode::FORBIDDEN, "reauthentication_required", error.to_string())
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::InvalidCursor => Self::invalid("the cursor is not from this list; use its `next`"),
            AuditError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        let text = error.to_string();
        match error {
            ManageError::NotFound | ManageError::UnknownRole(_) => Self::not_found(text),
            ManageError::Ended => AuthenticateError::Ended.into(),
            ManageError::BeyondAuthority => Self::new(StatusCode::FORBIDDEN, "beyond_authority", text),
            ManageError::TooManyRoles(_) => Self::new(StatusCode::CONFLICT, "too_many_roles", text),
            ManageError::Admins(AdminsError::Last(_)) => Self::new(StatusCode::CONFLICT, "last_admin", text),
            ManageError::Admins(AdminsError::TooMany(_)) => {
                Self::new(StatusCode::CONFLICT, "too_many_admins", text)
            }
            ManageError::Admins(AdminsError::Store(error)) => error.into(),
            ManageError::Fault(fault) => fault.into(),
        }
    }
}

impl From<RateLimitExceeded> for Problem {
    fn from(limited: RateLimitExceeded) -> Self {
        let detail = format!("too many requests; try again in {} s", limited.retry_after.as_secs());
        let mut problem =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(limited.retry_after);
        problem.0.headers.extend(crate::rate_limit_headers(limited.rate()));
        problem
    }
}

impl From<InvalidRefreshToken> for Problem {
    fn from(error: InvalidRefreshToken) -> Self {
        match error {
            InvalidRefreshToken::Forged => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_refresh_token",
                "the refresh token is not valid; sign in again",
            ),
            InvalidRefreshToken::UnknownSecret => Self::unavailable(error, Duration::from_secs(1)),
        }
    }
}

impl From<EndError> for Problem {
    fn from(error: EndError) -> Self {
        match error {
            EndError::Ended => AuthenticateError::Ended.into(),
            EndError::Weak => Self::invalid_token(),
            EndError::Limited(limited) => limited.into(),
            EndError::Fault(fault) => fault.into(),
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::InvalidToken(reason) => {
                tracing::debug!(%reason, "an access token was refused");
                Self::invalid_token()
            }
            AuthenticateError::Ended => {
                Self::new(StatusCode::UNAUTHORIZED, "session_ended", "the session has ended; sign in again")
                    .with(
                        header::WWW_AUTHENTICATE,
                        HeaderValue::from_static("Bearer error=\"invalid_token\""),
                    )
            }
            AuthenticateError::Limited(limited) => limited.into(),
            AuthenticateError::Fault(fault) => fault.into(),
        }
    }
}
