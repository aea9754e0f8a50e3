//! Events of API Gateway, and the decisions about them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot set itself up fails by a panic"
)]

use std::time::Duration;

use latchkey_authorizer::{Authorizer, AuthorizerError};
use latchkey_core::UserId;
use latchkey_core::account::Authority;
use latchkey_core::audit::Requester;
use latchkey_core::permission::{Author, Role, RoleName};
use latchkey_http::App;
use latchkey_testkit::{Fault, TestApp, TestRequest};
use serde_json::{Value, json};

const ROUTES: &str = "GET /orders/{id}=orders:read,POST /orders/{id}=orders:update,DELETE /orders/{id}=orders:delete,ANY /me=signed-in";
const HTTP_2: &str = include_str!("events/http-api-2.0.json");
const HTTP_1: &str = include_str!("events/http-api-1.0.json");
const REST: &str = include_str!("events/rest-api.json");

/// A service with a clerk who may only read and update orders.
struct Shop {
    app: TestApp,
    authorizer: Authorizer,
    clerk: UserId,
    token: String,
    session: String,
}

async fn shop() -> Shop {
    let app = TestApp::new(latchkey_all::function());
    let clerk: RoleName = "clerk".parse().unwrap();
    let permissions = ["orders:read", "orders:update"].map(|text| text.parse().unwrap()).into();
    let role = Role { permissions, ..Role::default() };
    app.services.roles.put(&clerk, &role, Author::Operator).await.unwrap();
    let body =
        json!({ "email": "clerk@example.com", "password": "violet harbour tundra", "transport": "bearer" });
    let signed = app.send(TestRequest::post("/v1/signup", &body)).await;
    let id = signed.text("user.id").parse().unwrap();
    app.services.users.grant_role(id, &clerk, Authority::Operator, &Requester::default()).await.unwrap();
    let authorizer = Authorizer::new(App::new(app.services.clone()), ROUTES.parse().unwrap());
    let (token, session) = (signed.text("access_token"), signed.text("session.id"));
    Shop { app, authorizer, clerk: id, token, session }
}

impl Shop {
    /// Returns the event with the clerk's token in it.
    fn event(&self, text: &str) -> Value {
        serde_json::from_str(&text.replace("TOKEN", &self.token)).unwrap()
    }

    async fn respond(&self, event: Value) -> Result<Value, AuthorizerError> {
        self.authorizer.respond(event).await
    }

    async fn ask(&self, event: Value) -> Value {
        self.respond(event).await.unwrap()
    }
}

/// Returns the same call with another method in every place of the event.
fn by(method: &str, event: &Value) -> Value {
    let text = event.to_string();
    serde_json::from_str(
        &text.replace("\"GET\"", &format!("\"{method}\"")).replace("GET /", &format!("{method} /")),
    )
    .unwrap()
}

/// Returns the same call with a browser's cookie instead of the bearer token, and with these headers.
fn by_cookie(shop: &Shop, event: &Value, headers: &[(&str, &str)]) -> Value {
    let mut event = event.clone();
    let cookie = format!("__Host-latchkey-access={}", shop.token);
    let kept = event["headers"].as_object_mut().unwrap();
    kept.remove("authorization");
    kept.remove("Authorization");
    kept.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    if event["version"] == "2.0" {
        event["cookies"] = json!(["city=Zürich", cookie]);
    } else {
        event["headers"]["Cookie"] = json!(format!("city=Zürich; {cookie}"));
        event.as_object_mut().unwrap().remove("multiValueHeaders");
    }
    event
}

#[tokio::test]
async fn payload_2_gets_a_simple_response() {
    let shop = shop().await;
    let event = shop.event(HTTP_2);
    let context = json!({ "user": shop.clerk.to_string(), "session": shop.session, "roles": "clerk,user" });
    assert_eq!(shop.ask(event.clone()).await, json!({ "isAuthorized": true, "context": context }));
    let denied = json!({ "isAuthorized": false, "context": { "code": "permission_denied" } });
    assert_eq!(shop.ask(by("DELETE", &event)).await, denied);
}

