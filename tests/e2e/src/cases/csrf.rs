//! Requests that another site makes a browser send.

use http::Method;
use latchkey_harness::platform::{APP_ORIGIN, FRONTEND};
use latchkey_harness::{Request, Result};
use serde_json::json;

use crate::{Cookie, PASSWORD, Trial};

cases![
    which_pages_may_change_something,
    every_unsafe_method_is_checked_alike,
    reading_is_not_hindered,
    nobody_is_signed_in_from_elsewhere,
    a_forged_sign_out_signs_nobody_out,
    two_origins_are_refused,
    a_listed_page_on_another_site_gets_tokens_and_no_cookies
];

const EVIL: &str = "https://evil.example";

/// The credentials that a request brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Nothing,
    AccessCookie,
    RefreshCookie,
    Bearer,
    Both,
}
use Proof::{AccessCookie, Bearer, Both, Nothing, RefreshCookie};

/// A request as a browser describes it. An empty text is a header that is missing, unless `""` is written; `OWN` is the origin
/// of the service.
struct Row {
    site: &'static str,
    mode: &'static str,
    origin: &'static str,
    referer: &'static str,
    proof: Proof,
    passes: bool,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // The same origin: the pages of this service.
    row("same-origin", "cors", "OWN", "", AccessCookie, true),
    row("same-origin", "cors", "", "", Nothing, true),
    row("same-origin", "navigate", "", "", AccessCookie, true),
    // Another subdomain, only when listed.
    row("same-site", "cors", FRONTEND, "", AccessCookie, true),
    row("same-site", "cors", FRONTEND, "", Nothing, true),
    row("same-site", "cors", "https://blog.example.com", "", AccessCookie, false),
    row("same-site", "cors", "https://blog.example.com", "", Nothing, false),
    row("same-site", "cors", "http://app.example.com", "", AccessCookie, false),
    row("same-site", "cors", "null", "", AccessCookie, false),
    row("same-site", "cors", "", "", AccessCookie, false),
    row("same-site", "no-cors", "", "https://app.example.com/page", AccessCookie, true),
    row("same-site", "navigate", "https://blog.example.com", "", AccessCookie, false),
    // Another site: never with a cookie, not even one that is listed.
    row("cross-site", "cors", EVIL, "", AccessCookie, false),
    row("cross-site", "cors", EVIL, "", RefreshCookie, false),
    row("cross-site", "no-cors", EVIL, "", AccessCookie, false),
    row("cross-site", "navigate", EVIL, "", AccessCookie, false),
    row("cross-site", "navigate", "null", "", AccessCookie, false),
    row("cross-site", "", "", "", AccessCookie, false),
    row("cross-site", "cors", FRONTEND, "", AccessCookie, false),
    row("cross-site", "cors", FRONTEND, "", Nothing, true),
    // Signing a visitor in to an account of the attacker's.
    row("cross-site", "cors", EVIL, "", Nothing, false),
    row("cross-site", "navigate", EVIL, "", Nothing, false),
    row("cross-site", "no-cors", "", "", Nothing, false),
    row("same-site", "navigate", "", "", Nothing, false),
    // Words that no browser sends.
    row("CROSS-SITE", "cors", EVIL, "", AccessCookie, false),
    row("Same-Origin", "cors", EVIL, "", AccessCookie, false),
    row("same-origin, cross-site", "cors", EVIL, "", AccessCookie, false),
    row("\"\"", "cors", EVIL, "", AccessCookie, false),
    row("\"\"", "", "", "", Nothing, false),
    // The person's own doing.
    row("none", "navigate", "", "", AccessCookie, true),
    row("none", "navigate", "", "", Nothing, true),
    row("none", "cors", "", "", AccessCookie, false),
    row("none", "no-cors", "", "", AccessCookie, false),
    row("none", "", "", "", AccessCookie, false),
    // A browser that sends no fetch metadata.
    row("", "", "OWN", "", AccessCookie, true),
    row("", "", FRONTEND, "", AccessCookie, true),
    row("", "", EVIL, "", AccessCookie, false),
    row("", "", EVIL, "", Nothing, false),
    row("", "", "null", "", AccessCookie, false),
    row("", "", "null", "", Nothing, false),
    row("", "", "\"\"", "", AccessCookie, false),
    row("", "", "OWN.evil.example", "", AccessCookie, false),
    row("", "", "https://localhost", "", AccessCookie, false),
    row("", "", "http://localhost:1", "", AccessCookie, false),
    row("", "", "http://127.0.0.1:8787", "", AccessCookie, false),
    row("", "", "", "OWN/account", AccessCookie, true),
    row("", "", "", "https://app.example.com/", AccessCookie, true),
    row("", "", "", "https://evil.example/https://app.example.com", AccessCookie, false),
    row("", "", "", "https://app.example.com@evil.example/", AccessCookie, false),
    row("", "", "", "https://app.example.com.evil.example/", AccessCookie, false),
    row("", "", "", "nonsense", AccessCookie, false),
    row("", "", "", "about:blank", Nothing, false),
    // The origin says more than the referrer.
    row("", "", EVIL, "https://app.example.com/", AccessCookie, false),
    row("", "", "null", "https://app.example.com/", AccessCookie, false),
    // No sign of a browser.
    row("", "", "", "", Nothing, true),
    row("", "", "", "", Bearer, true),
    row("", "", "", "", AccessCookie, false),
    row("", "", "", "", RefreshCookie, false),
    row("", "", "", "", Both, false),
    // No browser adds a bearer token by itself.
    row("cross-site", "cors", EVIL, "", Bearer, true),
    row("", "", EVIL, "", Bearer, true),
    row("cross-site", "cors", EVIL, "", Both, false),
    row("", "", EVIL, "", Both, false),
];

