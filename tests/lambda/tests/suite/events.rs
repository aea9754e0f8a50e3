//! Events of every trigger through the real entry and the whole service, over a table in memory.

use latchkey_aws::event::EventError;
use latchkey_testkit::TestApp;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every shape in which a request can come, and whether an answer can carry several cookies.
const TRIGGERS: [(&str, &str); 8] = [
    ("http-api", include_str!("../../events/http-api.json")),
    ("http-api-with-stage", include_str!("../../events/http-api-with-stage.json")),
    ("http-api-format-1.0", include_str!("../../events/http-api-format-1.0.json")),
    ("function-url", include_str!("../../events/function-url.json")),
    ("rest-api", include_str!("../../events/rest-api.json")),
    ("load-balancer", include_str!("../../events/load-balancer.json")),
    ("load-balancer-single-value", include_str!("../../events/load-balancer-single-value.json")),
    ("rest-api-without-stage", include_str!("../../events/rest-api.json")),
];
const SINGLE_VALUE: &str = "load-balancer-single-value";

/// One event, as a test changes it.
struct Event {
    name: &'static str,
    json: Value,
}

fn events() -> impl Iterator<Item = Event> {
    TRIGGERS.into_iter().map(|(name, text)| {
        let mut event = Event { name, json: serde_json::from_str(text).unwrap() };
        if name == "rest-api-without-stage" {
            event.json["requestContext"].as_object_mut().unwrap().remove("stage");
        }
        event
    })
}

fn event(name: &str) -> Event {
    events().find(|event| event.name == name).unwrap()
}

impl Event {
    fn body(mut self, body: &Value) -> Self {
        self.json["body"] = json!(body.to_string());
        self.json["isBase64Encoded"] = json!(false);
        self
    }

    /// Signs up as somebody; in the body, as a load balancer of single values takes no two cookies.
    fn signup(self, name: &str) -> Self {
        let email = format!("{name}@example.com");
        self.body(&json!({ "email": email, "password": "seven green boats at noon", "transport": "bearer" }))
    }

    fn request(mut self, method: &str, path: &str) -> Self {
        self.json["body"] = Value::Null;
        if let Some(http) = self.json.pointer_mut("/requestContext/http") {
            http["method"] = json!(method);
            self.json["rawPath"] = json!(path);
        } else {
            self.json["httpMethod"] = json!(method);
            self.json["path"] = json!(path);
        }
        self
    }

    /// With this header alone by its name, in each form that the event has.
    fn header(mut self, name: &str, values: &[&str]) -> Self {
        for (member, value) in [("headers", json!(values.join(","))), ("multiValueHeaders", json!(values))] {
            if let Some(headers) = self.json.get_mut(member).and_then(Value::as_object_mut) {
                headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
                if !values.is_empty() {
                    headers.insert(name.to_owned(), value);
                }
            }
        }
        self
    }

    /// The path that a client wrote, behind the stage where this event has one in its path.
    fn path(mut self, path: &str) -> Self {
        let member = if self.json.get("rawPath").is_some() { "rawPath" } else { "path" };
        let stage = if self.json[member].as_str().unwrap().starts_with("/prod/") { "/prod" } else { "" };
        self.json[member] = json!(format!("{stage}{path}"));
        self
    }

