//! Anything that a client may send, by properties: never a failure of ours. What is known to be sent is in `input` of tests/e2e.

use std::sync::OnceLock;

use http::{Method, Uri};
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{Person, admin, open_app};
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

/// Every operation that takes a body, with a path that names something.
fn with_bodies(user: &Person) -> Vec<(Method, String)> {
    let operations = latchkey_all::function();
    let found = operations.operations().iter().filter(|operation| operation.takes.body).map(|operation| {
        (operation.method.clone(), operation.path.replace("{id}", &user.id).replace("{name}", "editor"))
    });
    found.collect()
}

/// One app for all cases of a property, with the runtime that its futures need.
fn shared() -> &'static (Runtime, TestApp, Person) {
    static SHARED: OnceLock<(Runtime, TestApp, Person)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let (app, admin) = runtime.block_on(async {
            let app = open_app();
            let admin = admin(&app).await;
            (app, admin)
        });
        (runtime, app, admin)
    })
}

fn send(request: TestRequest) -> TestResponse {
    let (runtime, app, _) = shared();
    runtime.block_on(app.send(request))
}

proptest! {
    #[test]
    fn no_bytes_for_a_body_are_a_failure_of_ours(which: prop::sample::Index, body: Vec<u8>) {
        let (_, _, admin) = shared();
        let operations = with_bodies(admin);
        let (method, path) = which.get(&operations);
        let request = TestRequest::new(method.clone(), path).bearer(&admin.access);
        let answer = send(request.header("content-type", "application/json").bytes(body));
        prop_assert!(answer.status.is_client_error(), "{}", answer.status);
    }

    #[test]
    fn no_json_for_a_body_is_a_failure_of_ours(which: prop::sample::Index, values in prop::collection::vec("\\PC{0,40}", 4)) {
        let (_, _, admin) = shared();
        let operations = with_bodies(admin);
        let (method, path) = which.get(&operations);
        let body = json!({
            "email": values[0], "password": values[1], "name": values[2], "permission": values[3], "status": values[3],
            "permissions": [values[3]], "includes": [values[2]], "refresh_token": values[1], "description": values[0],
        });
        let answer = send(TestRequest::new(method.clone(), path).bearer(&admin.access).json(&body));
        prop_assert!(!answer.status.is_server_error(), "{} {}", answer.status, body);
    }

    #[test]
    fn no_path_is_a_failure_of_ours(path in "/(v1/)?[a-z/.%0-9A-F;:@!$&'()*+,=~_?-]{0,60}", method in "GET|POST|PUT|PATCH|DELETE|OPTIONS|HEAD|TRACE|PROPFIND") {
        prop_assume!(path.parse::<Uri>().is_ok());
        let (_, _, admin) = shared();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = send(TestRequest::new(method, &path).bearer(&admin.access));
        prop_assert!(!answer.status.is_server_error(), "{path}: {}", answer.status);
    }

    #[test]
    fn no_query_is_a_failure_of_ours(
        path in "users|audit|authorize|roles|sessions",
        query in "((limit|cursor|email|user|action|since|until|permission|fresh)=[A-Za-z0-9%:._+-]{0,30}&?){0,3}",
    ) {
        let path = format!("/v1/{path}?{query}");
        prop_assume!(path.parse::<Uri>().is_ok());
        let (_, _, admin) = shared();
        let answer = send(TestRequest::get(&path).bearer(&admin.access));
        prop_assert!(!answer.status.is_server_error(), "{path}: {}", answer.status);
    }
}
