//! The cookies that bind a trip to a provider to a browser.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};
use latchkey_core::config::PublicUrl;
use latchkey_core::oauth::{Begun, FLOW_LIFETIME, FlowCookie, Oauth};

/// The flow cookies that came, as names and values, in the browser's order.
pub fn flow_cookies(headers: &HeaderMap, oauth: &Oauth) -> Vec<(String, String)> {
    let ours = |(name, _): &(&str, &str)| name.starts_with(oauth.cookie_prefix());
    pairs(headers).filter(ours).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The value of the flow cookie `name`, compared exactly.
pub fn flow_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    pairs(headers).find_map(|(key, value)| (key == name).then_some(value))
}

/// Sets the cookie of a flow that has begun, and removes those that make room for it.
pub fn set_flow(headers: &mut HeaderMap, begun: &Begun, url: &PublicUrl) {
    for name in &begun.ended {
        clear_flow(headers, name, url);
    }
    append(headers, &begun.cookie, i64::try_from(FLOW_LIFETIME.as_secs()).unwrap_or_default(), url);
}

/// Removes the cookie of a flow.
pub fn clear_flow(headers: &mut HeaderMap, name: &str, url: &PublicUrl) {
    let none = FlowCookie { name: name.to_owned(), value: String::new(), cross_site: false };
    append(headers, &none, 0, url);
}

/// `SameSite=Lax` comes with a redirect from the provider, not with a form that its page posts. `None` needs `Secure`, which http
/// does not have; no provider that posts takes an http address anyway.
fn append(headers: &mut HeaderMap, cookie: &FlowCookie, seconds: i64, url: &PublicUrl) {
    let cross_site = cookie.cross_site && url.is_https();
    let cookie = Cookie::build((cookie.name.as_str(), cookie.value.as_str()))
        .path("/")
        .max_age(cookie::time::Duration::seconds(seconds))
        .http_only(true)
        .secure(url.is_https())
        .same_site(if cross_site { SameSite::None } else { SameSite::Lax })
        .build();
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        headers.append(header::SET_COOKIE, value);
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}
