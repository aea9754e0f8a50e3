//! Five wrong passwords lock an account.

use crate::answer::Answer;
use crate::failure::Result;
use crate::person::PASSWORD;
use crate::request::Request;
use crate::trial::{Trial, bearer};

cases![
    five_lock_and_only_the_owner_is_told,
    a_right_one_resets_the_count,
    fewer_at_once_do_not_lock,
    many_at_once
];

const WRONG: &str = "not the right one";

fn is_locked(answer: Answer) -> Result {
    let answer = answer.problem(403, "account_locked")?;
    let seconds: u32 = answer.header("retry-after").parse().unwrap_or_default();
    ensure!((1..=900).contains(&seconds), "a lock of 15 minutes ends in {seconds} s");
    Ok(())
}

fn five_lock_and_only_the_owner_is_told(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for _ in 0..5 {
        t.try_sign_in(&ada.email, WRONG)?.problem(401, "invalid_credentials")?;
    }
    is_locked(t.try_sign_in(&ada.email, PASSWORD)?)?;
    let guess = t.try_sign_in(&ada.email, WRONG)?.problem(401, "invalid_credentials")?;
    ensure_eq!(guess.header("retry-after"), "", "who guesses learns of the lock");
    t.ask(Request::get("/v1/session"), &ada)?.ok(200)?;
    t.refresh(&ada.refresh)?.ok(200)?;
    Ok(())
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
    is_locked(t.try_sign_in(&ada.email, PASSWORD)?)
}

fn many_at_once(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    guess_at_once(t, &ada.email, 30)?;
    is_locked(t.try_sign_in(&ada.email, PASSWORD)?)
}

fn guess_at_once(t: &Trial<'_>, email: &str, times: usize) -> Result {
    let requests = vec![Request::post("/v1/signin").json(&bearer(email, WRONG)); times];
    let answers = t.at_once(&requests)?;
    let told = answers.iter().filter(|answer| answer.code() == "invalid_credentials").count();
    ensure_eq!(told, times, "{:?}", answers.iter().map(Answer::shown).collect::<Vec<_>>());
    Ok(())
}
