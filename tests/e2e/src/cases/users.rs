//! `/v1/users`, its sessions and its roles, and who may do that.

use latchkey_harness::{Answer, Request, Result};
use serde_json::json;

use crate::{PASSWORD, Person, Trial};

cases![
    who_lacks_the_permission_is_refused,
    found_by_address_or_identifier,
    listed_page_by_page,
    disabled_until_enabled,
    deleted_and_the_address_is_free,
    sessions_shown_and_ended,
    roles_granted_and_taken_away,
    nobody_reaches_beyond_their_own
];

const NOBODY: &str = "0198c0de-0000-7000-8000-000000000000";

fn set_status(t: &Trial<'_>, by: &Person, of: &Person, status: &str) -> Result<Answer> {
    let path = format!("/v1/users/{}", of.id);
    t.ask(Request::patch(&path).json(&json!({ "status": status })), by)
}

fn who_lacks_the_permission_is_refused(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let user = format!("/v1/users/{}", ada.id);
    for request in [
        Request::get("/v1/roles"),
        Request::get("/v1/roles/user"),
        Request::put("/v1/roles/mine").json(&json!({ "permissions": ["*"] })),
        Request::delete("/v1/roles/user"),
        Request::get("/v1/users"),
        Request::get(&user),
        Request::patch(&user).json(&json!({ "status": "active" })),
        Request::delete(&user),
        Request::get(&format!("{user}/sessions")),
        Request::delete(&format!("{user}/sessions")),
        Request::put(&format!("{user}/roles/admin")),
        Request::delete(&format!("{user}/roles/user")),
        Request::get("/v1/audit"),
    ] {
        t.send(request.clone())?.problem(401, "not_signed_in")?;
        t.ask(request, &ada)?.problem(403, "permission_denied")?;
    }
    Ok(())
}

fn found_by_address_or_identifier(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    let found = t.ask(Request::get(&format!("/v1/users?email={}", t.email("ADA"))), &root)?.ok(200)?;
    ensure_eq!(found.member("users.0.id"), json!(ada.id));
    let none = t.ask(Request::get(&format!("/v1/users?email={}", t.email("eve"))), &root)?.ok(200)?;
    ensure_eq!(none.list("users")?.len(), 0);
    let shown = t.ask(Request::get(&format!("/v1/users/{}", ada.id)), &root)?.ok(200)?;
    ensure_eq!(shown.text("email"), ada.email);
    ensure!(!shown.json().to_string().contains("argon2"), "a hash is shown");
    for id in [NOBODY, "nonsense"] {
        t.ask(Request::get(&format!("/v1/users/{id}")), &root)?.problem(404, "not_found")?;
    }
    Ok(())
}

/// Others sign up meanwhile, and the store may hold many: two pages are walked, and one of two users seen on neither twice.
fn listed_page_by_page(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    t.sign_up("ada")?;
    let first = t.ask(Request::get("/v1/users?limit=1"), &root)?.ok(200)?;
    ensure_eq!(first.list("users")?.len(), 1);
    let path = format!("/v1/users?limit=1&cursor={}", first.text("next"));
    let second = t.quietly(&Request::get(&path).bearer(&root.access))?.ok(200)?;
    ensure_eq!(second.list("users")?.len(), 1);
    ensure!(first.member("users.0.id") != second.member("users.0.id"), "a user is on two pages");
    for query in ["limit=0", "limit=201", "limit=x", "cursor=nonsense"] {
        t.ask(Request::get(&format!("/v1/users?{query}")), &root)?.problem(400, "invalid_request")?;
    }
    Ok(())
}

fn disabled_until_enabled(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    ensure_eq!(set_status(t, &root, &ada, "disabled")?.ok(200)?.text("status"), "disabled");
    t.is_out(&ada)?;
    t.try_sign_in(&ada.email, PASSWORD)?.problem(403, "account_disabled")?;
    t.try_sign_in(&ada.email, "not the right one")?.problem(401, "invalid_credentials")?;
    set_status(t, &root, &ada, "active")?.ok(200)?;
    t.is_out(&ada)?;
    t.sign_in(&ada)?;
    set_status(t, &root, &ada, "gone")?.problem(422, "invalid_request")?;
    Ok(())
}

fn deleted_and_the_address_is_free(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    let path = format!("/v1/users/{}", ada.id);
    t.ask(Request::delete(&path), &root)?.ok(204)?;
    t.is_out(&ada)?;
    t.try_sign_in(&ada.email, PASSWORD)?.problem(401, "invalid_credentials")?;
    t.ask(Request::get(&path), &root)?.problem(404, "not_found")?;
    t.ask(Request::delete(&path), &root)?.problem(404, "not_found")?;
    let heir = t.sign_up("ada")?;
    ensure!(heir.id != ada.id, "an identifier comes twice");
    ensure_eq!(t.ask(Request::get("/v1/sessions"), &heir)?.ok(200)?.list("sessions")?.len(), 1);
    Ok(())
}

fn sessions_shown_and_ended(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    let other = t.sign_in(&ada)?;
    let path = format!("/v1/users/{}/sessions", ada.id);
    ensure_eq!(t.ask(Request::get(&path), &root)?.ok(200)?.list("sessions")?.len(), 2);
    t.ask(Request::delete(&path), &root)?.ok(204)?;
    ensure_eq!(t.ask(Request::get(&path), &root)?.ok(200)?.list("sessions")?.len(), 0);
    t.is_out(&ada)?;
    t.is_out(&other)?;
    let nobody = format!("/v1/users/{NOBODY}/sessions");
    t.ask(Request::get(&nobody), &root)?.problem(404, "not_found")?;
    t.ask(Request::delete(&nobody), &root)?.problem(404, "not_found")?;
    Ok(())
}

fn roles_granted_and_taken_away(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    let path = format!("/v1/users/{}/roles/content-editor", ada.id);
    for _ in 0..2 {
        let granted = t.ask(Request::put(&path), &root)?.ok(200)?;
        ensure_eq!(granted.member("roles"), json!(["content-editor", "user"]));
    }
    ensure_eq!(t.ask(Request::delete(&path), &root)?.ok(200)?.member("roles"), json!(["user"]));
    let ghost = format!("/v1/users/{}/roles/ghost", ada.id);
    t.ask(Request::put(&ghost), &root)?.problem(404, "not_found")?;
    t.ask(Request::put(&format!("/v1/users/{NOBODY}/roles/user")), &root)?.problem(404, "not_found")?;
    Ok(())
}

fn nobody_reaches_beyond_their_own(t: &Trial<'_>) -> Result {
    let (root, helper, ada) = (t.admin()?, t.sign_up("helper")?, t.sign_up("ada")?);
    let own = ["users:read", "users:update", "users:delete", "roles:manage"];
    let role = t.make_role(&root, "helper", &own)?;
    t.grant(&root, &helper, &role)?;
    let above = format!("/v1/users/{}", root.id);
    for request in [
        Request::patch(&above).json(&json!({ "status": "disabled" })),
        Request::delete(&above),
        Request::delete(&format!("{above}/sessions")),
        Request::delete(&format!("{above}/roles/admin")),
        Request::put(&format!("/v1/users/{}/roles/admin", ada.id)),
    ] {
        t.ask(request, &helper)?.problem(403, "beyond_authority")?;
    }
    set_status(t, &helper, &ada, "disabled")?.ok(200)?;
    ensure!(t.may(&root, "system:admin")?, "the administrator is out");
    t.drop_role(&root, &role)
}
