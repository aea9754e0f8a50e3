//! Needs an isolate that has answered nothing yet, over a database with an account.

use http::StatusCode;

use crate::support::{Service, together};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_requests_at_once_all_get_what_they_need() {
    let service = Service::new();
    let token = std::env::var("LATCHKEY_TOKEN").unwrap();
    let answers = together((0..20).map(|_| {
        let (service, token) = (service.clone(), token.clone());
        async move { service.check(&token, false).await.status }
    }))
    .await;
    assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");
}
