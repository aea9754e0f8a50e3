//! `POST /v1/token/refresh`.

use std::time::Duration;

use jsonwebtoken::dangerous::insecure_decode;
use latchkey_core::account::{Authority, Status};
use latchkey_core::audit::{Action, Requester};
use latchkey_http::Function;
use latchkey_testkit::people::{
    PASSWORD, Person, check, cookie, events, get, grant, post, refresh, refresh_request, sign_in, sign_up,
};
use latchkey_testkit::{TestApp, TestAppBuilder, TestRequest, TestResponse};
use serde_json::{Value, json};

/// Refresh, and the operations that show the effects of its rules.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_permission_check::function())
        .merge(latchkey_session::function())
        .merge(latchkey_signin::function())
        .merge(latchkey_signup::function())
}

async fn start(builder: TestAppBuilder) -> TestApp {
    builder.start(operations()).await
}

async fn app() -> TestApp {
    start(TestApp::unlimited()).await
}

const WINDOW: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_millis(1);
/// Remainder of a day after an hour, a window and a moment.
const LAST: Duration =
    DAY.saturating_sub(Duration::from_hours(1)).saturating_sub(WINDOW).saturating_sub(MOMENT);

fn refused(response: &TestResponse) -> bool {
    (response.status.as_u16(), response.code().as_str()) == (401, "invalid_refresh_token")
}

#[tokio::test]
async fn each_refresh_gives_the_next_token_of_the_same_session() {
    let app = app().await;
    let mut ada = sign_up(&app, "ada@example.com").await;
    for _ in 0..5 {
        app.clock.advance(Duration::from_mins(14));
        let response = refresh(&app, &ada.refresh).await;
        assert_eq!(response.header("cache-control"), "no-store");
        let next = Person::read(&response);
        assert_ne!(next.refresh, ada.refresh);
        assert_eq!((&next.session, &next.id), (&ada.session, &ada.id));
        assert_eq!(get(&app, "/v1/session", &next).await.status, 200);
        ada = next;
    }
    assert_eq!(get(&app, "/v1/sessions", &ada).await.json()["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_response_is_given_again_for_a_day_while_its_token_was_never_presented() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let next = Person::read(&refresh(&app, &ada.refresh).await);
    for pause in [WINDOW, MOMENT, Duration::from_hours(1), LAST] {
        app.clock.advance(pause);
        let again = Person::read(&refresh(&app, &ada.refresh).await);
        assert_eq!(again.refresh, next.refresh);
        assert_eq!(get(&app, "/v1/session", &again).await.status, 200);
    }
    assert!(events(&app, Action::TokenReused).await.is_empty());
    app.clock.advance(MOMENT);
    assert!(refused(&refresh(&app, &ada.refresh).await));
    assert!(events(&app, Action::TokenRefused).await.is_empty(), "one event is enough");
    assert!(refused(&refresh(&app, &next.refresh).await));
    assert_eq!(events(&app, Action::TokenReused).await.len(), 1);
}

#[tokio::test]
async fn a_phone_that_loses_every_other_response_stays_signed_in() {
    let app = app().await;
    let mut ada = sign_up(&app, "ada@example.com").await;
    for _ in 0..5 {
        app.clock.advance(Duration::from_mins(14));
        let lost = Person::read(&refresh(&app, &ada.refresh).await);
        app.clock.advance(Duration::from_mins(50));
        ada = Person::read(&refresh(&app, &ada.refresh).await);
        assert_eq!(ada.refresh, lost.refresh);
    }
    assert!(events(&app, Action::TokenReused).await.is_empty());
}

#[tokio::test]
async fn a_used_token_leads_to_the_live_one_over_several_refreshes() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let mut live = ada.clone();
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(2));
        live = Person::read(&refresh(&app, &live.refresh).await);
    }
    assert_eq!(Person::read(&refresh(&app, &ada.refresh).await).refresh, live.refresh);
}

