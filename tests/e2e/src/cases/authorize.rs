//! `GET /v1/authorize`, as reverse proxies call it.

use latchkey_harness::platform::FRONTEND;
use latchkey_harness::{Answer, Request, Result};

use crate::{Cookie, Trial};

cases![
    the_status_is_the_answer_and_headers_say_who,
    a_proxy_gets_204_401_or_403_and_the_reason,
    the_forwarded_method_and_origin_are_judged_where_a_cookie_speaks,
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

fn a_proxy_gets_204_401_or_403_and_the_reason(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let refused = |answer: Answer, status, code: &str| -> Result {
        let answer = answer.problem(status, code)?;
        ensure_eq!(answer.header("x-latchkey-reason"), code);
        ensure_eq!(answer.header("x-latchkey-user"), "");
        Ok(())
    };
    refused(t.ask(Request::get("/v1/authorize?permission=users:read"), &ada)?, 403, "permission_denied")?;
    refused(t.send(Request::get(CHECK))?, 401, "not_signed_in")?;
    refused(t.send(Request::get(CHECK).bearer("nonsense"))?, 401, "invalid_token")?;
    t.ask(Request::post("/v1/signout"), &ada)?.ok(204)?;
    let fresh = Request::get("/v1/authorize?signed_in=true&fresh=true");
    refused(t.ask(fresh, &ada)?, 401, "session_ended")
}

const EVIL: &str = "https://evil.example";
const FORGED: &str = "cross_site_request";
const UNKNOWN: &str = "method_not_forwarded";

/// Headers of a request that a proxy forwards, and the reason why it does not pass; `OWN` is the origin of the service.
const FORWARDED: &[(&[(&str, &str)], &str)] = &[
    // Reads pass, from wherever the link was.
    (&[("x-forwarded-method", "GET"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], ""),
    (&[("x-forwarded-method", "HEAD"), ("origin", EVIL)], ""),
    (&[("x-original-method", "GET"), ("origin", EVIL)], ""),
    // Changes pass from pages of ours.
    (&[("x-forwarded-method", "POST"), ("sec-fetch-site", "same-origin"), ("origin", "OWN")], ""),
    (&[("x-forwarded-method", "POST"), ("origin", "OWN")], ""),
    (&[("x-forwarded-method", "DELETE"), ("sec-fetch-site", "same-site"), ("origin", FRONTEND)], ""),
    (&[("x-forwarded-method", "POST"), ("sec-fetch-site", "cross-site"), ("origin", EVIL)], FORGED),
    (&[("x-forwarded-method", "POST"), ("sec-fetch-site", "cross-site"), ("origin", FRONTEND)], FORGED),
    (&[("x-original-method", "POST"), ("sec-fetch-site", "cross-site"), ("origin", EVIL)], FORGED),
    (&[("x-forwarded-method", "PUT"), ("origin", EVIL)], FORGED),
    (&[("x-forwarded-method", "PATCH"), ("origin", "null")], FORGED),
    (&[("x-forwarded-method", "POST")], FORGED),
    // A method of a client's own beside the proxy's makes nothing safer.
    (&[("x-forwarded-method", "GET"), ("x-original-method", "POST"), ("origin", EVIL)], FORGED),
    (&[("x-forwarded-method", "GET, POST"), ("origin", EVIL)], FORGED),
    (&[("x-forwarded-method", "get"), ("origin", EVIL)], FORGED),
    (&[("x-forwarded-method", ""), ("origin", EVIL)], FORGED),
    // A proxy that does not say the method asks about a change.
    (&[("sec-fetch-site", "cross-site"), ("origin", EVIL)], UNKNOWN),
    (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], UNKNOWN),
    (&[("origin", EVIL)], UNKNOWN),
    (&[("sec-fetch-site", "same-origin")], ""),
    (&[], ""),
];

fn the_forwarded_method_and_origin_are_judged_where_a_cookie_speaks(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let cookie = t.place.cookie(Cookie::Access);
    for (headers, reason) in FORWARDED {
        let request = headers.iter().fold(Request::get(CHECK).cookie(&cookie, &access), |request, header| {
            request.header(header.0, &header.1.replace("OWN", &t.place.issuer))
        });
        let answer = t.send(request)?.ok(if reason.is_empty() { 204 } else { 403 })?;
        ensure_eq!(answer.header("x-latchkey-reason"), *reason, "{headers:?}");
        ensure_eq!(answer.header("x-latchkey-user").is_empty(), !reason.is_empty(), "{headers:?}");
    }
    // A bearer token passes from anywhere.
    let request = Request::get(CHECK).header("x-forwarded-method", "POST").header("origin", EVIL);
    t.send(request.bearer(&access))?.ok(204)?;
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
