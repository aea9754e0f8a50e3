#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot set itself up fails by a panic"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use latchkey_core::adapter::{InProcessCache, InProcessCounters};
use latchkey_core::config::Exposure;
use latchkey_core::port::{
    Cache, Counters, Derivation, Fetch, FetchError, HasherError, Mailer, MailerError, Message,
    PasswordHasher, Table,
};
use latchkey_core::{Config, Memory, Ports, Services};
use latchkey_http::{App, Function, Middleware, Paths, PeerAddress};
use latchkey_sql::SqlTable;
use latchkey_sql::sqlite::Sqlite;
use serde_json::Value;
use tower::ServiceExt;

use crate::described::Description;
use crate::{
    CountingCounters, CountingTable, FailingCounters, FailingTable, SeededEntropy, TestClock, Trips,
};

/// The origin of the test app.
pub const URL: &str = "https://auth.example.com";
/// A frontend that the test app lists.
pub const FRONTEND: &str = "https://app.example.com";

/// The whole service in memory, behind its real router, with a clock, a generator and faults that the test moves.
pub struct TestApp {
    /// The services, to look behind the routes.
    pub services: Services,
    /// The clock.
    pub clock: Arc<TestClock>,
    /// Round trips to the table and the counters together.
    pub trips: Trips,
    /// Password hashes that were computed.
    pub hashes: Trips,
    /// The blocks of 1 KiB that they were: their work.
    pub hash_work: Arc<AtomicUsize>,
    /// The table's faults.
    pub table: Arc<FailingTable>,
    /// The counters' faults.
    pub counters: Arc<FailingCounters>,
    description: Description,
    router: Middleware<Paths>,
}

/// What a [`TestApp`] is made of; [`TestApp::new`] takes the usual.
pub struct TestAppBuilder {
    vars: Vec<(String, String)>,
    table: Option<Arc<dyn Table>>,
    counters: Option<Arc<dyn Counters>>,
    cache: Arc<dyn Cache>,
    clock: Arc<TestClock>,
    fetch: Arc<dyn Fetch>,
    seed: u64,
}

impl Default for TestAppBuilder {
    fn default() -> Self {
        Self {
            vars: Vec::new(),
            table: None,
            counters: None,
            cache: Arc::new(InProcessCache::default()),
            clock: Arc::new(TestClock::new()),
            fetch: Arc::new(NoFetch),
            seed: 1,
        }
    }
}

impl TestAppBuilder {
    /// Sets a configuration variable.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Stands on this table, to share it with another app: two processes over one store.
    #[must_use]
    pub fn table(mut self, table: Arc<dyn Table>) -> Self {
        self.table = Some(table);
        self
    }

    /// Counts here, instead of in process.
    #[must_use]
    pub fn counters(mut self, counters: Arc<dyn Counters>) -> Self {
        self.counters = Some(counters);
        self
    }

    /// Remembers here, to share it with another app: two processes over one cache.
    #[must_use]
    pub fn cache(mut self, cache: Arc<dyn Cache>) -> Self {
        self.cache = cache;
        self
    }

    /// Goes by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<TestClock>) -> Self {
        self.clock = clock;
        self
    }

    /// Asks other services through this port.
    #[must_use]
    pub fn fetch(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.fetch = fetch;
        self
    }

    /// Draws other randomness than other apps.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The app that serves `function`, with the initial roles.
    pub async fn start(self, function: Function) -> TestApp {
        let app = self.build(function);
        app.services.roles.init().await.expect("the initial roles are made");
        app
    }

    /// The same with the key ring read, for tests that count round trips.
    pub async fn start_warm(self, function: Function) -> TestApp {
        let app = self.start(function).await;
        app.services.keys.jwks().await.expect("the key ring is made");
        app
    }

    /// The app that serves `function`.
    pub fn build(self, function: Function) -> TestApp {
        let table = self.table.unwrap_or_else(memory_table);
        let (trips, hashes, hash_work) = (Trips::default(), Trips::default(), Arc::default());
        let failing_table = Arc::new(FailingTable::new(table));
        let counters = self.counters.unwrap_or_else(|| Arc::new(InProcessCounters::default()));
        let failing_counters = Arc::new(FailingCounters::new(counters));
        let ports = Ports {
            table: Arc::new(CountingTable::new(Arc::<FailingTable>::clone(&failing_table), trips.clone())),
            counters: Arc::new(CountingCounters::new(
                Arc::<FailingCounters>::clone(&failing_counters),
                trips.clone(),
            )),
            cache: self.cache,
            mailer: Arc::new(NoMail),
            fetch: self.fetch,
            clock: Arc::<TestClock>::clone(&self.clock),
            entropy: Arc::new(SeededEntropy::new(self.seed)),
            hasher: Arc::new(InlineHasher { hashes: hashes.clone(), work: Arc::clone(&hash_work) }),
        };
        let config = config(&self.vars);
        let services = Services::new(Arc::new(config), ports, &Memory::default());
        let description = Description::of(&function);
        let router = latchkey_http::app(function, App::new(services.clone()));
        TestApp {
            services,
            clock: self.clock,
            trips,
            hashes,
            hash_work,
            table: failing_table,
            counters: failing_counters,
            description,
            router,
        }
    }
}