#[tokio::test]
async fn a_used_token_whose_next_one_was_presented_ends_the_session_for_both_holders() {
    let app = app().await;
    let elsewhere = sign_up(&app, "ada@example.com").await;
    let stolen = sign_in(&app, "ada@example.com").await;
    let next = Person::read(&refresh(&app, &stolen.refresh).await);
    let owner = Person::read(&refresh(&app, &next.refresh).await);
    app.clock.advance(WINDOW + MOMENT);
    assert!(refused(&refresh(&app, &stolen.refresh).await));
    assert!(refused(&refresh(&app, &owner.refresh).await));
    for holder in [&stolen, &owner] {
        assert_eq!(get(&app, "/v1/session", holder).await.code(), "session_ended");
    }
    let reused = events(&app, Action::TokenReused).await;
    assert_eq!(reused.len(), 1, "the second refusal is not a reuse, because the session is gone");
    assert_eq!(reused[0].user_id, Some(owner.user_id()));
    assert_eq!(reused[0].resource, Some(format!("session:{}", owner.session)));
    assert_eq!(refresh(&app, &elsewhere.refresh).await.status, 200, "other sessions live");
}

#[tokio::test]
async fn the_window_is_not_prolonged_by_asking_again() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let next = Person::read(&refresh(&app, &ada.refresh).await);
    refresh(&app, &next.refresh).await;
    for _ in 0..2 {
        app.clock.advance(Duration::from_secs(5));
        assert_eq!(refresh(&app, &ada.refresh).await.status, 200);
    }
    app.clock.advance(MOMENT);
    assert!(refused(&refresh(&app, &ada.refresh).await));
}

#[tokio::test]
async fn changed_roles_show_at_the_next_refresh() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let roles = |person: &Person| insecure_decode::<Value>(&person.access).unwrap().claims["roles"].clone();
    assert_eq!(roles(&ada), json!(["user"]));
    grant(&app, &ada, "content-editor").await;
    let next = Person::read(&refresh(&app, &ada.refresh).await);
    assert_eq!(roles(&next), json!(["content-editor", "user"]));
    let body = json!({"permission": "products:create"});
    assert_eq!(check(&app, &next, &body).await.json()["allowed"], true);
}

#[tokio::test]
async fn a_browser_refreshes_by_its_cookie() {
    let app = app().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let signed_up = app.send(TestRequest::post("/v1/signup", &body)).await;
    let by_cookie = |token: &str| {
        TestRequest::new("POST".parse().unwrap(), "/v1/token/refresh")
            .header("cookie", &format!("__Host-latchkey-refresh={token}"))
            .header("sec-fetch-site", "same-origin")
    };
    let first = cookie(&signed_up, "__Host-latchkey-refresh");
    let response = app.send(by_cookie(&first)).await;
    assert_eq!(response.status, 200, "{}", response.json());
    assert_eq!(response.text("refresh_token"), "", "a token from a cookie is returned in a cookie");
    let second = cookie(&response, "__Host-latchkey-refresh");
    assert!(second.starts_with("lkr_") && second != first);

    assert_eq!(app.send(by_cookie(&second)).await.status, 200);
    app.clock.advance(WINDOW + MOMENT);
    let refusal = app.send(by_cookie(&first)).await;
    assert!(refused(&refusal));
    for name in ["__Host-latchkey-access", "__Host-latchkey-refresh"] {
        assert!(refusal.set_cookie(name).unwrap().contains("Max-Age=0"), "{name} is useless now");
    }
}

#[tokio::test]
async fn without_a_token_nobody_is_signed_in() {
    let app = app().await;
    let nothing = TestRequest::new("POST".parse().unwrap(), "/v1/token/refresh");
    assert_eq!(app.send(nothing.clone()).await.code(), "not_signed_in");
    // An empty body counts as absent, whatever its headers announce.
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("content-length", "0"),
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
    ] {
        let response = app.send(nothing.clone().header(name, value)).await;
        let code = response.code();
        assert_eq!((response.status.as_u16(), code.as_str()), (401, "not_signed_in"), "{name}: {value}");
    }
    assert_eq!(app.send(nothing.bytes(b"{}".to_vec())).await.status, 415, "no content type");
}

