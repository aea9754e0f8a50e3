//! `GET /v1/authorize`, as reverse proxies call it.

use latchkey_harness::{Request, Result, platform::FRONTEND};

use crate::{Cookie, Trial};

cases![
    the_status_is_the_answer_and_headers_say_who,
    who_may_not_is_not_passed_on,
    a_forged_request_does_not_pass_a_proxy,
    what_is_no_question
];

const CHECK: &str = "/v1/authorize?signed_in=true";

fn the_status_is_the_answer_and_headers_say_who(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for query in ["?signed_in=true", "?permission=products:read", "?permission=products%3Aread&fresh=true"] {
        let answer = t.ask(Request::get(&format!("/v1/authorize{query}")), &ada)?.ok(204)?;
        ensure_eq!(answer.header("x-latchkey-user"), ada.id);
        ensure_eq!(answer.header("x-latchkey-session"), ada.session);
        ensure_eq!(answer.header("x-latchkey-roles"), "user");
        ensure!(answer.body.is_empty(), "a 204 has a body");
    }
    Ok(())
}

fn who_may_not_is_not_passed_on(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let denied = t.ask(Request::get("/v1/authorize?permission=users:read"), &ada)?;
    let denied = denied.problem(403, "permission_denied")?;
    ensure_eq!(denied.header("x-latchkey-user"), "");
    ensure_eq!(denied.header("x-latchkey-reason"), "permission_denied");
    t.send(Request::get(CHECK))?.problem(401, "not_signed_in")?;
    t.send(Request::get(CHECK).bearer("nonsense"))?.problem(401, "invalid_token")?;
    t.ask(Request::post("/v1/signout"), &ada)?.ok(204)?;
    t.ask(Request::get("/v1/authorize?signed_in=true&fresh=true"), &ada)?.problem(401, "session_ended")?;
    Ok(())
}

fn a_forged_request_does_not_pass_a_proxy(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let cookie = t.place.cookie(Cookie::Access);
    for (method, site, origin, reason) in [
        ("GET", "cross-site", "https://evil.example", ""),
        ("POST", "same-site", FRONTEND, ""),
        ("POST", "cross-site", "https://evil.example", "cross_site_request"),
        ("POST", "", "", "cross_site_request"),
        ("", "cross-site", "https://evil.example", "method_not_forwarded"),
        ("", "same-origin", "", ""),
    ] {
        let mut request = Request::get(CHECK).cookie(&cookie, &access);
        for (name, value) in [("x-forwarded-method", method), ("sec-fetch-site", site), ("origin", origin)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let answer = t.send(request)?.ok(if reason.is_empty() { 204 } else { 403 })?;
        ensure_eq!(answer.header("x-latchkey-reason"), reason, "{method} {site} {origin}");
    }
    Ok(())
}

fn what_is_no_question(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for query in ["permission=*", "permission=users:*", "permission=", "permission=users"] {
        t.ask(Request::get(&format!("/v1/authorize?{query}")), &ada)?.problem(422, "invalid_permission")?;
    }
    // A name that is misspelt never opens a door, nor does a request that names nothing.
    for query in [
        "",
        "?permissions=users:read",
        "?perm=users:read",
        "?Permission=users:read",
        "?permission=products:read&permission=users:read",
        "?permission=products:read&signed_in=true",
        "?signed_in=false",
        "?signed_in=true&signed_in=true",
        "?fresh=true",
        "?fresh=perhaps",
    ] {
        t.ask(Request::get(&format!("/v1/authorize{query}")), &ada)?.problem(400, "invalid_request")?;
    }
    Ok(())
}
