//! What each operation asks of DynamoDB and of Redis: which requests, counted exactly; how many bytes and capacity units, printed
//! by `cargo test -p latchkey-aws --test dynamodb costs -- --nocapture`.

#![expect(clippy::print_stdout, reason = "a table for people")]

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::account::Authority;
use latchkey_core::audit::Requester;
use latchkey_core::limit::TableCounters;
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use latchkey_upstash::{Breaker, UpstashCache, UpstashCounters};
use serde_json::json;

use crate::proxy::Exchange;
use crate::redis::Redis;
use crate::support::{PASSWORD, Pair, Person, Stage, bare, refresh, signin, signup};

struct Costs {
    pair: Pair,
    redis: Arc<Redis>,
    lines: Vec<String>,
    /// Of the last operation, as the emulator reckons them: read units + write units.
    units: String,
}

impl Costs {
    /// With the limits counted in the process, which costs nothing and shows what the rest does.
    async fn of_the_rest() -> Self {
        Self {
            pair: Pair::on(Stage::new().await, TestApp::builder).await,
            redis: Arc::default(),
            lines: Vec::new(),
            units: String::new(),
        }
    }

    /// As a deployment without Upstash.
    async fn over_the_table() -> Self {
        let stage = Stage::new().await;
        let counters = Arc::new(TableCounters::new(Arc::new(stage.table.clone())));
        let pair = Pair::on(stage, || TestApp::builder().counters(counters.clone())).await;
        Self { pair, redis: Arc::default(), lines: Vec::new(), units: String::new() }
    }

    /// As a deployment with Upstash.
    async fn over_upstash() -> Self {
        let (redis, breaker) = (Arc::<Redis>::default(), Arc::new(Breaker::new()));
        let (settings, fetch) = (Redis::settings(), || Arc::<Redis>::clone(&redis));
        let counters = Arc::new(UpstashCounters::new(settings.clone(), fetch(), Arc::clone(&breaker)));
        let cache = latchkey_testkit::authentic(UpstashCache::new(settings, fetch(), breaker));
        let builder = || TestApp::builder().counters(counters.clone()).cache(cache.clone());
        let pair = Pair::on(Stage::new().await, builder).await;
        redis.take();
        Self { pair, redis, lines: Vec::new(), units: String::new() }
    }