#[tokio::test]
async fn an_ended_session_refreshes_no_more() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    assert_eq!(post(&app, "/v1/signout", &ada).await.status, 204);
    assert!(refused(&refresh(&app, &ada.refresh).await));

    let ada = sign_in(&app, "ada@example.com").await;
    let (by, from) = (Authority::Operator, Requester::default());
    for status in [Status::Disabled, Status::Active] {
        app.services.users.set_status(ada.user_id(), status, by, &from).await.unwrap();
        assert!(refused(&refresh(&app, &ada.refresh).await), "{status:?}");
    }
    let ada = sign_in(&app, "ada@example.com").await;
    app.services.users.delete(ada.user_id(), by, &from).await.unwrap();
    assert!(refused(&refresh(&app, &ada.refresh).await));
    assert!(events(&app, Action::TokenReused).await.is_empty());
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let cut = &ada.refresh[..ada.refresh.len() - 1];
    let longer = format!("{}A", ada.refresh);
    for token in ["", "lkr_", "nonsense", ada.access.as_str(), cut, longer.as_str(), "lkr_\u{0}", "é"] {
        assert!(refused(&refresh(&app, token).await), "{token}");
    }
    let as_bearer = get(&app, "/v1/session", &Person { access: ada.refresh.clone(), ..ada.clone() }).await;
    assert_eq!(as_bearer.code(), "invalid_token", "a refresh token opens nothing else");
    assert_eq!(refresh(&app, &ada.refresh).await.status, 200);
}

#[tokio::test]
async fn who_knows_a_session_cannot_make_up_an_old_token_of_it() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let live = Person::read(&refresh(&app, &ada.refresh).await);
    app.clock.advance(WINDOW + MOMENT);
    // The first 48 characters after the prefix encode the user, the session and the generation; the secret
    // follows. The tag at the end stays.
    let forged = format!("{}{}{}", &ada.refresh[..52], "A".repeat(40), &ada.refresh[92..]);
    assert_eq!(forged.len(), ada.refresh.len());
    assert!(refused(&refresh(&app, &forged).await));
    assert!(events(&app, Action::TokenReused).await.is_empty());
    assert_eq!(refresh(&app, &live.refresh).await.status, 200, "the session lives");
}

#[tokio::test]
async fn good_refreshes_in_a_loop_are_counted_by_the_meter_of_their_session() {
    let app = start(TestApp::builder()).await;
    let mut ada = sign_up(&app, "ada@example.com").await;
    let other = sign_in(&app, "ada@example.com").await;
    for n in 0..600 {
        let response = refresh(&app, &ada.refresh).await;
        assert_eq!(response.status, 200, "{n}");
        ada = Person::read(&response);
    }
    let response = refresh(&app, &ada.refresh).await;
    assert_eq!((response.status.as_u16(), response.code().as_str()), (429, "rate_limited"));
    assert_eq!((response.header("retry-after"), response.header("ratelimit-limit")), ("1", "600"));
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 429, "one meter for all requests of a session");
    assert_eq!(refresh(&app, &other.refresh).await.status, 200, "another session goes on");
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(refresh(&app, &ada.refresh).await.status, 200, "the token is still good");
}

#[tokio::test]
async fn only_bad_tokens_are_counted() {
    let app = start(TestApp::builder()).await;
    let mut ada = sign_up(&app, "ada@example.com").await;
    for _ in 0..70 {
        ada = Person::read(&refresh(&app, &ada.refresh).await);
    }
    for _ in 0..60 {
        assert!(refused(&refresh(&app, "nonsense").await));
    }
    let response = app.send(refresh_request("nonsense")).await;
    assert_eq!((response.status.as_u16(), response.header("retry-after")), (429, "60"));
    assert_eq!(refresh(&app, &ada.refresh).await.status, 200, "a good one still passes");
}
