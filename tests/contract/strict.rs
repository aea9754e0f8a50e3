//! A request says nothing that its route does not know: a misspelt name is never taken for an absent one.

use latchkey_http::{Access, Operation, Query};
use latchkey_testkit::{TestRequest, TestResponse};
use latchkey_tests::support::{Person, grant, make_role, sign_up};
use serde_json::{Value, json};

use crate::matrix::{World, described, name, operations, world};

/// A name that no route knows.
const UNKNOWN: &str = "latchkey_unknown";

/// Somebody who may call every route.
async fn root(world: &World) -> Person {
    let root = sign_up(&world.app, "root@example.com").await;
    make_role(&world.app, "all", &["*"]).await;
    grant(&world.app, &root, "all").await;
    root
}

/// The routes that others than Latchkey's clients call.
const ANY_QUERY: [&str; 5] = [
    "GET /.well-known/jwks.json",
    "GET /.well-known/openid-configuration",
    "GET /health",
    "GET /v1/oauth/{provider}/callback",
    "POST /v1/oauth/{provider}/callback",
];

#[track_caller]
fn assert_names(answer: &TestResponse, status: u16, named: &str, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, "invalid_request"), "{what}");
    assert!(answer.text("detail").contains(&format!("`{named}`")), "{what}: {}", answer.json());
}

#[test]
fn the_routes_that_take_any_query_are_these_and_no_others() {
    let mut found: Vec<_> =
        operations().iter().filter(|operation| operation.takes.query == Query::Anything).map(name).collect();
    found.sort();
    assert_eq!(found, ANY_QUERY);
}

/// All others are in `input` of tests/e2e, where nobody has the permission of these.
#[tokio::test]
async fn a_route_of_a_reported_permission_refuses_a_name_that_it_does_not_know() {
    let world = world().await;
    let root = root(&world).await;
    let reported = Access::Permission("identities:token");
    let operation = operations().into_iter().find(|operation| operation.access == reported).unwrap();
    let query = world.asking(&operation, Some(&root), &format!("{UNKNOWN}=1"));
    assert_names(&world.app.send(query).await, 400, UNKNOWN, "query");
    let body = world.without_body(&operation, Some(&root)).json(&json!({ UNKNOWN: 1 }));
    assert_names(&world.app.send(body).await, 422, UNKNOWN, "body");
}

#[tokio::test]
async fn every_route_refuses_a_query_parameter_that_is_there_twice() {
    let mut tried = 0;
    let world = world().await;
    let root = root(&world).await;
    for operation in operations().iter().filter(|operation| operation.takes.query == Query::Params) {
        let parameters = described(operation)["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
            let parameter = parameter["name"].as_str().unwrap();
            let value = if ["fresh", "signed_in"].contains(&parameter) { "true" } else { "1" };
            let twice = format!("{parameter}={value}&{parameter}={value}");
            let request = with_body(&world, operation, &twice, &root);
            assert_names(&world.app.send(request).await, 400, parameter, &name(operation));
            tried += 1;
        }
    }
    assert!(tried >= 15, "{tried}");
}

#[tokio::test]
async fn a_route_without_a_body_takes_one_without_members() {
    let bodiless = |operation: &&Operation| !operation.takes.body && !operation.method.is_safe();
    for operation in operations().iter().filter(bodiless) {
        let world = world().await;
        let root = root(&world).await;
        let request = || world.without_body(operation, Some(&root));
        let text = request().header("content-type", "text/plain").bytes(b"x".to_vec());
        assert_eq!(world.app.send(text).await.status, 415, "{}", name(operation));
        let answer = world.app.send(request().json(&json!({}))).await;
        assert!(![400, 415, 422].contains(&answer.status.as_u16()), "{}: {}", name(operation), answer.json());
    }
}

#[tokio::test]
async fn every_property_of_a_described_body_is_one_that_its_route_knows() {
    let document: Value = serde_json::from_str(latchkey_all::OPENAPI).unwrap();
    let world = world().await;
    let root = root(&world).await;
    for operation in operations().iter().filter(|operation| operation.takes.body) {
        let schema = &described(operation)["requestBody"]["content"]["application/json"]["schema"];
        let text = schema.to_string();
        let Some(schema) = text.split("#/components/schemas/").nth(1).and_then(|rest| rest.split('"').next())
        else {
            continue;
        };
        for member in document["components"]["schemas"][schema]["properties"].as_object().unwrap().keys() {
            let body = json!({ member.clone(): {} });
            let answer = world.app.send(world.without_body(operation, Some(&root)).json(&body)).await;
            assert!(!answer.text("detail").contains("not known"), "{}: {member}", name(operation));
        }
    }
}

fn with_body(world: &World, operation: &Operation, query: &str, caller: &Person) -> TestRequest {
    let request = world.asking(operation, Some(caller), query);
    match world.body(operation) {
        Some(body) => request.json(&body),
        None => request,
    }
}
