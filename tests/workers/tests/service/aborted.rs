//! Needs the door of `harness/entry.mjs`, the default strength of hashes, and an isolate that has made none yet.

use http::StatusCode;
use serde_json::json;

use crate::support::{PASSWORD, Service, fresh};

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
