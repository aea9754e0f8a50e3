//! The whole service as a Worker in workerd, over D1 and KV. `tests/workers/run` starts it, and says which of these fit how
//! it started.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use latchkey_core::port::Fetch;
use latchkey_native::HttpFetch;
use serde_json::{Value, json};
use tokio::sync::Notify;

const PASSWORD: &str = "seven green boats at noon";
const LONG: Duration = Duration::from_mins(3);

#[derive(Clone)]
struct Service {
    client: Arc<HttpFetch>,
    url: String,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn text(&self, member: &str) -> &str {
        self.body
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {member} in {} {}", self.status, self.body))
    }

    /// Asserts that this is the problem `code` as every problem is told: with the headers of every answer, an identifier,
    /// and nothing from within.
    fn assert_problem(&self, status: StatusCode, code: &str) {
        assert_eq!((self.status, self.text("code")), (status, code));
        for (name, value) in [
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("x-request-id", self.text("request_id")),
        ] {
            let told: Vec<_> = self.headers.get_all(name).iter().collect();
            assert_eq!(told, [value], "{name}");
        }
        let policy = self.headers.get(header::CONTENT_SECURITY_POLICY).unwrap();
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"), "{policy:?}");
        assert!(!self.text("request_id").is_empty());
        let again = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        assert_eq!(self.headers.contains_key(header::RETRY_AFTER), again.contains(&self.status));
        let text = self.body.to_string();
        for inner in ["DB", "CACHE", "LATCHKEY", "binding", "D1", "KV", "table", "UPSTASH", "Error:"] {
            assert!(!text.contains(inner), "{text}");
        }
    }
}

impl Service {
    fn new() -> Self {
        let url =
            std::env::var("LATCHKEY_WORKER_URL").unwrap_or_else(|_| panic!("run this by tests/workers/run"));
        Self { client: Arc::new(HttpFetch::new()), url }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        // As Cloudflare does, in front of a Worker.
        request = request.header("cf-connecting-ip", "192.0.2.1");
        // workerd ends connections that are idle for 5 s, at times just when the next request is on its way.
        request = request.header(header::CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Bytes::new()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            serde_json::to_vec(body).unwrap().into()
        };
        let response = self.client.fetch(request.body(body).unwrap(), LONG).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request as it is written, on a connection of its own, and reads the answer.
    fn by_hand(&self, request: &str) -> Answer {
        let mut answer = BufReader::new(self.sent_by_hand(request));
        let mut lines = answer.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        // The connection stays open for a while.
        let length = headers.get(header::CONTENT_LENGTH).unwrap().to_str().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        answer.read_exact(&mut body).unwrap();
        Answer { status, headers, body: serde_json::from_slice(&body).unwrap() }
    }

    fn sent_by_hand(&self, request: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        connection
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], &Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], &body).await
    }

    async fn sign_up(&self, email: &str) -> Answer {
        let body = json!({ "email": email, "password": PASSWORD, "transport": "bearer" });
        self.post("/v1/signup", body).await
    }

    async fn sign_in(&self, email: &str) -> Answer {
        self.post("/v1/signin", json!({ "email": email, "password": PASSWORD })).await
    }

    async fn check(&self, token: &str, fresh: bool) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = json!({ "permission": "products:read", "fresh": fresh });
        self.send(Method::POST, "/v1/permissions/check", &[("authorization", &bearer)], &body).await
    }
}

/// How many requests workerd is sent at one moment, each on a connection of its own. With 200 on a busy machine it ends some
/// of the connections before it has looked at them.
const AT_ONCE: usize = 100;

/// Runs them at once.
async fn together<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// An address that no other test and no other run uses.
fn fresh(name: &str) -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{name}-{:016x}@example.com", RandomState::new().hash_one(name))
}

