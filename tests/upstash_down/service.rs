//! The whole service while Upstash fails: sign-in continues, limited in process.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use latchkey_testkit::{TestApp, TestRequest};
use latchkey_upstash::{Breaker, UpstashCounters};
use serde_json::json;

use crate::fake::{Fake, Mood, TOKEN, settings};

const PASSWORD: &str = "violet harbour tundra";

fn app(mood: Mood) -> (TestApp, Arc<Fake>) {
    let fake = Fake::new(mood);
    let settings = settings("https://eu1-example-12345.upstash.io");
    let counters = UpstashCounters::new(settings, Arc::<Fake>::clone(&fake), Arc::new(Breaker::new()));
    (TestApp::builder().counters(Arc::new(counters)).build(latchkey_all::function()), fake)
}

fn sign(way: &str, email: &str, password: &str) -> TestRequest {
    let body = json!({"email": email, "password": password, "transport": "bearer"});
    TestRequest::post(&format!("/v1/{way}"), &body)
}

/// Returns every way in which Redis can fail.
fn faults() -> [Mood; 5] {
    [
        Mood::Down,
        Mood::Slow,
        Mood::says(200, "<html>welcome to the hotel's network</html>"),
        Mood::says(401, r#"{"error":"WRONGPASS invalid or missing auth token"}"#),
        Mood::says(500, ""),
    ]
}

#[tokio::test]
async fn credential_routes_stay_limited_and_redis_is_left_alone() {
    for mood in faults() {
        let (app, fake) = app(mood.clone());
        assert_eq!(app.send(sign("signup", "ada@example.com", PASSWORD)).await.status, 201, "{mood:?}");
        for _ in 0..5 {
            assert_eq!(app.send(sign("signin", "eve@example.com", "a wrong password")).await.status, 401);
        }
        let limited = app.send(sign("signin", "ada@example.com", PASSWORD)).await;
        assert_eq!((limited.status.as_u16(), limited.code().as_str()), (429, "rate_limited"), "{mood:?}");
        assert_eq!(app.services.limiter.failures(), 7, "each is counted");
        assert_eq!(fake.count(), 3, "from the third on the breaker is open");

        app.clock.advance(Duration::from_mins(1));
        assert_eq!(app.send(sign("signin", "ada@example.com", PASSWORD)).await.status, 200, "{mood:?}");
        assert_eq!(fake.count(), 4, "a trial");
        fake.set(Mood::Well);
        app.clock.advance(Breaker::PAUSE);
        for _ in 0..2 {
            assert_eq!(app.send(sign("signin", "ada@example.com", PASSWORD)).await.status, 200);
        }
        assert_eq!((fake.count(), app.services.limiter.failures()), (6, 8), "it is back");
    }
}

#[tokio::test]
async fn other_routes_go_on_unlimited() {
    let (app, fake) = app(Mood::Slow);
    for _ in 0..70 {
        let answer =
            app.send(TestRequest::post("/v1/token/refresh", &json!({"refresh_token": "nonsense"}))).await;
        assert_eq!(answer.code(), "invalid_refresh_token");
    }
    assert_eq!(fake.count(), 3);
}

#[tokio::test]
async fn an_admitted_request_is_one_request_to_redis() {
    let (app, fake) = app(Mood::Well);
    assert_eq!(app.send(sign("signup", "ada@example.com", PASSWORD)).await.status, 201);
    assert_eq!(fake.count(), 1, "by address and by e-mail, together");
    assert_eq!(app.send(sign("signin", "ada@example.com", PASSWORD)).await.status, 200);
    assert_eq!((fake.count(), app.services.limiter.failures()), (2, 0));
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A log for each test's thread.
struct ThreadLog;

impl io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn failures_are_logged_with_the_fix_and_without_the_token() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| ThreadLog).init();
    let (app, _) = app(Mood::says(401, &format!(r#"{{"error":"WRONGPASS {TOKEN}"}}"#)));
    for _ in 0..5 {
        app.send(sign("signin", "ada@example.com", PASSWORD)).await;
    }
    let log = String::from_utf8(LOG.take()).unwrap();
    assert_eq!(log.matches("the counters failed").count(), 5, "{log}");
    assert_eq!(log.matches("Upstash failed several times in a row").count(), 1, "{log}");
    assert!(log.contains("set UPSTASH_REDIS_REST_TOKEN to the REST token"), "{log}");
    assert!(!log.contains(TOKEN) && !log.contains(PASSWORD), "{log}");
}
