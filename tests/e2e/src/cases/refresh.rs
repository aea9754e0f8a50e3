//! `POST /v1/token/refresh` with bearer tokens.

use std::collections::BTreeSet;

use latchkey_harness::{Request, Result};
use serde_json::json;

use crate::{Person, Trial};

cases![
    the_next_token_of_the_same_session,
    the_same_successor_for_a_moment,
    fifty_at_once_one_successor,
    what_is_no_token,
    an_ended_session_refreshes_no_more,
    granted_roles_show
];

fn the_next_token_of_the_same_session(t: &Trial<'_>) -> Result {
    let mut ada = t.sign_up("ada")?;
    let mut seen = BTreeSet::from([ada.refresh.clone()]);
    for _ in 0..4 {
        let next = Person::read(&t.refresh(&ada.refresh)?.ok(200)?)?;
        ensure_eq!((&next.id, &next.session), (&ada.id, &ada.session));
        ensure!(seen.insert(next.refresh.clone()), "a token comes twice");
        t.ask(Request::get("/v1/session"), &next)?.ok(200)?;
        ada = next;
    }
    ensure_eq!(t.ask(Request::get("/v1/sessions"), &ada)?.ok(200)?.list("sessions")?.len(), 1);
    Ok(())
}

fn the_same_successor_for_a_moment(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let next = Person::read(&t.refresh(&ada.refresh)?.ok(200)?)?;
    let again = Person::read(&t.refresh(&ada.refresh)?.ok(200)?)?;
    ensure_eq!(again.refresh, next.refresh);
    t.ask(Request::get("/v1/session"), &again)?.ok(200)?;
    Ok(())
}

fn fifty_at_once_one_successor(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let body = json!({ "refresh_token": ada.refresh });
    let answers = t.at_once(&vec![Request::post("/v1/token/refresh").json(&body); 50])?;
    let mut successors = BTreeSet::new();
    for answer in answers {
        successors.insert(Person::read(&answer.ok(200)?)?.refresh);
    }
    ensure_eq!(successors.len(), 1);
    let successor = successors.pop_first().unwrap_or_default();
    ensure!(successor != ada.refresh, "nothing was rotated");
    Person::read(&t.refresh(&successor)?.ok(200)?)?;
    Ok(())
}

fn what_is_no_token(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    t.send(Request::post("/v1/token/refresh"))?.problem(401, "not_signed_in")?;
    let longer = format!("{}A", ada.refresh);
    let cut = ada.refresh.get(..ada.refresh.len() - 1).unwrap_or_default();
    for token in ["", "lkr_", "nonsense", "é", "lkr_\u{0}", cut, &longer, &ada.access] {
        t.refresh(token)?.problem(401, "invalid_refresh_token")?;
    }
    t.refresh(&ada.refresh)?.ok(200)?;
    Ok(())
}

fn an_ended_session_refreshes_no_more(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    t.ask(Request::post("/v1/signout"), &ada)?.ok(204)?;
    for _ in 0..2 {
        t.refresh(&ada.refresh)?.problem(401, "invalid_refresh_token")?;
    }
    t.sign_in(&ada)?;
    Ok(())
}

fn granted_roles_show(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    t.grant(&root, &ada, "content-editor")?;
    let answer = t.refresh(&ada.refresh)?.ok(200)?;
    ensure_eq!(answer.member("user.roles"), json!(["content-editor", "user"]));
    Ok(())
}
