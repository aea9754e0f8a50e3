//! The description names the answers that are given. [`TestApp::send`] holds every answer of every test against it; here each
//! operation is made to give those that follow from its method, its access and its body.
//!
//! [`TestApp::send`]: latchkey_testkit::TestApp::send

use std::time::Duration;

use latchkey_http::{Access, Operation};
use latchkey_testkit::{Fault, TestRequest, TestResponse};
use latchkey_tests::support::{grant, make_role};
use serde_json::json;

use crate::matrix::{described, name, operations, world, world_with};

/// Whether the description of `operation` says that it gives this answer.
fn says(operation: &Operation, status: u16, code: &str) -> bool {
    let answer = &described(operation)["responses"][status.to_string()];
    answer["description"].as_str().is_some_and(|text| text.contains(&format!("`{code}`")))
}

/// Demands that what the description says is what happens, either way.
#[track_caller]
fn assert_said(operation: &Operation, answer: &TestResponse, status: u16, code: &str) {
    let is_given = answer.status == status && answer.code() == code;
    let what = name(operation);
    assert_eq!(is_given, says(operation, status, code), "{what} {code}: {} {}", answer.status, answer.json());
}

fn is_public(operation: &Operation) -> bool {
    operation.access == Access::Public
}

#[tokio::test]
async fn requests_of_other_sites() {
    let world = world().await;
    for operation in operations() {
        let request = world.request(&operation, None).header("sec-fetch-site", "cross-site");
        let answer = world.app.send(request).await;
        // A reverse proxy's question is judged by what it forwards: see `proxied`.
        if operation.access != Access::Proxied {
            assert_said(&operation, &answer, 403, "cross_site_request");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_none() {
    let large = format!("{}{{}}", " ".repeat(65 * 1024));
    let bodies = [
        ("application/json", "{", 400, "invalid_json"),
        ("application/json", &large, 413, "body_too_large"),
        ("text/plain", "{}", 415, "unsupported_media_type"),
        ("application/json", "[]", 422, "invalid_request"),
    ];
    for operation in operations() {
        let world = world().await;
        // The one permission that the role `admin` does not have.
        make_role(&world.app, "mirror", &["identities:token"]).await;
        grant(&world.app, &world.admin, "mirror").await;
        for (kind, body, status, code) in bodies {
            let request = world.without_body(&operation, Some(&world.admin)).header("content-type", kind);
            let answer = world.app.send(request.bytes(body.as_bytes().to_vec())).await;
            assert_said(&operation, &answer, status, code);
        }
    }
}

#[tokio::test]
async fn tokens_that_are_none() {
    let world = world().await;
    for operation in operations() {
        let request = world.request(&operation, None).bearer("no token");
        assert_said(&operation, &world.app.send(request).await, 401, "invalid_token");
    }
}

#[tokio::test]
async fn sessions_that_ask_too_often() {
    for operation in operations() {
        let world = world_with("session=1/1m").await;
        world.app.send(TestRequest::get("/v1/session").bearer(&world.admin.access)).await;
        let answer = world.app.send(world.request(&operation, Some(&world.admin))).await;
        // What anybody may ask has limits of its own, and what a reverse proxy asks is not counted.
        if !is_public(&operation) && operation.access != Access::Proxied {
            assert_said(&operation, &answer, 429, "rate_limited");
        }
    }
}

#[tokio::test]
async fn clients_without_an_address() {
    let mut given = 0;
    for operation in operations() {
        let world = world().await;
        let answer = world.app.send(world.request(&operation, Some(&world.admin)).peer(None)).await;
        given += usize::from(answer.code() == "address_unknown");
    }
    assert!(given > 10, "{given}");
}

#[tokio::test]
async fn stores_that_are_down() {
    for operation in operations() {
        let world = world().await;
        // What is remembered of the session is over.
        world.app.clock.advance(Duration::from_secs(61));
        world.app.table.faults.add(Fault::unavailable().times(1000));
        let answer = world.app.send(world.request(&operation, Some(&world.admin))).await;
        if !is_public(&operation) {
            assert_said(&operation, &answer, 503, "unavailable");
        }
    }
}

/// What a function says itself, where nothing else here makes it happen.
#[tokio::test]
async fn words_of_the_functions() {
    let world = world().await;
    let bearer = |request: TestRequest| request.bearer(&world.admin.access);
    for (request, status, code) in [
        (TestRequest::post("/v1/signin", &json!({ "email": "no", "password": "x" })), 422, "invalid_email"),
        (bearer(TestRequest::get("/v1/authorize?permission=no")), 422, "invalid_permission"),
        (bearer(TestRequest::get("/v1/authorize?signed_in=true&fresh=perhaps")), 400, "invalid_request"),
        (bearer(TestRequest::get("/v1/users?email=no")), 400, "invalid_request"),
        (bearer(TestRequest::get("/v1/audit?limit=0")), 400, "invalid_request"),
    ] {
        let answer = world.app.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.json());
    }
}
