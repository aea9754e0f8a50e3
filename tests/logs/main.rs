//! No secret is logged, at any level, in a whole run of the service.
//!
//! A program of its own: where tests run beside it, `tracing` may take a line for unwanted before this one asks for it.
#![cfg(test)]

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use latchkey_core::account::Login;
use latchkey_core::log::Filter;
use latchkey_core::port::table::Key;
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::provider::{CLIENT_SECRET, ISSUER};
use latchkey_testkit::{TestRequest, TestResponse, World, query};
use latchkey_tests::support::{PASSWORD, admin, credentials, grant, make_role, refresh_request, sign_up};
use serde_json::{Value, json};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

const WRONG_PASSWORD: &str = "a mistyped password 1234";
/// The master secret of the test app.
const SECRET: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The secrets of a run.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn add(&mut self, text: &str) {
        // What is shorter is no secret, such as the value that removes a cookie.
        if text.len() >= 8 {
            self.0.push(text.to_owned());
        }
    }

    /// The tokens, codes and cookies of an answer.
    fn learn(&mut self, answer: &TestResponse) {
        for name in ["access_token", "refresh_token", "code"] {
            self.add(&answer.text(name));
        }
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.add(pair.split_once('=').unwrap().1);
        }
        for (name, value) in
            answer.header("location").split(['?', '&', '#']).filter_map(|p| p.split_once('='))
        {
            if ["code", "state", "nonce", "code_challenge"].contains(&name) {
                self.add(value);
            }
        }
    }

    /// Demands that neither a secret nor the middle of one is in `log`.
    fn assert_absent(&self, log: &str) {
        for secret in &self.0 {
            let middle = secret.get(secret.len() / 4..secret.len() * 3 / 4).unwrap_or(secret);
            let part = if secret.len() >= 32 { middle } else { secret };
            assert!(!log.contains(part), "{secret} is in {log}");
        }
    }
}

/// Everything that a service is asked for, well and badly.
async fn run() -> Secrets {
    let mut secrets = Secrets::default();
    for text in [PASSWORD, WRONG_PASSWORD, SECRET, CLIENT_SECRET, VERIFIER] {
        secrets.add(text);
    }
    let world = World::new(latchkey_all::function(), |app| {
        app.var("LATCHKEY_LIMITS", "off").var("LATCHKEY_PROVIDER_TOKENS", "keep")
    });
    world.provider.edit().shape.scopes = "openid email profile offline_access";
    let app = &world.app;
    let admin = admin(app).await;
    make_role(app, "server", &["identities:token"]).await;
    grant(app, &admin, "server").await;
    let user = sign_up(app, "user@example.com").await;
    let request = |method: &str, path: &str| TestRequest::new(method.parse().unwrap(), path);
    let post = |path: &str, body: &Value| TestRequest::post(path, body);
    let rogue = "lkr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    secrets.add(rogue);
    for person in [&admin, &user] {
        secrets.add(&person.access);
        secrets.add(&person.refresh);
    }
    let cut = &user.access[..user.access.len() - 2];
    let cookies = format!("__Host-latchkey-access={}; __Host-latchkey-refresh={}", user.access, user.refresh);
    for sent in [
        post("/v1/signin", &credentials("user@example.com", PASSWORD)),
        post("/v1/signin", &json!({ "email": "user@example.com", "password": PASSWORD })),
        post("/v1/signin", &credentials("user@example.com", WRONG_PASSWORD)),
        post("/v1/signin", &credentials("nobody@example.com", WRONG_PASSWORD)),
        post("/v1/signup", &credentials("user@example.com", PASSWORD)),
        post("/v1/signup", &json!({ "email": WRONG_PASSWORD, "password": PASSWORD })),
        post("/v1/signin", &json!(PASSWORD)),
        request("POST", "/v1/signin").header("content-type", "application/json").bytes(PASSWORD.into()),
        request("POST", &format!("/v1/signin?password={}", "mistyped-in-a-query")),
        refresh_request(&user.refresh),
        refresh_request(rogue),
        request("POST", "/v1/token/refresh")
            .header("cookie", &cookies)
            .header("origin", "https://evil.example"),
        request("POST", "/v1/signout").header("cookie", &cookies).header("sec-fetch-site", "cross-site"),
        request("GET", "/v1/session").bearer(cut),
        request("GET", "/v1/session").bearer(&user.access),
        request("GET", "/v1/users").bearer(&user.access),
        request("GET", "/v1/users").bearer(&admin.access),
        request("GET", "/v1/audit").bearer(&admin.access),
        request("PUT", "/v1/roles/mine").bearer(&admin.access).json(&json!({ "permissions": ["a:b"] })),
        request("PATCH", &format!("/v1/users/{}", user.id))
            .bearer(&user.access)
            .json(&json!({ "status": "disabled" })),
        request("PUT", &format!("/v1/users/{}/roles/mine", user.id)).bearer(&admin.access),
    ] {
        secrets.learn(&app.send(sent).await);
    }
    secrets.add("mistyped-in-a-query");
    app.clock.advance(Duration::from_mins(1));
    secrets.learn(&app.send(refresh_request(&user.refresh)).await);
    provider(&world, &admin.access, &mut secrets).await;
    stored(&world, &mut secrets).await;
    secrets
}

