//! Defence against requests that another site makes a browser send, by fetch metadata, then by origin checks.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use latchkey_core::Config;

use crate::{Problem, bearer, cookies};

/// Headers in which reverse proxies name the method of the request that they ask about. The first is for
/// Caddy, Traefik and the nginx snippet of the documentation, the second for ingress-nginx.
static FORWARDED_METHOD: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-method"), HeaderName::from_static("x-original-method")];

/// Returns the refusal of a request that another site made a browser send.
pub(crate) fn refusal() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_site_request",
        "this request comes from a page that is not in LATCHKEY_ORIGINS, or names more than one origin; add the page's \
         origin there",
    )
}

/// Returns true if a request names more than one origin, in several headers or in one header where a platform
/// joins them. A browser sends at most one. With several, parts of the system could choose different ones.
pub(crate) fn has_several_origins(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ORIGIN).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.as_bytes().iter().any(|byte| matches!(byte, b',' | b' ')),
        (first, _) => first.is_some(),
    }
}

/// Refuses a cross-site request that a reverse proxy asks about, by the method that the proxy forwards and by
/// what the browser says about the page. Without a forwarded method the request counts as a change if any
/// header shows that it comes from a browser.
pub(crate) fn check_forwarded(headers: &HeaderMap, config: &Config) -> Result<(), Problem> {
    let methods = FORWARDED_METHOD.iter().flat_map(|name| headers.get_all(name));
    // Several methods are as unsafe as the most unsafe of them, because the client may have sent one itself.
    let parsed = |value: &HeaderValue| Method::from_bytes(value.as_bytes()).unwrap_or(Method::POST);
    match methods.map(parsed).min_by_key(Method::is_safe) {
        Some(method) if is_forged(&method, headers, config) => Err(refusal()),
        None if tells_of_a_browser(headers) && is_forged(&Method::POST, headers, config) => {
            Err(Problem::new(
                StatusCode::FORBIDDEN,
                "method_not_forwarded",
                "the proxy does not send the method of the request; configure it to send X-Forwarded-Method",
            ))
        }
        _ => Ok(()),
    }
}

fn tells_of_a_browser(headers: &HeaderMap) -> bool {
    [header::ORIGIN, header::REFERER].iter().any(|name| headers.contains_key(name))
        || headers.contains_key("sec-fetch-site")
}

/// Returns true if an unsafe request may come from a page of another site.
///
/// The rule covers sign-in and sign-up too, although no cookie exists yet: otherwise another site could sign
/// its visitor in to an account of its own. A request without a session cookie and without any sign of a
/// browser (curl, a server) passes, because there is nothing to abuse.
pub fn is_forged(method: &Method, headers: &HeaderMap, config: &Config) -> bool {
    if method.is_safe() {
        return false;
    }
    if has_several_origins(headers) {
        return true;
    }
    let cookie = cookies::any(headers, &config.url);
    // A browser never attaches a bearer token by itself, unlike the credentials of other schemes.
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
        // `none` stands for a person's own action: an address bar or a bookmark navigates and never fetches.
        Some("none") => text("sec-fetch-mode") != Some("navigate"),
        Some("same-site") => !listed(),
        // A listed frontend on another site uses bearer tokens, because its browser holds no usable session
        // cookie.
        Some(_) => cookie || !listed(),
        None => match (headers.get(header::ORIGIN), headers.get(header::REFERER)) {
            (None, None) => cookie,
            _ => !listed(),
        },
    }
}

/// Returns true if `path`, or its template, is the callback path of a provider, which the provider's page may
/// post to from its own site. The posted state protects it,
/// because the state is bound to a cookie (RFC 6749, section 10.12).
pub fn is_way_back(path: &str) -> bool {
    path.strip_prefix("/v1/oauth/").is_some_and(|rest| rest.ends_with("/callback"))
}

/// Returns the origin of the page that made the request: `Origin`, or else that of `Referer`.
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
