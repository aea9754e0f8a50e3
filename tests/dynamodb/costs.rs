//! Costs of each operation on DynamoDB and Redis: requests, capacity units and commands are counted exactly
//! and compared with the tables of docs/costs.md. Bytes are printed by `cargo test -p latchkey-tests
//! --test dynamodb costs -- --nocapture`.

#![expect(clippy::print_stdout, reason = "a table for people")]

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::account::Authority;
use latchkey_core::adapter::TableCounters;
use latchkey_core::audit::Requester;
use latchkey_testkit::{TestApp, TestRequest, TestResponse, assert_documented};
use latchkey_upstash::{Breaker, UpstashCache, UpstashCounters};
use serde_json::json;

use crate::proxy::Exchange;
use crate::redis::Redis;
use crate::support::{PASSWORD, Pair, Person, Stage, bare, refresh, signin, signup};

/// Prices in dollars in us-east-1, as in docs/costs.md.
mod price {
    /// A million requests to an HTTP API.
    pub const HTTP_API: f64 = 1.00;
    /// A million calls of a function.
    pub const CALL: f64 = 0.20;
    /// A million gigabyte-seconds of a function on arm64.
    pub const GIGABYTE_SECOND: f64 = 13.3334;
    /// A million read units, on demand.
    pub const READ: f64 = 0.125;
    /// A million write units, on demand.
    pub const WRITE: f64 = 0.625;
    /// A million commands of Upstash, pay as you go.
    pub const COMMAND: f64 = 2.00;
}

/// Returns the assumed duration in seconds and memory in gigabytes of a call.
fn assumed(hashes: bool, asks: bool) -> (f64, f64) {
    match (hashes, asks) {
        (true, _) => (0.060, 1769.0 / 1024.0),
        (false, true) => (0.020, 0.25),
        (false, false) => (0.003, 0.25),
    }
}

/// Returns true if the operation of this name hashes a password.
fn hashes(name: &str) -> bool {
    let kind = name.split(',').next().unwrap_or_default();
    matches!(kind, "sign-up" | "sign-in") && !name.contains("past the limit")
}

/// Counts requests by kind, such as `BatchGetItem, 8 × Query`. Some run at the same time, so their order has
/// no meaning.
fn counted(mut names: Vec<&str>) -> Vec<String> {
    names.sort_unstable();
    let kinds = names.chunk_by(|a, b| a == b).map(|kind| match kind {
        [name] => (*name).to_owned(),
        _ => format!("{} × {}", kind.len(), kind[0]),
    });
    kinds.collect()
}

fn dollars(amount: f64) -> String {
    format!("${:.2}", (amount * 100.0).round() / 100.0)
}

struct Costs {
    pair: Pair,
    redis: Arc<Redis>,
    lines: Vec<String>,
    /// Rows of the table in docs/costs.md.
    rows: Vec<String>,
    has_redis: bool,
}

impl Costs {
    /// Measures with limits that are counted in the process, which costs nothing and isolates the costs of
    /// the rest.
    async fn of_the_rest() -> Self {
        Self {
            pair: Pair::on(Stage::new().await, TestApp::builder).await,
            redis: Arc::default(),
            lines: Vec::new(),
            rows: Vec::new(),
            has_redis: false,
        }
    }

    /// Measures a deployment without Upstash.
    async fn over_the_table() -> Self {
        let stage = Stage::new().await;
        let counters = Arc::new(TableCounters::new(Arc::new(stage.table.clone())));
        let pair = Pair::on(stage, || TestApp::builder().counters(counters.clone())).await;
        Self { pair, redis: Arc::default(), lines: Vec::new(), rows: Vec::new(), has_redis: false }
    }

    /// Measures a deployment with Upstash.
    async fn over_upstash() -> Self {
        let (redis, breaker) = (Arc::<Redis>::default(), Arc::new(Breaker::new()));
        let (settings, fetch) = (Redis::settings(), || Arc::<Redis>::clone(&redis));
        let counters = Arc::new(UpstashCounters::new(settings.clone(), fetch(), Arc::clone(&breaker)));
        let cache = latchkey_testkit::authentic(UpstashCache::new(settings, fetch(), breaker));
        let builder = || TestApp::builder().counters(counters.clone()).cache(cache.clone());
        let pair = Pair::on(Stage::new().await, builder).await;
        redis.take();
        Self { pair, redis, lines: Vec::new(), rows: Vec::new(), has_redis: true }
    }

