//! `/v1/session`, `/v1/sessions`, `/v1/signout`.

use latchkey_harness::{Request, Result};

use crate::Trial;

cases![listed_newest_first, revoked_at_once, nobody_revokes_anothers, signed_out, signed_out_everywhere];

fn listed_newest_first(t: &Trial<'_>) -> Result {
    let first = t.sign_up("ada")?;
    let second = t.sign_in(&first)?;
    let answer = t.ask(Request::get("/v1/sessions"), &first)?.ok(200)?;
    let mut seen = Vec::new();
    for session in answer.list("sessions")? {
        ensure!(session["address"].is_string(), "a session has no address: {session}");
        seen.push((session["id"].clone(), session["current"].clone()));
    }
    seen.sort_by_key(|(_, current)| current.to_string());
    ensure_eq!(seen, [(second.session.into(), false.into()), (first.session.into(), true.into())]);
    ensure!(!answer.json().to_string().contains("lkr_"), "a refresh token is listed");
    Ok(())
}

fn revoked_at_once(t: &Trial<'_>) -> Result {
    let here = t.sign_up("ada")?;
    let there = t.sign_in(&here)?;
    let path = format!("/v1/sessions/{}", there.session);
    t.ask(Request::delete(&path), &here)?.ok(204)?;
    t.is_out(&there)?;
    // The function that ended it knows without being asked for fresh state.
    t.ask(Request::get("/v1/session"), &there)?.problem(401, "session_ended")?;
    t.ask(Request::delete(&path), &here)?.problem(404, "not_found")?;
    ensure_eq!(t.ask(Request::get("/v1/sessions"), &here)?.ok(200)?.list("sessions")?.len(), 1);
    Ok(())
}

fn nobody_revokes_anothers(t: &Trial<'_>) -> Result {
    let (ada, eve) = (t.sign_up("ada")?, t.sign_up("eve")?);
    for id in [ada.session.as_str(), "0198c0de-0000-7000-8000-000000000000", "nonsense"] {
        t.ask(Request::delete(&format!("/v1/sessions/{id}")), &eve)?.problem(404, "not_found")?;
    }
    ensure!(t.may(&ada, "products:read")?, "ada is out");
    Ok(())
}

fn signed_out(t: &Trial<'_>) -> Result {
    let other = t.sign_up("ada")?;
    let ada = t.sign_in(&other)?;
    let answer = t.ask(Request::post("/v1/signout"), &ada)?.ok(204)?;
    ensure_eq!(answer.header("clear-site-data"), "\"cache\"");
    t.is_out(&ada)?;
    t.ask(Request::post("/v1/signout"), &ada)?.problem(401, "session_ended")?;
    ensure!(t.may(&other, "products:read")?, "another session ended too");
    Ok(())
}

fn signed_out_everywhere(t: &Trial<'_>) -> Result {
    let (eve, first) = (t.sign_up("eve")?, t.sign_up("ada")?);
    let second = t.sign_in(&first)?;
    t.ask(Request::post("/v1/signout/all"), &first)?.ok(204)?;
    t.is_out(&first)?;
    t.is_out(&second)?;
    ensure!(t.may(&eve, "products:read")?, "somebody else is out");
    let third = t.sign_in(&first)?;
    ensure_eq!(t.ask(Request::get("/v1/sessions"), &third)?.ok(200)?.list("sessions")?.len(), 1);
    Ok(())
}