/// A sign-in in a browser, one for an app, one that is refused, and a token for a server.
async fn provider(world: &World, server: &str, secrets: &mut Secrets) {
    for ask in [
        String::new(),
        query(&[("redirect_to", "https://app.example.com/in"), ("code_challenge", CHALLENGE)]),
    ] {
        let mut browser = world.browser();
        let location = browser.start("acme", &ask).await;
        browser.jar.values().for_each(|cookie| secrets.add(cookie.split(';').next().unwrap()));
        let granted = world.provider.authorize(&location);
        secrets.add(&granted.code);
        secrets.add(&granted.state);
        let answer = browser.come_back("acme", &granted).await;
        secrets.learn(&answer);
        let code = answer.header("location").split_once("code=").map(|(_, code)| code.to_owned());
        for verifier in [VERIFIER, "not-the-verifier-not-the-verifier-not-the-verifier"] {
            let Some(code) = &code else { continue };
            let body = json!({ "code": code, "code_verifier": verifier });
            secrets.learn(&world.app.send(TestRequest::post("/v1/oauth/exchange", &body)).await);
        }
    }
    let (mut browser, granted) = world.at_provider().await;
    secrets.add(&granted.state);
    let refused = [("code", "a-code-of-somebody-else"), ("state", granted.state.as_str()), ("iss", ISSUER)];
    secrets.add(refused[0].1);
    secrets.learn(&browser.callback("acme", &refused).await);
    secrets.learn(
        &browser.callback("acme", &[("code", refused[0].1), ("state", "another-state-entirely")]).await,
    );
    secrets.add("another-state-entirely");
    let ada = "ada@example.com".parse().unwrap();
    let ada = world.app.services.users.find_by_email(&ada).await.unwrap().expect("she signed in");
    for method in [Method::GET, Method::POST] {
        let path = format!("/v1/identities/acme/token?user={}", ada.id);
        secrets.learn(&world.app.send(TestRequest::new(method, &path).bearer(server)).await);
    }
}

/// The hashes and what is sealed in the table.
async fn stored(world: &World, secrets: &mut Secrets) {
    let ports = &world.app.services.ports;
    let now = ports.clock.now();
    let keys = [Login::key(&"user@example.com".parse().unwrap()), Key::new("keys", "ring")];
    for item in ports.table.get(&keys, now).await.unwrap().into_iter().flatten() {
        let body: Value = item.decode().unwrap();
        leaves(&body, &mut |text| {
            // Addresses, names and identifiers are no secrets.
            if text.len() >= 40 {
                secrets.add(text);
            }
        });
    }
}

fn leaves(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, take)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, take)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

// One thread, as the subscriber is that of this thread only.
#[tokio::test]
async fn no_level_logs_a_secret() {
    for level in
        ["error", "warn", "info", "debug", "trace", "latchkey=trace,lambda_runtime=trace,hyper=trace"]
    {
        let lines = Lines::default();
        let (filter, _) = Filter::read(Some(level));
        let most = filter.most();
        // As the Lambda entry and the local server log.
        let filter =
            filter_fn(move |about| filter.takes(about.target(), *about.level())).with_max_level_hint(most);
        let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(lines.clone());
        let guard =
            tracing::subscriber::set_default(tracing_subscriber::registry().with(filter).with(format));
        let secrets = run().await;
        drop(guard);
        let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            log.contains("an access token was refused"),
            level.contains("debug") || level.contains("trace")
        );
        assert!(secrets.0.len() > 40, "{}", secrets.0.len());
        secrets.assert_absent(&log);
    }
}
