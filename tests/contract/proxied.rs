//! `GET /v1/authorize`, as reverse proxies ask it: which requests pass, and what a proxy gets to know.

use http::Method;
use latchkey_testkit::{Call, FRONTEND, Fault, TestRequest, TestResponse, URL};
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
async fn the_forwarded_method_and_origin_are_judged_where_a_cookie_speaks() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let forged = (403, "cross_site_request");
    let unknown = (403, "method_not_forwarded");
    for (headers, expected) in [
        // Reads pass, from wherever the link was.
        (
            &[
                ("x-forwarded-method", "GET"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ][..],
            (204, ""),
        ),
        (&[("x-forwarded-method", "HEAD"), ("origin", EVIL)], (204, "")),
        (&[("x-original-method", "GET"), ("origin", EVIL)], (204, "")),
        // Changes pass from pages of ours.
        (&[("x-forwarded-method", "POST"), ("sec-fetch-site", "same-origin"), ("origin", URL)], (204, "")),
        (&[("x-forwarded-method", "POST"), ("origin", URL)], (204, "")),
        (
            &[("x-forwarded-method", "DELETE"), ("sec-fetch-site", "same-site"), ("origin", FRONTEND)],
            (204, ""),
        ),
        (&[("x-forwarded-method", "POST"), ("sec-fetch-site", "cross-site"), ("origin", EVIL)], forged),
        (&[("x-forwarded-method", "POST"), ("sec-fetch-site", "cross-site"), ("origin", FRONTEND)], forged),
        (&[("x-original-method", "POST"), ("sec-fetch-site", "cross-site"), ("origin", EVIL)], forged),
        (&[("x-forwarded-method", "PUT"), ("origin", EVIL)], forged),
        (&[("x-forwarded-method", "PATCH"), ("origin", "null")], forged),
        (&[("x-forwarded-method", "POST")], forged),
        (&[("x-forwarded-method", "POST"), ("origin", URL), ("origin", EVIL)], forged),
        // A method of a client's own beside the proxy's makes nothing safer.
        (&[("x-forwarded-method", "GET"), ("x-original-method", "POST"), ("origin", EVIL)], forged),
        (&[("x-forwarded-method", "GET"), ("x-forwarded-method", "POST"), ("origin", EVIL)], forged),
        (&[("x-forwarded-method", "GET, POST"), ("origin", EVIL)], forged),
        (&[("x-forwarded-method", "get"), ("origin", EVIL)], forged),
        (&[("x-forwarded-method", ""), ("origin", EVIL)], forged),
        // A proxy that does not say the method asks about a change.
        (&[("sec-fetch-site", "cross-site"), ("origin", EVIL)], unknown),
        (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], unknown),
        (&[("origin", EVIL)], unknown),
        (&[("sec-fetch-site", "same-origin")], (204, "")),
        (&[], (204, "")),
    ] {
        let answer = app.send(by_cookie(&user, headers)).await;
        assert_eq!(reason(&answer), expected, "{headers:?}: {}", answer.json());
        assert_eq!(answer.header("x-latchkey-user").is_empty(), expected.0 != 204, "{headers:?}");
    }
}

#[tokio::test]
async fn a_bearer_token_passes_from_anywhere() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let request = TestRequest::get(CHECK).header("x-forwarded-method", "POST").header("origin", EVIL);
    assert_eq!(app.send(request.bearer(&user.access)).await.status, 204);
}

#[tokio::test]
async fn a_proxy_gets_204_401_or_403_and_the_reason() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let get = TestRequest::get;
    assert_eq!(reason(&app.send(get(CHECK)).await), (401, "not_signed_in"));
    assert_eq!(reason(&app.send(get(CHECK).bearer("nonsense")).await), (401, "invalid_token"));
    let denied = app.send(get("/v1/authorize?permission=users:read").bearer(&user.access)).await;
    assert_eq!(reason(&denied), (403, "permission_denied"));
    assert_eq!(denied.code(), "permission_denied");
    app.send(TestRequest::new(Method::POST, "/v1/signout").bearer(&user.access)).await;
    assert_eq!(reason(&app.send(get(CHECK).bearer(&user.access)).await), (401, "session_ended"));
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
