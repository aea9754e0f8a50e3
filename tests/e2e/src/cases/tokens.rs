//! Access tokens that are none of ours, or not any more, and the ways to bring one along. Those that only a holder of the signing
//! key could make are in tests/contract.

use latchkey_harness::{Request, Result};

use crate::{Cookie, Person, Trial};

cases![
    refused_on_every_route_in_every_form,
    none_that_was_changed_is_accepted,
    none_of_another_person_or_session,
    an_authorization_header_of_another_form,
    the_query_is_no_place_for_one
];

/// Refused as a bearer token and as a cookie, on routes that read, change and ask for fresh state.
fn refused(t: &Trial<'_>, token: &str) -> Result {
    for request in [
        Request::get("/v1/session").bearer(token),
        Request::get("/v1/session").cookie(&t.place.cookie(Cookie::Access), token),
        Request::delete("/v1/sessions/x").bearer(token),
        Request::post("/v1/signout").bearer(token),
        Request::get("/v1/users").bearer(token),
    ] {
        let answer = t.quietly(&request)?.problem(401, "invalid_token")?;
        ensure_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"", "{token}");
    }
    Ok(())
}

fn refused_on_every_route_in_every_form(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    // Remembered from here on, and found by its end: what only ends like it is another token.
    t.ask(Request::get("/v1/session"), &ada)?.ok(200)?;
    let good = ada.access.as_str();
    let (signed, signature) = good.rsplit_once('.').unwrap_or_default();
    let (header, payload) = signed.split_once('.').unwrap_or_default();
    for token in [
        "x",
        "..",
        "nonsense",
        &ada.refresh,
        header,
        signed,
        &format!("{signed}."),
        &format!("{header}..{signature}"),
        &format!(".{payload}.{signature}"),
        &format!("{good}."),
        &format!("{good}.{signature}"),
        &format!("{good}="),
        &format!("{good}A"),
        &format!("{good},{good}"),
        &format!("{header}=.{payload}.{signature}"),
        &good.replace('.', "_"),
        &"A".repeat(5_000),
        &format!("{signed}.{}", "A".repeat(5_000)),
    ] {
        refused(t, token)?;
    }
    t.ask(Request::get("/v1/session"), &ada)?.ok(200)?;
    t.send(Request::get("/v1/session"))?.problem(401, "not_signed_in")?;
    Ok(())
}

fn none_that_was_changed_is_accepted(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for place in (0..ada.access.len()).step_by(7) {
        let (before, rest) = ada.access.split_at(place);
        // The signature's last character has bits that mean nothing, and still there is one spelling.
        let other = if rest.starts_with('A') { 'B' } else { 'A' };
        let changed = format!("{before}{other}{}", rest.get(1..).unwrap_or_default());
        t.quietly(&Request::get("/v1/session").bearer(&changed))?.problem(401, "invalid_token")?;
    }
    Ok(())
}

fn none_of_another_person_or_session(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let parts = |person: &Person| -> (String, String) {
        let (signed, signature) = person.access.rsplit_once('.').unwrap_or_default();
        (signed.to_owned(), signature.to_owned())
    };
    for other in [t.sign_in(&ada)?, t.sign_up("eve")?] {
        refused(t, &format!("{}.{}", parts(&ada).0, parts(&other).1))?;
    }
    Ok(())
}

fn an_authorization_header_of_another_form(t: &Trial<'_>) -> Result {
    let good = t.sign_up("ada")?.access;
    let ask = |value: &str| t.send(Request::get("/v1/session").header("authorization", value));
    for value in [
        "Bearer",
        &format!("Bearer {good} {good}"),
        &format!("Bearer {good},"),
        &format!("Bearer token={good}"),
        &format!("Bearer Bearer {good}"),
    ] {
        ask(value)?.problem(401, "invalid_token")?;
    }
    // A scheme that is not ours proves nothing, also with a good token behind it.
    for value in [
        "",
        &good,
        &format!("Basic {good}"),
        &format!("Bearer:{good}"),
        &format!("Bearer\t{good}"),
        &format!("BearerX {good}"),
        &format!("DPoP {good}"),
    ] {
        ask(value)?.problem(401, "not_signed_in")?;
    }
    for scheme in ["bearer", "BEARER", "Bearer"] {
        ask(&format!("{scheme} {good}"))?.ok(200)?;
    }
    Ok(())
}

fn the_query_is_no_place_for_one(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for (path, status, code) in [
        ("/v1/session?access_token=", 400, "invalid_request"),
        ("/v1/session?token=", 400, "invalid_request"),
        ("/v1/session?jwt=", 400, "invalid_request"),
        ("/v1/authorize?signed_in=true&access_token=", 401, "not_signed_in"),
    ] {
        let answer = t.quietly(&Request::get(&format!("{path}{}", ada.access)))?.problem(status, code)?;
        ensure!(!answer.text("detail").contains(&ada.access), "{path}: {}", answer.shown());
    }
    Ok(())
}
