//! How much one client may ask for, to the second.

use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use latchkey_testkit::{Call, Fault, TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{PASSWORD, app, credentials, sign_up};

const HERE: &str = "198.51.100.7";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn sign_up_from(app: &TestApp, address: &str, email: &str) -> TestResponse {
    app.send(TestRequest::post("/v1/signup", &credentials(email, PASSWORD)).peer(Some(ip(address)))).await
}

/// A wrong password for an account that is not there.
fn guess() -> TestRequest {
    TestRequest::post("/v1/signin", &credentials("nobody@example.com", "not the password"))
}

async fn guess_from(app: &TestApp, address: &str) -> u16 {
    app.send(guess().peer(Some(ip(address)))).await.status.as_u16()
}

#[track_caller]
fn assert_limited(answer: &TestResponse, limit: &str, seconds: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate_limited"), "{}", answer.json());
    assert_eq!(answer.text("detail"), format!("too many requests; try again in {seconds} s"));
    assert_eq!(answer.header("retry-after"), seconds);
    assert_eq!(answer.header("ratelimit-limit"), limit);
    assert_eq!(answer.header("ratelimit-remaining"), "0");
    assert_eq!(answer.header("ratelimit-reset"), seconds);
}

#[tokio::test]
async fn three_sign_ups_in_15_minutes_from_one_address() {
    let app = app();
    for (n, remaining) in [(0, "2"), (1, "1"), (2, "0")] {
        let answer = sign_up_from(&app, HERE, &format!("user{n}@example.com")).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
        assert_eq!(
            (answer.header("ratelimit-limit"), answer.header("ratelimit-remaining")),
            ("3", remaining)
        );
        app.clock.advance(Duration::from_mins(1));
    }
    assert_limited(&sign_up_from(&app, HERE, "user3@example.com").await, "3", "720");
    assert_eq!(sign_up_from(&app, "198.51.100.8", "user4@example.com").await.status, 201, "another address");
    app.clock.advance(Duration::from_millis(719_999));
    assert_limited(&sign_up_from(&app, HERE, "user3@example.com").await, "3", "1");
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(
        sign_up_from(&app, HERE, "user3@example.com").await.status,
        201,
        "the first has left the window"
    );
    assert_limited(&sign_up_from(&app, HERE, "user5@example.com").await, "3", "60");
}

#[tokio::test]
async fn five_sign_ups_an_hour_for_one_e_mail_address_from_anywhere() {
    let app = app();
    for n in 0..5 {
        // However it is written.
        let email = ["user@example.com", "USER@example.com", " user@Example.com "][n % 3];
        let expected = if n == 0 { 201 } else { 409 };
        let answer = sign_up_from(&app, &format!("192.0.2.{n}"), email).await;
        assert_eq!(answer.status, expected, "{}", answer.json());
    }
    assert_limited(&sign_up_from(&app, "192.0.2.9", "user@example.com").await, "5", "3600");
    assert_eq!(sign_up_from(&app, "192.0.2.9", "other@example.com").await.status, 201);
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(sign_up_from(&app, "192.0.2.9", "user@example.com").await.status, 409);
}

#[tokio::test]
async fn five_sign_ins_a_minute_from_one_address() {
    let app = app();
    sign_up(&app, "user@example.com").await;
    let right = || TestRequest::post("/v1/signin", &credentials("user@example.com", PASSWORD));
    for n in 0..5 {
        // Right and wrong ones, for any account, count alike.
        let request = if n % 2 == 0 { right() } else { guess() };
        assert_eq!(app.send(request).await.status, if n % 2 == 0 { 200 } else { 401 });
        app.clock.advance(Duration::from_secs(5));
    }
    assert_limited(&app.send(right()).await, "5", "35");
    assert_limited(&app.send(guess()).await, "5", "35");
    app.clock.advance(Duration::from_secs(35));
    assert_eq!(app.send(right()).await.status, 200);
    assert_limited(&app.send(right()).await, "5", "5");
}

#[tokio::test]
async fn ten_sign_ins_in_15_minutes_for_one_e_mail_from_anywhere_whether_or_not_it_has_an_account() {
    let app = app();
    sign_up(&app, "user@example.com").await;
    let guess = async |email: &str, n: u8| {
        let body = credentials(email, "not the password");
        app.send(TestRequest::post("/v1/signin", &body).peer(Some(IpAddr::from([192, 0, 2, n])))).await
    };
    let shown = |mut answer: TestResponse| {
        answer.headers.remove("x-request-id");
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        (answer.status.as_u16(), answer.headers, body)
    };
    for n in 0..10 {
        let (known, unknown) = (guess("user@example.com", n).await, guess("nobody@example.com", n).await);
        assert_eq!(known.status, 401, "{}", known.json());
        assert_eq!(shown(known), shown(unknown), "{n}");
        app.clock.advance(Duration::from_secs(1));
    }
    let (known, unknown) = (guess("user@example.com", 99).await, guess("nobody@example.com", 99).await);
    assert_limited(&known, "10", "890");
    assert_eq!(shown(known), shown(unknown));
    assert_limited(&guess(" USER@Example.com", 100).await, "10", "890");
    assert_eq!(guess("other@example.com", 101).await.status, 401, "another e-mail");
    app.clock.advance(Duration::from_secs(890));
    assert_eq!(guess("nobody@example.com", 102).await.status, 401, "the first has left the window");
}

#[tokio::test]
async fn fifty_sign_ins_a_day_for_one_e_mail_from_anywhere() {
    let app = app();
    for n in 0..50_u8 {
        assert_eq!(guess_from(&app, &format!("192.0.2.{n}")).await, 401, "{n}");
        app.clock.advance(Duration::from_mins(2));
    }
    let peer = Some(ip("192.0.2.99"));
    assert_limited(&app.send(guess().peer(peer)).await, "50", "80400");
    app.clock.advance(Duration::from_mins(1_340));
    assert_eq!(app.send(guess().peer(peer)).await.status, 401);
}

#[tokio::test]
async fn what_is_refused_costs_no_count_and_no_hash() {
    let app = app();
    for _ in 0..5 {
        assert_eq!(guess_from(&app, HERE).await, 401);
    }
    app.hashes.take();
    for _ in 0..20 {
        assert_eq!(guess_from(&app, HERE).await, 429);
    }
    assert_eq!(app.hashes.take(), 0);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(guess_from(&app, HERE).await, 401);
}

#[tokio::test]
async fn twenty_refused_sign_ups_in_15_minutes_leave_three_good_ones() {
    let app = app();
    let weak = || TestRequest::post("/v1/signup", &credentials("user@example.com", "password"));
    let wrong = || TestRequest::post("/v1/signup", &credentials("no address", PASSWORD));
    let none = || TestRequest::post("/v1/signup", &serde_json::json!({ "email": "user@example.com" }));
    for n in 0..20 {
        let (request, code) = match n % 3 {
            0 => (weak(), "weak_password"),
            1 => (wrong(), "invalid_email"),
            _ => (none(), "invalid_request"),
        };
        assert_eq!(app.send(request).await.code(), code);
    }
    for _ in 0..20 {
        assert_limited(&app.send(weak()).await, "20", "900");
    }
    for n in 0..3 {
        assert_eq!(sign_up_from(&app, HERE, &format!("user{n}@example.com")).await.status, 201);
    }
    assert_limited(&sign_up_from(&app, HERE, "user3@example.com").await, "3", "900");
    app.clock.advance(Duration::from_mins(15));
    assert_eq!(app.send(weak()).await.code(), "weak_password");
}

fn behind_one_proxy() -> TestApp {
    TestApp::builder().var("LATCHKEY_TRUSTED_PROXIES", "1").build(latchkey_all::function())
}

#[tokio::test]
async fn behind_one_proxy_the_entry_that_it_wrote_counts() {
    let app = behind_one_proxy();
    for n in 0..6 {
        let expected = if n < 5 { 401 } else { 429 };
        let request = guess().header("x-forwarded-for", &format!("203.0.113.{n}, 192.0.2.1"));
        assert_eq!(app.send(request).await.status, expected, "{n}");
    }
    // In a header of its own, as some proxies append.
    let own = guess().header("x-forwarded-for", "203.0.113.99").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(app.send(own).await.status, 429);
    let other = guess().header("x-forwarded-for", "192.0.2.1, 192.0.2.2");
    assert_eq!(app.send(other).await.status, 401);
}

/// Behind a CDN whose secret is configured, only what carries it came by the CDN.
#[tokio::test]
async fn around_the_cdn_no_header_names_the_client() {
    let secret = "8f1c9a520f2b4f6e9d530f5b7d8b3c11";
    let app = TestApp::builder()
        .var("LATCHKEY_TRUSTED_PROXIES", "1")
        .var("LATCHKEY_CDN_SECRET", secret)
        .build(latchkey_all::function());
    let forged = |n: u8| guess().header("x-forwarded-for", &format!("203.0.113.{n}"));
    let name = "x-latchkey-cdn-secret";
    for (n, request) in [
        forged(0),
        forged(1).header(name, "wrong"),
        forged(2).header(name, ""),
        forged(3).header(name, secret).header(name, secret),
        forged(4).header(name, &format!("{secret}0")),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(app.send(request).await.status, 401, "{n}");
    }
    // All five were one client.
    assert_eq!(app.send(forged(5)).await.status, 429);
    for n in 6..9 {
        assert_eq!(app.send(forged(n).header(name, secret)).await.status, 401, "{n}");
    }
}

#[tokio::test]
async fn an_entry_that_is_not_text_does_not_bring_the_clients_own_forward() {
    let app = behind_one_proxy();
    for n in 0..6 {
        let expected = if n < 5 { 401 } else { 429 };
        let own = guess().header("x-forwarded-for", &format!("203.0.113.{n}"));
        let request = own.header_bytes("x-forwarded-for", b"\xff, 192.0.2.1");
        assert_eq!(app.send(request).await.status, expected, "{n}");
    }
}

#[tokio::test]
async fn an_unknown_address_is_refused_and_never_uncounted() {
    for (app, header) in [
        (app(), None),
        (behind_one_proxy(), None),
        (behind_one_proxy(), Some("unknown")),
        (behind_one_proxy(), Some("192.0.2.1, ")),
        (behind_one_proxy(), Some("192.0.2.1, for=192.0.2.2")),
    ] {
        let peer = if app.services.config.trusted_proxies == 0 { None } else { Some(ip(HERE)) };
        for path in ["/v1/signin", "/v1/signup"] {
            let mut request = TestRequest::post(path, &credentials("user@example.com", PASSWORD)).peer(peer);
            if let Some(header) = header {
                request = request.header("x-forwarded-for", header);
            }
            let answer = app.send(request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "address_unknown"),
                "{path} {header:?}"
            );
        }
        assert_eq!(app.hashes.count(), 0);
    }
}

