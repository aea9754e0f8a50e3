//! The example of docs/examples/service-binding in front of a permission check that has answered nothing yet.

use latchkey_harness::Request;
use latchkey_harness::platform::{Admin, first_admin};
use serde_json::json;

use crate::{Service, account_in, cheap, kept_in};

/// Whoever signs up may read products and not delete them.
#[test]
fn a_worker_protects_its_routes_over_a_service_binding() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let root = Admin { email: "root@example.com".to_owned(), password: "violet harbour tundra".to_owned() };
    let sql = first_admin(&home, &root).unwrap();
    let token = account_in(&data, cheap().arg("--sql").arg(sql), "workers-binding-account");
    let start = kept_in(&data, cheap()).arg("--operation").arg("permission-check");
    let front = start.arg("--front").arg("docs/examples/service-binding/wrangler.toml");
    let worker = front.in_wrangler("workers-binding").unwrap();
    let service = Service::new(&worker);

    let read = || Request::get("/products/1");
    let nobody = service.send(&read());
    assert_eq!((nobody.status, nobody.code().as_str()), (401, "not_signed_in"));
    let forged = service.send(&read().bearer(&format!("{token}x")));
    assert_eq!((forged.status, forged.code().as_str()), (401, "invalid_token"));
    for request in [read().bearer(&token), read().cookie("latchkey-80-access", &token)] {
        let allowed = service.send(&request);
        assert_eq!((allowed.status, allowed.text("done").as_str()), (200, "products:read"));
        assert_eq!(allowed.member("roles"), json!(["user"]));
        assert!(allowed.text("by").len() > 10, "{}", allowed.shown());
    }
    let denied = service.send(&Request::delete("/products/1").bearer(&token));
    assert_eq!((denied.status, denied.code().as_str()), (403, "permission_denied"));
}
