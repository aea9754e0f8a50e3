//! Administration commands while a server is running.

use serde_json::{Value, json};

use crate::http;
use crate::process::Home;

#[test]
fn users_are_added_listed_disabled_and_enabled() {
    let home = Home::new();
    let server = home.serve();
    home.add("ada@example.com", &["--name", "Ada"]);
    home.add("grace@example.com", &["--role", "admin", "--role", "content-editor"]);
    let list = home.run(&["users", "list"]).succeeded();
    let lines: Vec<_> =
        list.lines().map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>()).collect();
    assert_eq!(
        lines,
        [["ada@example.com", "active", "user"], ["grace@example.com", "active", "admin,content-editor,user"]]
    );

    let token = http::sign_in(&server.url, "ada@example.com");
    home.run(&["users", "disable", "ada@example.com"]).succeeded();
    let refused = http::credentials(&server.url, "signin", "ada@example.com").unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (403, &"account_disabled".into()));
    let check = json!({ "permission": "products:read", "fresh": true });
    let checked = http::post(&format!("{}/v1/permissions/check", server.url), Some(&token), &check);
    assert_eq!((checked.status, &checked.body["code"]), (401, &"session_ended".into()));
    assert!(home.run(&["users", "list"]).succeeded().contains("ada@example.com  disabled"));

    home.run(&["users", "enable", "ada@example.com"]).succeeded();
    http::sign_in(&server.url, "ada@example.com");
}

#[test]
fn roles_are_granted_and_taken_away() {
    let home = Home::new();
    let server = home.serve();
    home.add("ada@example.com", &[]);
    let token = http::sign_in(&server.url, "ada@example.com");
    let may = || {
        let check = json!({ "permission": "products:update", "fresh": true });
        let answer = http::post(&format!("{}/v1/permissions/check", server.url), Some(&token), &check);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["allowed"] == Value::Bool(true)
    };
    assert!(!may());
    let granted = home.run(&["users", "grant", "ada@example.com", "content-editor"]).succeeded();
    assert!(granted.contains("less than 2 minutes ago, verified"), "{granted}");
    assert!(may());
    home.run(&["users", "revoke", "ada@example.com", "content-editor"]).succeeded();
    assert!(!may());
}

#[test]
fn what_cannot_be_done_is_refused_with_the_fix() {
    let home = Home::new();
    home.add("grace@example.com", &["--role", "admin"]);
    home.run(&["users", "grant", "nobody@example.com", "user"]).refused(&["nobody@example.com", "users add"]);
    home.run(&["users", "grant", "grace@example.com", "wizard"]).refused(&["wizard"]);
    home.run(&["users", "revoke", "grace@example.com", "admin"]).refused(&["admin"]);
    home.run(&["users", "disable", "grace@example.com"]).refused(&["admin"]);
    home.run_with(&["users", "add", "grace@example.com", "--password-stdin"], http::PASSWORD)
        .refused(&["grace@example.com", "users grant"]);
    home.run_with(&["users", "add", "ada@example.com", "--password-stdin"], "password1\n")
        .refused(&["password"]);
    assert_eq!(home.run(&["users", "add", "not an address"]).status.code(), Some(2));
}

#[test]
fn roles_are_made_once_and_listed() {
    let home = Home::new();
    home.add("ada@example.com", &[]);
    assert_eq!(
        home.run(&["roles", "init"]).succeeded(),
        "The roles already exist; `latchkey roles init --repair` restores those that were changed.\n"
    );
    let list = home.run(&["roles", "list"]).succeeded();
    for line in [
        "user: products:read profile:update",
        "content-editor: products:create products:update",
        "admin: products:delete products:publish",
    ] {
        assert!(list.contains(line), "{list}");
    }
}

#[test]
fn roles_are_put_deleted_and_repaired() {
    let home = Home::new();
    home.add("ada@example.com", &[]);
    home.run(&["roles", "put", "auditor", "--permission", "users:read", "--permission", "docs:*"])
        .succeeded();
    home.run(&["roles", "put", "user", "--include", "auditor", "--description", "Everybody"]).succeeded();
    let list = home.run(&["roles", "list"]).succeeded();
    assert!(list.contains("auditor: docs:* users:read"), "{list}");
    home.run(&["roles", "delete", "auditor"]).refused(&["included by user"]);
    assert_eq!(home.run(&["roles", "init", "--repair"]).succeeded(), "Restored the role user.\n");
    home.run(&["roles", "delete", "auditor"]).succeeded();
    home.run(&["roles", "put", "admin", "--permission", "users:read"]).refused(&["roles:manage"]);
    assert_eq!(home.run(&["roles", "put", "a_b"]).status.code(), Some(2));
}

