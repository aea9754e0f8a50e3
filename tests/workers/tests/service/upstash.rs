//! Needs counters in a Redis that nobody serves, and the default limits.

use http::StatusCode;

use crate::support::{Service, fresh};

#[tokio::test]
async fn without_redis_people_sign_in_and_quotas_hold_in_process() {
    let (service, email) = (Service::new(), fresh("upstash"));
    assert_eq!(service.sign_up(&email).await.status, StatusCode::CREATED);
    assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
    for n in 0..2 {
        assert_eq!(service.sign_up(&fresh(&format!("upstash{n}"))).await.status, StatusCode::CREATED);
    }
    let fourth = service.sign_up(&fresh("fourth")).await;
    fourth.assert_problem(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
}