/// A fresh database in memory, the same adapter as on disk.
pub fn memory_table() -> Arc<dyn Table> {
    Arc::new(SqlTable::new(Sqlite::open_in_memory().expect("a database in memory opens")))
}

/// The configuration of the test app, with `vars` over it.
fn config(vars: &[(String, String)]) -> Config {
    let defaults = [
        ("LATCHKEY_URL", URL),
        ("LATCHKEY_ORIGINS", FRONTEND),
        ("LATCHKEY_SECRET", "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo="),
        // The least that argon2 computes: these tests are about everything but its cost.
        ("LATCHKEY_ARGON2", "m=8,t=1,p=1"),
        ("LATCHKEY_ALLOW_WEAK_HASHES", "yes"),
        ("LATCHKEY_ALLOW_NO_LIMITS", "yes"),
    ];
    let find = |name: &str| {
        let own = vars.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        own.or_else(|| defaults.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    };
    Config::read(find, Exposure::Local).expect("the test configuration is valid")
}

impl TestApp {
    /// The usual app around `function`.
    pub fn new(function: Function) -> Self {
        TestAppBuilder::default().build(function)
    }

    /// The parts of an unusual one.
    pub fn builder() -> TestAppBuilder {
        TestAppBuilder::default()
    }

    /// The parts of one without limits: a test is quicker than a person.
    pub fn unlimited() -> TestAppBuilder {
        Self::builder().var("LATCHKEY_LIMITS", "off")
    }

    /// The router itself, for what sends requests in its own way.
    pub fn router(&self) -> Middleware<Paths> {
        self.router.clone()
    }

    /// Sends a request and reads the whole answer, which must be one that the description of its route names.
    pub async fn send(&self, request: TestRequest) -> TestResponse {
        let (method, path) = (request.method.clone(), request.path.clone());
        let response = self.router.clone().oneshot(request.build()).await.expect("a router does not fail");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("an answer's body is whole").to_bytes();
        let answer = TestResponse { status: parts.status, headers: parts.headers, body: body.to_vec() };
        self.description.demand(&method, &path, &answer);
        answer
    }
}

/// A request, as a client would make it.
#[derive(Clone)]
pub struct TestRequest {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
    peer: Option<IpAddr>,
}

impl TestRequest {
    /// A request without a body.
    pub fn new(method: Method, path: &str) -> Self {
        let peer = Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)));
        Self { method, path: path.to_owned(), headers: HeaderMap::new(), body: Vec::new(), peer }
    }

    /// GET.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// POST with a JSON body.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new(Method::POST, path).json(body)
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string().into_bytes())
    }

    /// The same with this body.
    #[must_use]
    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(self, name: &'static str, value: &str) -> Self {
        self.header_bytes(name, value.as_bytes())
    }

    /// The same with one more header, whose value need not be text.
    #[must_use]
    pub fn header_bytes(mut self, name: &'static str, value: &[u8]) -> Self {
        let value = HeaderValue::from_bytes(value).expect("a test's header value is valid");
        self.headers.append(name, value);
        self
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// The same from another address; none when the platform tells none.
    #[must_use]
    pub fn peer(mut self, peer: Option<IpAddr>) -> Self {
        self.peer = peer;
        self
    }

    fn build(self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().expect("a test's path is a valid URI");
        *request.headers_mut() = self.headers;
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(PeerAddress(peer));
        }
        request
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct TestResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl TestResponse {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text member of the JSON body, such as `user.id`; empty when it is not there.
    pub fn text(&self, path: &str) -> String {
        let pointer = format!("/{}", path.replace('.', "/"));
        self.json().pointer(&pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        self.text("code")
    }

    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The value of a cookie that the answer sets, with its attributes.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        values.find_map(|value| value.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Hashes in line, since tests run at the least cost, and counts.
struct InlineHasher {
    hashes: Trips,
    work: Arc<AtomicUsize>,
}

#[async_trait]
impl PasswordHasher for InlineHasher {
    async fn derive(&self, job: Derivation) -> Result<[u8; 32], HasherError> {
        self.hashes.add();
        self.work.fetch_add(job.work(), Ordering::SeqCst);
        job.run(&mut Vec::new())
    }
}

/// Nothing that is tested here sends mail.
struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _: &Message) -> Result<(), MailerError> {
        Err(MailerError::Unavailable("the test app sends no mail".to_owned()))
    }
}

/// Nothing that is tested here asks other services.
struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn fetch(
        &self,
        _: http::Request<bytes::Bytes>,
        _: std::time::Duration,
    ) -> Result<http::Response<bytes::Bytes>, FetchError> {
        Err(FetchError::Connection("the test app asks no other service".to_owned()))
    }
}