#[tokio::test]
async fn the_addresses_of_one_64_are_one_client() {
    let app = app();
    for n in 0..5 {
        assert_eq!(guess_from(&app, &format!("2001:db8:1:2:{n}:{n}::{n}")).await, 401);
    }
    for n in 5..200 {
        assert_eq!(guess_from(&app, &format!("2001:db8:1:2:{n:x}::1")).await, 429, "{n}");
    }
    assert_eq!(guess_from(&app, "2001:db8:1:3::1").await, 401, "the next /64");
}

/// A provider's customer may have 65,536 networks of the size of one client.
#[tokio::test]
async fn a_48_signs_in_up_and_back_sixteen_times_as_often_as_one_client() {
    for (path, limit) in [("/v1/signin", 5 * 16), ("/v1/signup", 3 * 16)] {
        let app = app();
        let mut admitted = 0;
        for n in 0..200 {
            let body = credentials(&format!("user{n}@example.com"), PASSWORD);
            let peer = Some(ip(&format!("2001:db8:1:{n:x}00::1")));
            let answer = app.send(TestRequest::post(path, &body).peer(peer)).await;
            admitted += u32::from(answer.status != 429);
        }
        assert_eq!(admitted, limit, "{path}");
        let body = credentials("other@example.com", PASSWORD);
        let elsewhere = TestRequest::post(path, &body).peer(Some(ip("2001:db8:2::1")));
        assert_ne!(app.send(elsewhere).await.status, 429, "{path}: another /48");
    }
    for (path, limit) in [("/v1/oauth/acme/callback", 10 * 4), ("/v1/oauth/acme/start", 60 * 4)] {
        let app = app();
        let mut admitted = 0;
        for n in 0..0x100 {
            let peer = Some(ip(&format!("2001:db8:1:{n:x}::1")));
            admitted += u32::from(app.send(TestRequest::get(path).peer(peer)).await.status != 429);
        }
        assert_eq!(admitted, limit, "{path}: a /56");
    }
}

