//! The rows that each operation reads and writes on D1, held against the table of docs/costs.md. Needs the door of
//! `harness/entry.mjs`, the default limits, and a database that has the administrator `root@example.com` and was never used
//! otherwise.

use http::{Method, StatusCode};
use latchkey_core::Timestamp;
use latchkey_testkit::assert_documented;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Service};

/// Dollars for a million rows beyond those that the paid plan includes.
const READ: f64 = 0.001;
const WRITTEN: f64 = 1.00;
const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// A statement that D1 ran.
#[derive(Clone, Deserialize)]
struct Ran {
    sql: String,
    read: u64,
    written: u64,
}

struct Budget {
    service: Service,
    rows: Vec<String>,
    /// How many clients there were: each has an address of its own, whose limits nobody else counts.
    clients: u8,
}

impl Budget {
    async fn door(&self, name: &str) -> Value {
        let answer = self.service.get(&format!("/harness/{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.body);
        answer.body
    }

    /// Sets the Worker's clock ahead, and returns its time.
    async fn advance(&self, millis: i64) -> i64 {
        self.door(&format!("advance?ms={millis}")).await.as_i64().unwrap()
    }

    /// The service as the next client sees it.
    fn client(&mut self) -> Service {
        self.clients += 1;
        Service { address: format!("198.51.100.{}", self.clients), ..self.service.clone() }
    }

    /// Notes what `call` takes.
    async fn of<T>(&mut self, name: &str, call: impl Future<Output = T>) -> T {
        self.within(name, None, call).await
    }

    /// Notes what `call` takes, where chance decides about some of the rows that it reads: at most so many.
    async fn within<T>(&mut self, name: &str, most: Option<u64>, call: impl Future<Output = T>) -> T {
        self.door("rows").await;
        let answer = call.await;
        let mut batches: Vec<Vec<Ran>> = serde_json::from_value(self.door("rows").await).unwrap();
        // One sign-in in eight counts the sessions of its account at the end.
        let counts = |batch: &mut Vec<Ran>| matches!(&**batch, [ran] if ran.sql.contains("ORDER BY"));
        if name.starts_with("sign-in") {
            batches.pop_if(counts);
        }
        let (trips, statements) = (batches.len(), batches.concat());
        let sum = |part: fn(&Ran) -> u64| statements.iter().map(part).sum::<u64>();
        let (read, written, statements) = (sum(|ran| ran.read), sum(|ran| ran.written), statements.len());
        assert!(most.is_none_or(|most| read <= most), "{name}: {read} rows read");
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let dollars = most.unwrap_or(read) as f64 * READ + written as f64 * WRITTEN;
        let read = most.map_or_else(|| read.to_string(), |most| format!("at most {most}"));
        self.rows.push(format!("| {name} | {trips} | {statements} | {read} | {written} | ${dollars:.2} |"));
        answer
    }
}

/// A sign-up or a sign-in for a client without cookies.
async fn enter(service: &Service, path: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password, "transport": "bearer" });
    service.post(path, body).await
}

async fn sign_up(service: &Service, email: &str) -> Answer {
    enter(service, "/v1/signup", email, PASSWORD).await
}

async fn sign_in(service: &Service, email: &str, password: &str) -> Answer {
    enter(service, "/v1/signin", email, password).await
}

async fn refresh(service: &Service, begun: &Answer) -> Answer {
    let body = json!({ "refresh_token": begun.text("refresh_token") });
    let answer = service.post("/v1/token/refresh", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer
}

async fn bare(service: &Service, method: Method, path: &str, begun: &Answer) -> Answer {
    let bearer = format!("Bearer {}", begun.text("access_token"));
    let answer = service.send(method, path, &[("authorization", &bearer)], &Value::Null).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.body);
    answer
}

