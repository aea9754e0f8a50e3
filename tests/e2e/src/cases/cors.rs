//! Which pages may read an answer.

use http::Method;
use latchkey_harness::platform::{APP_ORIGIN, DEV_ORIGIN, FRONTEND};
use latchkey_harness::{Answer, Request, Result};

use crate::Trial;

cases![
    a_listed_origin_may_read,
    no_other_may,
    there_is_never_a_wildcard,
    a_preflight_names_what_routes_take,
    a_preflight_changes_nothing
];

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

fn preflight(origin: &str, method: &str, path: &str) -> Request {
    Request::new(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type")
}

/// The names that a preflight says a page may send.
fn allowed(answer: &Answer) -> Vec<String> {
    let names = answer.header("access-control-allow-headers").split(',');
    names.map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn a_listed_origin_may_read(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for origin in [FRONTEND, DEV_ORIGIN, APP_ORIGIN] {
        let answer = t.ask(Request::get("/v1/session").header("origin", origin), &ada)?.ok(200)?;
        ensure_eq!(answer.all(ALLOW_ORIGIN), [origin]);
        ensure_eq!(answer.all("access-control-allow-credentials"), ["true"]);
        let exposed = answer.header("access-control-expose-headers");
        for name in ["x-request-id", "retry-after", "ratelimit-remaining"] {
            ensure!(exposed.contains(name), "{name} is not exposed: {exposed}");
        }
        // Problems can be read too.
        for path in ["/v1/session", "/v1/nothing"] {
            let answer = t.send(Request::get(path).header("origin", origin))?;
            ensure_eq!(answer.all(ALLOW_ORIGIN), [origin], "{path}");
        }
    }
    Ok(())
}

fn no_other_may(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for origin in [
        "null",
        "*",
        "",
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:443",
        "https://app.example.com/",
        "https://app.example.com.",
        "https://app.example.com.evil.example",
        "https://app.example.comevil.example",
        "https://evil-app.example.com",
        "https://evilapp.example.com",
        "https://sub.app.example.com",
        "https://example.com",
        "https://localhost.evil.example",
        "https://APP.example.com",
        "HTTPS://app.example.com",
        "https://app.example.com@evil.example",
        "https://app_example.com",
        "https://app.example.com, https://evil.example",
        "https://appXexample.com",
        "http://localhost:5174",
        "capacitor://other",
    ] {
        let answer = t.ask(Request::get("/v1/session").header("origin", origin), &ada)?.ok(200)?;
        ensure_eq!(answer.header(ALLOW_ORIGIN), "", "{origin}");
        let answer = t.send(preflight(origin, "POST", "/v1/signin"))?;
        ensure_eq!(answer.header(ALLOW_ORIGIN), "", "{origin}");
    }
    Ok(())
}

fn there_is_never_a_wildcard(t: &Trial<'_>) -> Result {
    for path in ["/v1/session", "/.well-known/jwks.json", "/health", "/v1/nothing"] {
        ensure_eq!(t.send(Request::get(path))?.header(ALLOW_ORIGIN), "", "{path}");
        let answer = t.send(Request::get(path).header("origin", "https://evil.example"))?;
        ensure_eq!(answer.header(ALLOW_ORIGIN), "", "{path}");
        ensure!(answer.headers.values().all(|value| value != "*"), "{path}: {:?}", answer.headers);
    }
    Ok(())
}

fn a_preflight_names_what_routes_take(t: &Trial<'_>) -> Result {
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let answer = t.send(preflight(FRONTEND, method, "/v1/users/x"))?.ok(200)?;
        // Browsers refuse an answer that says one of them twice.
        ensure_eq!(answer.all(ALLOW_ORIGIN), [FRONTEND]);
        ensure_eq!(answer.all("access-control-allow-credentials"), ["true"]);
        ensure_eq!(answer.header("access-control-max-age"), "600");
        let methods: Vec<_> = answer.header("access-control-allow-methods").split(',').collect();
        ensure!(methods.contains(&method), "{method}: {methods:?}");
        ensure!(!methods.contains(&"TRACE") && !methods.contains(&"*"), "{methods:?}");
    }
    // Headers that common libraries add, and none by which a page could pass for a proxy.
    let names = allowed(&t.send(preflight(FRONTEND, "POST", "/v1/signin"))?);
    for name in [
        "authorization",
        "content-type",
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
        "x-requested-with",
        "x-request-id",
    ] {
        ensure!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    let of_proxies = |name: &String| name.starts_with("x-forwarded") || name.starts_with("x-latchkey");
    ensure!(!names.iter().any(|name| name == "*" || of_proxies(name)), "{names:?}");
    Ok(())
}

fn a_preflight_changes_nothing(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    t.ask(preflight(FRONTEND, "POST", "/v1/signout/all"), &ada)?.ok(200)?;
    t.ask(Request::get("/v1/session"), &ada)?.ok(200)?;
    Ok(())
}