const fn row(
    site: &'static str,
    mode: &'static str,
    origin: &'static str,
    referer: &'static str,
    proof: Proof,
    passes: bool,
) -> Row {
    Row { site, mode, origin, referer, proof, passes }
}

impl Row {
    /// The request as this browser sends it.
    fn from(&self, t: &Trial<'_>, mut request: Request, access: &str) -> Request {
        for (name, value) in [
            ("sec-fetch-site", self.site),
            ("sec-fetch-mode", self.mode),
            ("origin", self.origin),
            ("referer", self.referer),
        ] {
            if !value.is_empty() {
                request = request.header(name, &value.replace("\"\"", "").replace("OWN", &t.place.issuer));
            }
        }
        if matches!(self.proof, AccessCookie | Both) {
            request = request.cookie(&t.place.cookie(Cookie::Access), access);
        }
        if self.proof == RefreshCookie {
            request = request.cookie(&t.place.cookie(Cookie::Refresh), "something");
        }
        if matches!(self.proof, Bearer | Both) { request.bearer(access) } else { request }
    }

    fn shown(&self) -> String {
        let Self { site, mode, origin, referer, proof, .. } = self;
        format!("{proof:?} {site} {mode} {origin} {referer}")
    }
}

/// The request as a page of another site makes a browser send it.
fn forged(request: Request) -> Request {
    request.header("sec-fetch-site", "cross-site").header("origin", EVIL)
}

fn which_pages_may_change_something(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    for row in ROWS {
        // A request that passes finds nothing to revoke.
        let answer = t.quietly(&row.from(t, Request::delete("/v1/sessions/x"), &access))?;
        t.note(&format!("{} {}: {}", answer.status, answer.code(), row.shown()));
        let refused = (answer.status, answer.code().as_str()) == (403, "cross_site_request");
        ensure_eq!(refused, !row.passes, "{}: {}", row.shown(), answer.shown());
        ensure_eq!(answer.status == 403, refused, "{}: {}", row.shown(), answer.shown());
    }
    Ok(())
}

fn every_unsafe_method_is_checked_alike(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for row in ROWS.iter().filter(|row| !row.passes) {
            for path in ["/v1/signin", "/v1/nothing"] {
                let request = row.from(t, Request::new(method.clone(), path), &access);
                t.quietly(&request)?.problem(403, "cross_site_request")?;
            }
        }
    }
    Ok(())
}