    /// Sends `request` and records its costs.
    async fn of(&mut self, name: &str, request: TestRequest) -> TestResponse {
        self.pair.proxy().take();
        self.redis.take();
        let answer = self.pair.app.send(request).await;
        let (commands, exchanges) = (self.redis.take(), self.pair.proxy().take());
        let sum = |part: fn(&Exchange) -> usize| exchanges.iter().map(part).sum::<usize>();
        let units = |writes: bool| -> f64 {
            let of_kind = exchanges.iter().filter(|exchange| exchange.is_write() == writes);
            of_kind.fold(0.0, |sum, exchange| sum + exchange.units)
        };
        let (sent, received) = (sum(|it| it.sent), sum(|it| it.received));
        let (reads, writes) = (units(false), units(true));
        let (to, from) = commands.iter().fold((0, 0), |(to, from), it| (to + it.sent, from + it.received));
        assert!(to + from < 2560, "{name}: {to} bytes to Redis, {from} from it");
        self.lines.push(format!("{name:<36} {sent:>6} {received:>8} {to:>6} {from:>6}"));
        let asked = [
            counted(commands.iter().map(|command| &*command.name).collect()),
            counted(exchanges.iter().map(|exchange| &*exchange.operation).collect()),
        ];
        let billed: u32 = commands.iter().map(|command| command.billed).sum();
        self.note(name, &asked.concat(), (reads, writes), billed);
        answer
    }

    /// Records the row of an operation in docs/costs.md.
    fn note(&mut self, name: &str, asked: &[String], (reads, writes): (f64, f64), billed: u32) {
        let dynamodb = reads * price::READ + writes * price::WRITE;
        let upstash = f64::from(billed) * price::COMMAND;
        let (seconds, gigabytes) = assumed(hashes(name), !asked.is_empty());
        let lambda = price::CALL + seconds * gigabytes * price::GIGABYTE_SECOND;
        let together = dollars(dynamodb + upstash + lambda + price::HTTP_API);
        let [dynamodb, upstash, lambda] = [dynamodb, upstash, lambda].map(dollars);
        let asked = if asked.is_empty() { "none".to_owned() } else { asked.join(", ") };
        let upstash = if self.has_redis { format!(" {billed} | {upstash} |") } else { String::new() };
        self.rows.push(format!(
            "| {name} | {asked} | {reads} + {writes} | {dynamodb} |{upstash} {lambda} | **{together}** |"
        ));
    }

    /// Returns from the provider as a person, which creates an account the first time.
    async fn enter(&mut self, name: &str) {
        let start = TestRequest::get("/v1/oauth/acme/start");
        let trip = self.pair.trip("1", "eve@example.com", start).await.unwrap();
        assert_eq!(self.of(name, trip).await.status, 303);
    }

