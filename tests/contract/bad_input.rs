//! What no client should send: always a problem that says so, never a failure of ours.

use std::sync::OnceLock;

use http::{Method, Uri};
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{Person, admin, open_app};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The members that every problem has, its identifier also in the header.
#[track_caller]
fn assert_problem(answer: &TestResponse, what: &str) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}: {}", answer.status);
    let body = answer.json();
    let mut names: Vec<_> = body.as_object().expect(what).keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["code", "detail", "request_id", "status", "title", "type"], "{what}");
    assert_eq!(body["status"], answer.status.as_u16(), "{what}");
    assert_eq!(body["title"], answer.status.canonical_reason().unwrap(), "{what}");
    let code = answer.code();
    assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{what}: {code}");
    assert_eq!(body["type"], format!("urn:latchkey:problem:{code}"), "{what}");
    assert!(!answer.text("detail").is_empty(), "{what}");
    assert!(!answer.text("request_id").is_empty(), "{what}");
    assert_eq!(answer.text("request_id"), answer.header("x-request-id"), "{what}");
}

#[track_caller]
fn assert_client_error(answer: &TestResponse, what: &str) {
    assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.json());
    assert_problem(answer, what);
}

/// Every operation that takes a body, with a path that names something, and the names of the members that must be there.
fn with_bodies(user: &Person) -> Vec<(Method, String, Vec<String>)> {
    let document: Value = serde_json::from_str(latchkey_all::OPENAPI).unwrap();
    let mut found = Vec::new();
    for operation in latchkey_all::function().operations() {
        let described = &document["paths"][operation.path][operation.method.as_str().to_lowercase()];
        let schema = &described["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let text = schema.to_string();
        let name = text.split("#/components/schemas/").nth(1).and_then(|rest| rest.split('"').next());
        let required = &document["components"]["schemas"][name.expect("a body has a name")]["required"];
        let required = required.as_array().cloned().unwrap_or_default();
        let path = operation.path.replace("{id}", &user.id).replace("{name}", "editor");
        let names = required.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        found.push((operation.method.clone(), path, names));
    }
    assert!(found.len() >= 6, "{found:?}");
    found
}

async fn set_up() -> (TestApp, Person) {
    let app = open_app();
    let admin = admin(&app).await;
    (app, admin)
}

#[tokio::test]
async fn a_body_that_is_not_json() {
    let (app, admin) = set_up().await;
    let deep = |open: &str, close: &str| [open.repeat(10_000), close.repeat(10_000)].concat().into_bytes();
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("white space", b" \n".to_vec()),
        ("a word", b"hello".to_vec()),
        ("half an object", b"{\"email\":".to_vec()),
        ("a trailing comma", b"{\"email\":\"a@example.com\",}".to_vec()),
        ("two objects", b"{}{}".to_vec()),
        ("something after", b"{} x".to_vec()),
        ("single quotes", b"{'email':'a@example.com'}".to_vec()),
        ("a comment", b"{}/* */".to_vec()),
        ("NaN", b"{\"email\":NaN}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("a raw null byte", b"{\"email\":\"a\0@example.com\",\"permission\":\"\0\",\"status\":\"\0\",\"permissions\":[\"\0\"],\"refresh_token\":\"\0\"}".to_vec()),
        ("a thousand arrays", deep("[", "]")),
        ("a form", b"email=a%40example.com&password=x".to_vec()),
    ];
    for (method, path, _) in with_bodies(&admin) {
        for (what, body) in &bodies {
            let what = format!("{method} {path}: {what}");
            let request = TestRequest::new(method.clone(), &path).bearer(&admin.access);
            let answer =
                app.send(request.header("content-type", "application/json").bytes(body.clone())).await;
            assert_client_error(&answer, &what);
            // A refresh may come without a body: then its cookie is missing here.
            let is_optional = body.is_empty() && path == "/v1/token/refresh";
            let expected: &[u16] = if is_optional { &[401] } else { &[400, 422] };
            assert!(expected.contains(&answer.status.as_u16()), "{what}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn json_of_another_form() {
    let (app, admin) = set_up().await;
    let nested = |depth: usize| {
        let deep = ["[".repeat(depth), "]".repeat(depth)].concat();
        format!(
            "{{\"email\":{deep},\"permission\":{deep},\"status\":{deep},\"permissions\":{deep},\"refresh_token\":{deep}}}"
        )
    };
    let every = |value: &str| {
        let names = [
            "email",
            "password",
            "permission",
            "resource",
            "status",
            "permissions",
            "includes",
            "refresh_token",
        ];
        let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let bodies = [
        "null".to_owned(),
        "true".to_owned(),
        "1".to_owned(),
        "\"text\"".to_owned(),
        "[]".to_owned(),
        "[{}]".to_owned(),
        // The members' values in order, which serde would take for the struct.
        "[\"new@example.com\",\"violet harbour tundra\",null,\"bearer\"]".to_owned(),
        "[\"new@example.com\",\"violet harbour tundra\",\"bearer\"]".to_owned(),
        "[\"token\"]".to_owned(),
        "[\"disabled\"]".to_owned(),
        "[null,[],[]]".to_owned(),
        "[\"products:read\",null,null,false]".to_owned(),
        every("1"),
        every("-1e308"),
        every("1e999"),
        every(&"9".repeat(400)),
        every("{}"),
        every("[[]]"),
        every("true"),
        every("\"\\u0000\""),
        every("\"\\ud800\""),
        every("\"\\udc00\\ud800\""),
        every(&format!("\"{}@example.com\"", "e".repeat(7_000))),
        nested(10_000 / 2),
        format!("{{\"email\":\"{}@example.com\",\"permission\":\"x\",\"password\":\"violet harbour tundra\",\"status\":\"x\",\"permissions\":[\"x\"],\"refresh_token\":\"x\"}}", "e".repeat(10_000)),
        "{\"email\":\"a@example.com\",\"email\":\"b@example.com\",\"password\":\"p\",\"permission\":\"a:b\",\"permission\":\"a:b\",\"status\":\"active\",\"status\":\"active\",\"permissions\":[],\"permissions\":[],\"refresh_token\":\"a\",\"refresh_token\":\"b\"}".to_owned(),
    ];
    for (method, path, _) in with_bodies(&admin) {
        for body in &bodies {
            let what = format!("{method} {path}: {}", &body[..body.len().min(120)]);
            let request = TestRequest::new(method.clone(), &path).bearer(&admin.access);
            let request = request.header("content-type", "application/json").bytes(body.clone().into_bytes());
            assert_client_error(&app.send(request).await, &what);
        }
    }
}

#[tokio::test]
async fn a_member_that_is_missing_is_named() {
    let (app, admin) = set_up().await;
    for (method, path, required) in with_bodies(&admin) {
        let body =
            app.send(TestRequest::new(method.clone(), &path).bearer(&admin.access).json(&json!({}))).await;
        if let Some(first) = required.first() {
            assert_client_error(&body, &path);
            assert_eq!(
                (body.status.as_u16(), body.code().as_str()),
                (422, "invalid_request"),
                "{method} {path}"
            );
            assert_eq!(body.text("detail"), format!("missing field `{first}`"), "{method} {path}");
        } else {
            // A refresh without a token is that of nobody.
            let expected = [200, 201, 401, 422].contains(&body.status.as_u16());
            assert!(expected, "{method} {path}: {}", body.status);
        }
    }
}

#[tokio::test]
async fn a_problem_repeats_no_value_of_the_body() {
    let (app, _) = set_up().await;
    let secret = "hunter2-not-to-be-repeated";
    for body in [
        json!({ "email": secret, "password": secret }),
        json!({ "email": "a@example.com", "password": secret, "transport": secret }),
        json!({ "email": "a@example.com", "password": { "value": secret } }),
        json!({ "refresh_token": secret, "email": 1, "password": secret }),
        json!([secret]),
        json!(secret),
    ] {
        for path in ["/v1/signup", "/v1/signin", "/v1/token/refresh"] {
            let answer = app.send(TestRequest::post(path, &body)).await;
            assert!(answer.status.is_client_error(), "{path} {body}");
            assert!(!String::from_utf8_lossy(&answer.body).contains(secret), "{path}: {}", answer.json());
        }
    }
}

#[tokio::test]
async fn another_content_type() {
    let (app, admin) = set_up().await;
    for (method, path, _) in with_bodies(&admin) {
        for kind in [
            "text/plain",
            "text/plain;charset=application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonx",
            "application/json+x",
            "text/json",
            "application",
            "",
            "*/*",
            "text/plain, application/json",
        ] {
            let request = TestRequest::new(method.clone(), &path).bearer(&admin.access).bytes(b"{}".to_vec());
            let answer = app.send(request.header("content-type", kind)).await;
            assert_client_error(&answer, &path);
            let code = answer.code();
            assert_eq!(
                (answer.status.as_u16(), code.as_str()),
                (415, "unsupported_media_type"),
                "{path} {kind}"
            );
        }
        for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=x"] {
            let request = TestRequest::new(method.clone(), &path).bearer(&admin.access).bytes(b"{}".to_vec());
            let answer = app.send(request.header("content-type", kind)).await;
            assert_ne!(answer.status, 415, "{path} {kind}");
        }
    }
}

#[tokio::test]
async fn a_body_of_64_kib_and_of_one_byte_more() {
    let (app, admin) = set_up().await;
    let sized = |length: usize| {
        let frame = "{\"unknown\":\"\"}".len();
        format!("{{\"unknown\":\"{}\"}}", "x".repeat(length - frame)).into_bytes()
    };
    for (method, path, _) in with_bodies(&admin) {
        let ask = |length: usize| {
            let request = TestRequest::new(method.clone(), &path).bearer(&admin.access);
            app.send(request.header("content-type", "application/json").bytes(sized(length)))
        };
        assert_ne!(ask(64 * 1024).await.status, 413, "{method} {path}");
        let answer = ask(64 * 1024 + 1).await;
        assert_client_error(&answer, &path);
        let code = answer.code();
        assert_eq!((answer.status.as_u16(), code.as_str()), (413, "body_too_large"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_that_is_none() {
    let (app, admin) = set_up().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/signup",
        "/v1/signup/",
        "/v1/signup/more",
        "//v1/signup",
        "/v1//signup",
        "/v1/./signup",
        "/v1/x/../signup",
        "/V1/signup",
        "/v1/SIGNUP",
        "/v1/sign%75p",
        "/v1%2fsignup",
        "/v1/signup%00",
        "/v1/signup%",
        "/v1/signup%zz",
        "/v1/signup%c0%af",
        "/v1/signup;a=b",
        "/v1/roles/%2e%2e",
        "/v1/roles/%ff",
        "/v1/users/1",
        "/v1/users/0195F2A0-7C1E-7B3A-8F00-0123456789AB",
        "/v1/users/0195f2a07c1e7b3a8f000123456789ab",
        "/v1/users/..",
        "/v1/users/null",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
            // A method that the route does not take says so first.
            let answer =
                app.send(TestRequest::new(method.clone(), path).bearer(&admin.access).json(&json!({}))).await;
            assert_problem(&answer, path);
            assert!([404, 405].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.status);
        }
        let answer = app.send(TestRequest::get(path).bearer(&admin.access)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_name_that_no_role_can_have_is_refused_with_its_form() {
    let (app, admin) = set_up().await;
    let user = &admin.id;
    for name in ["Editor", "a_b", "content_editor", "1", &"a".repeat(65)] {
        for (method, path) in [
            (Method::GET, format!("/v1/roles/{name}")),
            (Method::PUT, format!("/v1/roles/{name}")),
            (Method::DELETE, format!("/v1/roles/{name}")),
            (Method::PUT, format!("/v1/users/{user}/roles/{name}")),
            (Method::DELETE, format!("/v1/users/{user}/roles/{name}")),
        ] {
            let request = TestRequest::new(method.clone(), &path).bearer(&admin.access);
            let request = if method == Method::GET { request } else { request.json(&json!({})) };
            let answer = app.send(request).await;
            let told = (answer.status.as_u16(), answer.code());
            assert_eq!(told, (422, "invalid_role".to_owned()), "{method} {path}");
            assert!(answer.text("detail").contains("1 to 64 of a-z, 0-9 and '-'"), "{}", answer.json());
        }
    }
}

#[tokio::test]
async fn an_identifier_that_is_none_is_not_found() {
    let (app, admin) = set_up().await;
    let unknown = "0195f2a0-7c1e-7b3a-8f00-0123456789ab";
    for id in ["x", "1", "-1", "null", "undefined", "0", &unknown.to_uppercase(), unknown, &"a".repeat(5_000)]
    {
        for (method, path, body) in [
            (Method::DELETE, format!("/v1/sessions/{id}"), None),
            (Method::GET, format!("/v1/users/{id}"), None),
            (Method::PATCH, format!("/v1/users/{id}"), Some(json!({ "status": "active" }))),
            (Method::DELETE, format!("/v1/users/{id}"), None),
            (Method::GET, format!("/v1/users/{id}/sessions"), None),
            (Method::DELETE, format!("/v1/users/{id}/sessions"), None),
            (Method::PUT, format!("/v1/users/{id}/roles/user"), None),
            (Method::DELETE, format!("/v1/users/{id}/roles/user"), None),
        ] {
            let mut request = TestRequest::new(method.clone(), &path).bearer(&admin.access);
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = app.send(request).await;
            assert_problem(&answer, &path);
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (404, "not_found"),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn another_method_says_which_there_are() {
    let (app, _) = set_up().await;
    let operations = latchkey_all::function();
    let paths: std::collections::BTreeSet<_> =
        operations.operations().iter().map(|operation| operation.path).collect();
    for path in paths {
        let there: Vec<_> =
            operations.operations().iter().filter(|o| o.path == path).map(|o| o.method.clone()).collect();
        let concrete = path
            .replace("{id}", "0195f2a0-7c1e-7b3a-8f00-0123456789ab")
            .replace("{name}", "user")
            .replace("{provider}", "github");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            if there.contains(&method) {
                continue;
            }
            let answer = app.send(TestRequest::new(method.clone(), &concrete)).await;
            let what = format!("{method} {path}");
            assert_problem(&answer, &what);
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (405, "method_not_allowed"),
                "{what}"
            );
            let allow: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
            for method in &there {
                assert!(allow.contains(&method.as_str()), "{what}: Allow is {allow:?}");
            }
            assert!(!allow.contains(&method.as_str()), "{what}: Allow is {allow:?}");
        }
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read() {
    let (app, admin) = set_up().await;
    let random = "eyJkYXkiOjEsImN1cnNvciI6bnVsbH0";
    for query in [
        "users?cursor=x",
        "users?cursor=",
        "users?cursor=%00",
        "users?cursor=%ff%fe",
        "users?cursor=..%2f..",
        "users?limit=0",
        "users?limit=201",
        "users?limit=-1",
        "users?limit=x",
        "users?limit=99999999999999999999",
        "users?limit=1&limit=2",
        "users?email=x",
        "users?email=a%40b%2cc%40d.example",
        "audit?cursor=x",
        "audit?cursor=%7b%7d",
        "audit?limit=0",
        "audit?user=x",
        "audit?action=nothing",
        "audit?action=",
        "audit?since=yesterday",
        "audit?until=2026-13-01T00:00:00Z",
        "audit?since=%00",
        "authorize?permission=x",
        "authorize?permission=",
        "authorize?permission=a:b:c",
        "authorize?permission=%ff",
        "authorize?permission=a:b&fresh=perhaps",
        "authorize?permission=a:b&permission=a:c",
    ]
    .iter()
    .map(|query| (*query).to_owned())
    .chain([
        format!("users?cursor={}", "a".repeat(10_000)),
        format!("users?cursor={random}"),
        format!("audit?cursor={}", "A".repeat(10_000)),
    ]) {
        let answer = app.send(TestRequest::get(&format!("/v1/{query}")).bearer(&admin.access)).await;
        let what = &query[..query.len().min(80)];
        assert_client_error(&answer, what);
        assert!([400, 422].contains(&answer.status.as_u16()), "{what}: {}", answer.status);
    }
}

#[tokio::test]
async fn the_cursor_of_one_list_is_not_one_of_another() {
    let (app, admin) = set_up().await;
    latchkey_tests::support::sign_up(&app, "second@example.com").await;
    let next = |path: &str| app.send(TestRequest::get(path).bearer(&admin.access));
    let users = next("/v1/users?limit=1").await.text("next");
    let events = next("/v1/audit?limit=1").await.text("next");
    assert!(!users.is_empty() && !events.is_empty());
    for query in [format!("audit?cursor={users}"), format!("users?cursor={events}")] {
        let answer = next(&format!("/v1/{query}")).await;
        assert_client_error(&answer, &query);
        assert_eq!(answer.status, 400, "{query}");
    }
}

/// One app for all cases of a property, with the runtime that its futures need.
fn shared() -> &'static (Runtime, TestApp, Person) {
    static SHARED: OnceLock<(Runtime, TestApp, Person)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let (app, admin) = runtime.block_on(set_up());
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
        let (method, path, _) = which.get(&operations);
        let request = TestRequest::new(method.clone(), path).bearer(&admin.access);
        let answer = send(request.header("content-type", "application/json").bytes(body));
        prop_assert!(answer.status.is_client_error(), "{}", answer.status);
    }

    #[test]
    fn no_json_for_a_body_is_a_failure_of_ours(which: prop::sample::Index, values in prop::collection::vec("\\PC{0,40}", 4)) {
        let (_, _, admin) = shared();
        let operations = with_bodies(admin);
        let (method, path, _) = which.get(&operations);
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
