use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use http::header::SET_COOKIE;
use latchkey_aws::dynamodb::{DynamoDbSettings, DynamoTable, Emulator, client, create_table};
use latchkey_core::audit::{Action, Filter};
use latchkey_testkit::provider::{CLIENT_ID, CLIENT_SECRET, Granted, ISSUER, Shape, StandInProvider};
use latchkey_testkit::{TestApp, TestAppBuilder, TestClock, TestRequest, TestResponse};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::proxy::Proxy;

pub const TABLE: &str = "latchkey";
pub const PASSWORD: &str = "violet harbour tundra";

/// Starts an emulator without tables.
pub async fn emulator() -> Emulator {
    Emulator::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

/// A time limit beyond the delays of a busy machine, because only tests that say so are about time.
const LONG: Duration = Duration::from_mins(10);

/// Returns the table of this name, with a long time limit.
pub fn table(client: Client, name: &str) -> DynamoTable {
    DynamoTable::new(client, name.to_owned()).within(LONG)
}

/// Returns settings for `endpoint`: retries do not wait, and each test has a retry budget of its own.
pub fn settings(endpoint: &str) -> DynamoDbSettings {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut settings = DynamoDbSettings::emulated(endpoint);
    (settings.connect_timeout, settings.attempt_timeout) = (LONG, LONG);
    settings.max_backoff = Duration::ZERO;
    let name = format!("test {}", COUNT.fetch_add(1, Ordering::Relaxed));
    settings.retry_partition = Some(RetryPartition::new(name));
    settings
}

/// A table that is reached through a proxy, and directly.
pub struct Stage {
    pub proxy: Proxy,
    pub table: DynamoTable,
    pub direct: DynamoTable,
    _emulator: Emulator,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Creates a stage with changed settings for the connection through the proxy.
    pub async fn with(change: impl FnOnce(&mut DynamoDbSettings)) -> Self {
        let emulator = emulator().await;
        let proxy = Proxy::start(emulator.endpoint()).await;
        let mut through = settings(&proxy.endpoint());
        change(&mut through);
        let direct = client(&settings(emulator.endpoint()));
        create_table(&direct, TABLE).await.unwrap();
        let through = table(client(&through), TABLE);
        Self { proxy, table: through, direct: table(direct, TABLE), _emulator: emulator }
    }
}

/// The whole service over a table behind a proxy, and another process whose requests never fail.
pub struct Pair {
    pub stage: Stage,
    pub app: TestApp,
    pub witness: TestApp,
    pub clock: Arc<TestClock>,
    /// Provider that both processes know as `acme`.
    pub provider: StandInProvider,
}

impl Pair {
    pub async fn new() -> Self {
        Self::on(Stage::new().await, || TestApp::builder().var("LATCHKEY_LIMITS", "off")).await
    }

    pub async fn on(stage: Stage, builder: impl Fn() -> TestAppBuilder) -> Self {
        let clock = Arc::new(TestClock::new());
        let provider = StandInProvider::new(Shape::openid(), Arc::clone(&clock));
        let acme = [
            ("LATCHKEY_OIDC", "acme"),
            ("OIDC_ACME_ISSUER", ISSUER),
            ("OIDC_ACME_CLIENT_ID", CLIENT_ID),
            ("OIDC_ACME_CLIENT_SECRET", CLIENT_SECRET),
        ];
        let app = |seed: u64, table: &DynamoTable| {
            let builder = acme.iter().fold(builder(), |builder, (name, value)| builder.var(name, value));
            let builder = builder.seed(seed).clock(Arc::clone(&clock)).fetch(Arc::new(provider.clone()));
            builder.table(Arc::new(table.clone())).build(latchkey_all::function())
        };
        let (app, witness) = (app(1, &stage.table), app(2, &stage.direct));
        app.services.roles.init().await.unwrap();
        for app in [&app, &witness] {
            app.services.keys.jwks().await.unwrap();
        }
        stage.proxy.take();
        Self { stage, app, witness, clock, provider }
    }

    pub fn proxy(&self) -> &Proxy {
        &self.stage.proxy
    }

    pub async fn sign_up(&self, email: &str) -> Person {
        Person::read(&self.app.send(signup(email)).await)
    }

    /// Makes the provider confirm `subject` with `email`, and begins an authorization request by `start`.
    /// Returns the request with which the browser comes back, or `None` if the start is refused.
    pub async fn trip(&self, subject: &str, email: &str, start: TestRequest) -> Option<TestRequest> {
        {
            let mut provider = self.provider.edit();
            provider.claims["sub"] = json!(subject);
            provider.claims["email"] = json!(email);
        }
        let begun = self.app.send(start).await;
        let location = match begun.status.as_u16() {
            200 => begun.text("location"),
            303 => begun.header("location").to_owned(),
            401 => return None,
            _ => panic!("{}", begun.json()),
        };
        let cookies = begun.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        let flow = cookies.filter_map(|cookie| cookie.split(';').next()).find(|it| it.contains("-oauth-"));
        let Granted { code, state, .. } = self.provider.authorize(&location);
        let path = format!("/v1/oauth/acme/callback?code={code}&state={state}&iss={ISSUER}");
        Some(TestRequest::get(&path).header("cookie", flow.unwrap()))
    }

    /// Returns the number of events of `action` on the day of the start.
    pub async fn events(&self, action: Action) -> usize {
        // A list without a start would read every stored day.
        let since = Some(TestClock::START);
        let filter = Filter { action: Some(action), since, limit: 200, ..Filter::default() };
        let page = self.witness.services.audit.list(&filter).await.unwrap();
        assert!(page.next.is_none(), "more than a page of them");
        page.events.len()
    }
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Person {
    pub access: String,
    pub refresh: String,
}

impl Person {
    /// Reads the tokens from the body, or else from the cookies.
    pub fn read(answer: &TestResponse) -> Self {
        let entered = answer.status.is_success() || answer.status == 303;
        assert!(entered, "{} {}", answer.status, answer.json());
        let cookie = |name| {
            let cookie = answer.set_cookie(name).and_then(|cookie| cookie.split(';').next());
            cookie.unwrap_or_else(|| panic!("no {name}: {:?}", answer.headers)).to_owned()
        };
        let token = |member, name| {
            Some(answer.text(member)).filter(|token| !token.is_empty()).unwrap_or_else(|| cookie(name))
        };
        Self {
            access: token("access_token", "__Host-latchkey-access"),
            refresh: token("refresh_token", "__Host-latchkey-refresh"),
        }
    }
}

pub fn signup(email: &str) -> TestRequest {
    TestRequest::post("/v1/signup", &credentials(email, PASSWORD))
}

pub fn signin(email: &str, password: &str) -> TestRequest {
    TestRequest::post("/v1/signin", &credentials(email, password))
}

pub fn refresh(token: &str) -> TestRequest {
    TestRequest::post("/v1/token/refresh", &json!({"refresh_token": token}))
}

pub fn bare(method: &str, path: &str, by: &Person) -> TestRequest {
    TestRequest::new(method.parse().unwrap(), path).bearer(&by.access)
}

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password, "transport": "bearer"})
}

/// Returns true if the response is 503. Checks that it has `Retry-After`.
pub fn is_unavailable(answer: &TestResponse) -> bool {
    let unavailable = answer.status == 503;
    assert!(!unavailable || (answer.code() == "unavailable" && !answer.header("retry-after").is_empty()));
    unavailable
}