    /// Compares the recorded rows with the table of docs/costs.md that has this head.
    fn finish(self, head: &str) {
        println!("{head:<36} {:>6} {:>8} {:>6} {:>6}", "sent", "received", "to", "from");
        for line in self.lines {
            println!("{line}");
        }
        println!(
            "bytes: sent to and received from DynamoDB with headers, without TLS; to and from Upstash, bodies"
        );
        assert_documented("costs.md", head, &self.rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_takes_what_the_documents_say() {
    let mut costs = Costs::of_the_rest().await;
    let made = costs.of("sign-up", signup("ada@example.com")).await;
    let ada = Person::read(&made);
    costs.of("sign-up, address taken", signup("ada@example.com")).await;
    let signin_ada = |password| signin("ada@example.com", password);
    costs.of("sign-in", signin_ada(PASSWORD)).await;
    costs.of("sign-in, wrong password", signin_ada("not the right one")).await;
    costs.of("sign-in, unknown address", signin("eve@example.com", "not the right one")).await;
    // The state is used up in a commit of its own.
    costs.enter("first sign-in with a provider").await;
    costs.enter("sign-in with a provider").await;
    // This request also reads the roles, which are otherwise read once a minute.
    costs.pair.app.send(bare("GET", "/v1/permissions", &ada)).await;
    let next = costs.of("refresh, the first of a session", refresh(&ada.refresh)).await;
    costs.of("refresh, same token within 10 s", refresh(&ada.refresh)).await;
    // From here on the session item is larger than 1 KB.
    let next = costs.of("refresh", refresh(&Person::read(&next).refresh)).await;
    let next = Person::read(&next);

    let check = |fresh: bool| {
        bare("POST", "/v1/permissions/check", &next)
            .json(&json!({"permission": "products:read", "fresh": fresh}))
    };
    costs.pair.clock.advance(Duration::from_mins(1));
    costs.of("permission check, the first in a minute", check(false)).await;
    costs.of("permission check", check(false)).await;
    costs.of("permission check, fresh", check(true)).await;
    costs.pair.clock.advance(Duration::from_mins(1));
    costs.of("session, the first in a minute", bare("GET", "/v1/session", &next)).await;
    costs.of("session", bare("GET", "/v1/session", &next)).await;
    costs.of("list of sessions", bare("GET", "/v1/sessions", &next)).await;
    costs.of("sign-out", bare("POST", "/v1/signout", &next)).await;
    let root = costs.pair.sign_up("root@example.com").await;
    let services = &costs.pair.witness.services;
    let user = services.users.find_by_email(&"root@example.com".parse().unwrap()).await.unwrap().unwrap();
    let admin = "admin".parse().unwrap();
    services.users.grant_role(user.id, &admin, Authority::Operator, &Requester::default()).await.unwrap();
    // Three units for the caller, and half a unit for each shard of the index.
    costs.of("page of users", bare("GET", "/v1/users", &root)).await;
    costs.of("page of audit events", bare("GET", "/v1/audit?limit=5", &root)).await;
    costs.finish("limits aside");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_in_the_table_are_a_read_and_a_write_more() {
    let mut costs = Costs::over_the_table().await;
    let from = |request: TestRequest, address: &str| request.peer(Some(address.parse().unwrap()));
    // Limits by address and by e-mail: two windows in one read and one transaction.
    costs.of("sign-up", signup("ada@example.com")).await;
    // Limits by address, and twice by e-mail: three windows.
    let signin_ada = |password| signin("ada@example.com", password);
    costs.of("sign-in", signin_ada(PASSWORD)).await;
    costs.of("sign-in, again in the window", signin_ada(PASSWORD)).await;
    costs.of("sign-in, wrong password", signin_ada("not the right one")).await;
    // Limit by address: one window, whose item is created by its first hit and replaced by the others.
    costs.of("start with a provider", TestRequest::get("/v1/oauth/acme/start")).await;
    costs.enter("first sign-in with a provider").await;
    costs.enter("sign-in with a provider").await;
    for _ in 0..2 {
        costs.pair.app.send(signin_ada("not the right one")).await;
    }
    // The first refusal of a client in a minute is in the audit log.
    let limited = costs.of("sign-in past the limit, the first in a minute", signin_ada(PASSWORD)).await;
    assert_eq!(limited.status, 429);
    costs.of("sign-in past the limit", signin_ada(PASSWORD)).await;
    // Limits by three networks.
    let ipv6 = "2001:db8::1";
    costs.of("sign-up, from an IPv6 address", from(signup("bea@example.com"), ipv6)).await;
    costs.of("sign-in, from an IPv6 address", from(signin("bea@example.com", PASSWORD), ipv6)).await;
    costs.of("health", TestRequest::get("/health")).await;
    costs.finish("limits in the table");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_in_upstash_are_one_request_more() {
    let mut costs = Costs::over_upstash().await;
    let from = |request: TestRequest, address: &str| request.peer(Some(address.parse().unwrap()));
    let made = costs.of("sign-up", signup("ada@example.com")).await;
    let ada = Person::read(&made);
    costs.of("sign-in", signin("ada@example.com", PASSWORD)).await;
    let ipv6 = "2001:db8::1";
    costs.of("sign-up, from an IPv6 address", from(signup("bea@example.com"), ipv6)).await;
    costs.of("sign-in, from an IPv6 address", from(signin("bea@example.com", PASSWORD), ipv6)).await;
    // The provider's metadata and then its keys are in Redis for an hour, for every function.
    let start = || TestRequest::get("/v1/oauth/acme/start");
    costs.of("start with a provider, the first in an hour", start()).await;
    costs.of("start with a provider", start()).await;
    costs.enter("first sign-in with a provider, the first in an hour").await;
    costs.enter("sign-in with a provider").await;
    // The roles are in Redis for a minute, for every function.
    let check = || bare("GET", "/v1/authorize?permission=products:read", &ada);
    costs.pair.clock.advance(Duration::from_mins(1));
    costs.of("permission check, the first of all in a minute", check()).await;
    costs.of("permission check", check()).await;
    let session = costs.pair.app.send(signin("ada@example.com", PASSWORD)).await;
    let session = Person::read(&session);
    let check = bare("GET", "/v1/authorize?permission=products:read", &session);
    costs.of("permission check, the first of a session in a minute", check).await;
    costs.of("health", TestRequest::get("/health")).await;
    costs.finish("limits in Upstash");
}