#[tokio::test]
async fn payload_1_gets_a_policy_over_the_call_alone() {
    let shop = shop().await;
    for text in [HTTP_1, REST] {
        let event = shop.event(text);
        let statement = |effect: &str, arn: &Value| {
            json!({
                "Version": "2012-10-17",
                "Statement": [{ "Action": ["execute-api:Invoke"], "Effect": effect, "Resource": [arn] }],
            })
        };
        let allowed = shop.ask(event.clone()).await;
        assert_eq!(allowed["principalId"], shop.clerk.to_string());
        assert_eq!(allowed["policyDocument"], statement("Allow", &event["methodArn"]));
        assert_eq!(allowed["context"]["roles"], "clerk,user");
        let denied = shop.ask(by("DELETE", &event)).await;
        assert_eq!(denied["principalId"], "anonymous");
        assert_eq!(denied["policyDocument"], statement("Deny", &event["methodArn"]));
        assert_eq!(denied["context"], json!({ "code": "permission_denied" }));
    }
}

#[tokio::test]
async fn a_path_cannot_stand_for_others() {
    let shop = shop().await;
    for path in ["*", "7*", "?", "${*}", "${aws:username}"] {
        let mut event = shop.event(REST);
        event["methodArn"] =
            json!(format!("arn:aws:execute-api:eu-central-1:111122223333:f6/prod/GET/orders/{path}"));
        let response = shop.ask(event).await;
        assert_eq!(response["policyDocument"]["Statement"][0]["Effect"], "Deny", "{path}");
    }
}

#[tokio::test]
async fn what_is_not_listed_is_closed() {
    let shop = shop().await;
    let mut event = shop.event(HTTP_2);
    for route in ["GET /orders", "GET /orders/{other}", "$default", "ANY /orders/{id}/items"] {
        event["routeKey"] = json!(route);
        event["identitySource"] = Value::Null;
        assert_eq!(shop.ask(event.clone()).await["context"]["code"], "route_not_listed", "{route}");
    }
    event["routeKey"] = json!("ANY /me");
    assert_eq!(shop.ask(event).await["isAuthorized"], true);
}

#[tokio::test]
async fn nobody_is_let_in_without_a_good_token() {
    let shop = shop().await;
    let mut event = shop.event(HTTP_2);
    for (header, code) in [
        (json!("Bearer nonsense"), "invalid_token"),
        (json!("Basic bm9ib2R5Og=="), "bearer_token_required"),
        (json!(format!("Bearer {},Bearer {}", shop.token, shop.token)), "invalid_token"),
        (json!(""), "bearer_token_required"),
    ] {
        event["headers"]["authorization"] = header.clone();
        let response = shop.ask(event.clone()).await;
        assert_eq!(response, json!({ "isAuthorized": false, "context": { "code": code } }), "{header}");
    }
    event["headers"].as_object_mut().unwrap().remove("authorization");
    assert_eq!(shop.ask(event).await["context"]["code"], "not_signed_in");
    let mut twice = shop.event(REST);
    twice["multiValueHeaders"]["Authorization"] = json!([format!("Bearer {}", shop.token), "Bearer other"]);
    assert_eq!(shop.ask(twice).await["context"]["code"], "invalid_token");
}

#[tokio::test]
async fn a_revoked_session_is_refused_within_a_minute() {
    let shop = shop().await;
    let event = shop.event(HTTP_2);
    assert_eq!(shop.ask(event.clone()).await["isAuthorized"], true);
    let nowhere = Requester::default();
    shop.app.services.users.end_sessions(shop.clerk, Authority::Operator, &nowhere).await.unwrap();
    shop.app.clock.advance(Duration::from_mins(1));
    assert_eq!(shop.ask(event).await["context"]["code"], "session_ended");
}

