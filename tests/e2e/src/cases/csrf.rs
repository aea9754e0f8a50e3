//! Requests that another site makes a browser send.

use latchkey_harness::{Request, Result, platform::FRONTEND};
use serde_json::json;

use crate::{Cookie, PASSWORD, Trial};

cases![
    which_pages_may_change_something,
    a_forged_sign_out_signs_nobody_out,
    nobody_is_signed_in_from_elsewhere,
    two_origins_are_refused,
    a_listed_page_on_another_site_gets_no_cookies
];

const EVIL: &str = "https://evil.example";

/// The request with what a browser says of the page that makes it.
fn from_page(mut request: Request, site: &str, origin: &str, referer: &str) -> Request {
    for (name, value) in [("sec-fetch-site", site), ("origin", origin), ("referer", referer)] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    request
}

fn which_pages_may_change_something(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let own = t.place.issuer.as_str();
    let page = format!("{own}/account");
    for (site, origin, referer, passes) in [
        ("same-origin", own, "", true),
        ("same-site", FRONTEND, "", true),
        ("same-site", "https://blog.example.com", "", false),
        ("cross-site", EVIL, "", false),
        ("cross-site", FRONTEND, "", false),
        ("none", "", "", false),
        ("", own, "", true),
        ("", FRONTEND, "", true),
        ("", EVIL, "", false),
        ("", "null", "", false),
        ("", "", page.as_str(), true),
        ("", "", "https://evil.example/https://app.example.com", false),
        ("", "", "", false),
    ] {
        let what = format!("{site} {origin} {referer}");
        // What passes finds nothing to revoke.
        let request = Request::delete("/v1/sessions/x").cookie(&t.place.cookie(Cookie::Access), &access);
        let answer = t.quietly(&from_page(request, site, origin, referer))?;
        t.note(&format!("{} {}: {}", answer.status, answer.code(), what.replace(own, "own")));
        let expected = if passes { (404, "not_found") } else { (403, "cross_site_request") };
        ensure_eq!((answer.status, answer.code().as_str()), expected, "{what}");
    }
    // No browser adds a bearer token by itself.
    let request = Request::delete("/v1/sessions/x").bearer(&access);
    t.send(from_page(request, "cross-site", EVIL, ""))?.problem(404, "not_found")?;
    Ok(())
}

fn a_forged_sign_out_signs_nobody_out(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let name = t.place.cookie(Cookie::Access);
    for path in ["/v1/signout", "/v1/signout/all"] {
        let forged = from_page(Request::post(path).cookie(&name, &access), "cross-site", EVIL, "");
        t.send(forged)?.problem(403, "cross_site_request")?;
    }
    t.send(Request::get("/v1/session").cookie(&name, &access))?.ok(200)?;
    Ok(())
}

fn two_origins_are_refused(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for origins in [[FRONTEND, EVIL], [EVIL, FRONTEND], [FRONTEND, FRONTEND]] {
        let named = |request: Request| {
            origins.iter().fold(request, |request, origin| request.header("origin", origin))
        };
        t.ask(named(Request::post("/v1/signout/all")), &ada)?.problem(403, "cross_site_request")?;
        let read = t.ask(named(Request::get("/v1/session")), &ada)?.ok(200)?;
        ensure_eq!(read.header("access-control-allow-origin"), "");
    }
    t.ask(Request::get("/v1/session"), &ada)?.ok(200)?;
    Ok(())
}

fn nobody_is_signed_in_from_elsewhere(t: &Trial<'_>) -> Result {
    t.sign_up("ada")?;
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    for path in ["/v1/signin", "/v1/signup"] {
        let request = from_page(Request::post(path).json(&body), "cross-site", EVIL, "");
        let answer = t.send(request)?.problem(403, "cross_site_request")?;
        ensure_eq!(answer.all("set-cookie").len(), 0);
        // A form can send these kinds, and no others (the Fetch standard, section 2.2.2).
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let form = Request::post(path).bytes(kind, body.to_string().into_bytes());
            t.send(form)?.problem(415, "unsupported_media_type")?;
        }
    }
    Ok(())
}

fn a_listed_page_on_another_site_gets_no_cookies(t: &Trial<'_>) -> Result {
    for path in ["/v1/signup", "/v1/signin"] {
        let from = |body| from_page(Request::post(path).json(&body), "cross-site", FRONTEND, "");
        let (email, password) = (t.email("ada"), PASSWORD);
        let answer = t.send(from(json!({ "email": email, "password": password })))?;
        ensure_eq!(answer.problem(403, "cross_site_cookies")?.all("set-cookie").len(), 0);
        let answer = t.send(from(json!({ "email": email, "password": password, "transport": "bearer" })))?;
        ensure!(answer.status < 300, "{}", answer.shown());
    }
    Ok(())
}
