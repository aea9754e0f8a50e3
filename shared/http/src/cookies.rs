//! Cookies: the parser of the `Cookie` header, and the two cookies of a session.
//!
//! The names begin with [`PublicUrl::cookie_prefix`]. Values are bytes, and only pairs with Latchkey's own
//! names are read: a foreign cookie, in any encoding, never affects a request.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use cookie::{Cookie, SameSite};
use latchkey_core::config::PublicUrl;

use crate::Problem;

/// One of the two cookies of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
}

impl Kind {
    /// Both cookies.
    pub const BOTH: [Self; 2] = [Self::Access, Self::Refresh];

    /// Returns the name without the prefix of the deployment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// Error of a request with several cookies of one name. One of them may come from elsewhere, and nothing
/// tells which, so none is used and none is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateCookie(String);

impl From<DuplicateCookie> for Problem {
    fn from(error: DuplicateCookie) -> Self {
        let DuplicateCookie(name) = error;
        Self::new(
            StatusCode::UNAUTHORIZED,
            "duplicate_cookie",
            format!(
                "the request has several cookies named `{name}`; remove the cookies of this site in the browser and sign in again"
            ),
        )
    }
}

/// Returns the names and values of all cookies of a request, in the browser's order. HTTP/2 may split the
/// header (RFC 9113, section 8.2.3).
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let pair = pair.trim_ascii();
            let (name, value) = pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
            Some((name, value.get(1..)?))
        })
}

/// Returns the value of the cookie `name` (without the prefix of the deployment) unless it is empty. The full
/// name is compared exactly: `__host-…` is a different cookie, which any page of a sibling domain can set.
pub fn find<'a>(
    headers: &'a HeaderMap,
    url: &PublicUrl,
    name: &str,
) -> Result<Option<&'a [u8]>, DuplicateCookie> {
    let prefix = url.cookie_prefix();
    let is_it = |key: &[u8]| key.strip_prefix(prefix.as_bytes()) == Some(name.as_bytes());
    let mut values = pairs(headers).filter(|(key, _)| is_it(key)).map(|(_, value)| value);
    let first = values.next();
    if values.next().is_some() {
        return Err(DuplicateCookie(format!("{prefix}{name}")));
    }
    Ok(first.filter(|value| !value.is_empty()))
}

/// Returns the token in a cookie of the session.
pub fn get<'a>(
    kind: Kind,
    headers: &'a HeaderMap,
    url: &PublicUrl,
) -> Result<Option<&'a [u8]>, DuplicateCookie> {
    find(headers, url, kind.name())
}

/// Returns true if the request has a cookie of a session, valid or not.
pub fn any(headers: &HeaderMap, url: &PublicUrl) -> bool {
    Kind::BOTH.into_iter().any(|kind| !matches!(get(kind, headers, url), Ok(None)))
}

/// Returns the `Set-Cookie` value that stores `token` for `lifetime`.
pub fn set(kind: Kind, token: &str, lifetime: Duration, url: &PublicUrl) -> Option<HeaderValue> {
    header_value(&format!("{}{}", url.cookie_prefix(), kind.name()), token, lifetime, SameSite::Lax, url)
}

/// Returns the `Set-Cookie` value that removes the cookie.
pub fn clear(kind: Kind, url: &PublicUrl) -> Option<HeaderValue> {
    set(kind, "", Duration::ZERO, url)
}

/// Returns the `Set-Cookie` value of a cookie by its full name: `HttpOnly`, for this host and every path, and
/// `Secure` on https.
pub fn header_value(
    name: &str,
    value: &str,
    lifetime: Duration,
    same_site: SameSite,
    url: &PublicUrl,
) -> Option<HeaderValue> {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let cookie = Cookie::build((name, value))
        .path("/")
        .max_age(cookie::time::Duration::seconds(seconds))
        .http_only(true)
        .secure(url.is_https())
        .same_site(same_site)
        .build();
    HeaderValue::from_str(&cookie.to_string()).ok()
}
