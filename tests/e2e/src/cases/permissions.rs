//! `POST /v1/permissions/check`, `GET /v1/permissions`.

use latchkey_harness::{Answer, Request, Result};
use serde_json::{Value, json};

use crate::{Person, Trial};

cases![
    one_with_the_role_that_grants_it,
    several_in_order,
    a_resource_beside_an_action,
    wildcards_and_included_roles_are_named,
    what_is_no_question,
    a_revocation_shows_at_once,
    all_are_listed,
    a_hundred_at_once
];

fn check(t: &Trial<'_>, person: &Person, body: &Value) -> Result<Answer> {
    t.ask(Request::post("/v1/permissions/check").json(body), person)
}

fn one_with_the_role_that_grants_it(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let allowed = check(t, &ada, &json!({ "permission": "products:read" }))?.ok(200)?;
    let reason = json!({ "role": "user", "grant": "products:read" });
    ensure_eq!(
        allowed.json(),
        json!({ "allowed": true, "results": [{ "permission": "products:read", "allowed": true, "reason": reason }] })
    );
    let denied = check(t, &ada, &json!({ "permission": "products:delete" }))?.ok(200)?;
    ensure_eq!(
        denied.json(),
        json!({ "allowed": false, "results": [{ "permission": "products:delete", "allowed": false }] })
    );
    t.send(Request::post("/v1/permissions/check").json(&json!({ "permission": "a:b" })))?
        .problem(401, "not_signed_in")?;
    Ok(())
}

fn several_in_order(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let answer = check(t, &ada, &json!({ "permissions": ["profile:update", "products:delete"] }))?.ok(200)?;
    ensure_eq!(answer.member("allowed"), json!(false));
    let seen: Vec<_> = answer
        .list("results")?
        .iter()
        .map(|result| (result["permission"].clone(), result["allowed"].clone()))
        .collect();
    ensure_eq!(seen, [(json!("profile:update"), json!(true)), (json!("products:delete"), json!(false))]);
    let most = check(t, &ada, &json!({ "permissions": vec!["products:read"; 100] }))?.ok(200)?;
    ensure_eq!((most.member("allowed"), most.list("results")?.len()), (json!(true), 100));
    Ok(())
}

fn a_resource_beside_an_action(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let beside = check(t, &ada, &json!({ "permission": "read", "resource": "products" }))?.ok(200)?;
    ensure_eq!(beside.member("results.0.permission"), json!("products:read"));
    ensure_eq!(beside.member("allowed"), json!(true));
    check(t, &ada, &json!({ "permission": "products:read", "resource": "users" }))?
        .problem(422, "invalid_permission")?;
    Ok(())
}

fn wildcards_and_included_roles_are_named(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    let answer = check(t, &root, &json!({ "permission": "products:update", "fresh": true }))?.ok(200)?;
    let through = json!({ "role": "admin", "through": "content-editor", "grant": "products:update" });
    ensure_eq!(answer.member("results.0.reason"), through);

    let role = t.make_role(&root, "seller", &["products:delete"])?;
    t.grant(&root, &ada, &role)?;
    let asked = json!({ "permissions": ["products:delete", "products:read"], "fresh": true });
    let answer = check(t, &ada, &asked)?.ok(200)?;
    ensure_eq!(answer.member("results.0.reason"), json!({ "role": role, "grant": "products:delete" }));
    ensure_eq!(answer.member("results.1.reason"), json!({ "role": "user", "grant": "products:read" }));
    t.drop_role(&root, &role)
}

fn what_is_no_question(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for body in [
        json!({ "permission": "*" }),
        json!({ "permission": "products:*" }),
        json!({ "permission": "products" }),
        json!({ "permission": "Products:Read" }),
        json!({ "permission": "" }),
        json!({}),
        json!({ "permissions": [] }),
        json!({ "permissions": vec!["a:b"; 101] }),
        json!({ "permission": "a:b", "permissions": ["a:b"] }),
    ] {
        check(t, &ada, &body)?.problem(422, "invalid_permission")?;
    }
    check(t, &ada, &json!({ "permission": 1 }))?.problem(422, "invalid_request")?;
    Ok(())
}

fn a_revocation_shows_at_once(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    ensure!(!t.may(&ada, "products:update")?, "nobody granted it yet");
    t.grant(&root, &ada, "content-editor")?;
    ensure!(t.may(&ada, "products:update")?, "the grant does not show");
    let path = format!("/v1/users/{}/roles/content-editor", ada.id);
    t.ask(Request::delete(&path), &root)?.ok(200)?;
    ensure!(!t.may(&ada, "products:update")?, "the revocation does not show");
    t.ask(Request::post("/v1/signout"), &ada)?.ok(204)?;
    check(t, &ada, &json!({ "permission": "products:read", "fresh": true }))?
        .problem(401, "session_ended")?;
    Ok(())
}

fn all_are_listed(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let answer = t.ask(Request::get("/v1/permissions"), &ada)?.ok(200)?;
    ensure_eq!(
        answer.json(),
        json!({ "roles": ["user"], "permissions": [
            { "role": "user", "grant": "products:read" },
            { "role": "user", "grant": "profile:update" },
        ] })
    );
    Ok(())
}

fn a_hundred_at_once(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let body = json!({ "permission": "products:read" });
    let request = Request::post("/v1/permissions/check").json(&body).bearer(&ada.access);
    for answer in t.at_once(&vec![request; 100])? {
        ensure_eq!(answer.ok(200)?.member("allowed"), json!(true));
    }
    Ok(())
}
