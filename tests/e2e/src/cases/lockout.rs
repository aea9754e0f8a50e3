//! Five wrong passwords in a row lock an account, and nobody can tell.

use latchkey_harness::{Answer, Failure, Request, Result, bearer};
use serde_json::json;

use crate::{PASSWORD, Trial};

cases![
    a_locked_account_answers_as_an_unknown_one,
    a_device_cookie_passes_the_lock,
    a_device_cookie_is_for_its_account_and_no_credential,
    wrong_passwords_by_a_device_cookie_are_bounded,
    a_right_one_resets_the_count,
    fewer_at_once_do_not_lock,
    many_at_once
];

const WRONG: &str = "not the right one";

/// The response is that to an unknown address, by status, body and headers.
fn is_as_unknown(t: &Trial<'_>, answer: Answer) -> Result {
    let unknown = t.try_sign_in(&t.email("nobody"), WRONG)?.problem(401, "invalid_credentials")?;
    let answer = answer.problem(401, "invalid_credentials")?;
    for member in ["type", "title", "status", "code", "detail"] {
        ensure_eq!(answer.member(member), unknown.member(member), "{member}");
    }
    let names = |answer: &Answer| {
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    };
    ensure_eq!(names(&answer), names(&unknown));
    Ok(())
}

fn lock(t: &Trial<'_>, email: &str) -> Result {
    for _ in 0..5 {
        t.try_sign_in(email, WRONG)?.problem(401, "invalid_credentials")?;
    }
    is_as_unknown(t, t.try_sign_in(email, PASSWORD)?)
}

/// A browser's sign-in with this device cookie.
fn sign_in_with(
    t: &Trial<'_>,
    email: &str,
    password: &str,
    (name, value): &(String, String),
) -> Result<Answer> {
    let origin = t.place.issuer.clone();
    let request = Request::post("/v1/signin").json(&json!({ "email": email, "password": password }));
    let request = request.header("origin", &origin).header("sec-fetch-site", "same-origin");
    t.send(request.cookie(name, value))
}

/// A browser's sign-up: the address, and the device cookie.
fn sign_up_device(t: &Trial<'_>, name: &str) -> Result<(String, (String, String))> {
    let email = t.email(name);
    let body = json!({ "email": email, "password": PASSWORD });
    let answer = t.send(Request::post("/v1/signup").json(&body))?.ok(201)?;
    Ok((email, device_cookie(&answer)?))
}

fn device_cookie(answer: &Answer) -> Result<(String, String)> {
    let pairs = answer.all("set-cookie").into_iter().filter_map(|set| set.split(';').next()?.split_once('='));
    let found = pairs.into_iter().find(|(name, _)| name.contains("-device-"));
    let (name, value) = found.ok_or_else(|| Failure::from(format!("{}: no device cookie", answer.asked)))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn a_locked_account_answers_as_an_unknown_one(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    lock(t, &ada.email)?;
    is_as_unknown(t, t.try_sign_in(&ada.email, WRONG)?)?;
    t.ask(Request::get("/v1/session"), &ada)?.ok(200)?;
    t.refresh(&ada.refresh)?.ok(200)?;
    Ok(())
}

fn a_device_cookie_passes_the_lock(t: &Trial<'_>) -> Result {
    let (email, device) = sign_up_device(t, "ada")?;
    lock(t, &email)?;
    sign_in_with(t, &email, WRONG, &device)?.problem(401, "invalid_credentials")?;
    let renewed = device_cookie(&sign_in_with(t, &email, PASSWORD, &device)?.ok(200)?)?;
    ensure_eq!(renewed.0, device.0, "one cookie for an account");
    // The row is over, for everybody.
    t.try_sign_in(&email, PASSWORD)?.ok(200)?;
    Ok(())
}

fn a_device_cookie_is_for_its_account_and_no_credential(t: &Trial<'_>) -> Result {
    let (_, eves) = sign_up_device(t, "eve")?;
    let (email, (name, value)) = sign_up_device(t, "ada")?;
    t.send(Request::get("/v1/session").cookie(&name, &value))?.problem(401, "not_signed_in")?;
    lock(t, &email)?;
    let forged: String = value.chars().rev().collect();
    for cookie in [eves.clone(), (name.clone(), eves.1), (name, forged)] {
        is_as_unknown(t, sign_in_with(t, &email, PASSWORD, &cookie)?)?;
    }
    Ok(())
}

fn wrong_passwords_by_a_device_cookie_are_bounded(t: &Trial<'_>) -> Result {
    let (email, device) = sign_up_device(t, "ada")?;
    lock(t, &email)?;
    for _ in 0..10 {
        sign_in_with(t, &email, WRONG, &device)?.problem(401, "invalid_credentials")?;
    }
    is_as_unknown(t, sign_in_with(t, &email, PASSWORD, &device)?)
}

fn a_right_one_resets_the_count(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for _ in 0..2 {
        for _ in 0..4 {
            t.try_sign_in(&ada.email, WRONG)?.problem(401, "invalid_credentials")?;
        }
        t.sign_in(&ada)?;
    }
    Ok(())
}

/// Four are counted as four, whatever order they come in; then the fifth locks.
fn fewer_at_once_do_not_lock(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    guess_at_once(t, &ada.email, 4)?;
    t.sign_in(&ada)?;
    guess_at_once(t, &ada.email, 4)?;
    t.try_sign_in(&ada.email, WRONG)?.problem(401, "invalid_credentials")?;
    is_as_unknown(t, t.try_sign_in(&ada.email, PASSWORD)?)
}

fn many_at_once(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    guess_at_once(t, &ada.email, 30)?;
    is_as_unknown(t, t.try_sign_in(&ada.email, PASSWORD)?)
}

fn guess_at_once(t: &Trial<'_>, email: &str, times: usize) -> Result {
    let requests = vec![Request::post("/v1/signin").json(&bearer(email, WRONG)); times];
    let answers = t.at_once(&requests)?;
    let told = answers.iter().filter(|answer| answer.code() == "invalid_credentials").count();
    ensure_eq!(told, times, "{:?}", answers.iter().map(Answer::shown).collect::<Vec<_>>());
    Ok(())
}