#[test]
fn an_address_that_nobody_proved_is_granted_by_id_or_by_a_flag() {
    let home = Home::new();
    let server = home.serve();
    let signed_up = http::credentials(&server.url, "signup", "boss@example.com").unwrap();
    assert_eq!(signed_up.status, 201, "{signed_up:?}");
    let id = signed_up.body["user"]["id"].as_str().unwrap().to_owned();
    let grant = ["users", "grant", "boss@example.com", "admin"];
    home.run(&grant).refused(&["boss@example.com", &id, "less than 2 minutes ago", "--unverified"]);
    home.run(&["users", "grant", &id, "content-editor"]).succeeded();
    home.run(&[&grant[..], &["--unverified"]].concat()).succeeded();
}

#[test]
fn an_account_with_a_role_that_is_none_is_not_made() {
    let home = Home::new();
    let add = ["users", "add", "ada@example.com", "--role", "nosuch", "--password-stdin"];
    home.run_with(&add, http::PASSWORD).refused(&["nosuch"]);
    home.run(&["users", "list"]).refused(&["no data"]);
    home.add("eve@example.com", &[]);
    home.run_with(&add, http::PASSWORD).refused(&["nosuch"]);
    let listed = home.run(&["users", "list"]).succeeded();
    assert!(listed.contains("eve@example.com") && !listed.contains("ada@example.com"), "{listed}");
}

#[test]
fn keys_rotate_under_a_running_server_and_no_token_is_refused() {
    let mut home = Home::new();
    home.add("ada@example.com", &[]);
    let server = home.serve();
    let token = http::sign_in(&server.url, "ada@example.com");
    home.run(&["keys", "rotate"]).succeeded();
    assert_eq!(http::get(&format!("{}/v1/session", server.url), Some(&token)).status, 200);

    // A start reads the keys again: the new key signs, and the previous one still verifies.
    home.set("LATCHKEY_LISTEN", &format!("127.0.0.1:{}", server.port()));
    server.stop("TERM");
    let server = home.serve();
    assert_eq!(http::get(&format!("{}/v1/session", server.url), Some(&token)).status, 200);
    let after = http::sign_in(&server.url, "ada@example.com");
    assert_ne!(header(&token), header(&after));
    let keys = http::get(&format!("{}/.well-known/jwks.json", server.url), None).body;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 3, "next, current and previous: {keys}");
}

/// Returns the first part of a token, which names the key.
fn header(token: &str) -> &str {
    token.split('.').next().unwrap()
}

#[test]
fn the_description_is_openapi_3_1() {
    let home = Home::new();
    let text = home.run(&["openapi"]).succeeded();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert!(document["paths"]["/v1/signup"]["post"].is_object());
    let server = home.serve();
    assert_eq!(http::get(&format!("{}/openapi.json", server.url), None).body, document);
}

#[test]
fn the_doctor_finds_each_fault_and_says_its_fix() {
    let home = Home::new();
    let said = home.run(&["doctor"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stdout.contains("wrong no data in "), "{said:?}");
    home.serve().stop("TERM");
    let said = home.run(&["doctor"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(
        said.stdout.contains("wrong there is no admin") && said.stdout.contains("--role admin"),
        "{said:?}"
    );

    home.add("grace@example.com", &["--role", "admin"]);
    let healthy = home.run(&["doctor"]).succeeded();
    assert!(!healthy.contains("wrong"), "{healthy}");

    let home = home.with("LATCHKEY_SECRET", "short").with("LATCHKEY_ORIGINS", "*");
    let said = home.run(&["doctor"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(
        said.stdout.contains("wrong LATCHKEY_SECRET: ") && said.stdout.contains("wrong LATCHKEY_ORIGINS: ")
    );

    let home = home
        .with("LATCHKEY_ORIGINS", "")
        .with("LATCHKEY_SECRET", "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=");
    let said = home.run(&["doctor"]);
    assert_eq!(said.status.code(), Some(1), "the keys do not open with another secret: {said:?}");

    home.write_data("latchkey.db", b"no database");
    let said = home.run(&["doctor"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stdout.contains("wrong") && said.stdout.contains("latchkey.db"), "{said:?}");
}

#[test]
fn an_account_that_wrong_passwords_locked_is_unlocked() {
    let home = Home::new();
    let server = home.serve();
    home.add("ada@example.com", &[]);
    let guess = json!({ "email": "ada@example.com", "password": "not the right one" });
    for _ in 0..5 {
        assert_eq!(http::post(&format!("{}/v1/signin", server.url), None, &guess).status, 401);
    }
    let unlock = || home.run(&["users", "unlock", "ada@example.com"]).succeeded();
    assert!(unlock().contains("is unlocked"));
    assert!(unlock().contains("was not locked"));
    home.run(&["users", "unlock", "nobody@example.com"]).refused(&["nobody@example.com"]);
}