    async fn send(&self, app: &TestApp) -> Result<Value, EventError> {
        let answer = latchkey_aws::answer(app.router(), &self.json.to_string()).await?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    async fn status(&self, app: &TestApp) -> u64 {
        self.send(app).await.unwrap()["statusCode"].as_u64().unwrap()
    }
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

fn app() -> TestApp {
    TestApp::new(latchkey_all::function())
}

#[tokio::test]
async fn every_trigger_reaches_its_route_from_its_address() {
    for event in events() {
        let answer = event.signup("ada").send(&app()).await.unwrap();
        assert_eq!(answer["statusCode"], 201, "{answer}");
        assert_eq!(answer["isBase64Encoded"], false);
        assert_eq!(body(&answer)["session"]["address"], "203.0.113.7", "{answer}");
    }
}

#[tokio::test]
async fn three_cookies_arrive_as_three() {
    for event in events().filter(|event| event.name != SINGLE_VALUE) {
        let answer = event.send(&app()).await.unwrap();
        let cookies = answer.get("cookies").unwrap_or(&answer["multiValueHeaders"]["set-cookie"]);
        let names: Vec<_> = cookies
            .as_array()
            .unwrap()
            .iter()
            .map(|cookie| cookie.as_str().unwrap().split('=').next().unwrap())
            .collect();
        assert_eq!(names[..2], ["__Host-latchkey-access", "__Host-latchkey-refresh"], "{}", event.name);
        assert!(names[2].starts_with("__Host-latchkey-device-") && names.len() == 3, "{names:?}");
        assert!(answer["headers"].get("set-cookie").is_none());
    }
}

#[tokio::test]
async fn two_origins_are_refused_however_they_are_sent() {
    for event in events() {
        let app = app();
        let event =
            event.signup("ada").header("origin", &["https://app.example.com", "https://evil.example"]);
        let answer = event.send(&app).await.unwrap();
        assert_eq!(answer["statusCode"], 403, "{}: {answer}", event.name);
        assert_eq!(body(&answer)["code"], "cross_site_request", "{}", event.name);
    }
}

#[tokio::test]
async fn a_load_balancer_that_would_drop_a_cookie_is_told_the_fix() {
    let error = event(SINGLE_VALUE).send(&app()).await.unwrap_err();
    assert!(error.to_string().contains("lambda.multi_value_headers.enabled"), "{error}");
}

#[tokio::test]
async fn cookies_come_in_however_they_are_sent() {
    for name in ["http-api", "rest-api", "load-balancer"] {
        let app = app();
        let answer = event(name).send(&app).await.unwrap();
        let cookies = answer.get("cookies").unwrap_or(&answer["multiValueHeaders"]["set-cookie"]).clone();
        let cookies: Vec<_> = cookies
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_str().unwrap().split(';').next().unwrap())
            .collect();
        let mut event = event(name).request("GET", "/v1/session");
        if name == "http-api" {
            event.json["cookies"] = json!([&["city=Zürich"], &cookies[..]].concat());
        } else {
            // Two headers of one name: the last value alone, as `headers` has it, would not do.
            event = event.header("cookie", &[cookies[0], "city=Zürich"]);
        }
        let answer = event.send(&app).await.unwrap();
        assert_eq!(body(&answer)["user"]["email"], "ada@example.com", "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_spoofed_address_does_not_move_the_limit() {
    for (name, _) in TRIGGERS {
        let app = app();
        let mut statuses = Vec::new();
        for n in 0..4 {
            // The platform appends the address that it sees.
            let spoofed = format!("198.51.100.{n}");
            let event = event(name)
                .signup(&format!("user{n}"))
                .header("x-forwarded-for", &[&spoofed, "203.0.113.7"])
                .header("x-real-ip", &[&spoofed])
                .header("forwarded", &[&format!("for={spoofed}")]);
            statuses.push(event.status(&app).await);
        }
        assert_eq!(statuses, [201, 201, 201, 429], "{name}");
    }
}

#[tokio::test]
async fn a_proxy_in_front_of_the_platform_counts_as_one() {
    for (name, _) in TRIGGERS {
        let app = TestApp::builder().var("LATCHKEY_TRUSTED_PROXIES", "1").build(latchkey_all::function());
        let event =
            event(name).signup("ada").header("x-forwarded-for", &["198.51.100.9, 192.0.2.1, 203.0.113.7"]);
        let answer = event.send(&app).await.unwrap();
        assert_eq!(body(&answer)["session"]["address"], "192.0.2.1", "{name}: {answer}");
    }
}

#[tokio::test]
async fn around_the_cdn_the_platforms_word_counts() {
    let secret = "8f1c9a520f2b4f6e9d530f5b7d8b3c11";
    for (name, _) in TRIGGERS {
        let app = TestApp::builder()
            .var("LATCHKEY_TRUSTED_PROXIES", "1")
            .var("LATCHKEY_CDN_SECRET", secret)
            .build(latchkey_all::function());
        for (n, sent, address) in
            [(0, "", "203.0.113.7"), (1, "wrong", "203.0.113.7"), (2, secret, "192.0.2.1")]
        {
            let event = event(name)
                .signup(&format!("ada{n}"))
                .header("x-forwarded-for", &["198.51.100.9, 192.0.2.1, 203.0.113.7"])
                .header("x-latchkey-cdn-secret", &[sent]);
            let answer = event.send(&app).await.unwrap();
            assert_eq!(body(&answer)["session"]["address"], address, "{name} {sent}: {answer}");
        }
    }
}

#[tokio::test]
async fn without_an_address_nothing_that_is_limited_is_served() {
    for mut event in events() {
        let name = event.name;
        for pointer in ["/requestContext/http/sourceIp", "/requestContext/identity/sourceIp"] {
            if let Some(address) = event.json.pointer_mut(pointer) {
                *address = Value::Null;
            }
        }
        if name.starts_with("load-balancer") {
            event = event.header("x-forwarded-for", &[]);
        }
        let answer = event.signup("ada").send(&app()).await.unwrap();
        assert_eq!(answer["statusCode"], 400, "{name}");
        assert_eq!(body(&answer)["code"], "address_unknown", "{name}");
    }
}

#[tokio::test]
async fn other_spellings_of_a_path_are_not_found() {
    for (name, _) in TRIGGERS {
        for path in [
            "//v1/signup",
            "/v1//signup",
            "/v1/./signup",
            "/v1/x/../signup",
            "/v1%2fsignup",
            "/V1/signup",
            "/v1/sign up",
            "/v1/signup\u{0}",
            "/v1/signup\t",
            "/v1\\signup",
            "",
            "v1/signup",
        ] {
            let status = event(name).signup("ada").path(path).status(&app()).await;
            assert_eq!(status, 404, "{name} {path:?}");
        }
    }
}

#[tokio::test]
async fn queries_arrive_as_they_were_asked() {
    let app = app();
    app.services.roles.init().await.unwrap();
    let answer = event("http-api").signup("ada").send(&app).await.unwrap();
    let bearer = format!("Bearer {}", body(&answer)["access_token"].as_str().unwrap());
    for (name, _) in TRIGGERS {
        for (permission, status) in [("profile:update", 204), ("profile:delete", 403)] {
            let mut event = event(name).request("GET", "/v1/authorize").header("authorization", &[&bearer]);
            if event.json.get("rawPath").is_some() {
                event.json["rawQueryString"] = json!(format!("permission={permission}"));
            } else {
                event.json["queryStringParameters"] = json!({ "permission": permission });
                if !event.name.starts_with("load-balancer-single") {
                    event.json["multiValueQueryStringParameters"] = json!({ "permission": [permission] });
                }
            }
            assert_eq!(event.status(&app).await, status, "{name} {permission}");
        }
        // A question that cannot be read is not another question.
        let mut event = event(name).request("GET", "/v1/authorize").header("authorization", &[&bearer]);
        if event.json.get("rawPath").is_some() {
            event.json["rawQueryString"] = json!("permission=profile delete");
            assert_eq!(event.status(&app).await, 404, "{name}");
        }
    }
}

#[tokio::test]
async fn a_body_of_six_megabytes_is_too_large() {
    for mut event in events() {
        event.json["body"] = json!("x".repeat(6 * 1024 * 1024));
        event.json["isBase64Encoded"] = json!(event.name == "function-url");
        let answer = event.send(&app()).await.unwrap();
        assert_eq!(answer["statusCode"], 413, "{}", event.name);
        assert_eq!(body(&answer)["code"], "body_too_large");
    }
}

#[tokio::test]
async fn what_is_no_request_is_an_error_that_says_nothing_of_it() {
    const VALUE: &str = "a secret of the event";
    for text in [
        "",
        "null",
        "[]",
        "{",
        "{}",
        "\"a secret of the event\"",
        r#"{"password":"a secret of the event"}"#,
        r#"{"requestContext":{"http":{"method":"a secret of the event"}},"rawPath":"/"}"#,
        r#"{"requestContext":{"http":{}},"rawPath":"/v1/signup"}"#,
        r#"{"requestContext":{"http":"a secret of the event"}}"#,
        r#"{"httpMethod":"POST","path":"/v1/signup"}"#,
        r#"{"requestContext":{"elb":{}},"path":"/v1/signup"}"#,
        r#"{"httpMethod":"GET","path":"/","requestContext":{},"headers":{"a b":"a secret of the event"}}"#,
        r#"{"httpMethod":"GET","path":"/","requestContext":{},"headers":{"a":"a secret of the event\n"}}"#,
        r#"{"httpMethod":"GET","path":"/","requestContext":{},"body":"a secret of the event","isBase64Encoded":true}"#,
        include_str!("../../events/sqs.json"),
        include_str!("../../events/web-socket.json"),
    ] {
        let error = latchkey_aws::answer(app().router(), text).await.unwrap_err();
        assert!(!error.to_string().contains(VALUE), "{error}");
        assert!(matches!(error, EventError::Unknown | EventError::Malformed(_)), "{text}: {error}");
    }
}

/// A place in an event and what to put there.
fn spoilt() -> impl Strategy<Value = (usize, usize, Value)> {
    let odd = prop_oneof![
        Just(Value::Null),
        Just(json!(7)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null])),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,12}".prop_map(Value::from),
    ];
    (0..TRIGGERS.len(), any::<usize>(), odd)
}

/// Every member of the event, by its pointer.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointers(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_event_makes_it_panic((trigger, place, value) in spoilt()) {
        let mut event = events().nth(trigger).unwrap();
        let mut places = Vec::new();
        pointers(&event.json, "", &mut places);
        let place = &places[place % places.len()];
        *event.json.pointer_mut(place).unwrap() = value;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(event.send(&app())) {
            Ok(answer) => prop_assert!(answer["statusCode"].as_u64().is_some_and(|status| status < 500), "{} {answer}", place),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