#[tokio::test]
async fn an_ipv4_address_in_ipv6_is_that_ipv4_address() {
    let app = app();
    let spellings =
        ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207", "0:0:0:0:0:ffff:192.0.2.7", "::192.0.2.7"];
    for spelling in spellings {
        assert_eq!(guess_from(&app, spelling).await, 401);
    }
    for spelling in spellings {
        assert_eq!(guess_from(&app, spelling).await, 429, "{spelling}");
    }
    assert_eq!(guess_from(&app, "::ffff:192.0.2.8").await, 401);
}

#[tokio::test]
async fn a_session_makes_600_requests_a_minute() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let other = latchkey_tests::support::sign_in(&app, "user@example.com").await;
    let session = || app.send(TestRequest::get("/v1/session").bearer(&user.access));
    for n in 0..600 {
        assert_eq!(session().await.status, 200, "{n}");
    }
    let answer = session().await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate_limited"));
    assert_eq!((answer.header("retry-after"), answer.header("ratelimit-limit")), ("1", "600"));
    // On every route, whatever it asks for; another session of the same user goes on.
    for request in [TestRequest::get("/v1/permissions"), TestRequest::new(Method::POST, "/v1/signout")] {
        assert_eq!(app.send(request.bearer(&user.access)).await.status, 429);
    }
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&other.access)).await.status, 200);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(session().await.status, 200);
}

#[tokio::test]
async fn bad_refresh_tokens_are_counted_and_good_ones_are_not() {
    let app = app();
    let mut refresh = sign_up(&app, "user@example.com").await.refresh;
    for _ in 0..100 {
        let body = serde_json::json!({ "refresh_token": refresh });
        let answer = app.send(TestRequest::post("/v1/token/refresh", &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        refresh = answer.text("refresh_token");
    }
    let bad = || TestRequest::post("/v1/token/refresh", &serde_json::json!({ "refresh_token": "nonsense" }));
    for _ in 0..60 {
        assert_eq!(app.send(bad()).await.status, 401);
    }
    assert_limited(&app.send(bad()).await, "60", "60");
}

#[tokio::test]
async fn while_the_counters_fail_guessing_is_limited_still() {
    let app = app();
    app.counters.faults.add(Fault::unavailable().on(Call::Hit).times(1000));
    for _ in 0..5 {
        assert_eq!(guess_from(&app, HERE).await, 401);
    }
    assert_eq!(guess_from(&app, HERE).await, 429);
    assert_eq!(sign_up_from(&app, "192.0.2.1", "user@example.com").await.status, 201, "the service goes on");
}
