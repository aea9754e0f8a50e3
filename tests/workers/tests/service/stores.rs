//! Needs the door of `harness/entry.mjs`, and limits that let a dozen pass.

use http::StatusCode;

use crate::support::{Service, fresh};

#[tokio::test]
async fn while_d1_fails_nobody_signs_in_and_after_it_everybody_does() {
    let (service, email) = (Service::new(), fresh("d1"));
    assert_eq!(service.sign_up(&email).await.status, StatusCode::CREATED);
    service.get("/harness/break/DB").await;
    for _ in 0..3 {
        service.sign_in(&email).await.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    }
    service.get("/harness/fix/DB").await;
    assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
}

/// Roles are read from D1 then.
#[tokio::test]
async fn while_kv_fails_everything_is_answered() {
    let (service, email) = (Service::new(), fresh("kv"));
    service.get("/harness/break/CACHE").await;
    let begun = service.sign_up(&email).await;
    assert_eq!(begun.status, StatusCode::CREATED);
    for fresh in [false, true] {
        let checked = service.check(begun.text("access_token"), fresh).await;
        assert_eq!(checked.status, StatusCode::OK, "{}", checked.body);
    }
    service.get("/harness/fix/CACHE").await;
}
