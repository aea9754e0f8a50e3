//! Answers that several functions give.

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

/// How the client wants to hold its tokens.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransportName {
    /// In `HttpOnly` cookies.
    #[default]
    Cookie,
    /// In the response's body.
    Bearer,
}

impl TransportName {
    /// The transport, for the page that made the request. One on another site cannot use cookies of this one: its browser does not
    /// send them (`SameSite`), so that a sign-in would seem to work and nobody be signed in.
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
    /// Never changes; the `sub` of access tokens.
    pub id: String,
    /// The address they sign in with.
    pub email: String,
    /// Whether they have proved that it is theirs.
    pub email_verified: bool,
    /// What they are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their public name, which no other account has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Their picture, an https URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// `active` or `disabled`.
    #[schema(value_type = String, examples("active"))]
    pub status: Status,
    /// The roles they hold.
    pub roles: Vec<String>,
    /// When the account was made (RFC 3339).
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
    /// The `sid` of its access tokens.
    pub id: String,
    /// When it began (RFC 3339).
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it was last seen, to within a day (RFC 3339).
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub seen_at: Timestamp,
    /// When it ends if it is not used (RFC 3339).
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// The address it began from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The client that began it, in its own words.
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

/// Writes a value as its text, without a string in between.
fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Who is signed in, in which session; with the tokens when the client asked for them.
#[derive(Serialize, ToSchema)]
pub struct SignedInBody {
    /// The user.
    pub user: UserBody,
    /// The session.
    pub session: SessionBody,
    /// The access token, a JWT; with `"transport": "bearer"` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// `Bearer`; with `"transport": "bearer"` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    /// The refresh token, good once; with `"transport": "bearer"` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// How long the access token is good for, in seconds.
    pub expires_in: u64,
}

/// The response to a sign-up (201) or a sign-in (200).
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

/// The response to a refresh.
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

/// Gives the tokens of a session to a browser.
pub fn set_cookies(headers: &mut HeaderMap, tokens: &Tokens, config: &Config) {
    let url = &config.url;
    let access = cookies::set(Kind::Access, tokens.access_token.expose_secret(), tokens.access_lifetime, url);
    let refresh =
        cookies::set(Kind::Refresh, tokens.refresh_token.expose_secret(), tokens.refresh_lifetime, url);
    for cookie in [access, refresh].into_iter().flatten() {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// 204 that removes both cookies and what the browser kept of earlier answers.
pub fn signed_out(config: &Config) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    clear_cookies(response.headers_mut(), config);
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

/// Removes both cookies in a response that has other headers too.
pub fn clear_cookies(headers: &mut HeaderMap, config: &Config) {
    for cookie in Kind::BOTH.into_iter().filter_map(|kind| cookies::clear(kind, &config.url)) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// What is left of a limit (draft-ietf-httpapi-ratelimit-headers-06).
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

/// Room for most bodies, in bytes: to grow while one is written takes as long as the writing.
const BODY_ROOM: usize = 1024;

/// 200 with a JSON body that is nobody else's business.
pub fn private<T: Serialize>(body: T) -> Response {
    // Written to a vector, which grows in place; `Json` writes to a `BytesMut`, at several times the price.
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
