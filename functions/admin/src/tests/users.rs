//! `/v1/users`, `/v1/users/{id}`, its sessions and its roles.

use std::time::Duration;

use latchkey_core::audit::{Action, Actor};
use latchkey_testkit::people::{
    PASSWORD, Person, admin, events, get, grant, refresh, send, send_json, sign_in, sign_up, signin_request,
};
use latchkey_testkit::{TestApp, TestResponse};
use serde_json::{Value, json};

use super::app;

fn told(response: &TestResponse) -> (u16, String) {
    (response.status.as_u16(), response.code())
}

async fn set_status(app: &TestApp, by: &Person, of: &Person, status: &str) -> TestResponse {
    send_json(app, "PATCH", &format!("/v1/users/{}", of.id), by, &json!({"status": status})).await
}

async fn delete(app: &TestApp, by: &Person, of: &Person) -> TestResponse {
    send(app, "DELETE", &format!("/v1/users/{}", of.id), by).await
}

async fn role(app: &TestApp, method: &str, by: &Person, of: &Person, role: &str) -> TestResponse {
    send(app, method, &format!("/v1/users/{}/roles/{role}", of.id), by).await
}

#[tokio::test]
async fn users_are_listed_page_by_page_in_the_order_of_their_sign_up() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let mut expected = vec![root.id.clone()];
    for n in 0..6 {
        app.clock.advance(std::time::Duration::from_millis(1));
        expected.push(sign_up(&app, &format!("ada{n}@example.com")).await.id);
    }
    for limit in [1, 2, 3, 7, 200] {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let page = get(&app, &format!("/v1/users?limit={limit}{after}"), &root).await.json();
            let users = page["users"].as_array().unwrap_or_else(|| panic!("{page}"));
            assert!(users.len() <= limit);
            seen.extend(users.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "by {limit}");
    }
    for query in ["limit=0", "limit=201", "limit=x", "cursor=nonsense"] {
        let response = get(&app, &format!("/v1/users?{query}"), &root).await;
        assert_eq!(told(&response), (400, "invalid_request".to_owned()), "{query}");
    }
}

/// Users are spread over shards, so a page is merged from all of them, in the time of one round trip.
#[tokio::test]
async fn a_walk_over_many_users_sees_each_of_them_once_while_others_sign_up() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let mut expected = vec![root.id.clone()];
    for n in 0..60 {
        app.clock.advance(std::time::Duration::from_millis(1));
        expected.push(sign_up(&app, &format!("ada{n}@example.com")).await.id);
    }
    for limit in [1, 7, 25, 60] {
        let (mut seen, mut cursor, mut trips) = (Vec::new(), None::<String>, Vec::new());
        for page in 0.. {
            let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            app.trips.take();
            let page_body = get(&app, &format!("/v1/users?limit={limit}{after}"), &root).await.json();
            trips.push(app.trips.take());
            let users = page_body["users"].as_array().unwrap();
            seen.extend(users.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
            cursor = page_body["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
            if page < 3 {
                app.clock.advance(std::time::Duration::from_millis(1));
                expected.push(sign_up(&app, &format!("eve{limit}-{page}@example.com")).await.id);
            }
        }
        assert_eq!(seen, expected, "by {limit}");
        // One round trip for the caller and one for the shards; seldom another for some of the shards.
        assert!(trips.iter().all(|trips| (2..=4).contains(trips)), "by {limit}: {trips:?}");
        assert!(trips.iter().filter(|trips| **trips == 2).count() * 2 > trips.len(), "by {limit}: {trips:?}");
    }
}

#[tokio::test]
async fn a_user_is_found_by_address_or_identifier() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    let found = get(&app, "/v1/users?email=ADA@example.com", &root).await.json();
    assert_eq!(found["users"][0]["id"], ada.id.as_str());
    let none = get(&app, "/v1/users?email=eve@example.com", &root).await.json();
    assert_eq!(none["users"], json!([]));
    let shown = get(&app, &format!("/v1/users/{}", ada.id), &root).await;
    assert_eq!(shown.text("email"), "ada@example.com");
    let text = shown.json().to_string();
    assert!(!text.contains("argon2") && !text.contains("hash"), "{text}");
    for id in ["0198c0de-0000-7000-8000-000000000000", "nonsense"] {
        assert_eq!(get(&app, &format!("/v1/users/{id}"), &root).await.status, 404);
    }
}

#[tokio::test]
async fn a_disabled_user_is_out_until_enabled_and_signs_in_anew() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    assert_eq!(set_status(&app, &root, &ada, "disabled").await.text("status"), "disabled");
    assert_eq!(get(&app, "/v1/session", &ada).await.code(), "session_ended");
    assert_eq!(refresh(&app, &ada.refresh).await.status, 401);
    let signin = app.send(signin_request("ada@example.com", PASSWORD)).await;
    assert_eq!(told(&signin), (403, "account_disabled".to_owned()));

    assert_eq!(set_status(&app, &root, &ada, "active").await.status, 200);
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 401);
    sign_in(&app, "ada@example.com").await;
    for action in [Action::UserDisabled, Action::UserEnabled] {
        let noted = events(&app, action).await;
        assert_eq!(noted.len(), 1);
        assert_eq!((noted[0].actor, noted[0].user_id), (Actor::User(root.user_id()), Some(ada.user_id())));
    }
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_the_address_is_free() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    let elsewhere = sign_in(&app, "ada@example.com").await;
    // Events of the same millisecond have no order.
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(delete(&app, &root, &ada).await.status, 204);
    app.clock.advance(Duration::from_millis(1));
    for session in [&ada, &elsewhere] {
        assert_eq!(get(&app, "/v1/session", session).await.code(), "session_ended");
        assert_eq!(refresh(&app, &session.refresh).await.code(), "invalid_refresh_token");
    }
    assert_eq!(app.send(signin_request("ada@example.com", PASSWORD)).await.code(), "invalid_credentials");
    assert_eq!(get(&app, &format!("/v1/users/{}", ada.id), &root).await.status, 404);
    assert_eq!(delete(&app, &root, &ada).await.status, 404);

    let heir = sign_up(&app, "ada@example.com").await;
    assert_ne!(heir.id, ada.id);
    assert_eq!(get(&app, "/v1/sessions", &heir).await.json()["sessions"].as_array().unwrap().len(), 1);
    let kept = get(&app, &format!("/v1/audit?user={}", ada.id), &root).await.json();
    assert_eq!(kept["events"][0]["action"], "user:deleted", "the log outlives the account");
}

