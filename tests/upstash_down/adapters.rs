//! The two ports over a fake Upstash.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::AUTHORIZATION;
use latchkey_core::Timestamp;
use latchkey_core::port::{CacheStore, Counters, StoreError, Window};
use latchkey_upstash::{Breaker, DEADLINE, MAX_VALUE, UpstashCache, UpstashCounters};
use serde_json::Value;

use crate::fake::{Fake, Mood, TOKEN, settings};

const URL: &str = "https://eu1-example-12345.upstash.io";

struct Ports {
    fake: Arc<Fake>,
    counters: UpstashCounters,
    cache: UpstashCache,
}

fn ports(mood: Mood) -> Ports {
    let (fake, breaker) = (Fake::new(mood), Arc::new(Breaker::new()));
    let counters =
        UpstashCounters::new(settings(URL), Arc::<Fake>::clone(&fake), Arc::<Breaker>::clone(&breaker));
    let cache = UpstashCache::new(settings(URL), Arc::<Fake>::clone(&fake), breaker);
    Ports { fake, counters, cache }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs)
}

fn window(key: &str) -> Window {
    Window { key: key.to_owned(), limit: 3, length: Duration::from_mins(15) }
}

fn why<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// Returns every way to fail, with a part of its error text.
fn faults() -> Vec<(Mood, &'static str)> {
    let html = "<html><body>502 Bad Gateway</body></html>";
    vec![
        (Mood::Down, "connection refused"),
        (Mood::Slow, "no response within 240ms"),
        (Mood::Huge, "larger than"),
        (Mood::says(401, r#"{"error":"WRONGPASS invalid or missing auth token"}"#), "refuses the token"),
        (Mood::says(400, r#"{"error":"ERR max requests limit exceeded"}"#), "max requests limit exceeded"),
        (Mood::says(400, r#"{"error":"NOPERM this user has no permissions"}"#), "not the read-only one"),
        (Mood::says(500, "oh no"), "status 500"),
        (Mood::says(502, html), "status 502"),
        (Mood::says(302, ""), "status 302"),
        (Mood::says(200, html), "not Upstash's"),
        (Mood::says(200, ""), "not Upstash's"),
        (Mood::says(200, r#"{"result":"#), "not Upstash's"),
        (Mood::says(200, r#"{"result":{"no":"result"}}"#), "not Upstash's"),
        (Mood::says(200, r#"{"result":[1,0,1,1]}"#), "not Upstash's"),
        (Mood::says(200, &format!(r#"{{"result":[{}1]}}"#, "1,".repeat(300_000))), "not Upstash's"),
        (Mood::says(200, &"[".repeat(500_000)), "not Upstash's"),
    ]
}

#[tokio::test]
async fn every_fault_is_told_with_its_cause_and_without_the_token() {
    for (mood, part) in faults() {
        let asked = why(ports(mood.clone()).counters.hit(&[], at(0)).await);
        let ports = ports(mood.clone());
        let told = [
            asked,
            why(ports.counters.hit(&[window("k")], at(0)).await),
            why(ports.cache.get("k", at(0)).await),
            why(ports.cache.put("k", "v", Duration::from_mins(1), at(0)).await),
        ];
        for told in told {
            assert!(told.starts_with("Upstash: ") && told.contains(part), "{part}: {told}");
            assert!(!told.contains(TOKEN), "{told}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_sent_back_is_not_told_on() {
    let ports = ports(Mood::says(400, &format!(r#"{{"error":"ERR no such token: {TOKEN}"}}"#)));
    for _ in 0..5 {
        let told = why(ports.counters.hit(&[window("k")], at(0)).await);
        assert!(told.contains("ERR no such token: [token]") && !told.contains(TOKEN), "{told}");
    }
    let printed = format!("{:?} {:?} {:?}", ports.counters, ports.cache, ports.fake.requests());
    assert!(!printed.contains(TOKEN), "{printed}");
}

#[tokio::test]
async fn a_hit_on_several_windows_is_one_small_request() {
    let ports = ports(Mood::Well);
    let half_a_digest = "AAAAAAAAAAAAAAAAAAAAAA";
    let windows = [
        window(&format!("signup:address:{half_a_digest}")),
        window(&format!("signup_email:email:{half_a_digest}")),
    ];
    ports.counters.hit(&windows, at(0)).await.unwrap();
    let [request] = &ports.fake.requests()[..] else { panic!("not one request") };
    assert_eq!((request.method(), request.uri().to_string()), (&Method::POST, format!("{URL}/")));
    assert_eq!(request.headers()[AUTHORIZATION], format!("Bearer {TOKEN}"));
    let command: Vec<String> = serde_json::from_slice(request.body()).unwrap();
    assert_eq!((command[0].as_str(), command[2].as_str()), ("EVAL", "2"));
    assert_eq!(
        command[3..],
        [
            "latchkey:count:signup:address:AAAAAAAAAAAAAAAAAAAAAA",
            "latchkey:count:signup_email:email:AAAAAAAAAAAAAAAAAAAAAA",
            "1767225600000",
            "3",
            "900000",
            "3",
            "900000"
        ]
    );
    // The request takes two packets with its headers, which any connection sends together.
    assert!(request.body().len() < 1500, "{} bytes", request.body().len());
}

#[tokio::test]
async fn a_hit_on_no_windows_asks_whether_redis_answers() {
    let ports = ports(Mood::Well);
    assert_eq!(ports.counters.hit(&[], at(0)).await.unwrap(), []);
    let [request] = &ports.fake.requests()[..] else { panic!("not one request") };
    assert_eq!(request.body(), r#"["PING"]"#);
}

#[tokio::test]
async fn what_breaks_the_rules_of_the_port_is_not_sent() {
    let ports = ports(Mood::Well);
    let answer = ports.counters.hit(&[window("k"), window("k")], at(0)).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    let long = "v".repeat(MAX_VALUE + 1);
    let answer = ports.cache.put("k", &long, Duration::from_mins(1), at(0)).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    assert_eq!(ports.fake.count(), 0);
}

#[tokio::test]
async fn the_longest_value_can_be_read_back() {
    // Each byte takes six bytes as JSON, which is the maximum.
    let value = "\u{1}".repeat(MAX_VALUE);
    let answer = Value::from(value.as_str());
    let body = format!(r#"{{"result":{answer}}}"#);
    assert!(body.len() < latchkey_core::port::MAX_BODY, "{}", body.len());
    let ports = ports(Mood::Says(200, body));
    assert_eq!(ports.cache.get("k", at(0)).await.unwrap(), Some(value));
}

#[tokio::test]
async fn after_three_failures_both_ports_stop_asking() {
    let ports = ports(Mood::Slow);
    why(ports.counters.hit(&[window("k")], at(0)).await);
    why(ports.cache.get("k", at(0)).await);
    why(ports.counters.hit(&[window("k")], at(0)).await);
    for secs in 0..5 {
        let told = why(ports.counters.hit(&[window("k")], at(secs)).await);
        assert!(told.contains("is not called") && told.contains("no response within"), "{told}");
        why(ports.cache.get("k", at(secs)).await);
        why(ports.cache.delete("k").await);
    }
    assert_eq!(ports.fake.count(), 3);
}

#[tokio::test]
async fn one_request_in_a_pause_tries_until_one_succeeds() {
    let ports = ports(Mood::Down);
    let mut asked = Vec::new();
    for secs in 0..20 {
        if secs == 17 {
            ports.fake.set(Mood::Well);
        }
        let before = ports.fake.count();
        for _ in 0..10 {
            let _ = ports.counters.hit(&[window("k")], at(secs)).await;
        }
        asked.push(ports.fake.count() - before);
    }
    // The store responds again from 17 on, and is called again from 20 on.
    assert_eq!(asked, [3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    for _ in 0..10 {
        ports.counters.hit(&[window("k")], at(20)).await.unwrap();
    }
    ports.cache.delete("k").await.unwrap();
    assert_eq!(ports.fake.count(), 6 + 10 + 1);
}

#[test]
fn a_decision_is_made_within_250_milliseconds() {
    assert!(DEADLINE < Duration::from_millis(250));
    assert!(DEADLINE < Breaker::PAUSE, "or two trials could be under way at once");
}
