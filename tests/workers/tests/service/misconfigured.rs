//! Needs a Worker that lacks something.

use http::StatusCode;

use crate::support::Service;

#[tokio::test]
async fn every_request_is_told_that_the_service_is_not_set_up() {
    let service = Service::new();
    for path in ["/health", "/v1/session", "/nowhere"] {
        service.get(path).await.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "misconfigured");
    }
}
