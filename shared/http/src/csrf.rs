//! Defence against requests that another site makes a browser send (fetch metadata, then origin checks).

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use latchkey_core::Config;

use crate::{Problem, bearer, cookies};

/// The headers in which reverse proxies name the method of the request that they ask about: Caddy, Traefik and our snippet for
/// nginx; ingress-nginx.
static FORWARDED_METHOD: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-method"), HeaderName::from_static("x-original-method")];

/// The refusal of a request that another site made a browser send.
pub(crate) fn refusal() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_site_request",
        "this request comes from a page that is not in LATCHKEY_ORIGINS, or names more than one origin; add the page's \
         origin there",
    )
}

/// Whether a request names more than one origin, in several headers or, where a platform joins them, in one. A browser sends
/// one at most, and a choice among several would let one part of a system judge by another than the next.
pub(crate) fn has_several_origins(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ORIGIN).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.as_bytes().iter().any(|byte| matches!(byte, b',' | b' ')),
        (first, _) => first.is_some(),
    }
}

/// Refuses a request that a reverse proxy asks about, by the method that the proxy forwards and by what the browser says of the
/// page. A proxy that forwards no method asks about a change, unless nothing tells of a browser.
pub(crate) fn check_forwarded(headers: &HeaderMap, config: &Config) -> Result<(), Problem> {
    let methods = FORWARDED_METHOD.iter().flat_map(|name| headers.get_all(name));
    // Several methods are as unsafe as the most unsafe of them: a client may have sent one of its own.
    let parsed = |value: &HeaderValue| Method::from_bytes(value.as_bytes()).unwrap_or(Method::POST);
    match methods.map(parsed).min_by_key(Method::is_safe) {
        Some(method) if is_forged(&method, headers, config) => Err(refusal()),
        None if tells_of_a_browser(headers) && is_forged(&Method::POST, headers, config) => {
            Err(Problem::new(
                StatusCode::FORBIDDEN,
                "method_not_forwarded",
                "the proxy does not say which method it asks about; have it send X-Forwarded-Method",
            ))
        }
        _ => Ok(()),
    }
}

fn tells_of_a_browser(headers: &HeaderMap) -> bool {
    [header::ORIGIN, header::REFERER].iter().any(|name| headers.contains_key(name))
        || headers.contains_key("sec-fetch-site")
}

/// Whether an unsafe request may have been made by a page that is not ours.
///
/// Holds for sign-in and sign-up as well, where there is no cookie yet: otherwise another site could sign its visitor in to an
/// account of its own. A request that carries no cookie of ours and no sign of a browser (curl, a server) passes: it
/// has nothing to abuse.
pub fn is_forged(method: &Method, headers: &HeaderMap, config: &Config) -> bool {
    if method.is_safe() {
        return false;
    }
    if has_several_origins(headers) {
        return true;
    }
    let cookie = cookies::any(headers, &config.url);
    // A bearer token is never attached by the browser itself, as the credentials of other schemes are.
    if bearer::is_present(headers) && !cookie {
        return false;
    }
    let text = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let (first, second) = (values.next()?, values.next());
        Some(if second.is_some() { "invalid" } else { first.to_str().unwrap_or("invalid") })
    };
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
    origin == config.url.origin() || config.origins.iter().any(|listed| listed == origin)
}
