//! Checks of responses. Each returns the good result, or the problem with its fix.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use latchkey_core::Timestamp;
use latchkey_core::port::FetchError;
use serde_json::Value;
use url::{Host, Url};

type Verdict = Result<String, String>;

/// Largest accepted difference of two clocks, in seconds: within it a server accepts the tokens that another
/// one issues.
const CLOCK_DIFFERENCE: i64 = 30;

/// Headers of every response, besides HSTS.
const HEADERS: [&str; 6] = [
    "content-security-policy",
    "permissions-policy",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];

/// Checks that the URL uses https, or http on this machine.
pub fn scheme(url: &Url) -> Verdict {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok("the URL uses https".to_owned()),
        "http" if is_loopback => Ok("the URL uses http on this machine".to_owned()),
        _ => Err(format!("{url} does not use https: passwords travel in the clear; serve it over https")),
    }
}

/// Checks that the service and its stores respond.
pub fn health(response: &Response<Bytes>) -> Verdict {
    let body = json(response);
    let stores = body.get("stores").map(Value::to_string).unwrap_or_default();
    match (response.status(), text(&body, "status")) {
        (StatusCode::OK, "ok") => {
            let version: String =
                text(&body, "version").chars().filter(|c| !c.is_control()).take(40).collect();
            Ok(format!("version {version} and its stores respond"))
        }
        (_, status @ ("degraded" | "unavailable")) => {
            Err(format!("/health responds {status}, stores {stores}; see the deployment's log"))
        }
        (status, _) => {
            Err(format!("/health responds {status}, not as Latchkey does; check the URL and its path"))
        }
    }
}

/// Checks that the security headers are present and were not removed on the way.
pub fn headers(url: &Url, response: &Response<Bytes>) -> Verdict {
    let hsts = (url.scheme() == "https").then_some("strict-transport-security");
    let wanted = HEADERS.into_iter().chain(hsts);
    let missing: Vec<_> = wanted.filter(|name| !response.headers().contains_key(*name)).collect();
    if missing.is_empty() {
        return Ok("the security headers are present".to_owned());
    }
    Err(format!("responses lack {}; let the proxy or CDN in front pass them on", missing.join(", ")))
}

/// Checks that the clock of the deployment agrees with this machine's clock.
pub fn clock(response: &Response<Bytes>, now: Timestamp) -> Verdict {
    let date = response.headers().get(header::DATE).and_then(|value| value.to_str().ok());
    let Some(there) = date.and_then(|text| httpdate::parse_http_date(text).ok()) else {
        return Err("responses carry no Date, so the clock was not compared".to_owned());
    };
    let since = there.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let there = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let apart = there.saturating_sub(now.as_millis() / 1000);
    if apart.abs() <= CLOCK_DIFFERENCE {
        return Ok("the Date of its responses agrees with this machine's clock".to_owned());
    }
    let direction = if apart > 0 { "ahead of" } else { "behind" };
    Err(format!(
        "the Date of its responses is {} s {direction} this machine's clock; set both by NTP",
        apart.abs()
    ))
}

/// Nothing is served without TLS.
pub fn plain_http(response: Result<Response<Bytes>, FetchError>) -> Verdict {
    let Ok(response) = response else { return Ok("nothing responds over http".to_owned()) };
    let to = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let is_ours = json(&response).get("status").is_some_and(Value::is_string);
    match (response.status(), to) {
        (status, _) if status.is_success() || is_ours => {
            Err("it responds over http too; redirect http to https or close the port".to_owned())
        }
        (status, Some(to)) if status.is_redirection() && !to.starts_with("https://") => {
            Err(format!("http leads to {to}; redirect it to https"))
        }
        (status, Some(_)) if status.is_redirection() => Ok("http leads to https".to_owned()),
        (status, _) => Ok(format!("http is refused ({status})")),
    }
}

/// Checks that the key set has public keys and nothing else.
pub fn key_set(_: &Url, response: &Response<Bytes>) -> Verdict {
    let body = json(response);
    let keys = body.get("keys").and_then(Value::as_array).filter(|keys| !keys.is_empty());
    let Some(keys) = keys.filter(|_| response.status() == StatusCode::OK) else {
        return Err(format!(
            "the key set responds {} without keys; the function that signs must be able to read the table",
            response.status()
        ));
    };
    if keys.iter().any(|key| ["d", "k", "p"].iter().any(|private| key.get(*private).is_some())) {
        return Err(
            "the key set shows a private key; rotate the keys, and serve the set from Latchkey alone"
                .to_owned(),
        );
    }
    if keys.iter().any(|key| text(key, "kid").is_empty() || text(key, "alg").is_empty()) {
        return Err("the key set has a key without kid or alg; serve the set from Latchkey alone".to_owned());
    }
    Ok(format!("the key set has {} public keys", keys.len()))
}

