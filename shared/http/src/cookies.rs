//! The two cookies of a browser session.
//!
//! On https their names carry the prefixes that make browsers enforce their attributes (RFC 6265bis, section 4.1.3). On
//! http, which is this machine only, they carry neither prefix nor `Secure`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};
use latchkey_core::config::PublicUrl;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The access token, sent everywhere.
    Access,
    /// The refresh token, sent to the refresh route only.
    Refresh,
}

impl Kind {
    /// Its name under `url`.
    pub fn name(self, url: &PublicUrl) -> &'static str {
        match (self, url.is_https()) {
            (Self::Access, true) => "__Host-latchkey-access",
            (Self::Access, false) => "latchkey-access",
            (Self::Refresh, true) => "__Secure-latchkey-refresh",
            (Self::Refresh, false) => "latchkey-refresh",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Access => "/",
            Self::Refresh => "/v1/token",
        }
    }
}

/// The `Set-Cookie` value that keeps `token` for `lifetime`.
pub fn set(kind: Kind, token: &str, lifetime: Duration, url: &PublicUrl) -> Option<HeaderValue> {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let cookie = Cookie::build((kind.name(url), token))
        .path(kind.path())
        .max_age(cookie::time::Duration::seconds(seconds))
        .http_only(true)
        .secure(url.is_https())
        .same_site(SameSite::Lax)
        .build();
    HeaderValue::from_str(&cookie.to_string()).ok()
}

/// The `Set-Cookie` value that removes the cookie.
pub fn clear(kind: Kind, url: &PublicUrl) -> Option<HeaderValue> {
    set(kind, "", Duration::ZERO, url)
}

/// The value of the cookie, its name compared exactly: `__host-…` is another cookie, which any page of a sibling domain can set.
pub fn get<'a>(kind: Kind, headers: &'a HeaderMap, url: &PublicUrl) -> Option<&'a str> {
    let name = kind.name(url);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}
