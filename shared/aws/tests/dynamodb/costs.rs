//! What each operation asks of DynamoDB: which requests, counted exactly; how many bytes and capacity units, printed by
//! `cargo test -p latchkey-aws --test dynamodb costs -- --nocapture`.

use std::time::Duration;

use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use serde_json::json;

use crate::proxy::Exchange;
use crate::support::{PASSWORD, Pair, Person, Stage, bare, refresh, signin, signup};

/// Limits on: they are counted elsewhere, and ask nothing of the table here.
async fn pair() -> Pair {
    Pair::on(Stage::new().await, TestApp::builder).await
}

struct Costs {
    pair: Pair,
    lines: Vec<String>,
}

impl Costs {
    /// Sends `request`, which takes exactly these requests to DynamoDB.
    async fn of(&mut self, name: &str, request: TestRequest, expected: &[&str]) -> TestResponse {
        self.pair.proxy().take();
        let answer = self.pair.app.send(request).await;
        let exchanges = self.pair.proxy().take();
        let operations: Vec<_> = exchanges.iter().map(|exchange| exchange.operation.as_str()).collect();
        assert_eq!(operations, expected, "{name}: {} {}", answer.status, answer.json());
        let sum = |part: fn(&Exchange) -> usize| exchanges.iter().map(part).sum::<usize>();
        let units = |writes: bool| -> f64 {
            let of_kind = exchanges.iter().filter(|exchange| exchange.is_write() == writes);
            of_kind.fold(0.0, |sum, exchange| sum + exchange.units)
        };
        let (sent, received) = (sum(|it| it.sent), sum(|it| it.received));
        let (reads, writes) = (units(false), units(true));
        self.lines.push(format!(
            "{name:<34} {:<32} {sent:>6} {received:>8} {reads:>6} {writes:>6}",
            operations.join(" + ")
        ));
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_asks_what_it_must_and_no_more() {
    let mut costs = Costs { pair: pair().await, lines: Vec::new() };
    let made = costs.of("sign-up", signup("ada@example.com"), &["TransactWriteItems"]).await;
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
    costs.of("sign-in, wrong password", signin_ada("not the right one"), &write).await;
    costs.of("sign-in, unknown address", signin("eve@example.com", "not the right one"), &write).await;
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
    costs
        .of(
            "sign-out",
            bare("POST", "/v1/signout", &next),
            &["BatchGetItem", "GetItem", "TransactWriteItems"],
        )
        .await;

    println!(
        "{:<34} {:<32} {:>6} {:>8} {:>6} {:>6}",
        "operation", "requests", "sent", "received", "reads", "writes"
    );
    for line in costs.lines {
        println!("{line}");
    }
    println!(
        "sent and received: bytes, headers and all, without TLS; reads and writes: capacity units, index included."
    );
    println!(
        "AWS also charges the writes of a canceled transaction (address taken), which the emulator does not count."
    );
}
