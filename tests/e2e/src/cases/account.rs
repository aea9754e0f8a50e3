//! `/v1/me`, `POST /v1/password/change`.

use latchkey_harness::{Request, Result, bearer};
use serde_json::{Value, json};

use crate::{PASSWORD, Person, Trial};

cases![
    shown_and_renamed,
    a_new_password_ends_every_other_session,
    a_wrong_current_password_changes_nothing,
    a_weak_new_password_changes_nothing,
    deleted_and_the_address_is_free,
    nobody_without_a_session
];

const NEW_PASSWORD: &str = "lantern orchard mosaic";

fn change(current: &str, new: &str) -> Value {
    json!({ "current_password": current, "new_password": new, "transport": "bearer" })
}

fn change_password(t: &Trial<'_>, person: &Person, body: &Value) -> Result<latchkey_harness::Answer> {
    t.ask(Request::post("/v1/password/change").json(body), person)
}

fn shown_and_renamed(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let shown = t.ask(Request::get("/v1/me"), &ada)?.ok(200)?;
    ensure_eq!(shown.text("email"), ada.email);
    ensure_eq!((shown.member("has_password"), shown.member("providers")), (json!(true), json!([])));
    let rename = |name: Value| t.ask(Request::patch("/v1/me").json(&json!({ "name": name })), &ada);
    ensure_eq!(rename(json!("Ada Lovelace"))?.ok(200)?.text("name"), "Ada Lovelace");
    ensure_eq!(t.ask(Request::get("/v1/me"), &ada)?.ok(200)?.text("name"), "Ada Lovelace");
    ensure!(rename(Value::Null)?.ok(200)?.member("name").is_null(), "the name is still there");
    rename(json!("two\nlines"))?.problem(422, "invalid_name")?;
    Ok(())
}

fn a_new_password_ends_every_other_session(t: &Trial<'_>) -> Result {
    let first = t.sign_up("ada")?;
    let second = t.sign_in(&first)?;
    let third = Person::read(&change_password(t, &first, &change(PASSWORD, NEW_PASSWORD))?.ok(200)?)?;
    t.is_out(&first)?;
    t.is_out(&second)?;
    ensure!(t.may(&third, "products:read")?, "the new session is out");
    t.try_sign_in(&first.email, PASSWORD)?.problem(401, "invalid_credentials")?;
    t.try_sign_in(&first.email, NEW_PASSWORD)?.ok(200)?;
    Ok(())
}

fn a_wrong_current_password_changes_nothing(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    change_password(t, &ada, &change("not the right one", NEW_PASSWORD))?.problem(403, "wrong_password")?;
    let without = json!({ "new_password": NEW_PASSWORD });
    change_password(t, &ada, &without)?.problem(403, "wrong_password")?;
    ensure!(t.may(&ada, "products:read")?, "the session is out");
    t.try_sign_in(&ada.email, PASSWORD)?.ok(200)?;
    Ok(())
}

fn a_weak_new_password_changes_nothing(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    change_password(t, &ada, &change(PASSWORD, "password"))?.problem(422, "weak_password")?;
    t.try_sign_in(&ada.email, PASSWORD)?.ok(200)?;
    Ok(())
}

fn deleted_and_the_address_is_free(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    t.ask(Request::delete("/v1/me"), &ada)?.ok(204)?;
    t.is_out(&ada)?;
    t.try_sign_in(&ada.email, PASSWORD)?.problem(401, "invalid_credentials")?;
    let again = t.send(Request::post("/v1/signup").json(&bearer(&ada.email, PASSWORD)))?.ok(201)?;
    ensure!(again.text("user.id") != ada.id, "the account is the old one");
    Ok(())
}

fn nobody_without_a_session(t: &Trial<'_>) -> Result {
    for request in [
        Request::get("/v1/me"),
        Request::patch("/v1/me").json(&json!({})),
        Request::delete("/v1/me"),
        Request::post("/v1/password/change").json(&change(PASSWORD, NEW_PASSWORD)),
    ] {
        t.send(request)?.problem(401, "not_signed_in")?;
    }
    Ok(())
}
