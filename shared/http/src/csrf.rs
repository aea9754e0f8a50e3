//! Defence against requests that another site makes a browser send (fetch metadata, then origin checks).

use axum::http::{HeaderMap, Method, header};
use latchkey_core::Config;

use crate::{bearer, cookies};

/// Whether an unsafe request may have been made by a page that is not ours.
///
/// Holds for sign-in and sign-up as well, where there is no cookie yet: otherwise another site could sign its visitor in to an
/// account of its own. A request that carries no cookie of ours and no sign of a browser (curl, a server) passes: it
/// has nothing to abuse.
pub fn is_forged(method: &Method, headers: &HeaderMap, config: &Config) -> bool {
    if method.is_safe() {
        return false;
    }
    let cookie = cookies::any(headers, &config.url);
    // A bearer token is never attached by the browser itself, as the credentials of other schemes are.
    if bearer::is_present(headers) && !cookie {
        return false;
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("invalid"));
    let listed = || origin(headers).is_some_and(|origin| is_listed(&origin, config));
    match text("sec-fetch-site") {
        Some("same-origin") => false,
        // Typed by the person: an address bar or a bookmark navigates, it does not fetch.
        Some("none") => text("sec-fetch-mode") != Some("navigate"),
        Some("same-site") => !listed(),
        // A listed frontend on another site uses bearer tokens: its browser holds no usable cookie of ours.
        Some(_) => cookie || !listed(),
        None => match (headers.get(header::ORIGIN), headers.get(header::REFERER)) {
            (None, None) => cookie,
            _ => !listed(),
        },
    }
}

/// Whether `path`, or its template, is where the page of a provider may post to, from its own site. The state in what it posts,
/// bound to a cookie, is the defence of that route (RFC 6749, section 10.12).
pub fn is_way_back(path: &str) -> bool {
    path.strip_prefix("/v1/oauth/").is_some_and(|rest| rest.ends_with("/callback"))
}

/// The origin of the page that made the request: `Origin`, else that of `Referer`.
fn origin(headers: &HeaderMap) -> Option<String> {
    if let Some(origin) = headers.get(header::ORIGIN) {
        return origin.to_str().ok().map(str::to_owned);
    }
    let referer = headers.get(header::REFERER)?.to_str().ok()?;
    url::Url::parse(referer).ok().map(|url| url.origin().ascii_serialization())
}

fn is_listed(origin: &str, config: &Config) -> bool {
    origin == config.url.as_str() || config.origins.iter().any(|listed| listed == origin)
}
