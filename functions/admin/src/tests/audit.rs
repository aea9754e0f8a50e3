//! `GET /v1/audit`.

use std::time::Duration;

use latchkey_testkit::TestApp;
use latchkey_testkit::people::{Person, admin, get, post, refresh, sign_in, sign_up, signin_request};
use serde_json::Value;

use super::app;

const DAY: Duration = Duration::from_hours(24);

/// Returns all events of a query, page by page.
async fn walk(app: &TestApp, root: &Person, query: &str, limit: usize) -> Vec<Value> {
    let (mut events, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..1000 {
        let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = get(app, &format!("/v1/audit?limit={limit}{query}{after}"), root).await;
        assert_eq!(page.status, 200, "{}", page.json());
        let found = page.json()["events"].as_array().unwrap().clone();
        assert!(found.len() <= limit);
        events.extend(found);
        cursor = page.json()["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return events;
        }
    }
    panic!("the walk does not end");
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["action"].as_str().unwrap()).collect()
}

/// Returns the same administrator in a session of the current day.
async fn today(app: &TestApp) -> Person {
    sign_in(app, "root@example.com").await
}

#[tokio::test]
async fn an_event_says_who_did_what_from_where_and_when() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    app.clock.advance(Duration::from_secs(1));
    let wrong = signin_request("ada@example.com", "not the right one").header("user-agent", "Phone/1.0");
    app.send(wrong).await;
    let events = walk(&app, &root, &format!("&user={}", ada.id), 50).await;
    assert_eq!(actions(&events), ["signin:failed", "signup:succeeded"]);
    let failed = &events[0];
    assert_eq!(failed["at"], "2026-01-01T00:00:01.000Z");
    assert_eq!(failed["actor"], "anonymous");
    assert_eq!((&failed["address"], &failed["user_agent"]), (&"198.51.100.7".into(), &"Phone/1.0".into()));
    assert_eq!(events[1]["actor"], format!("user:{}", ada.id));
    let text = Value::from(events).to_string();
    assert!(!text.contains("not the right one") && !text.contains("lkr_") && !text.contains(&ada.access));
}

#[tokio::test]
async fn events_are_paged_across_days_without_loss_or_repetition() {
    let app = app().await;
    admin(&app, "root@example.com").await;
    for n in 0..12 {
        app.clock.advance(DAY * (1 + n % 3));
        sign_up(&app, &format!("ada{n}@example.com")).await;
        app.clock.advance(Duration::from_hours(7));
        app.send(signin_request(&format!("ada{n}@example.com"), "not the right one")).await;
    }
    let root = today(&app).await;
    let all = walk(&app, &root, "", 200).await;
    // Three roles, a sign-up, a grant and one sign-in; two events for each of the others.
    assert_eq!(all.len(), 6 + 24);
    let ids: Vec<_> = all.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    for limit in [1, 2, 5] {
        assert_eq!(walk(&app, &root, "", limit).await, all, "by {limit}");
    }
    let failed = walk(&app, &root, "&action=signin:failed", 5).await;
    assert_eq!(failed.len(), 12);
}

/// Events are spread over shards, so a page is merged from all of them.
#[tokio::test]
async fn a_walk_over_many_events_sees_each_of_them_once_while_others_happen() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    for n in 0..50 {
        app.clock.advance(Duration::from_millis(1));
        sign_up(&app, &format!("ada{n}@example.com")).await;
    }
    for limit in [1, 7, 25] {
        let before = walk(&app, &root, "", 200).await;
        assert!(before.len() >= 52);
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&app, &format!("/v1/audit?limit={limit}{cursor}"), &root).await.json();
            seen.extend(page["events"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
            app.clock.advance(Duration::from_millis(1));
            app.send(signin_request("nobody@example.com", "not the right one")).await;
        }
        assert_eq!(seen, before, "by {limit}");
    }
}

#[tokio::test]
async fn events_are_found_by_user_action_and_time() {
    let app = app().await;
    admin(&app, "root@example.com").await;
    app.clock.advance(DAY);
    let ada = sign_up(&app, "ada@example.com").await;
    app.clock.advance(DAY);
    let eve = sign_up(&app, "eve@example.com").await;
    let next = Person::read(&refresh(&app, &ada.refresh).await);
    post(&app, "/v1/signout", &next).await;
    let root = today(&app).await;

    let of = |person: &Person| format!("&user={}", person.id);
    let found = walk(&app, &root, &of(&ada), 50).await;
    assert_eq!(actions(&found), ["session:revoked", "signup:succeeded"]);
    let found = walk(&app, &root, &format!("{}&action=signup:succeeded", of(&eve)), 50).await;
    assert_eq!(actions(&found), ["signup:succeeded"]);
    let second_day = "&since=2026-01-02T00:00:00Z&until=2026-01-03T00:00:00Z";
    let found = walk(&app, &root, second_day, 50).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["user_id"], ada.id.as_str());
    let found = walk(&app, &root, &format!("{}{second_day}", of(&ada)), 1).await;
    assert_eq!(actions(&found), ["signup:succeeded"]);
    let until = "&until=2026-01-02T00:00:00Z&action=signup:succeeded";
    assert_eq!(walk(&app, &root, until, 50).await.len(), 1, "the end is not included");
    let since = "&since=2026-01-02T00:00:00Z&action=signup:succeeded";
    assert_eq!(walk(&app, &root, since, 50).await.len(), 2, "the start is included");
    let none = "&since=2026-01-03T00:00:00Z&until=2026-01-02T00:00:00Z";
    assert!(walk(&app, &root, none, 50).await.is_empty());
}

#[tokio::test]
async fn bad_questions_are_refused() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    for query in [
        "user=nonsense",
        "action=signin:unheard-of",
        "since=yesterday",
        "until=2026-13-01T00:00:00Z",
        "limit=0",
        "limit=201",
        "cursor=nonsense",
        "cursor=bm9uc2Vuc2U",
    ] {
        let response = get(&app, &format!("/v1/audit?{query}"), &root).await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (400, "invalid_request"), "{query}");
    }
    let ada = sign_up(&app, "ada@example.com").await;
    assert_eq!(get(&app, "/v1/audit", &ada).await.code(), "permission_denied");
}
