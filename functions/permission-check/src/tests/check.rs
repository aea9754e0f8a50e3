//! `POST /v1/permissions/check`, `GET /v1/permissions`.

use latchkey_core::account::Authority;
use latchkey_core::audit::Requester;
use latchkey_testkit::people::{Person, admin, check, get, grant, send, send_json, sign_up};
use latchkey_testkit::{TestApp, TestResponse};
use serde_json::{Value, json};

use super::app;

async fn ask(app: &TestApp, person: &Person, body: Value) -> Value {
    let response = check(app, person, &body).await;
    assert_eq!((response.status.as_u16(), response.header("cache-control")), (200, "no-store"));
    response.json()
}

#[tokio::test]
async fn one_permission_is_answered_with_the_role_that_grants_it() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    assert_eq!(
        ask(&app, &ada, json!({"permission": "products:read"})).await,
        json!({"allowed": true, "results": [{
            "permission": "products:read", "allowed": true,
            "reason": {"role": "user", "grant": "products:read"},
        }]})
    );
    assert_eq!(
        ask(&app, &ada, json!({"permission": "products:delete"})).await,
        json!({"allowed": false, "results": [{"permission": "products:delete", "allowed": false}]})
    );
}

#[tokio::test]
async fn several_are_allowed_when_each_is_and_stay_in_order() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let both = ask(&app, &ada, json!({"permissions": ["profile:update", "products:read"]})).await;
    assert_eq!(both["allowed"], true);
    assert_eq!(both["results"][0]["permission"], "profile:update");
    let mixed = ask(&app, &ada, json!({"permissions": ["products:read", "products:delete"]})).await;
    assert_eq!(mixed["allowed"], false);
    assert_eq!(
        (&mixed["results"][0]["allowed"], &mixed["results"][1]["allowed"]),
        (&json!(true), &json!(false))
    );
    let most = vec!["products:read"; 100];
    assert_eq!(ask(&app, &ada, json!({"permissions": most})).await["results"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_resource_beside_an_action_makes_the_permission() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let beside = ask(&app, &ada, json!({"permission": "read", "resource": "products"})).await;
    assert_eq!(beside["results"][0]["permission"], "products:read");
    assert_eq!(beside["allowed"], true);
    let whole = ask(&app, &ada, json!({"permission": "products:read", "resource": "products"})).await;
    assert_eq!(whole["allowed"], true);
    let other = check(&app, &ada, &json!({"permission": "products:read", "resource": "users"})).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "invalid_permission"));
}

#[tokio::test]
async fn a_wildcard_and_an_included_role_are_named_as_the_reason() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let reason = ask(&app, &root, json!({"permission": "products:update"})).await;
    let through = json!({"role": "admin", "through": "content-editor", "grant": "products:update"});
    assert_eq!(reason["results"][0]["reason"], through);

    let name = "owner".parse().unwrap();
    let role = latchkey_core::permission::Role {
        permissions: ["products:*".parse().unwrap()].into(),
        ..Default::default()
    };
    app.services.roles.put(&name, &role, latchkey_core::permission::Author::Operator).await.unwrap();
    let ada = sign_up(&app, "ada@example.com").await;
    grant(&app, &ada, "owner").await;
    let reason = ask(&app, &ada, json!({"permissions": ["products:sell", "products:read"]})).await;
    assert_eq!(reason["results"][0]["reason"], json!({"role": "owner", "grant": "products:*"}));
    // The reason prefers an exact grant to a pattern.
    assert_eq!(reason["results"][1]["reason"], json!({"role": "user", "grant": "products:read"}));
    let denied = ask(&app, &ada, json!({"permission": "productsx:sell"})).await;
    assert_eq!(denied["allowed"], false);
}

#[tokio::test]
async fn a_role_that_is_not_defined_grants_nothing() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    let body = json!({"permissions": ["products:publish"]});
    assert_eq!(send_json(&app, "PUT", "/v1/roles/publisher", &root, &body).await.status, 201);
    grant(&app, &ada, "publisher").await;
    let publish = || json!({"permission": "products:publish"});
    assert_eq!(ask(&app, &ada, publish()).await["allowed"], true);

    assert_eq!(send(&app, "DELETE", "/v1/roles/publisher", &root).await.status, 204);
    assert_eq!(ask(&app, &ada, publish()).await["allowed"], false);
    let shown = get(&app, "/v1/permissions", &ada).await.json();
    assert_eq!(shown["roles"], json!(["publisher", "user"]), "the name is still held");
    assert_eq!(shown["permissions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_asked_is_one_action_on_one_resource() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let refused = |response: TestResponse| (response.status.as_u16(), response.code());
    let invalid = (422, "invalid_permission".to_owned());
    for permission in
        ["*", "products:*", "products", "products:read:all", ":read", "products:", "Products:Read", ""]
    {
        let response = check(&app, &root, &json!({"permission": permission})).await;
        assert_eq!(refused(response), invalid, "{permission}");
    }
    for body in [
        json!({}),
        json!({"permissions": []}),
        json!({"permissions": vec!["a:b"; 101]}),
        json!({"permission": "a:b", "permissions": ["a:b"]}),
    ] {
        assert_eq!(refused(check(&app, &root, &body).await), invalid, "{body}");
    }
}

#[tokio::test]
async fn fresh_sees_what_happened_since() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    assert_eq!(ask(&app, &ada, json!({"permission": "users:read"})).await["allowed"], false);
    let (by, from) = (Authority::Operator, Requester::default());
    let role = "admin".parse().unwrap();
    app.services.users.grant_role(ada.user_id(), &role, by, &from).await.unwrap();
    assert_eq!(ask(&app, &ada, json!({"permission": "users:read", "fresh": true})).await["allowed"], true);
}

#[tokio::test]
async fn all_permissions_are_listed_with_their_reasons() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    grant(&app, &ada, "content-editor").await;
    let shown = get(&app, "/v1/permissions", &ada).await.json();
    assert_eq!(shown["roles"], json!(["content-editor", "user"]));
    let grants: Vec<_> =
        shown["permissions"].as_array().unwrap().iter().map(|p| p["grant"].as_str().unwrap()).collect();
    assert_eq!(grants, ["products:create", "products:read", "products:update", "profile:update"]);
    let read = json!({"role": "content-editor", "through": "user", "grant": "products:read"});
    assert_eq!(shown["permissions"][1], read);
}