#[tokio::test]
async fn a_store_that_fails_lets_nobody_in() {
    let shop = shop().await;
    let event = shop.event(HTTP_2);
    shop.app.table.faults.add(Fault::unavailable());
    match shop.respond(event).await {
        Err(AuthorizerError::Check { status: 503, code }) => assert_eq!(code, "unavailable"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_decision_is_never_remembered_for_other_routes() {
    let shop = shop().await;
    let mut event = shop.event(HTTP_2);
    event["identitySource"] = json!([format!("Bearer {}", shop.token)]);
    let error = shop.respond(event).await.unwrap_err().to_string();
    assert!(error.contains("add $context.routeKey"), "{error}");
}

#[tokio::test]
async fn a_cookie_needs_a_request_of_our_own_pages() {
    let shop = shop().await;
    let mut event = by("POST", &shop.event(HTTP_2));
    event["identitySource"] = Value::Null;
    let response =
        |headers: &'static [(&'static str, &'static str)]| shop.ask(by_cookie(&shop, &event, headers));
    assert_eq!(response(&[("sec-fetch-site", "same-origin")]).await["isAuthorized"], true);
    assert_eq!(response(&[("origin", "https://app.example.com")]).await["isAuthorized"], true);
    for forged in [&[("sec-fetch-site", "cross-site")][..], &[("origin", "https://evil.example")], &[]] {
        assert_eq!(response(forged).await["context"]["code"], "cross_site_request", "{forged:?}");
    }
}

#[tokio::test]
async fn what_may_be_remembered_takes_no_cookie_for_a_change() {
    let shop = shop().await;
    let same_origin = [("sec-fetch-site", "same-origin")];
    for text in [HTTP_2, HTTP_1, REST] {
        let event = shop.event(text);
        let read = shop.ask(by_cookie(&shop, &event, &same_origin)).await;
        assert_eq!(read["context"]["roles"], "clerk,user", "{text}");
        let shared = [("authorization", "Basic dXNlcjpwYXNz")];
        let shared = shop.ask(by_cookie(&shop, &event, &shared)).await;
        assert_eq!(shared["context"]["code"], "bearer_token_required", "{text}");
        let change = shop.ask(by_cookie(&shop, &by("POST", &event), &same_origin)).await;
        assert_eq!(change["context"]["code"], "bearer_token_required", "{text}");
    }
}

#[tokio::test]
async fn a_malformed_event_is_an_error_that_says_so() {
    let shop = shop().await;
    let without = |text: &str, name: &str| {
        let mut event = shop.event(text);
        event.as_object_mut().unwrap().remove(name);
        event
    };
    let with = |text: &str, name: &str, value: Value| {
        let mut event = shop.event(text);
        event[name] = value;
        event
    };
    let token =
        json!({ "type": "TOKEN", "methodArn": "arn:aws:execute-api:…", "authorizationToken": "Bearer x" });
    for (event, said) in [
        (json!(null), "type is not REQUEST"),
        (json!([]), "type is not REQUEST"),
        (json!({ "httpMethod": "GET" }), "type is not REQUEST"),
        (token, "type TOKEN"),
        (with(HTTP_2, "version", json!("3.0")), "\"3.0\""),
        (without(HTTP_2, "requestContext"), "requestContext"),
        (without(HTTP_2, "routeKey"), "routeKey"),
        (with(HTTP_2, "requestContext", json!({})), "http"),
        (with(HTTP_2, "headers", json!({ "a\nb": "c" })), "one of its fields"),
        (with(HTTP_2, "headers", json!(7)), "one of its fields"),
        (with(HTTP_2, "cookies", json!(["a\nb=c"])), "cookie"),
        (without(REST, "methodArn"), "methodArn"),
        (with(REST, "methodArn", json!("")), "methodArn"),
        (with(REST, "methodArn", json!("*")), "not an ARN"),
        (without(REST, "httpMethod"), "httpMethod"),
        (with(REST, "httpMethod", json!("G T")), "one of its fields"),
        (without(REST, "resource"), "resource"),
    ] {
        let error = shop.respond(event.clone()).await.expect_err(&event.to_string());
        assert!(matches!(error, AuthorizerError::Event(_)), "{event}: {error}");
        assert!(error.to_string().contains(said), "{event}: {error}");
    }
    let error =
        shop.respond(with(HTTP_2, "headers", json!({ "authorization": "Bearer abc\n" }))).await.unwrap_err();
    assert!(!error.to_string().contains("abc"), "{error}");
}
