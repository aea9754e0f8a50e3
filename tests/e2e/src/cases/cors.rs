//! Which pages may read an answer.

use latchkey_harness::{Answer, Request, Result, platform::FRONTEND};

use crate::Trial;

cases![a_listed_origin_may_read, no_other_may, a_preflight_is_answered];

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

fn preflight(t: &Trial<'_>, origin: &str) -> Result<Answer> {
    let request = Request::new(http::Method::OPTIONS, "/v1/signin").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    t.send(request.header("access-control-request-headers", "authorization,content-type"))
}

fn a_listed_origin_may_read(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let answer = t.ask(Request::get("/v1/session").header("origin", FRONTEND), &ada)?.ok(200)?;
    ensure_eq!(answer.all(ALLOW_ORIGIN), [FRONTEND]);
    ensure_eq!(answer.all("access-control-allow-credentials"), ["true"]);
    let exposed = answer.header("access-control-expose-headers");
    for name in ["x-request-id", "retry-after", "ratelimit-remaining"] {
        ensure!(exposed.contains(name), "{name} is not exposed: {exposed}");
    }
    // Problems can be read too.
    for path in ["/v1/session", "/v1/nothing"] {
        let answer = t.send(Request::get(path).header("origin", FRONTEND))?;
        ensure_eq!(answer.all(ALLOW_ORIGIN), [FRONTEND], "{path}");
    }
    Ok(())
}

fn no_other_may(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for origin in [
        "null",
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://APP.example.com",
    ] {
        let answer = t.ask(Request::get("/v1/session").header("origin", origin), &ada)?.ok(200)?;
        ensure_eq!(answer.header(ALLOW_ORIGIN), "", "{origin}");
        ensure_eq!(preflight(t, origin)?.header(ALLOW_ORIGIN), "", "{origin}");
    }
    ensure_eq!(t.ask(Request::get("/v1/session"), &ada)?.ok(200)?.header(ALLOW_ORIGIN), "");
    Ok(())
}

fn a_preflight_is_answered(t: &Trial<'_>) -> Result {
    let answer = preflight(t, FRONTEND)?;
    ensure!(answer.status == 200 || answer.status == 204, "{}", answer.shown());
    ensure_eq!(answer.all(ALLOW_ORIGIN), [FRONTEND]);
    for (name, wanted) in [
        ("access-control-allow-methods", "PATCH"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-allow-headers", "traceparent"),
        ("access-control-allow-credentials", "true"),
    ] {
        ensure!(answer.header(name).contains(wanted), "{name}: {}", answer.header(name));
    }
    Ok(())
}
