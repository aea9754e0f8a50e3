//! `/v1/roles`, `/v1/roles/{name}`.

use latchkey_core::audit::{Action, Actor};
use latchkey_testkit::people::{PASSWORD, Person, admin, events, get, grant, send, send_json, sign_up};
use latchkey_testkit::{TestApp, TestResponse};
use serde_json::{Value, json};

use super::app;

async fn put(app: &TestApp, by: &Person, name: &str, body: Value) -> TestResponse {
    send_json(app, "PUT", &format!("/v1/roles/{name}"), by, &body).await
}

fn told(response: &TestResponse) -> (u16, String) {
    (response.status.as_u16(), response.code())
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_deleted() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let first = json!({"description": "Sells", "permissions": ["products:update"], "includes": ["user"]});
    let made = put(&app, &root, "seller", first.clone()).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let mut expected = first;
    expected["name"] = json!("seller");
    assert_eq!(get(&app, "/v1/roles/seller", &root).await.json(), expected);
    assert_eq!(put(&app, &root, "seller", expected).await.status, 200);

    let changed = put(&app, &root, "seller", json!({"permissions": ["products:publish"]})).await;
    assert_eq!(changed.status, 200);
    let shown = get(&app, "/v1/roles/seller", &root).await.json();
    assert_eq!(shown, json!({"name": "seller", "permissions": ["products:publish"], "includes": []}));

    let names = async || -> Vec<String> {
        let listed = get(&app, "/v1/roles", &root).await.json();
        listed["roles"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names().await, ["admin", "content-editor", "seller", "user"]);
    assert_eq!(send(&app, "DELETE", "/v1/roles/seller", &root).await.status, 204);
    assert_eq!(names().await, ["admin", "content-editor", "user"]);
    for method in ["GET", "DELETE"] {
        assert_eq!(told(&send(&app, method, "/v1/roles/seller", &root).await).0, 404);
    }

    let put = events(&app, Action::RolePut).await;
    assert_eq!(put.len(), 3 + 2, "three initial roles; a change without effect is not an event");
    let [before, after] = [&put[0].before, &put[0].after].map(|role| role.as_ref().unwrap().to_string());
    assert!(before.contains("products:update") && after.contains("products:publish"), "{before} {after}");
    assert_eq!(
        (put[0].actor, put[0].resource.as_deref()),
        (Actor::User(root.user_id()), Some("role:seller"))
    );
    assert_eq!(events(&app, Action::RoleDeleted).await.len(), 1);
}

#[tokio::test]
async fn roles_never_contradict_each_other() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let conflict = (409, "role_conflict".to_owned());
    for (name, body) in [
        ("a", json!({"includes": ["ghost"]})),
        ("a", json!({"includes": ["a"]})),
        ("user", json!({"includes": ["content-editor"]})),
        ("user", json!({"includes": ["admin"]})),
        ("admin", json!({"permissions": ["users:read"]})),
    ] {
        assert_eq!(told(&put(&app, &root, name, body.clone()).await), conflict, "{name} {body}");
    }
    for name in ["user", "admin", "content-editor"] {
        let response = send(&app, "DELETE", &format!("/v1/roles/{name}"), &root).await;
        assert_eq!(told(&response), conflict, "{name}");
    }
    assert_eq!(events(&app, Action::RolePut).await.len(), 3, "the initial roles");
}

#[tokio::test]
async fn what_is_no_role_is_refused() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    for body in [
        json!({"permissions": ["products"]}),
        json!({"permissions": ["*:read"]}),
        json!({"permissions": ["Products:read"]}),
        json!({"includes": ["Not A Role"]}),
        json!({"description": "two\nlines"}),
        json!({"description": "x".repeat(201)}),
    ] {
        assert_eq!(
            told(&put(&app, &root, "a", body.clone()).await),
            (422, "invalid_role".to_owned()),
            "{body}"
        );
    }
    for name in ["1a", "A", "a_b", &"a".repeat(65)] {
        assert_eq!(put(&app, &root, name, json!({})).await.status, 422, "{name}");
    }
}