/// Checks that the issuer is the URL of the deployment.
pub fn discovery(url: &Url, response: &Response<Bytes>) -> Verdict {
    let body = json(response);
    let (issuer, asked) = (text(&body, "issuer"), url.as_str().trim_end_matches('/'));
    if issuer == asked {
        return Ok(format!("the issuer is {issuer}"));
    }
    Err(format!(
        "the issuer is {issuer:?}, but the deployment is at {asked}; set LATCHKEY_URL to the URL that clients \
         use"
    ))
}

/// Checks that Latchkey itself refuses a request without a token.
pub fn anonymous(_: &Url, response: &Response<Bytes>) -> Verdict {
    let code = code(response);
    let is_stored = response.headers().get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
    match (response.status(), code.as_str()) {
        (StatusCode::UNAUTHORIZED, "not_signed_in") if is_stored => {
            Err("a 401 may be stored by caches; let the proxy or CDN in front pass Cache-Control on"
                .to_owned())
        }
        (StatusCode::UNAUTHORIZED, "not_signed_in") => Ok("a request without a token is refused".to_owned()),
        (status, _) => {
            Err(format!("a session without a token responds {status}, not 401; route /v1 to Latchkey"))
        }
    }
}

/// A request of a page on another site is refused.
pub fn forged(_: &Url, response: &Response<Bytes>) -> Verdict {
    match code(response).as_str() {
        "cross_site_request" => Ok("a request of a page on another site is refused".to_owned()),
        _ => Err(format!(
            "a request of a page on another site responds {}; let the proxy in front pass Sec-Fetch-Site on",
            response.status()
        )),
    }
}

/// A request of the deployment's own page is not taken for a forged one.
pub fn own_page(_: &Url, response: &Response<Bytes>) -> Verdict {
    match (response.status(), code(response).as_str()) {
        (StatusCode::UNAUTHORIZED, "not_signed_in") => {
            Ok("a request of its own page is not refused".to_owned())
        }
        (status, _) => Err(format!(
            "a request of its own page without a token responds {status}, not 401; let the proxy in front pass headers on unchanged"
        )),
    }
}

/// Checks that cookies have the prefix that browsers enforce, and that two cookies of one name are refused.
pub fn cookies(_: &Url, response: &Response<Bytes>) -> Verdict {
    match code(response).as_str() {
        "duplicate_cookie" => {
            Ok("cookies have the prefix __Host-, and two of one name are refused".to_owned())
        }
        _ => Err(format!(
            "two cookies of one name respond {}; set LATCHKEY_URL to the https URL, and let the proxy in front pass cookies on",
            response.status()
        )),
    }
}

/// Checks that pages of a listed origin may call.
pub fn listed(origin: &str, response: &Response<Bytes>) -> Verdict {
    let allowed = shared_with(response);
    let with_cookies =
        response.headers().get(header::ACCESS_CONTROL_ALLOW_CREDENTIALS).is_some_and(|value| value == "true");
    match allowed {
        Some(allowed) if allowed == origin && with_cookies => Ok(format!("pages of {origin} may call")),
        _ => Err(format!("pages of {origin} may not call; add it to LATCHKEY_ORIGINS")),
    }
}

/// Checks that pages of an unlisted origin may not call.
pub fn stranger(response: &Response<Bytes>) -> Verdict {
    match shared_with(response) {
        None if response.status().is_success() => Ok("pages of other origins may not call".to_owned()),
        None => Err(format!("a preflight responds {}; route OPTIONS to Latchkey", response.status())),
        Some(allowed) => Err(format!(
            "pages of every origin may call (Access-Control-Allow-Origin: {allowed}); leave CORS to Latchkey"
        )),
    }
}

fn shared_with(response: &Response<Bytes>) -> Option<&str> {
    response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).and_then(|value| value.to_str().ok())
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_default()
}

fn code(response: &Response<Bytes>) -> String {
    text(&json(response), "code").to_owned()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}
