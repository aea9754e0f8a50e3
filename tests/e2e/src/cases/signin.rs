//! `POST /v1/signin`.

use http::HeaderMap;
use latchkey_harness::{Request, Result};
use serde_json::{Value, json};

use crate::{Cookie, PASSWORD, Person, Trial};

cases![
    begins_a_session_of_its_own,
    unknown_and_wrong_are_told_alike,
    a_password_has_one_form,
    the_session_that_the_browser_had_ends,
    refused
];

fn begins_a_session_of_its_own(t: &Trial<'_>) -> Result {
    let first = t.sign_up("ada")?;
    let second = t.sign_in(&Person { email: t.email("ADA"), ..first.clone() })?;
    ensure_eq!(second.id, first.id);
    ensure!(second.session != first.session, "one session for two sign-ins");
    for person in [&first, &second] {
        ensure_eq!(t.ask(Request::get("/v1/session"), person)?.ok(200)?.text("session.id"), person.session);
    }
    Ok(())
}

fn unknown_and_wrong_are_told_alike(t: &Trial<'_>) -> Result {
    t.sign_up("ada")?;
    let seen = |email: &str| -> Result<(Value, HeaderMap)> {
        let answer = t.try_sign_in(email, "not the right one")?.problem(401, "invalid_credentials")?;
        let (mut body, mut headers) = (answer.json(), answer.headers);
        if let Some(members) = body.as_object_mut() {
            members.remove("request_id");
        }
        // Of the gateway, and of the moment.
        for name in ["x-request-id", "date", "cf-ray", "apigw-requestid", "x-amzn-requestid"] {
            headers.remove(name);
        }
        Ok((body, headers))
    };
    ensure_eq!(seen(&t.email("nobody"))?, seen(&t.email("ada"))?);
    Ok(())
}

fn a_password_has_one_form(t: &Trial<'_>) -> Result {
    let (composed, typed) = ("caf\u{e9} tundra violet harbour", "cafe\u{301} tundra violet harbour");
    let body = json!({ "email": t.email("ada"), "password": composed });
    t.send(Request::post("/v1/signup").json(&body))?.ok(201)?;
    t.try_sign_in(&t.email("ada"), typed)?.ok(200)?;
    Ok(())
}

fn the_session_that_the_browser_had_ends(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let name = t.place.cookie(Cookie::Access);
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    let again = Request::post("/v1/signin").json(&body).cookie(&name, &access);
    t.send(again.header("sec-fetch-site", "same-origin"))?.ok(200)?;
    let check = Request::post("/v1/permissions/check").json(&json!({ "permission": "a:b", "fresh": true }));
    t.send(check.bearer(&access))?.problem(401, "session_ended")?;
    Ok(())
}

fn refused(t: &Trial<'_>) -> Result {
    t.try_sign_in("ada", PASSWORD)?.problem(422, "invalid_email")?;
    let empty = t.send(Request::post("/v1/signin").json(&json!({})))?.problem(422, "invalid_request")?;
    ensure_eq!(empty.text("detail"), "missing field `email`");
    Ok(())
}
