#![expect(clippy::expect_used, reason = "a test that cannot set itself up fails by a panic")]

use std::sync::OnceLock;

use http::Method;
use latchkey_http::{Function, Operation};
use serde_json::Value;

use crate::TestResponse;

/// What a function says of its routes.
pub(crate) struct Description {
    function: Function,
    /// Put together when it is first needed: most tests look at one answer or two.
    document: OnceLock<Value>,
}

impl Description {
    /// The description of `function`, and of what every deployment has besides.
    pub(crate) fn of(function: &Function) -> Self {
        Self { function: function.clone().merge(latchkey_http::health()), document: OnceLock::new() }
    }

    /// Demands that the route says that it gives this answer. What no route takes, such as another method, is no route's
    /// answer.
    #[track_caller]
    pub(crate) fn demand(&self, method: &Method, path: &str, answer: &TestResponse) {
        let path = path.split('?').next().unwrap_or_default();
        let mut operations = self.function.operations().iter();
        let Some(operation) =
            operations.find(|operation| operation.method == method && leads(path, operation))
        else {
            return;
        };
        let lack = lack(self.document(), operation, answer);
        assert!(lack.is_none(), "{method} {}: {}", operation.path, lack.unwrap_or_default());
    }

    fn document(&self) -> &Value {
        self.document
            .get_or_init(|| serde_json::to_value(self.function.openapi()).expect("the description is JSON"))
    }
}

/// Whether a request for `path` comes to `operation`.
fn leads(path: &str, operation: &Operation) -> bool {
    let (asked, route) = (path.split('/'), operation.path.split('/'));
    asked.clone().count() == route.clone().count()
        && asked.zip(route).all(|(asked, route)| asked == route || route.starts_with('{'))
}

/// What the description does not say of an answer.
fn lack(document: &Value, operation: &Operation, answer: &TestResponse) -> Option<String> {
    let method = operation.method.as_str().to_lowercase();
    let place = ["paths", operation.path, &method, "responses"];
    let Some(responses) = place.iter().try_fold(document, |within, name| within.get(name)) else {
        return Some("the description has no answers of it".to_owned());
    };
    let Some(known) = responses.get(answer.status.as_str()) else {
        return Some(format!("the description has no {}: {}", answer.status, answer.json()));
    };
    // 404 has one code.
    let code = answer.code();
    let names = |text: &Value| text.as_str().is_some_and(|text| text.contains(&format!("`{code}`")));
    let is_named = code.is_empty() || code == "not_found" || known.get("description").is_some_and(names);
    (!is_named).then(|| format!("the description of {} does not name `{code}`", answer.status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};
    use latchkey_http::{Access, Takes};
    use serde_json::json;

    fn operation() -> Operation {
        Operation {
            method: Method::GET,
            path: "/v1/things/{id}",
            access: Access::Public,
            takes: Takes::NOTHING,
        }
    }

    #[test]
    fn an_answer_must_be_described_by_its_status_and_its_code() {
        let responses = json!({ "200": {}, "404": {}, "409": { "description": "`taken`: it is" } });
        let document = json!({ "paths": { "/v1/things/{id}": { "get": { "responses": responses } } } });
        for (status, code, is_described) in [
            (200, "", true),
            (404, "not_found", true),
            (409, "taken", true),
            (409, "gone", false),
            (500, "", false),
        ] {
            let body = json!({ "code": code }).to_string().into_bytes();
            let status = StatusCode::from_u16(status).unwrap();
            let answer = TestResponse { status, headers: HeaderMap::new(), body };
            assert_eq!(lack(&document, &operation(), &answer).is_none(), is_described, "{status} {code}");
        }
    }

    #[test]
    fn a_route_must_be_described() {
        let answer = TestResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: Vec::new() };
        let of_path = |described: Value| json!({ "paths": { "/v1/things/{id}": described } });
        let described = of_path(json!({ "get": { "responses": { "200": {} } } }));
        assert_eq!(lack(&described, &operation(), &answer), None);
        for document in [
            Value::Null,
            json!({ "paths": { "/v1/things": { "get": { "responses": { "200": {} } } } } }),
            of_path(json!({ "put": { "responses": { "200": {} } } })),
            of_path(json!({ "get": {} })),
        ] {
            let lack = lack(&document, &operation(), &answer);
            assert_eq!(lack.as_deref(), Some("the description has no answers of it"), "{document}");
        }
    }

    #[test]
    #[should_panic(expected = "GET /health: the description has no 418")]
    fn what_a_function_does_not_say_is_found() {
        let answer =
            TestResponse { status: StatusCode::IM_A_TEAPOT, headers: HeaderMap::new(), body: Vec::new() };
        Description::of(&Function::default()).demand(&Method::GET, "/health?x", &answer);
    }

    #[test]
    fn a_path_leads_to_one_route() {
        assert!(leads("/v1/things/7", &operation()));
        for path in ["/v1/things", "/v1/things/7/parts", "/v1/other/7", "/v1/things/7/"] {
            assert!(!leads(path, &operation()), "{path}");
        }
    }
}