    /// Sends `request`, which takes exactly these commands to Redis and requests to DynamoDB.
    async fn of(&mut self, name: &str, request: TestRequest, expected: &[&str]) -> TestResponse {
        self.pair.proxy().take();
        self.redis.take();
        let answer = self.pair.app.send(request).await;
        let (commands, exchanges) = (self.redis.take(), self.pair.proxy().take());
        let asked = commands.iter().map(|command| command.name.as_str());
        let asked: Vec<_> =
            asked.chain(exchanges.iter().map(|exchange| exchange.operation.as_str())).collect();
        // Some are under way at once, and what costs is how many there are.
        let sorted = |names: &[&str]| {
            let mut names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(sorted(&asked), sorted(expected), "{name}: {} {}", answer.status, answer.json());
        let sum = |part: fn(&Exchange) -> usize| exchanges.iter().map(part).sum::<usize>();
        let units = |writes: bool| -> f64 {
            let of_kind = exchanges.iter().filter(|exchange| exchange.is_write() == writes);
            of_kind.fold(0.0, |sum, exchange| sum + exchange.units)
        };
        let (sent, received) = (sum(|it| it.sent), sum(|it| it.received));
        let (reads, writes) = (units(false), units(true));
        let (to, from) = commands.iter().fold((0, 0), |(to, from), it| (to + it.sent, from + it.received));
        assert!(to + from < 2560, "{name}: {to} bytes to Redis, {from} from it");
        self.units = format!("{reads} + {writes}");
        self.lines.push(format!(
            "{name:<36} {:<62} {sent:>6} {received:>8} {reads:>6} {writes:>6} {to:>6} {from:>6}",
            asked.join(" + ")
        ));
        answer
    }

    /// Somebody comes back from the provider, who makes an account the first time.
    async fn enter(&mut self, name: &str, expected: &[&str]) {
        let start = TestRequest::get("/v1/oauth/acme/start");
        let trip = self.pair.trip("1", "eve@example.com", start).await.unwrap();
        assert_eq!(self.of(name, trip, expected).await.status, 303);
    }

    fn print(self, title: &str) {
        println!("{title}");
        println!(
            "{:<36} {:<62} {:>6} {:>8} {:>6} {:>6} {:>6} {:>6}",
            "operation", "requests", "sent", "received", "reads", "writes", "to", "from"
        );
        for line in self.lines {
            println!("{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_asks_what_it_must_and_no_more() {
    let mut costs = Costs::of_the_rest().await;
    let made = costs.of("sign-up", signup("ada@example.com"), &["TransactWriteItems"]).await;
    assert_eq!(costs.units, "0 + 10");
    let ada = Person::read(&made);
    costs
        .of(
            "sign-up, address taken",
            signup("ada@example.com"),
            &["TransactWriteItems", "TransactWriteItems"],
        )
        .await;
    let signin_ada = |password| signin("ada@example.com", password);
    let write = ["GetItem", "TransactWriteItems"];
    costs.of("sign-in", signin_ada(PASSWORD), &write).await;
    assert_eq!(costs.units, "1 + 7");
    costs.of("sign-in, wrong password", signin_ada("not the right one"), &write).await;
    costs.of("sign-in, unknown address", signin("eve@example.com", "not the right one"), &write).await;
    // The state is used up in a commit of its own.
    let provider = ["TransactWriteItems", "GetItem", "TransactWriteItems"];
    costs.enter("first sign-in with a provider", &provider).await;
    costs.enter("sign-in with a provider", &provider).await;
    let next = costs.of("refresh", refresh(&ada.refresh), &["BatchGetItem", "PutItem"]).await;
    let next = Person::read(&next);
    costs.of("refresh, same token within 10 s", refresh(&ada.refresh), &["BatchGetItem"]).await;

    let check = |fresh: bool| {
        bare("POST", "/v1/permissions/check", &next)
            .json(&json!({"permission": "products:read", "fresh": fresh}))
    };
    costs.pair.clock.advance(Duration::from_mins(1));
    costs.of("permission check, cold", check(false), &["BatchGetItem"]).await;
    costs.of("permission check, warm", check(false), &[]).await;
    costs.of("permission check, fresh", check(true), &["BatchGetItem"]).await;
    costs.pair.clock.advance(Duration::from_mins(1));
    costs.of("session, cold", bare("GET", "/v1/session", &next), &["BatchGetItem"]).await;
    costs.of("session, warm", bare("GET", "/v1/session", &next), &[]).await;
    costs.of("list of sessions", bare("GET", "/v1/sessions", &next), &["Query"]).await;
    costs.of("sign-out", bare("POST", "/v1/signout", &next), &["BatchGetItem", "TransactWriteItems"]).await;
    let root = costs.pair.sign_up("root@example.com").await;
    let accounts = &costs.pair.witness.services.accounts;
    let user = accounts.find_by_email(&"root@example.com".parse().unwrap()).await.unwrap().unwrap();
    let admin = "admin".parse().unwrap();
    accounts.grant(user.id, &admin, Authority::Operator, &Requester::default()).await.unwrap();
    let shards = ["Query"; 8];
    let page = [&["BatchGetItem"][..], &shards].concat();
    costs.of("page of users", bare("GET", "/v1/users", &root), &page).await;
    assert_eq!(costs.units, "7 + 0", "3 of them for who asks, half a unit for each shard of the index");
    costs.of("page of audit events", bare("GET", "/v1/audit?limit=5", &root), &page).await;
    costs.print("limits aside");
    println!(
        "sent and received: bytes to and from DynamoDB, headers and all, without TLS; reads and writes: capacity units, index \
         included; to and from: bytes of bodies to and from Upstash."
    );
    println!(
        "AWS also charges the writes of a canceled transaction (address taken), which the emulator does not count."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_in_the_table_are_a_read_and_a_write_more() {
    let mut costs = Costs::over_the_table().await;
    // By address and by e-mail: two windows in one read and one transaction.
    let two = ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"];
    let made = costs.of("sign-up", signup("ada@example.com"), &two).await;
    assert_eq!(costs.units, "2 + 14", "2 + 4 of them for the limits");
    let ada = Person::read(&made);
    // By address, and twice by e-mail: three windows.
    let three = ["BatchGetItem", "TransactWriteItems", "GetItem", "TransactWriteItems"];
    let signin_ada = |password| signin("ada@example.com", password);
    costs.of("sign-in", signin_ada(PASSWORD), &three).await;
    assert_eq!(costs.units, "4 + 13", "3 + 6 of them for the limits");
    costs.of("sign-in, again in the window", signin_ada(PASSWORD), &three).await;
    assert_eq!(costs.units, "4 + 13", "3 + 6 of them for the limits");
    costs.of("sign-in, wrong password", signin_ada("not the right one"), &three).await;
    // By address: one window, whose item is made by its first hit and replaced by the others.
    let first = ["GetItem", "TransactWriteItems", "GetItem", "TransactWriteItems"];
    let next = ["GetItem", "PutItem", "GetItem", "TransactWriteItems"];
    costs.of("start with a provider", TestRequest::get("/v1/oauth/acme/start"), &first[..2]).await;
    costs.enter("first sign-in with a provider", &[&first[..], &["TransactWriteItems"]].concat()).await;
    costs.enter("sign-in with a provider", &[&next[..], &["TransactWriteItems"]].concat()).await;
    for _ in 0..2 {
        costs.pair.app.send(signin_ada("not the right one")).await;
    }
    // The first of a client in a minute is in the audit log.
    let noted = ["BatchGetItem", "TransactWriteItems"];
    let limited = costs.of("sign-in, limited", signin_ada(PASSWORD), &noted).await;
    assert_eq!(limited.status, 429);
    costs.of("sign-in, limited once more", signin_ada(PASSWORD), &["BatchGetItem"]).await;
    // What costs no count costs no more.
    costs.of("refresh", refresh(&ada.refresh), &["BatchGetItem", "PutItem"]).await;
    costs.of("health", TestRequest::get("/health"), &["GetItem", "GetItem"]).await;
    costs.print("limits in the table");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_in_upstash_are_one_command_more() {
    let mut costs = Costs::over_upstash().await;
    let made = costs.of("sign-up", signup("ada@example.com"), &["EVAL", "TransactWriteItems"]).await;
    let ada = Person::read(&made);
    let one = ["EVAL", "GetItem", "TransactWriteItems"];
    costs.of("sign-in", signin("ada@example.com", PASSWORD), &one).await;
    costs.of("sign-in, wrong password", signin("ada@example.com", "not the right one"), &one).await;
    // The provider's metadata, then its keys, are in Redis for an hour, for every function.
    let start = || TestRequest::get("/v1/oauth/acme/start");
    costs.of("start with a provider, cold", start(), &["EVAL", "GET", "SET"]).await;
    costs.of("start with a provider", start(), &["EVAL"]).await;
    let cold = ["EVAL", "GET", "SET", "TransactWriteItems", "GetItem", "TransactWriteItems"];
    costs.enter("first sign-in with a provider, cold", &cold).await;
    costs.enter("sign-in with a provider", &[&one[..], &["TransactWriteItems"]].concat()).await;
    costs.of("refresh", refresh(&ada.refresh), &["BatchGetItem", "PutItem"]).await;
    // The roles are in Redis for a minute, for every function.
    let check = || bare("GET", "/v1/authorize?permission=products:read", &ada);
    costs.pair.clock.advance(Duration::from_mins(1));
    costs.of("permission check, cold, roles too", check(), &["GET", "SET", "BatchGetItem"]).await;
    costs.of("permission check, warm", check(), &[]).await;
    let session = costs.pair.app.send(signin("ada@example.com", PASSWORD)).await;
    let session = Person::read(&session);
    let check = bare("GET", "/v1/authorize?permission=products:read", &session);
    costs.of("permission check, cold", check, &["GET", "BatchGetItem"]).await;
    costs.of("health", TestRequest::get("/health"), &["PING", "GetItem"]).await;
    costs.print("limits in Upstash");
}
