//! CORS: pages of listed origins may read responses (the Fetch standard, section 3.3).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use latchkey_core::Config;

use crate::csrf;

/// Headers of a response that a page of a listed origin may read. They have no meaning on other responses.
static SHARED: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "x-request-id,retry-after,ratelimit-limit,ratelimit-remaining,ratelimit-reset",
        ),
    ),
];

/// Headers that the response to a preflight has in addition.
static PREFLIGHT: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE")),
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
];

/// Headers that a page may send: those that routes read, and those that common libraries and tracers add to
/// every request, which no route reads.
const ALLOWED_HEADERS: &str = "content-type,authorization,x-requested-with,x-request-id,x-correlation-id,cache-control,pragma,\
    idempotency-key,traceparent,tracestate,baggage,sentry-trace,b3,x-b3-traceid,x-b3-spanid,x-b3-parentspanid,x-b3-sampled,\
    x-datadog-trace-id,x-datadog-parent-id,x-datadog-origin,x-datadog-sampling-priority,newrelic,request-id,request-context,\
    x-amzn-trace-id,x-cloud-trace-context,uber-trace-id";

/// Returns the value of `Access-Control-Allow-Headers`, including the headers of `LATCHKEY_CORS_HEADERS`.
pub(crate) fn allowed_headers(config: &Config) -> HeaderValue {
    let own = config.cors_headers.iter().map(String::as_str);
    let all: Vec<_> = std::iter::once(ALLOWED_HEADERS).chain(own).collect();
    // The configuration accepts only header names, so the value is always valid.
    HeaderValue::try_from(all.join(",")).unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))
}

/// Returns the origin of a request if it is exactly one of the listed origins. There are no wildcards.
pub(crate) fn allowed_origin(headers: &HeaderMap, config: &Config) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN).filter(|_| !csrf::has_several_origins(headers))?;
    config.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Adds the header that names the origin which may read a response, and `Vary: Origin`, because responses
/// differ by origin.
pub(crate) fn share(headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.extend(SHARED.iter().cloned());
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

/// Returns the response to `OPTIONS`. It is the same for every path.
pub(crate) fn preflight(allowed_headers: &HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().extend(PREFLIGHT.iter().cloned());
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers.clone());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_core::config::Exposure;

    fn config() -> Config {
        let var = |name: &str| match name {
            "LATCHKEY_SECRET" => Some("wjb4tv0iY2WTyCXVzXz1MhrpyXHpQ2lNkLMzSVvzLZk=".to_owned()),
            "LATCHKEY_URL" => Some("https://id.example.com".to_owned()),
            "LATCHKEY_ORIGINS" => Some("https://app.example.com".to_owned()),
            _ => None,
        };
        Config::read(var, Exposure::Local).unwrap()
    }

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn only_a_listed_origin_is_named_in_a_response() {
        let config = config();
        let named = |request: &HeaderMap| allowed_origin(request, &config);
        assert_eq!(named(&from("https://app.example.com")).unwrap(), "https://app.example.com");
        assert_eq!(named(&HeaderMap::new()), None);
        for other in [
            "null",
            "*",
            "http://app.example.com",
            "https://app.example.com:443",
            "https://app.example.com.evil.example",
            "https://APP.example.com",
            "https://evil.example",
        ] {
            assert_eq!(named(&from(other)), None, "{other}");
        }
    }

    #[test]
    fn every_response_varies_by_origin_beside_what_it_says_itself() {
        for allowed in [None, Some(HeaderValue::from_static("https://app.example.com"))] {
            let mut headers = HeaderMap::from_iter([(header::VARY, HeaderValue::from_static("accept"))]);
            share(&mut headers, allowed.clone());
            assert!(headers.get_all(header::VARY).iter().eq(["accept", "origin"]));
            assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN), allowed.as_ref());
        }
    }

    #[test]
    fn a_preflight_names_no_origin_that_is_not_listed() {
        let mut stranger = preflight(&allowed_headers(&config()));
        share(stranger.headers_mut(), None);
        assert!(!stranger.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        let mut listed = preflight(&allowed_headers(&config()));
        share(listed.headers_mut(), Some(HeaderValue::from_static("https://app.example.com")));
        assert_eq!(listed.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example.com");
        assert_eq!(listed.headers()[header::ACCESS_CONTROL_MAX_AGE], "600");
        // A duplicate value disables CORS: a browser reads it as `true, true`.
        for name in listed.headers().keys() {
            assert_eq!(listed.headers().get_all(name).iter().count(), 1, "{name}");
        }
    }
}