fn reading_is_not_hindered(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    for row in ROWS.iter().filter(|row| matches!(row.proof, AccessCookie | Bearer | Both)) {
        t.quietly(&row.from(t, Request::get("/v1/session"), &access))?.ok(200)?;
    }
    Ok(())
}

fn nobody_is_signed_in_from_elsewhere(t: &Trial<'_>) -> Result {
    t.sign_up("ada")?;
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    for path in ["/v1/signin", "/v1/signup", "/v1/token/refresh"] {
        for row in ROWS.iter().filter(|row| row.proof == Nothing && !row.passes) {
            let answer = t.quietly(&row.from(t, Request::post(path).json(&body), ""))?;
            let answer = answer.problem(403, "cross_site_request")?;
            ensure_eq!(answer.all("set-cookie").len(), 0, "{path} {}", row.shown());
        }
        // A browser adds what it remembers for the site by itself.
        let remembered = Request::post(path).json(&body).header("authorization", "Basic dXNlcjpwYXNz");
        t.send(forged(remembered))?.problem(403, "cross_site_request")?;
        // A form can send these kinds, and no others (the Fetch standard, section 2.2.2).
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let form = Request::post(path).bytes(kind, body.to_string().into_bytes());
            t.send(form)?.problem(415, "unsupported_media_type")?;
        }
    }
    Ok(())
}

fn a_forged_sign_out_signs_nobody_out(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let name = t.place.cookie(Cookie::Access);
    for path in ["/v1/signout", "/v1/signout/all"] {
        t.send(forged(Request::post(path).cookie(&name, &access)))?.problem(403, "cross_site_request")?;
    }
    t.send(Request::get("/v1/session").cookie(&name, &access))?.ok(200)?;
    Ok(())
}

/// However they are sent, and whichever comes first; the same one twice is no better.
fn two_origins_are_refused(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for origins in [
        &[FRONTEND, EVIL][..],
        &[EVIL, FRONTEND],
        &[FRONTEND, FRONTEND],
        &["https://a.example, https://b.example"],
    ] {
        let named = |request: Request| {
            origins.iter().fold(request, |request, origin| request.header("origin", origin))
        };
        t.ask(named(Request::post("/v1/signout/all")), &ada)?.problem(403, "cross_site_request")?;
        let preflight = Request::new(Method::OPTIONS, "/v1/signin");
        for request in
            [Request::get("/v1/session"), preflight.header("access-control-request-method", "POST")]
        {
            let answer = t.ask(named(request), &ada)?;
            ensure_eq!(answer.header("access-control-allow-origin"), "", "{origins:?}");
        }
    }
    t.ask(Request::get("/v1/session"), &ada)?.ok(200)?;
    Ok(())
}

/// Cookies of this site are of no use to a page on another one: it is told at once, and not by "not signed in" later.
fn a_listed_page_on_another_site_gets_tokens_and_no_cookies(t: &Trial<'_>) -> Result {
    for origin in [FRONTEND, APP_ORIGIN] {
        let email = t.email(if origin == FRONTEND { "ada" } else { "eve" });
        for path in ["/v1/signup", "/v1/signin"] {
            let from = |transport: &str| {
                let body = json!({ "email": email, "password": PASSWORD, "transport": transport });
                Request::post(path)
                    .json(&body)
                    .header("origin", origin)
                    .header("sec-fetch-site", "cross-site")
            };
            let refused = t.send(from("cookie"))?.problem(403, "cross_site_cookies")?;
            ensure!(refused.text("detail").contains("bearer"), "{}", refused.shown());
            ensure_eq!(refused.all("set-cookie").len(), 0);
            let begun = t.send(from("bearer"))?;
            ensure!(begun.status < 300, "{}", begun.shown());
            ensure_eq!(begun.header("access-control-allow-origin"), origin);
            // The token itself needs no origin.
            let out = Request::post("/v1/signout").bearer(&begun.text("access_token"));
            t.send(out.header("origin", "app://other").header("sec-fetch-site", "cross-site"))?.ok(204)?;
        }
    }
    Ok(())
}