#[tokio::test]
async fn nobody_makes_a_role_of_more_than_they_have() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let body = json!({"permissions": ["roles:manage"]});
    assert_eq!(put(&app, &root, "role-keeper", body).await.status, 201);
    let keeper = sign_up(&app, "keeper@example.com").await;
    grant(&app, &keeper, "role-keeper").await;

    let beyond = (403, "beyond_authority".to_owned());
    for (name, body) in [
        ("mine", json!({"permissions": ["*"]})),
        ("mine", json!({"permissions": ["roles:*"]})),
        ("mine", json!({"permissions": ["system:admin"]})),
        ("mine", json!({"includes": ["admin"]})),
        ("role-keeper", json!({"permissions": ["roles:manage", "users:delete"]})),
        ("admin", json!({"permissions": ["roles:manage"]})),
        ("content-editor", json!({})),
    ] {
        assert_eq!(told(&put(&app, &keeper, name, body.clone()).await), beyond, "{name} {body}");
    }
    assert_eq!(put(&app, &keeper, "mine", json!({"permissions": ["products:read"]})).await.status, 201);
    assert_eq!(put(&app, &root, "publisher", json!({"permissions": ["products:publish"]})).await.status, 201);
    let deleted = send(&app, "DELETE", "/v1/roles/publisher", &keeper).await;
    assert_eq!(told(&deleted), beyond, "deletion is refused too");
}

#[tokio::test]
async fn who_may_not_manage_roles_is_refused_and_that_is_noted() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    for (method, path) in [("GET", "/v1/roles"), ("GET", "/v1/roles/admin"), ("DELETE", "/v1/roles/user")] {
        assert_eq!(told(&send(&app, method, path, &ada).await), (403, "permission_denied".to_owned()));
    }
    assert_eq!(told(&put(&app, &ada, "mine", json!({"permissions": ["*"]})).await).0, 403);
    let denied = events(&app, Action::PermissionDenied).await;
    assert_eq!(denied.len(), 4);
    assert_eq!(denied[0].details["permission"], "roles:manage");
}

#[tokio::test]
async fn an_admin_brings_in_permissions_of_the_application() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    assert_eq!(put(&app, &root, "editor", json!({"permissions": ["docs:read"]})).await.status, 201);
    assert_eq!(put(&app, &root, "editor", json!({"permissions": ["docs:*"]})).await.status, 200);
    let granted = send(&app, "PUT", &format!("/v1/users/{}/roles/editor", ada.id), &root).await;
    assert_eq!(granted.status, 200, "{}", granted.json());
    for own in ["*", "users:*", "roles:*", "system:*", "identities:token", "users:export"] {
        let response = put(&app, &root, "editor", json!({"permissions": ["docs:read", own]})).await;
        assert_eq!(told(&response), (403, "beyond_authority".to_owned()), "{own}");
    }
    // A holder of `roles:manage` alone still gives only permissions that they have.
    assert_eq!(put(&app, &root, "keeper", json!({"permissions": ["roles:manage"]})).await.status, 201);
    grant(&app, &ada, "keeper").await;
    let response = put(&app, &ada, "user", json!({"permissions": ["orders:read"]})).await;
    assert_eq!(told(&response), (403, "beyond_authority".to_owned()));
}

#[tokio::test]
async fn no_change_locks_its_author_out() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let shown = get(&app, "/v1/roles/admin", &root).await.json();
    let with = |permissions: &[&str]| {
        let mut role = shown.clone();
        role["permissions"] = json!(permissions);
        role
    };
    let less = with(&["users:read", "roles:manage", "system:admin"]);
    assert_eq!(told(&put(&app, &root, "admin", less).await), (409, "self_lockout".to_owned()));
    let others = with(&["users:read", "users:update", "users:delete", "roles:manage", "system:admin"]);
    assert_eq!(
        put(&app, &root, "admin", others).await.status,
        200,
        "permissions outside of Latchkey's own can be restored"
    );
    assert_eq!(put(&app, &root, "admin", shown).await.status, 200);
}

#[tokio::test]
async fn a_grant_that_would_not_fit_into_the_token_is_refused() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    let name = |n: usize| format!("{}{n}", "r".repeat(62 - n.to_string().len()));
    let mut held = 0;
    let refused = loop {
        assert_eq!(put(&app, &root, &name(held), json!({"permissions": ["docs:read"]})).await.status, 201);
        let path = format!("/v1/users/{}/roles/{}", ada.id, name(held));
        let response = send(&app, "PUT", &path, &root).await;
        if response.status != 200 {
            break response;
        }
        held += 1;
    };
    assert_eq!(told(&refused), (409, "too_many_roles".to_owned()));
    assert!((30..45).contains(&held), "{held}");
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "transport": "bearer"});
    let signed_in = app.send(latchkey_testkit::TestRequest::post("/v1/signin", &body)).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.json());
    assert!(signed_in.text("access_token").len() <= latchkey_core::token::MAX_TOKEN);
}
