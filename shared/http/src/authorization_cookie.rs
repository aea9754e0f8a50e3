//! Cookies that bind an authorization request to a browser.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use cookie::SameSite;
use latchkey_core::config::PublicUrl;
use latchkey_core::oauth::{AUTHORIZATION_LIFETIME, AuthorizationCookie, AuthorizationStart, Oauth};

use crate::cookies::{self, DuplicateCookie};

/// Returns the authorization request cookies of a request as names and values, in the browser's order.
pub fn authorization_cookies(headers: &HeaderMap, oauth: &Oauth) -> Vec<(String, String)> {
    let prefix = oauth.cookie_prefix();
    cookies::pairs(headers)
        .filter(|(name, _)| name.starts_with(prefix.as_bytes()))
        .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
        .collect()
}

/// Returns the value of the authorization request cookie with this full name.
pub fn authorization_cookie<'a>(
    headers: &'a HeaderMap,
    name: &str,
    url: &PublicUrl,
) -> Result<Option<&'a str>, DuplicateCookie> {
    let Some(name) = name.strip_prefix(url.cookie_prefix()) else { return Ok(None) };
    Ok(cookies::find(headers, url, name)?.and_then(|value| std::str::from_utf8(value).ok()))
}

/// Sets the cookie of an authorization request that has begun.
pub fn set_authorization_cookie(headers: &mut HeaderMap, begun: &AuthorizationStart, url: &PublicUrl) {
    append(headers, &begun.cookie, AUTHORIZATION_LIFETIME, url);
}

/// Removes the cookie of an authorization request.
pub fn clear_authorization_cookie(headers: &mut HeaderMap, name: &str, url: &PublicUrl) {
    let none = AuthorizationCookie { name: name.to_owned(), value: String::new(), cross_site: false };
    append(headers, &none, Duration::ZERO, url);
}

/// A `SameSite=Lax` cookie comes along with a redirect from the provider, but not with a form that the
/// provider's page posts. `SameSite=None` needs `Secure`, which http does not have; a provider that posts
/// accepts no http address anyway.
fn append(headers: &mut HeaderMap, cookie: &AuthorizationCookie, lifetime: Duration, url: &PublicUrl) {
    let cross_site = cookie.cross_site && url.is_https();
    let same_site = if cross_site { SameSite::None } else { SameSite::Lax };
    if let Some(value) = cookies::header_value(&cookie.name, &cookie.value, lifetime, same_site, url) {
        headers.append(header::SET_COOKIE, value);
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}
