//! Commands of an operator, and their effects on the service.
#![expect(clippy::expect_used, reason = "a test that cannot set itself up fails by a panic")]

use latchkey_core::audit::{Action, Actor, Filter};
use latchkey_operator::{OperatorError, operate};
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use serde_json::{Value, json};

const ADA: &str = "ada@example.com";

fn service() -> TestApp {
    TestApp::new(latchkey_all::function())
}

async fn done(app: &TestApp, command: Value) -> String {
    operate(&app.services, command).await.expect("the command is carried out").done
}

async fn refused(app: &TestApp, command: Value) -> String {
    operate(&app.services, command).await.expect_err("the command is refused").to_string()
}

async fn sign(app: &TestApp, path: &str) -> TestResponse {
    let body = json!({ "email": ADA, "password": "violet harbour tundra", "transport": "bearer" });
    app.send(TestRequest::post(path, &body)).await
}

#[tokio::test]
async fn a_new_deployment_gets_its_roles_and_its_first_admin() {
    let app = service();
    assert_eq!(
        done(&app, json!({ "command": "setup" })).await,
        "Created the roles admin, content-editor, user; the signing keys exist."
    );
    assert_eq!(
        done(&app, json!({ "command": "setup" })).await,
        "The roles and the signing keys already exist."
    );
    let token = sign(&app, "/v1/signup").await.text("access_token");
    let users = || app.send(TestRequest::get("/v1/users").bearer(&token));
    assert_eq!(users().await.status, 403);
    let grant = json!({ "command": "grant", "email": "Ada@Example.com", "role": "admin" });
    let why = refused(&app, grant.clone()).await;
    assert!(why.contains("a stranger may have signed up with it") && why.contains("not verified"), "{why}");
    assert_eq!(users().await.status, 403);
    let mut confirmed = grant;
    confirmed["unverified"] = json!(true);
    assert!(done(&app, confirmed).await.contains("less than 2 minutes ago, not verified"));
    assert_eq!(users().await.status, 200);
    let wanted = Filter { action: Some(Action::RoleGranted), limit: 10, ..Filter::default() };
    let events = app.services.audit.list(&wanted).await.unwrap().events;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].actor, Actor::Operator);
}

#[tokio::test]
async fn an_account_is_disabled_and_enabled_and_loses_a_role() {
    let app = service();
    done(&app, json!({ "command": "setup" })).await;
    sign(&app, "/v1/signup").await;
    done(&app, json!({ "command": "disable", "email": ADA })).await;
    assert_eq!(sign(&app, "/v1/signin").await.code(), "account_disabled");
    done(&app, json!({ "command": "enable", "email": ADA })).await;
    assert_eq!(sign(&app, "/v1/signin").await.status, 200);
    done(&app, json!({ "command": "revoke", "email": ADA, "role": "user" })).await;
    assert_eq!(sign(&app, "/v1/signin").await.json()["user"]["roles"], json!([]));
}

#[tokio::test]
async fn an_account_that_wrong_passwords_locked_is_unlocked() {
    let app = TestApp::builder().var("LATCHKEY_LIMITS", "off").build(latchkey_all::function());
    done(&app, json!({ "command": "setup" })).await;
    sign(&app, "/v1/signup").await;
    let unlock = json!({ "command": "unlock", "email": ADA });
    assert_eq!(done(&app, unlock.clone()).await, "ada@example.com was not locked.");
    for _ in 0..5 {
        let guess = json!({ "email": ADA, "password": "not the right one" });
        app.send(TestRequest::post("/v1/signin", &guess)).await;
    }
    assert_eq!(sign(&app, "/v1/signin").await.code(), "invalid_credentials");
    assert_eq!(done(&app, unlock).await, "ada@example.com is unlocked.");
    assert_eq!(sign(&app, "/v1/signin").await.status, 200);
    let nobody = json!({ "command": "unlock", "email": "nobody@example.com" });
    assert!(refused(&app, nobody).await.contains("has no account"));
}

