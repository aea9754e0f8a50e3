//! The store did what it was asked and its answer was lost: trying again does no harm.

use std::time::Duration;

use latchkey_core::audit::Action;
use latchkey_testkit::{Call, Fault};
use serde_json::json;

use crate::support::{
    PASSWORD, Pair, Person, bare, is_unavailable, refresh_request, signin_request, signup_request,
};

fn lost() -> Fault {
    Fault::answer_lost().on(Call::Commit).times(1)
}

#[tokio::test]
async fn a_sign_up_that_is_tried_again_makes_one_account() {
    let pair = Pair::new().await;
    pair.app.table.faults.add(lost());
    assert!(is_unavailable(&pair.app.send(signup_request("ada@example.com")).await));
    assert_eq!(pair.app.send(signup_request("ada@example.com")).await.code(), "email_taken");
    assert_eq!(pair.app.services.users.list(10, None).await.unwrap().users.len(), 1);
    // The person goes on as the answer says: by signing in.
    assert_eq!(pair.app.send(signin_request("ada@example.com", PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn a_refresh_that_is_tried_again_within_the_window_gives_the_same_successor() {
    let pair = Pair::new().await;
    let ada = pair.sign_up("ada@example.com").await;
    pair.app.table.faults.add(lost());
    assert!(is_unavailable(&pair.app.send(refresh_request(&ada.refresh)).await));
    pair.app.clock.advance(Duration::from_secs(10));
    let next = Person::read(&pair.app.send(refresh_request(&ada.refresh)).await);
    assert_ne!(next.refresh, ada.refresh);
    let again = Person::read(&pair.witness.send(refresh_request(&ada.refresh)).await);
    assert_eq!(again.refresh, next.refresh);
    assert_eq!(pair.app.send(refresh_request(&next.refresh)).await.status, 200);
    assert!(!pair.events().await.iter().any(|event| event.action == Action::TokenReused));
}

#[tokio::test]
async fn a_change_that_is_tried_again_is_made_once() {
    let pair = Pair::new().await;
    let root = pair.admin("root@example.com").await;
    let ada = pair.sign_up("ada@example.com").await;
    let user = format!("/v1/users/{}", ada.id);
    for (action, first, second) in [
        (Action::RoleGranted, bare("PUT", &format!("{user}/roles/content-editor"), &root), 200),
        (Action::RoleRevoked, bare("DELETE", &format!("{user}/roles/content-editor"), &root), 200),
        (
            Action::RolePut,
            bare("PUT", "/v1/roles/new", &root).json(&json!({"permissions": ["users:read"]})),
            200,
        ),
        (Action::RoleDeleted, bare("DELETE", "/v1/roles/new", &root), 404),
        (Action::UserDisabled, bare("PATCH", &user, &root).json(&json!({"status": "disabled"})), 200),
        (Action::UserEnabled, bare("PATCH", &user, &root).json(&json!({"status": "active"})), 200),
        (Action::UserDeleted, bare("DELETE", &user, &root), 404),
    ] {
        let count = async || pair.events().await.iter().filter(|event| event.action == action).count();
        let before = count().await;
        pair.app.table.faults.add(lost());
        assert!(is_unavailable(&pair.app.send(first.clone()).await), "{action:?}");
        assert_eq!(pair.app.send(first).await.status, second, "{action:?}");
        assert_eq!(count().await, before + 1, "{action:?}");
    }
}

#[tokio::test]
async fn a_process_sees_its_own_change_even_when_the_answer_was_lost() {
    let pair = Pair::new().await;
    let root = pair.admin("root@example.com").await;
    for (n, path) in ["/v1/signout", "/v1/signout/all", "delete", "disable"].into_iter().enumerate() {
        let ada = pair.sign_up(&format!("ada{n}@example.com")).await;
        assert_eq!(pair.app.send(bare("GET", "/v1/session", &ada)).await.status, 200);
        let user = format!("/v1/users/{}", ada.id);
        let request = match path {
            "delete" => bare("DELETE", &user, &root),
            "disable" => bare("PATCH", &user, &root).json(&json!({"status": "disabled"})),
            _ => bare("POST", path, &ada),
        };
        pair.app.table.faults.add(lost());
        assert!(is_unavailable(&pair.app.send(request).await), "{path}");
        let shown = pair.app.send(bare("GET", "/v1/session", &ada)).await;
        assert_eq!(shown.code(), "session_ended", "{path}: the session may be over, so it must be read");
    }
}

#[tokio::test]
async fn a_process_sees_its_own_change_of_a_role_even_when_the_answer_was_lost() {
    let pair = Pair::new().await;
    let root = pair.admin("root@example.com").await;
    let ada = pair.sign_up("ada@example.com").await;
    let check = || bare("POST", "/v1/permissions/check", &ada).json(&json!({"permission": "products:read"}));
    assert_eq!(pair.app.send(check()).await.json()["allowed"], true);
    pair.app.table.faults.add(lost());
    let less = bare("PUT", "/v1/roles/user", &root).json(&json!({"permissions": ["profile:update"]}));
    assert!(is_unavailable(&pair.app.send(less).await));
    assert_eq!(pair.app.send(check()).await.json()["allowed"], false);
}

#[tokio::test]
async fn a_wrong_password_whose_answer_was_lost_is_counted_once() {
    let pair = Pair::new().await;
    pair.sign_up("ada@example.com").await;
    for _ in 0..4 {
        pair.app.table.faults.add(lost());
        assert!(is_unavailable(&pair.app.send(signin_request("ada@example.com", "not the right one")).await));
    }
    assert_eq!(pair.app.send(signin_request("ada@example.com", PASSWORD)).await.status, 200);
    for _ in 0..5 {
        pair.app.table.faults.add(lost());
        pair.app.send(signin_request("ada@example.com", "not the right one")).await;
    }
    assert_eq!(
        pair.app.send(signin_request("ada@example.com", PASSWORD)).await.code(),
        "invalid_credentials"
    );
}
