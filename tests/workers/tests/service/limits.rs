//! Needs the default limits, and nobody else who signs up.

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, Service, fresh};

#[tokio::test]
async fn spoofed_addresses_do_not_move_the_limit() {
    let service = Service::new();
    let mut statuses = Vec::new();
    for n in 1..=4 {
        let address = format!("203.0.113.{n}");
        let body = json!({ "email": fresh(&format!("spoof{n}")), "password": PASSWORD });
        let headers = [
            ("x-forwarded-for", &*address),
            ("x-real-ip", &*address),
            ("forwarded", &*format!("for={address}")),
            ("true-client-ip", &*address),
        ];
        statuses.push(service.send(Method::POST, "/v1/signup", &headers, &body).await.status.as_u16());
    }
    assert_eq!(statuses, [201, 201, 201, 429]);
}