mod races {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_200_sign_ups_with_one_address_100_at_once_one_makes_the_account() {
        let (service, email) = (Service::new(), fresh("race"));
        let (mut answers, mut waves) = (Vec::new(), 0);
        while answers.len() < 200 {
            let wave = together((answers.len()..200).take(AT_ONCE).map(|_| {
                let (service, email) = (service.clone(), email.clone());
                async move { service.sign_up(&email).await }
            }));
            // Who finds no place for their hash is told to come again, and does so with all the others.
            let busy = |answer: &Answer| answer.status == StatusCode::SERVICE_UNAVAILABLE;
            let (refused, done): (Vec<_>, Vec<_>) = wave.await.into_iter().partition(busy);
            assert!(!done.is_empty());
            for answer in &refused {
                answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
            }
            answers.extend(done);
            waves += 1;
        }
        println!("200 sign-ups took {waves} waves");
        let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
        let taken = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT).count();
        assert_eq!((made, taken), (1, 199));
        assert!(answers.iter().all(|a| a.status == StatusCode::CREATED || a.text("code") == "email_taken"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_50_refreshes_with_one_token_all_get_the_same_successor() {
        let service = Service::new();
        let begun = service.sign_up(&fresh("refresh")).await;
        let token = begun.text("refresh_token").to_owned();
        let answers = together((0..50).map(|_| {
            let (service, token) = (service.clone(), token.clone());
            async move { service.post("/v1/token/refresh", json!({ "refresh_token": token })).await }
        }))
        .await;
        let successors: BTreeSet<_> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
        assert_eq!(successors.len(), 1);
        assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    }
}

mod requests {
    use super::*;

    #[tokio::test]
    async fn a_revocation_shows_at_once_where_it_is_asked_for() {
        let service = Service::new();
        let begun = service.sign_up(&fresh("revoked")).await;
        let token = begun.text("access_token").to_owned();
        assert_eq!(service.check(&token, false).await.status, StatusCode::OK);
        let bearer = format!("Bearer {token}");
        let out =
            service.send(Method::POST, "/v1/signout", &[("authorization", &bearer)], &Value::Null).await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
        let after = service.check(&token, true).await;
        assert_eq!((after.status, after.text("code")), (StatusCode::UNAUTHORIZED, "session_ended"));
    }

    #[tokio::test]
    async fn two_cookies_arrive_as_two() {
        let service = Service::new();
        let answer =
            service.post("/v1/signup", json!({ "email": fresh("cookies"), "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let cookies: Vec<_> = answer.headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies.len(), 2, "{cookies:?}");
    }

    #[tokio::test]
    async fn an_address_that_is_too_long_is_answered_as_any_problem_is() {
        let service = Service::new();
        // The client's crate takes no such address either.
        let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(66_000));
        service.by_hand(&request).assert_problem(StatusCode::BAD_REQUEST, "invalid_request");
    }

    /// The head of a sign-in, for a body that is sent in this way.
    fn sign_in_with(framing: &str) -> String {
        format!(
            "POST /v1/signin HTTP/1.1\r\nHost: a\r\nCF-Connecting-IP: 192.0.2.1\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        )
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_read_piece_by_piece_up_to_the_limit() {
        let service = Service::new();
        let head = sign_in_with("Transfer-Encoding: chunked");
        let body = json!({ "email": fresh("nobody"), "password": PASSWORD }).to_string();
        let (one, two) = body.split_at(9);
        let pieces = format!("{head}9\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", two.len());
        service.by_hand(&pieces).assert_problem(StatusCode::UNAUTHORIZED, "invalid_credentials");
        let spaces = format!("{head}10001\r\n{}\r\n0\r\n\r\n", " ".repeat(64 * 1024 + 1));
        service.by_hand(&spaces).assert_problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_harms_nothing() {
        let service = Service::new();
        for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
            drop(service.sent_by_hand(&format!("{}2\r\n{{\"", sign_in_with(framing))));
            assert_eq!(service.get("/health").await.status, StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn a_header_that_is_not_ascii_harms_nothing() {
        let service = Service::new();
        let request = Request::get(format!("{}/health", service.url));
        let odd = http::HeaderValue::from_bytes(b"caf\xe9 \xff").unwrap();
        let request = request.header(header::USER_AGENT, odd).body(Bytes::new()).unwrap();
        assert_eq!(service.client.fetch(request, LONG).await.unwrap().status(), StatusCode::OK);
    }
}

/// Needs the default strength of hashes, and limits that let 100 pass.
mod burst {
    use super::*;

    /// How many requests may wait for their hash, in `adapters/hasher.rs`.
    const PLACES: usize = 32;
    /// What Cloudflare gives an isolate, in bytes.
    const ISOLATE: u64 = 128 << 20;

    /// The most that workerd has ever had in memory, in bytes: this Worker, D1, KV and itself.
    fn peak() -> u64 {
        let process =
            std::env::var("LATCHKEY_WORKERD").unwrap_or_else(|_| panic!("run this by tests/workers/run"));
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        kib.unwrap().parse::<u64>().unwrap() * 1024
    }

    /// All 100 are sent at once, each on a connection of its own.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_100_sign_ins_at_once_those_without_a_place_are_told_so_and_a_check_overtakes_the_others() {
        let (service, email) = (Service::new(), fresh("burst"));
        let begun = service.sign_up(&email).await;
        let token = begun.text("access_token").to_owned();
        assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
        let before = peak();

        let (answered, first) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let callers =
            vec![(service.clone(), email.clone(), Arc::clone(&answered), Arc::clone(&first)); AT_ONCE];
        let burst =
            tokio::spawn(together(callers.into_iter().map(|(service, email, answered, first)| async move {
                let answer = service.sign_in(&email).await;
                answered.fetch_add(1, Ordering::SeqCst);
                first.notify_one();
                answer
            })));
        // One answer says that the burst has reached the Worker.
        first.notified().await;
        let checks = [false, true].map(|fresh| {
            let (service, token, answered) = (service.clone(), token.clone(), Arc::clone(&answered));
            async move { (fresh, service.check(&token, fresh).await, answered.load(Ordering::SeqCst)) }
        });
        for (fresh, checked, answered) in together(checks.into_iter()).await {
            assert_eq!(checked.status, StatusCode::OK, "{}", checked.body);
            println!("a check (fresh: {fresh}) was answered when {answered} of {AT_ONCE} sign-ins were");
            assert!(answered < AT_ONCE, "no sign-in was waiting any more");
        }

        let answers = burst.await.unwrap();
        let (served, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == StatusCode::OK);
        for answer in &refused {
            answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        }
        let Some(wasm) = service.get("/harness/memory").await.body.as_u64() else { panic!("no size") };
        let grown = peak() - before;
        println!(
            "of 100 sign-ins at once {} were served and {} told to come again; the Worker's memory is {} KiB, and workerd \
             as a whole grew by {} KiB",
            served.len(),
            refused.len(),
            wasm / 1024,
            grown / 1024
        );
        assert!(served.len() >= PLACES, "{} were served", served.len());
        assert!(!refused.is_empty(), "there were more than {PLACES} at once");
        // WebAssembly's memory never shrinks: this is its peak.
        assert!(wasm + grown < ISOLATE, "{wasm} and {grown} bytes");
        assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
    }
}

/// Needs the default limits, and nobody else who signs up.
mod limits {
    use super::*;

    #[tokio::test]
    async fn spoofed_addresses_do_not_move_the_limit() {
        let service = Service::new();
        let mut statuses = Vec::new();
        for n in 1..=4 {
            let address = format!("203.0.113.{n}");
            let body = json!({ "email": fresh(&format!("spoof{n}")), "password": PASSWORD });
            let headers = [
                ("x-forwarded-for", &*address),
                ("x-real-ip", &*address),
                ("forwarded", &*format!("for={address}")),
                ("true-client-ip", &*address),
            ];
            statuses.push(service.send(Method::POST, "/v1/signup", &headers, &body).await.status.as_u16());
        }
        assert_eq!(statuses, [201, 201, 201, 429]);
    }
}

/// Needs an isolate that has answered nothing yet, over a database with an account.
mod cold {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn first_requests_at_once_all_get_what_they_need() {
        let service = Service::new();
        let token = std::env::var("LATCHKEY_TOKEN").unwrap();
        let answers = together((0..20).map(|_| {
            let (service, token) = (service.clone(), token.clone());
            async move { service.check(&token, false).await.status }
        }))
        .await;
        assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");
    }
}

/// Needs the example of docs/examples/service-binding in front of a permission check that has answered nothing yet, and
/// somebody's token.
mod binding {
    use super::*;

    /// Whoever signs up may read products and not delete them.
    #[tokio::test]
    async fn a_worker_protects_its_routes_over_a_service_binding() {
        let service = Service::new();
        let token = std::env::var("LATCHKEY_TOKEN").unwrap();
        let bearer = format!("Bearer {token}");
        let ask = async |method: Method, headers: &[(&str, &str)]| {
            service.send(method, "/products/1", headers, &Value::Null).await
        };

        let nobody = ask(Method::GET, &[]).await;
        assert_eq!((nobody.status, nobody.text("code")), (StatusCode::UNAUTHORIZED, "not_signed_in"));
        let forged = ask(Method::GET, &[("authorization", &format!("{bearer}x"))]).await;
        assert_eq!((forged.status, forged.text("code")), (StatusCode::UNAUTHORIZED, "invalid_token"));
        let cookie = format!("latchkey-access={token}");
        for headers in [[("authorization", &*bearer)], [("cookie", &*cookie)]] {
            let allowed = ask(Method::GET, &headers).await;
            assert_eq!((allowed.status, allowed.text("done")), (StatusCode::OK, "products:read"));
            assert_eq!(allowed.body.get("roles"), Some(&json!(["user"])));
            assert!(allowed.text("by").len() > 10, "{}", allowed.body);
        }
        let denied = ask(Method::DELETE, &[("authorization", &bearer)]).await;
        assert_eq!((denied.status, denied.text("code")), (StatusCode::FORBIDDEN, "permission_denied"));
    }
}

/// Needs a Worker that lacks something.
mod misconfigured {
    use super::*;

    #[tokio::test]
    async fn every_request_is_told_that_the_service_is_not_set_up() {
        let service = Service::new();
        for path in ["/health", "/v1/session", "/nowhere"] {
            service.get(path).await.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "misconfigured");
        }
    }
}

/// Needs a database without tables.
mod tables {
    use super::*;

    #[tokio::test]
    async fn without_tables_a_sign_up_is_told_to_come_again() {
        let service = Service::new();
        let body = json!({ "email": fresh("tables"), "password": PASSWORD });
        for _ in 0..2 {
            let answer = service.post("/v1/signup", body.clone()).await;
            answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        }
    }
}

/// Needs the door of `harness/entry.mjs`, and limits that let a dozen pass.
mod stores {
    use super::*;

    #[tokio::test]
    async fn while_d1_fails_nobody_signs_in_and_after_it_everybody_does() {
        let (service, email) = (Service::new(), fresh("d1"));
        assert_eq!(service.sign_up(&email).await.status, StatusCode::CREATED);
        service.get("/harness/break/DB").await;
        for _ in 0..3 {
            service.sign_in(&email).await.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        }
        service.get("/harness/mend/DB").await;
        assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
    }

    /// Roles are read from D1 then.
    #[tokio::test]
    async fn while_kv_fails_everything_is_answered() {
        let (service, email) = (Service::new(), fresh("kv"));
        service.get("/harness/break/CACHE").await;
        let begun = service.sign_up(&email).await;
        assert_eq!(begun.status, StatusCode::CREATED);
        for fresh in [false, true] {
            let checked = service.check(begun.text("access_token"), fresh).await;
            assert_eq!(checked.status, StatusCode::OK, "{}", checked.body);
        }
        service.get("/harness/mend/CACHE").await;
    }
}

/// Needs counters in a Redis that nobody serves, and the default limits.
mod upstash {
    use super::*;

    #[tokio::test]
    async fn without_redis_people_sign_in_and_quotas_hold_in_process() {
        let (service, email) = (Service::new(), fresh("upstash"));
        assert_eq!(service.sign_up(&email).await.status, StatusCode::CREATED);
        assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
        for n in 0..2 {
            assert_eq!(service.sign_up(&fresh(&format!("upstash{n}"))).await.status, StatusCode::CREATED);
        }
        let fourth = service.sign_up(&fresh("fourth")).await;
        fourth.assert_problem(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
    }
}

/// Needs the door of `harness/entry.mjs`, the default strength of hashes, and an isolate that has made none yet.
mod aborted {
    use super::*;

    /// Memory that cannot be had aborts Rust, as a panic does.
    #[tokio::test]
    async fn after_an_abort_the_next_request_finds_a_new_instance() {
        let (service, email) = (Service::new(), fresh("aborted"));
        assert_eq!(service.get("/health").await.status, StatusCode::OK);
        service.get("/harness/exhaust").await;
        let body = json!({ "email": email, "password": PASSWORD });
        let aborted = service.post("/v1/signup", body).await;
        assert_eq!(aborted.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", aborted.body);
        assert_eq!(service.sign_up(&email).await.status, StatusCode::CREATED);
        assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
    }
}
