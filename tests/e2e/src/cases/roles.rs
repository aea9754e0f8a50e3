//! `/v1/roles`, `/v1/roles/{name}`.

use latchkey_harness::{Answer, Request, Result};
use serde_json::{Value, json};

use crate::{Person, Trial};

cases![
    the_initial_ones,
    made_shown_changed_and_deleted,
    they_never_contradict_each_other,
    what_is_none,
    nobody_makes_one_of_more_than_they_have,
    an_admin_brings_in_permissions_of_the_application,
    no_change_locks_its_author_out
];

fn put(t: &Trial<'_>, by: &Person, name: &str, body: &Value) -> Result<Answer> {
    t.ask(Request::put(&format!("/v1/roles/{name}")).json(body), by)
}

fn the_initial_ones(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let user = t.ask(Request::get("/v1/roles/user"), &root)?.ok(200)?;
    ensure_eq!(user.member("permissions"), json!(["products:read", "profile:update"]));
    let editor = t.ask(Request::get("/v1/roles/content-editor"), &root)?.ok(200)?;
    ensure_eq!(editor.member("permissions"), json!(["products:create", "products:update"]));
    ensure_eq!(editor.member("includes"), json!(["user"]));
    let names = t.ask(Request::get("/v1/roles"), &root)?.ok(200)?.list("roles")?;
    for name in ["admin", "content-editor", "user"] {
        ensure!(names.iter().any(|role| role["name"] == name), "{name} is not listed");
    }
    Ok(())
}

fn made_shown_changed_and_deleted(t: &Trial<'_>) -> Result {
    let (root, name) = (t.admin()?, t.role("seller"));
    let first = json!({ "description": "Sells", "permissions": ["products:update"], "includes": ["user"] });
    put(t, &root, &name, &first)?.ok(201)?;
    let path = format!("/v1/roles/{name}");
    let mut expected = first.clone();
    expected["name"] = json!(name);
    ensure_eq!(t.ask(Request::get(&path), &root)?.ok(200)?.json(), expected);
    put(t, &root, &name, &first)?.ok(200)?;
    let changed = put(t, &root, &name, &json!({ "permissions": ["products:publish"] }))?.ok(200)?;
    ensure_eq!(changed.json(), json!({ "name": name, "permissions": ["products:publish"], "includes": [] }));
    t.drop_role(&root, &name)?;
    t.ask(Request::get(&path), &root)?.problem(404, "not_found")?;
    t.ask(Request::delete(&path), &root)?.problem(404, "not_found")?;
    Ok(())
}

fn they_never_contradict_each_other(t: &Trial<'_>) -> Result {
    let (root, name) = (t.admin()?, t.role("a"));
    for (name, body) in [
        (name.as_str(), json!({ "includes": ["ghost"] })),
        (&name, json!({ "includes": [name] })),
        ("user", json!({ "includes": ["admin"] })),
        ("admin", json!({ "permissions": ["users:read"] })),
    ] {
        put(t, &root, name, &body)?.problem(409, "role_conflict")?;
    }
    for name in ["user", "admin", "content-editor"] {
        t.ask(Request::delete(&format!("/v1/roles/{name}")), &root)?.problem(409, "role_conflict")?;
    }
    Ok(())
}

fn what_is_none(t: &Trial<'_>) -> Result {
    let (root, name) = (t.admin()?, t.role("a"));
    for body in [
        json!({ "permissions": ["products"] }),
        json!({ "permissions": ["*:read"] }),
        json!({ "includes": ["Not A Role"] }),
        json!({ "description": "two\nlines" }),
        json!({ "description": "x".repeat(201) }),
    ] {
        put(t, &root, &name, &body)?.problem(422, "invalid_role")?;
    }
    for name in ["1a", "A", "a_b", &"a".repeat(65)] {
        put(t, &root, name, &json!({}))?.problem(422, "invalid_role")?;
    }
    Ok(())
}

fn nobody_makes_one_of_more_than_they_have(t: &Trial<'_>) -> Result {
    let (root, keeper) = (t.admin()?, t.sign_up("keeper")?);
    let held = t.make_role(&root, "keeper", &["roles:manage"])?;
    t.grant(&root, &keeper, &held)?;
    let mine = t.role("mine");
    for (name, body) in [
        (mine.as_str(), json!({ "permissions": ["*"] })),
        (&mine, json!({ "permissions": ["products:delete"] })),
        (&mine, json!({ "includes": ["admin"] })),
        (&held, json!({ "permissions": ["roles:manage", "users:delete"] })),
        ("admin", json!({ "permissions": ["roles:manage"] })),
    ] {
        put(t, &keeper, name, &body)?.problem(403, "beyond_authority")?;
    }
    let path = format!("/v1/users/{}/roles/admin", keeper.id);
    t.ask(Request::put(&path), &keeper)?.problem(403, "beyond_authority")?;
    put(t, &keeper, &mine, &json!({ "permissions": ["products:read"] }))?.ok(201)?;
    t.drop_role(&root, &mine)?;
    t.drop_role(&root, &held)
}

fn an_admin_brings_in_permissions_of_the_application(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    let editor = t.make_role(&root, "editor", &["docs:read", "docs:*"])?;
    t.grant(&root, &ada, &editor)?;
    t.ask(Request::get("/v1/authorize?permission=docs:read&fresh=true"), &ada)?.ok(204)?;
    for own in ["*", "users:*", "roles:*", "system:*", "users:export", "identities:token"] {
        let body = json!({ "permissions": ["docs:read", own] });
        put(t, &root, &editor, &body)?.problem(403, "beyond_authority")?;
    }
    t.drop_role(&root, &editor)
}

fn no_change_locks_its_author_out(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let shown = t.ask(Request::get("/v1/roles/admin"), &root)?.ok(200)?.json();
    let mut less = shown.clone();
    less["permissions"] = json!(["users:read", "roles:manage", "system:admin"]);
    put(t, &root, "admin", &less)?.problem(409, "self_lockout")?;
    put(t, &root, "admin", &shown)?.ok(200)?;
    shown["permissions"].as_array().map_or(Ok(()), |held| {
        ensure!(held.iter().any(|permission| permission == "users:delete"), "{shown}");
        Ok(())
    })
}
