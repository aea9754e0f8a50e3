//! The whole service as a Worker in workerd, over D1 and KV. `tests/workers/run` starts it, and says which of these fit how
//! it started.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use latchkey_core::port::Fetch;
use latchkey_native::HttpFetch;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

const PASSWORD: &str = "seven green boats at noon";
const LONG: Duration = Duration::from_mins(3);

/// Wrangler's own proxy in front of the Worker drops some of a few hundred connections at once.
static CONNECTIONS: Semaphore = Semaphore::const_new(32);

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
}

impl Service {
    fn new() -> Self {
        let url =
            std::env::var("LATCHKEY_WORKER_URL").unwrap_or_else(|_| panic!("run this by tests/workers/run"));
        Self { client: Arc::new(HttpFetch::new()), url }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Bytes::new()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            serde_json::to_vec(body).unwrap().into()
        };
        let _connection = CONNECTIONS.acquire().await.unwrap();
        let request = request.body(body).unwrap();
        for _ in 0..5 {
            let response = self.client.fetch(request.clone(), LONG).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
            // The proxy again, which asks for another try; a Worker's own answer is a problem, never text.
            if !body.as_str().is_some_and(|text| text.starts_with("Your worker restarted mid-request")) {
                return Answer { status: parts.status, headers: parts.headers, body };
            }
        }
        panic!("wrangler's proxy dropped a request five times")
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], &body).await
    }

    async fn sign_up(&self, email: &str) -> Answer {
        let body = json!({ "email": email, "password": PASSWORD, "transport": "bearer" });
        // A burst of hashes is told to come again.
        loop {
            let answer = self.post("/v1/signup", body.clone()).await;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE || answer.text("code") != "unavailable" {
                return answer;
            }
            assert!(answer.headers.contains_key(header::RETRY_AFTER));
        }
    }

    async fn check(&self, token: &str, fresh: bool) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = json!({ "permission": "products:read", "fresh": fresh });
        self.send(Method::POST, "/v1/permissions/check", &[("authorization", &bearer)], &body).await
    }
}

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
    async fn of_200_sign_ups_with_one_address_one_makes_the_account() {
        let (service, email) = (Service::new(), fresh("race"));
        let answers = together((0..200).map(|_| {
            let (service, email) = (service.clone(), email.clone());
            async move { service.sign_up(&email).await }
        }))
        .await;
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_burst_of_sign_ins_is_answered_and_a_check_meanwhile_too() {
        let (service, email) = (Service::new(), fresh("burst"));
        let begun = service.sign_up(&email).await;
        let token = begun.text("access_token").to_owned();
        let callers = vec![(service.clone(), email.clone()); 100];
        let burst = tokio::spawn(together(callers.into_iter().map(|(service, email)| async move {
            service.post("/v1/signin", json!({ "email": email, "password": PASSWORD })).await
        })));
        for fresh in [false, true, false, true] {
            let checked = service.check(&token, fresh).await;
            assert_eq!(checked.status, StatusCode::OK, "{}", checked.body);
        }
        let answers = burst.await.unwrap();
        let served = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
        for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
            assert!(answer.headers.contains_key(header::RETRY_AFTER));
        }
        println!("{served} of 100 sign-ins were served, the others told to come again");
        assert!(served >= 32, "{served}");
        assert_eq!(
            service.post("/v1/signin", json!({ "email": email, "password": PASSWORD })).await.status,
            StatusCode::OK
        );
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

/// Needs an isolate that has answered nothing yet, over a database with accounts.
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
            let answer = service.send(Method::GET, path, &[], &Value::Null).await;
            assert_eq!(
                (answer.status, answer.text("code")),
                (StatusCode::SERVICE_UNAVAILABLE, "misconfigured")
            );
            let text = answer.body.to_string();
            for inner in ["DB", "CACHE", "LATCHKEY", "binding"] {
                assert!(!text.contains(inner), "{text}");
            }
        }
    }
}