#[tokio::test]
async fn an_account_is_named_by_its_id() {
    let app = service();
    done(&app, json!({ "command": "setup" })).await;
    let id = sign(&app, "/v1/signup").await.text("user.id");
    done(&app, json!({ "command": "grant", "id": id, "role": "content-editor" })).await;
    done(&app, json!({ "command": "revoke", "id": id, "role": "user" })).await;
    assert_eq!(sign(&app, "/v1/signin").await.json()["user"]["roles"], json!(["content-editor"]));
    for both in [json!({ "command": "disable" }), json!({ "command": "disable", "id": id, "email": ADA })] {
        assert!(refused(&app, both).await.contains("either `email` or `id`"));
    }
}

#[tokio::test]
async fn roles_are_put_deleted_and_repaired() {
    let app = service();
    done(&app, json!({ "command": "setup" })).await;
    done(&app, json!({ "command": "put-role", "role": "auditor", "permissions": ["users:*", "docs:read"] }))
        .await;
    done(&app, json!({ "command": "put-role", "role": "user", "permissions": [], "includes": ["auditor"] }))
        .await;
    let delete = json!({ "command": "delete-role", "role": "auditor" });
    assert!(refused(&app, delete.clone()).await.contains("included by user"));
    assert_eq!(done(&app, json!({ "command": "setup", "repair": true })).await, "Restored the roles user.");
    done(&app, delete).await;
    let bad = json!({ "command": "put-role", "role": "a", "permissions": ["*:x"] });
    assert!(refused(&app, bad).await.starts_with("`*:x`"));
    let wanted = Filter { action: Some(Action::RolePut), limit: 10, ..Filter::default() };
    let events = app.services.audit.list(&wanted).await.unwrap().events;
    assert_eq!(events.len(), 6, "three made, two put, one restored");
    assert!(events.iter().all(|event| event.actor == Actor::Operator && event.after.is_some()));
}

#[tokio::test]
async fn keys_rotate_and_tokens_stay_valid() {
    let app = service();
    let token = sign(&app, "/v1/signup").await.text("access_token");
    let said = done(&app, json!({ "command": "rotate-keys" })).await;
    assert!(said.starts_with("EdDSA ") && said.ends_with(" signs now."), "{said}");
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&token)).await.status, 200);
}

#[tokio::test]
async fn identities_are_moved_and_dropped() {
    let app = service();
    sign(&app, "/v1/signup").await;
    let from = "https://old.example";
    let moved = json!({ "command": "move-identities", "provider": "oidc", "from": from, "to": "https://new.example" });
    assert_eq!(done(&app, moved).await, "Changed 0 identities.");
    let dropped = |provider: &str, issuer: &str| json!({ "command": "drop-identities", "provider": provider, "issuer": issuer });
    assert_eq!(done(&app, dropped("oidc", from)).await, "Changed 0 identities.");
    assert!(refused(&app, dropped("Not A Name", from)).await.starts_with("`Not A Name`"));
    assert!(refused(&app, dropped("oidc", "")).await.contains("not an issuer"));
}

#[tokio::test]
async fn what_is_no_command_changes_nothing() {
    let app = service();
    for event in [
        json!(null),
        json!({}),
        json!({ "command": "drop" }),
        json!({ "command": "grant", "email": ADA }),
        json!({ "command": "setup", "force": true }),
        // An event of an HTTP API.
        json!({ "version": "2.0", "rawPath": "/", "body": "{\"command\":\"setup\"}" }),
    ] {
        let error = operate(&app.services, event.clone()).await.unwrap_err();
        assert!(matches!(error, OperatorError::Command(_)), "{event}: {error}");
    }
    assert!(app.services.roles.load_fresh().await.unwrap().value.roles().is_empty());
    let grant = |email: &str, role: &str| json!({ "command": "grant", "email": email, "role": role, "unverified": true });
    assert!(refused(&app, grant(ADA, "admin")).await.contains("sign up with it first"));
    assert!(refused(&app, grant("nonsense", "admin")).await.starts_with("`nonsense`"));
    assert!(refused(&app, grant(ADA, "Not A Role")).await.starts_with("`Not A Role`"));
    sign(&app, "/v1/signup").await;
    assert!(refused(&app, grant(ADA, "admin")).await.contains("the role admin does not exist"));
}