async fn check(service: &Service, begun: &Answer, fresh: bool) {
    assert_eq!(service.check(begun.text("access_token"), fresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_operation_takes_what_the_documents_say() {
    let mut budget = Budget { service: Service::new(), rows: Vec::new(), clients: 0 };
    // To noon of tomorrow, so that no day ends meanwhile.
    let now = budget.advance(0).await;
    let noon = Timestamp::from_millis(now - now % DAY + DAY + DAY / 2);
    budget.advance(noon.as_millis() - now).await;

    // The first request of an isolate reads more: the roles.
    let client = budget.client();
    let root = sign_in(&client, "root@example.com", "violet harbour tundra").await;

    let client = budget.client();
    let ada = budget.of("sign-up", sign_up(&client, "ada@example.com")).await;
    let client = budget.client();
    budget.of("sign-up, address taken", sign_up(&client, "ada@example.com")).await;
    let client = budget.client();
    let bob = sign_up(&client, "bob@example.com").await;
    let client = budget.client();
    budget.of("sign-in", sign_in(&client, "ada@example.com", PASSWORD)).await;
    budget.of("sign-in, again in the window", sign_in(&client, "ada@example.com", PASSWORD)).await;
    let client = budget.client();
    budget.of("sign-in, wrong password", sign_in(&client, "bob@example.com", "not the right one")).await;
    let client = budget.client();
    let unknown = sign_in(&client, "nobody@example.com", "not the right one");
    assert_eq!(budget.of("sign-in, unknown address", unknown).await.status, StatusCode::UNAUTHORIZED);
    let client = budget.client();
    for n in 0..5 {
        sign_in(&client, &format!("nobody{n}@example.com"), "not the right one").await;
    }
    for name in ["sign-in past the limit, the first in a minute", "sign-in past the limit"] {
        let limited = budget.of(name, sign_in(&client, "nobody@example.com", "not the right one")).await;
        assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let client = Service { address: "2001:db8::1".to_owned(), ..budget.service.clone() };
    budget.of("sign-in, from an IPv6 address", sign_in(&client, "bob@example.com", PASSWORD)).await;

    let client = budget.client();
    let next = budget.of("refresh", refresh(&client, &ada)).await;
    budget.of("refresh, same token within 10 s", refresh(&client, &ada)).await;
    budget.advance(MINUTE).await;
    budget.of("permission check, the first in a minute", check(&client, &next, false)).await;
    budget.of("permission check", check(&client, &next, false)).await;
    budget.of("permission check, fresh", check(&client, &next, true)).await;
    budget.of("session, the first in a minute", bare(&client, Method::GET, "/v1/session", &bob)).await;
    budget.of("session", bare(&client, Method::GET, "/v1/session", &bob)).await;
    budget.of("list of 3 sessions", bare(&client, Method::GET, "/v1/sessions", &next)).await;
    budget.of("sign-out", bare(&client, Method::POST, "/v1/signout", &next)).await;
    let next = sign_in(&client, "ada@example.com", PASSWORD).await;
    budget.of("sign-out of 3 sessions", bare(&client, Method::POST, "/v1/signout/all", &next)).await;

    for n in 0..9 {
        let client = budget.client();
        assert_eq!(sign_up(&client, &format!("{n}@example.com")).await.status, StatusCode::CREATED);
    }
    let client = budget.client();
    // Three for the caller, the items, and one behind each shard: which shards there are any in is up to chance.
    let page = bare(&client, Method::GET, "/v1/users", &root);
    let page = budget.within("page of 12 users", Some(3 + 12 + 8), page).await;
    assert_eq!(page.body["users"].as_array().map(Vec::len), Some(12), "{}", page.body);
    // Within one day.
    let path = format!("/v1/audit?limit=200&since={noon}");
    let page = bare(&client, Method::GET, &path, &root);
    let page = budget.within("page of 27 audit events", Some(3 + 27 + 8), page).await;
    assert_eq!(page.body["events"].as_array().map(Vec::len), Some(27), "{}", page.body);

    let service = budget.service.clone();
    service.get("/harness/scheduled").await;
    budget.of("hourly event, nothing expired", service.get("/harness/scheduled")).await;
    // Past the end of every window, also of those that began a moment ago.
    budget.advance(DAY + 60 * MINUTE).await;
    budget.of("hourly event, 50 items expired", service.get("/harness/scheduled")).await;
    assert_documented("costs.md", "on D1", &budget.rows);
}
