//! Needs the example of docs/examples/service-binding in front of a permission check that has answered nothing yet, and
//! somebody's token.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::Service;

/// Whoever signs up may read products and not delete them.
#[tokio::test]
async fn a_worker_protects_its_routes_over_a_service_binding() {
    let service = Service::new();
    let token = std::env::var("LATCHKEY_TOKEN").unwrap();
    let bearer = format!("Bearer {token}");
    let ask = async |method: Method, headers: &[(&str, &str)]| {
        service.send(method, "/products/1", headers, &Value::Null).await
    };

    let nobody = ask(Method::GET, &[]).await;
    assert_eq!((nobody.status, nobody.text("code")), (StatusCode::UNAUTHORIZED, "not_signed_in"));
    let forged = ask(Method::GET, &[("authorization", &format!("{bearer}x"))]).await;
    assert_eq!((forged.status, forged.text("code")), (StatusCode::UNAUTHORIZED, "invalid_token"));
    let cookie = format!("latchkey-80-access={token}");
    for headers in [[("authorization", &*bearer)], [("cookie", &*cookie)]] {
        let allowed = ask(Method::GET, &headers).await;
        assert_eq!((allowed.status, allowed.text("done")), (StatusCode::OK, "products:read"));
        assert_eq!(allowed.body.get("roles"), Some(&json!(["user"])));
        assert!(allowed.text("by").len() > 10, "{}", allowed.body);
    }
    let denied = ask(Method::DELETE, &[("authorization", &bearer)]).await;
    assert_eq!((denied.status, denied.text("code")), (StatusCode::FORBIDDEN, "permission_denied"));
}
