//! `GET /v1/authorize`, as reverse proxies ask it: what it costs, and what passes while the store is away. The rest is in
//! `authorize` of tests/e2e.

use latchkey_testkit::{Call, Fault, TestRequest, TestResponse, URL};
use latchkey_tests::support::{Person, app, sign_up};

const EVIL: &str = "https://evil.example";
const CHECK: &str = "/v1/authorize?signed_in=true";

fn by_cookie(user: &Person, headers: &[(&'static str, &str)]) -> TestRequest {
    let request =
        TestRequest::get(CHECK).header("cookie", &format!("__Host-latchkey-access={}", user.access));
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

fn reason(answer: &TestResponse) -> (u16, &str) {
    (answer.status.as_u16(), answer.header("x-latchkey-reason"))
}

#[tokio::test]
async fn a_header_that_comes_twice_makes_nothing_safer() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for headers in [
        &[("x-forwarded-method", "POST"), ("origin", URL), ("origin", EVIL)][..],
        &[("x-forwarded-method", "GET"), ("x-forwarded-method", "POST"), ("origin", EVIL)],
    ] {
        let answer = app.send(by_cookie(&user, headers)).await;
        assert_eq!(reason(&answer), (403, "cross_site_request"), "{headers:?}: {}", answer.json());
    }
}

#[tokio::test]
async fn a_page_of_many_assets_costs_no_count_and_no_round_trip() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let check = || by_cookie(&user, &[("x-forwarded-method", "GET")]);
    assert_eq!(app.send(check()).await.status, 204);
    let before = app.trips.count();
    for _ in 0..700 {
        assert_eq!(app.send(check()).await.status, 204);
    }
    assert_eq!(app.trips.count(), before);
    // The first asked the store and was counted, no other was; and a meter that is full does not stop the proxy.
    for _ in 0..599 {
        assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&user.access)).await.status, 200);
    }
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&user.access)).await.status, 429);
    assert_eq!(app.send(check()).await.status, 204);
    // State as of now asks the store each time: that is counted, and a refusal is one that a proxy understands.
    let fresh = app.send(TestRequest::get(&format!("{CHECK}&fresh=true")).bearer(&user.access)).await;
    assert_eq!(reason(&fresh), (403, "rate_limited"));
    assert!(!fresh.header("retry-after").is_empty());
}

#[tokio::test]
async fn while_the_store_is_away_what_is_remembered_passes_and_nothing_else() {
    let app = app();
    let (known, other) = (sign_up(&app, "known@example.com").await, sign_up(&app, "other@example.com").await);
    assert_eq!(app.send(TestRequest::get(CHECK).bearer(&known.access)).await.status, 204);
    app.table.faults.add(Fault::unavailable().on(Call::Get).times(100));
    assert_eq!(app.send(TestRequest::get(CHECK).bearer(&known.access)).await.status, 204);
    let answer = app.send(TestRequest::get(CHECK).bearer(&other.access)).await;
    assert_eq!(reason(&answer), (503, "unavailable"));
}