#[tokio::test]
async fn an_admin_sees_and_ends_the_sessions_of_a_user() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    sign_in(&app, "ada@example.com").await;
    let path = format!("/v1/users/{}/sessions", ada.id);
    let count = async || get(&app, &path, &root).await.json()["sessions"].as_array().unwrap().len();
    assert_eq!(count().await, 2);
    assert_eq!(send(&app, "DELETE", &path, &root).await.status, 204);
    assert_eq!(count().await, 0);
    assert_eq!(get(&app, "/v1/session", &ada).await.code(), "session_ended");
    let nobody = "/v1/users/0198c0de-0000-7000-8000-000000000000/sessions";
    for method in ["GET", "DELETE"] {
        assert_eq!(send(&app, method, nobody, &root).await.status, 404);
    }
}

#[tokio::test]
async fn a_role_is_granted_and_taken_away() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    // Events of the same millisecond have no order.
    app.clock.advance(Duration::from_millis(1));
    let granted = role(&app, "PUT", &root, &ada, "content-editor").await;
    assert_eq!(granted.json()["roles"], json!(["content-editor", "user"]));
    assert_eq!(role(&app, "PUT", &root, &ada, "content-editor").await.status, 200, "twice is once");
    let taken = role(&app, "DELETE", &root, &ada, "content-editor").await;
    assert_eq!(taken.json()["roles"], json!(["user"]));
    assert_eq!(role(&app, "PUT", &root, &ada, "ghost").await.status, 404);
    let ghost = Person { id: "0198c0de-0000-7000-8000-000000000000".to_owned(), ..ada.clone() };
    assert_eq!(role(&app, "PUT", &root, &ghost, "user").await.status, 404);
    let noted = events(&app, Action::RoleGranted).await;
    let resources: Vec<_> = noted.iter().filter_map(|event| event.resource.as_deref()).collect();
    assert_eq!(resources, ["role:content-editor", "role:admin"]);
    assert_eq!(events(&app, Action::RoleRevoked).await.len(), 1);
}

#[tokio::test]
async fn nobody_reaches_beyond_their_own_permissions() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    let helper = sign_up(&app, "helper@example.com").await;
    let own = ["users:read", "users:update", "users:delete", "roles:manage"];
    let body = json!({"permissions": own});
    assert_eq!(send_json(&app, "PUT", "/v1/roles/helper", &root, &body).await.status, 201);
    grant(&app, &helper, "helper").await;

    let beyond = (403, "beyond_authority".to_owned());
    for name in ["admin", "content-editor"] {
        assert_eq!(told(&role(&app, "PUT", &helper, &helper, name).await), beyond, "{name}");
        assert_eq!(told(&role(&app, "PUT", &helper, &ada, name).await), beyond, "{name}");
    }
    assert_eq!(told(&role(&app, "DELETE", &helper, &root, "admin").await), beyond);
    assert_eq!(told(&set_status(&app, &helper, &root, "disabled").await), beyond);
    assert_eq!(told(&delete(&app, &helper, &root).await), beyond);
    let sessions = format!("/v1/users/{}/sessions", root.id);
    assert_eq!(told(&send(&app, "DELETE", &sessions, &helper).await), beyond);
    assert_eq!(get(&app, "/v1/session", &root).await.status, 200);
    assert_eq!(set_status(&app, &helper, &ada, "disabled").await.status, 200, "within them it works");
}

#[tokio::test]
async fn the_last_admin_stays_whatever_is_tried() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let last = (409, "last_admin".to_owned());
    let attempts = async || {
        [
            told(&role(&app, "DELETE", &root, &root, "admin").await),
            told(&set_status(&app, &root, &root, "disabled").await),
            told(&delete(&app, &root, &root).await),
        ]
    };
    assert_eq!(attempts().await, [last.clone(), last.clone(), last.clone()]);

    // A disabled admin does not count as an admin.
    let second = admin(&app, "second@example.com").await;
    assert_eq!(set_status(&app, &root, &second, "disabled").await.status, 200);
    assert_eq!(attempts().await, [last.clone(), last.clone(), last]);
    assert_eq!(set_status(&app, &root, &second, "active").await.status, 200);
    assert_eq!(delete(&app, &root, &root).await.status, 204);
    let second = sign_in(&app, "second@example.com").await;
    assert_eq!(delete(&app, &second, &second).await.status, 409);
}

#[tokio::test]
async fn bad_changes_are_refused() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    let path = format!("/v1/users/{}", ada.id);
    let bodies: [Value; 4] = [json!({}), json!({"status": "gone"}), json!({"status": 1}), json!([])];
    for body in bodies {
        assert_eq!(send_json(&app, "PATCH", &path, &root, &body).await.status, 422, "{body}");
    }
    let more = json!({"status": "disabled", "roles": ["admin"], "email_verified": true, "epoch": 9});
    assert_eq!(send_json(&app, "PATCH", &path, &root, &more).await.status, 422);
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 200);
}
