//! Needs a database without tables.

use http::StatusCode;
use serde_json::json;

use crate::support::{PASSWORD, Service, fresh};

#[tokio::test]
async fn without_tables_a_sign_up_is_told_to_come_again() {
    let service = Service::new();
    let body = json!({ "email": fresh("tables"), "password": PASSWORD });
    for _ in 0..2 {
        let answer = service.post("/v1/signup", body.clone()).await;
        answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    }
}
