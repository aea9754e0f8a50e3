//! Responses that several functions send.

use std::fmt::Display;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_core::account::{Status, User};
use latchkey_core::limit::{Admission, Rate};
use latchkey_core::session::{NewSession, Session, Tokens, Transport};
use latchkey_core::{Config, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::Problem;
use crate::cookies::{self, Kind};

/// Transport of the tokens to the client.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransportName {
    /// In `HttpOnly` cookies.
    #[default]
    Cookie,
    /// In the body of the response.
    Bearer,
}

impl TransportName {
    /// Returns the transport for the page that made the request. Refuses cookies for a page on another site:
    /// its browser would not send them (`SameSite`), so a sign-in would seem to succeed and nobody would be
    /// signed in.
    pub fn usable_from(self, headers: &HeaderMap) -> Result<Transport, Problem> {
        let is_cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        match self {
            Self::Cookie if is_cross_site => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "cross_site_cookies",
                "a page on another site cannot use the cookies of this one: ask for \"transport\": \"bearer\", or serve the \
                 page and this service under one site",
            )),
            Self::Cookie => Ok(Transport::Cookie),
            Self::Bearer => Ok(Transport::Bearer),
        }
    }
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserBody {
    /// Permanent identifier; the `sub` of access tokens.
    pub id: String,
    /// E-mail address for signing in.
    pub email: String,
    /// True if the user has proved that the address is theirs.
    pub email_verified: bool,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Public username, unique among accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Picture, an https URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// `active` or `disabled`.
    #[schema(value_type = String, examples("active"))]
    pub status: Status,
    /// Roles of the user.
    pub roles: Vec<String>,
    /// Creation time of the account (RFC 3339).
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            email_verified: user.email_verified,
            name: user.name.as_ref().map(|name| name.as_str().to_owned()),
            handle: user.handle.as_ref().map(ToString::to_string),
            avatar: user.avatar.as_ref().map(|avatar| avatar.as_str().to_owned()),
            status: user.status,
            roles: user.roles.iter().map(ToString::to_string).collect(),
            created_at: user.created_at,
        }
    }
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    /// Identifier; the `sid` of its access tokens.
    pub id: String,
    /// Start of the session (RFC 3339).
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Last use, to within a day (RFC 3339).
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub seen_at: Timestamp,
    /// End of the session unless it is used (RFC 3339).
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// Client address at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// User agent of the client at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// `cookie` or `bearer`.
    #[schema(value_type = String, examples("cookie"))]
    pub transport: Transport,
}

impl From<&Session> for SessionBody {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: session.created_at,
            seen_at: session.seen_at,
            expires_at: session.ends_at(),
            address: session.address.clone(),
            user_agent: session.user_agent.as_ref().map(ToString::to_string),
            transport: session.transport,
        }
    }
}

/// Writes a value as its text, without allocating a string.
fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The signed-in user and session, and the tokens if the client asked for them.
#[derive(Serialize, ToSchema)]
pub struct SignedInBody {
    /// The user.
    pub user: UserBody,
    /// The session.
    pub session: SessionBody,
    /// The access token, a JWT; only with `"transport": "bearer"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// `Bearer`; only with `"transport": "bearer"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    /// The refresh token, valid once; only with `"transport": "bearer"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Lifetime of the access token, in seconds.
    pub expires_in: u64,
}

/// Returns the response to a sign-up (201) or a sign-in (200).
pub fn signed_in(
    status: StatusCode,
    signed_in: &NewSession,
    admitted: &Admission,
    config: &Config,
) -> Response {
    let NewSession { user, session, tokens } = signed_in;
    let mut response = with_tokens(status, user, session, tokens, config);
    response.headers_mut().extend(admitted.rate.map(rate_limit_headers).unwrap_or_default());
    response
}

/// Returns the response to a refresh.
pub fn tokens_refreshed(user: &User, session: &Session, tokens: &Tokens, config: &Config) -> Response {
    with_tokens(StatusCode::OK, user, session, tokens, config)
}

fn with_tokens(
    status: StatusCode,
    user: &User,
    session: &Session,
    tokens: &Tokens,
    config: &Config,
) -> Response {
    let bearer = session.transport == Transport::Bearer;
    let body = SignedInBody {
        user: user.into(),
        session: session.into(),
        access_token: bearer.then(|| tokens.access_token.expose_secret().to_owned()),
        token_type: bearer.then_some("Bearer"),
        refresh_token: bearer.then(|| tokens.refresh_token.expose_secret().to_owned()),
        expires_in: tokens.access_lifetime.as_secs(),
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !bearer {
        set_cookies(headers, tokens, config);
    }
    response
}

/// Sets both cookies of a session.
pub fn set_cookies(headers: &mut HeaderMap, tokens: &Tokens, config: &Config) {
    let url = &config.url;
    let access = cookies::set(Kind::Access, tokens.access_token.expose_secret(), tokens.access_lifetime, url);
    let refresh =
        cookies::set(Kind::Refresh, tokens.refresh_token.expose_secret(), tokens.refresh_lifetime, url);
    for cookie in [access, refresh].into_iter().flatten() {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Returns a 204 that removes both cookies and the responses in the browser's cache.
pub fn signed_out(config: &Config) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    clear_cookies(response.headers_mut(), config);
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

/// Removes both cookies, in a response that has other headers too.
pub fn clear_cookies(headers: &mut HeaderMap, config: &Config) {
    for cookie in Kind::BOTH.into_iter().filter_map(|kind| cookies::clear(kind, &config.url)) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Returns the headers about the remainder of a limit (draft-ietf-httpapi-ratelimit-headers-06).
pub fn rate_limit_headers(rate: Rate) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("ratelimit-limit", u64::from(rate.limit)),
        ("ratelimit-remaining", u64::from(rate.remaining)),
        ("ratelimit-reset", rate.reset.as_secs()),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    headers
}

/// Initial capacity for most bodies, in bytes. Growing a buffer while writing takes as long as the writing
/// itself.
const BODY_ROOM: usize = 1024;

/// Returns a 200 with a JSON body that must not be cached.
pub fn private<T: Serialize>(body: T) -> Response {
    // A vector grows in place. `Json` writes to a `BytesMut`, which costs several times as much.
    let mut json = Vec::with_capacity(BODY_ROOM);
    if let Err(error) = serde_json::to_writer(&mut json, &body) {
        return Problem::internal(error).into_response();
    }
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
