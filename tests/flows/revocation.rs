//! How long another process goes on with what one process has ended: not at all where state as of now is asked for, and
//! 60 s at the most elsewhere, at no store trip.

use std::time::Duration;

use latchkey_testkit::TestApp;
use serde_json::json;

use crate::support::{
    Person, admin, check, get, grant, post, send, send_json, short_of, sign_in, sign_up, two_processes,
};

const BOUND: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(1);

/// A way in which a session ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    SignOut,
    SignOutEverywhere,
    RevokedByOwner,
    EndedByAdmin,
    Disabled,
    Deleted,
}

const ENDINGS: [Ending; 6] = [
    Ending::SignOut,
    Ending::SignOutEverywhere,
    Ending::RevokedByOwner,
    Ending::EndedByAdmin,
    Ending::Disabled,
    Ending::Deleted,
];

async fn end(app: &TestApp, how: Ending, ada: &Person, root: &Person) {
    let user = format!("/v1/users/{}", ada.id);
    let answer = match how {
        Ending::SignOut => post(app, "/v1/signout", ada).await,
        Ending::SignOutEverywhere => post(app, "/v1/signout/all", ada).await,
        Ending::RevokedByOwner => {
            let other = sign_in(app, &ada.email).await;
            send(app, "DELETE", &format!("/v1/sessions/{}", ada.session), &other).await
        }
        Ending::EndedByAdmin => send(app, "DELETE", &format!("{user}/sessions"), root).await,
        Ending::Disabled => send_json(app, "PATCH", &user, root, &json!({"status": "disabled"})).await,
        Ending::Deleted => send(app, "DELETE", &user, root).await,
    };
    assert!(answer.status.is_success(), "{how:?}: {}", answer.json());
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_where_it_must_be_and_within_a_minute_elsewhere() {
    for how in ENDINGS {
        let (here, there) = two_processes().await;
        let root = admin(&here, "root@example.com").await;
        let [strict, lax] = [sign_up(&here, "a@example.com").await, sign_up(&here, "b@example.com").await];
        for person in [&strict, &lax] {
            assert_eq!(get(&there, "/v1/session", person).await.status, 200);
            end(&here, how, person, &root).await;
            assert_eq!(get(&here, "/v1/session", person).await.code(), "session_ended", "{how:?}");
        }
        let fresh = check(&there, &strict, &json!({"permission": "a:b", "fresh": true})).await;
        assert_eq!(fresh.code(), "session_ended", "{how:?}");
        assert_eq!(post(&there, "/v1/signout", &strict).await.code(), "session_ended", "{how:?}");

        there.trips.take();
        there.clock.advance(short_of(BOUND));
        assert_eq!(get(&there, "/v1/session", &lax).await.status, 200, "{how:?}");
        assert_eq!(there.trips.take(), 0, "within the minute no store is asked");
        there.clock.advance(MOMENT);
        assert_eq!(get(&there, "/v1/session", &lax).await.code(), "session_ended", "{how:?}");
    }
}

#[tokio::test]
async fn a_change_asks_for_state_as_of_now() {
    let (here, there) = two_processes().await;
    for path in ["/v1/signout/all", "/v1/signout"] {
        let ada = sign_up(&here, &format!("ada{}@example.com", path.len())).await;
        assert_eq!(get(&there, "/v1/session", &ada).await.status, 200);
        assert_eq!(post(&here, "/v1/signout", &ada).await.status, 204);
        assert_eq!(post(&there, path, &ada).await.code(), "session_ended", "{path}");
    }
}

#[tokio::test]
async fn an_admin_who_is_none_any_more_is_refused_at_once() {
    let (here, there) = two_processes().await;
    let root = admin(&here, "root@example.com").await;
    let former = admin(&here, "former@example.com").await;
    assert_eq!(get(&there, "/v1/users", &former).await.status, 200);
    let role = format!("/v1/users/{}/roles/admin", former.id);
    assert_eq!(send(&here, "DELETE", &role, &root).await.status, 200);
    assert_eq!(get(&there, "/v1/users", &former).await.code(), "permission_denied");
}

#[tokio::test]
async fn a_changed_role_shows_within_a_minute_and_at_once_when_asked() {
    let (here, there) = two_processes().await;
    let root = admin(&here, "root@example.com").await;
    let ada = sign_up(&here, "ada@example.com").await;
    let allowed = async |body: serde_json::Value| check(&there, &ada, &body).await.json()["allowed"].clone();
    let recent = || json!({"permission": "films:watch"});
    assert_eq!(allowed(recent()).await, false);

    let own = json!({"permissions": ["products:delete"]});
    assert_eq!(send_json(&here, "PUT", "/v1/roles/remover", &root, &own).await.status, 201);
    grant(&here, &ada, "remover").await;
    let recent = || json!({"permission": "products:delete"});
    assert_eq!(allowed(recent()).await, false, "remembered");
    assert_eq!(allowed(json!({"permission": "products:delete", "fresh": true})).await, true);
    assert_eq!(allowed(recent()).await, true, "what was learnt is used");

    assert_eq!(send_json(&here, "PUT", "/v1/roles/remover", &root, &json!({})).await.status, 200);
    there.clock.advance(short_of(BOUND));
    assert_eq!(allowed(recent()).await, true, "remembered");
    there.clock.advance(MOMENT);
    assert_eq!(allowed(recent()).await, false);
}

#[tokio::test]
async fn cached_roles_do_not_outlive_their_minute_in_a_session_that_was_read_later() {
    let (here, there) = two_processes().await;
    let root = admin(&here, "root@example.com").await;
    let early = sign_up(&here, "early@example.com").await;
    let late = sign_up(&here, "late@example.com").await;
    let body = json!({"permission": "products:read"});
    assert_eq!(check(&there, &early, &body).await.json()["allowed"], true);
    let less = json!({"permissions": ["profile:update"]});
    assert_eq!(send_json(&here, "PUT", "/v1/roles/user", &root, &less).await.status, 200);
    // Reads the user from the table and the roles from a cache that is a minute old but for a moment.
    there.clock.advance(short_of(BOUND));
    assert_eq!(check(&there, &late, &body).await.json()["allowed"], true);
    there.clock.advance(MOMENT);
    assert_eq!(check(&there, &late, &body).await.json()["allowed"], false);
}
