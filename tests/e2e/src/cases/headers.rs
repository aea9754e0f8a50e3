//! The headers of every answer.

use std::collections::BTreeSet;

use latchkey_harness::{Answer, Request, Result, bearer};
use serde_json::json;

use crate::{PASSWORD, Trial};

cases![the_security_headers, a_request_id_of_its_own, personal_data_is_not_stored, public_data_may_be_kept];

const ALWAYS: [(&str, &str); 8] = [
    ("cross-origin-resource-policy", "same-origin"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// One answer of each kind.
fn answers(t: &Trial<'_>) -> Result<Vec<Answer>> {
    let ada = t.sign_up("ada")?;
    Ok(vec![
        t.ask(Request::get("/v1/session"), &ada)?.ok(200)?,
        t.send(Request::get("/.well-known/jwks.json"))?.ok(200)?,
        t.send(Request::get("/health"))?.ok(200)?,
        t.send(Request::post("/v1/signup").json(&bearer(&t.email("eve"), PASSWORD)))?.ok(201)?,
        t.ask(Request::get("/v1/authorize?signed_in=true"), &ada)?.ok(204)?,
        t.send(Request::post("/v1/signin").bytes("application/json", b"{".to_vec()))?.ok(400)?,
        t.send(Request::get("/v1/session"))?.ok(401)?,
        t.send(Request::get("/v1/session").bearer("nonsense"))?.ok(401)?,
        t.try_sign_in(&ada.email, "not the password")?.ok(401)?,
        t.send(Request::post("/v1/token/refresh"))?.ok(401)?,
        t.refresh("nonsense")?.ok(401)?,
        t.ask(Request::get("/v1/users"), &ada)?.ok(403)?,
        t.send(Request::post("/v1/signin").header("origin", "https://evil.example"))?.ok(403)?,
        t.send(Request::get("/v1/nothing"))?.ok(404)?,
        t.send_raw(Request::get("//v1/session"))?.ok(404)?,
        t.send(Request::put("/v1/signin"))?.ok(405)?,
        t.send(Request::post("/v1/signup").json(&bearer(&ada.email, PASSWORD)))?.ok(409)?,
        t.send_raw(Request::post("/v1/signin").bytes("application/json", vec![b' '; 70_000]))?.ok(413)?,
        t.send(Request::post("/v1/signin").bytes("text/plain", b"{}".to_vec()))?.ok(415)?,
        t.send(Request::post("/v1/signin").json(&json!({})))?.ok(422)?,
    ])
}

fn the_security_headers(t: &Trial<'_>) -> Result {
    for answer in answers(t)? {
        for (name, value) in ALWAYS {
            ensure_eq!(answer.all(name), [value], "{} {name}", answer.asked);
        }
        let https = t.place.issuer.starts_with("https:");
        ensure_eq!(!answer.header("strict-transport-security").is_empty(), https, "{}", answer.asked);
        ensure_eq!(answer.header("x-powered-by"), "", "{}", answer.asked);
        if answer.status >= 400 {
            ensure_eq!(answer.header("cache-control"), "no-store", "{}", answer.asked);
        }
        if answer.status == 401 {
            let challenge = answer.header("www-authenticate");
            ensure!(challenge.starts_with("Bearer"), "{}: {challenge}", answer.asked);
            let is_told = challenge.contains("error=");
            ensure_eq!(is_told, answer.code() == "invalid_token", "{}: {challenge}", answer.asked);
        }
    }
    Ok(())
}

fn a_request_id_of_its_own(t: &Trial<'_>) -> Result {
    let mut seen = BTreeSet::from(["chosen-by-the-client".to_owned()]);
    for _ in 0..20 {
        let request = Request::get("/v1/session").header("x-request-id", "chosen-by-the-client");
        let answer = t.quietly(&request)?.problem(401, "not_signed_in")?;
        ensure!(seen.insert(answer.header("x-request-id").to_owned()), "a request id comes twice");
    }
    Ok(())
}

fn personal_data_is_not_stored(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    for path in [
        "/v1/session",
        "/v1/sessions",
        "/v1/permissions",
        "/v1/authorize?signed_in=true",
        "/v1/roles",
        "/v1/roles/user",
        "/v1/users",
        "/v1/audit",
        &format!("/v1/users/{}", ada.id),
        &format!("/v1/users/{}/sessions", ada.id),
        &format!("/v1/users?email={}", ada.email),
        &format!("/v1/audit?user={}", ada.id),
    ] {
        let answer = t.ask(Request::get(path), &root)?;
        ensure!(answer.status < 300, "{path}: {}", answer.shown());
        ensure_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let cookie = json!({ "email": t.email("eve"), "password": PASSWORD });
    for request in [
        Request::post("/v1/signup").json(&cookie),
        Request::post("/v1/signin").json(&cookie),
        Request::post("/v1/signin").json(&bearer(&ada.email, PASSWORD)),
        Request::post("/v1/permissions/check").json(&json!({ "permission": "a:b" })).bearer(&ada.access),
        Request::post("/v1/token/refresh").json(&json!({ "refresh_token": ada.refresh })),
    ] {
        let answer = t.send(request)?;
        ensure!(answer.status < 300, "{}", answer.shown());
        ensure_eq!(answer.header("cache-control"), "no-store", "{}", answer.asked);
    }
    Ok(())
}

fn public_data_may_be_kept(t: &Trial<'_>) -> Result {
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        let answer = t.send(Request::get(path))?.ok(200)?;
        ensure_eq!(answer.header("cache-control"), "public, max-age=300", "{path}");
        ensure_eq!(answer.header("content-type"), "application/json", "{path}");
    }
    Ok(())
}
