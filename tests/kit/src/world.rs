//! A service that one provider is set up for, and browsers that go to it and come back.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by a panic"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::SET_COOKIE;
use latchkey_core::audit::Filter;
use latchkey_http::Function;
use url::form_urlencoded::Serializer;

use crate::provider::{CLIENT_ID, CLIENT_SECRET, Granted, ISSUER, Shape, StandInProvider};
use crate::{FRONTEND, TestApp, TestAppBuilder, TestClock, TestRequest, TestResponse};

/// A service and a provider.
pub struct World {
    /// The service.
    pub app: TestApp,
    /// The provider.
    pub provider: StandInProvider,
    function: Function,
}

impl World {
    /// A service without limits, for tests that ask often, and the provider that it calls `acme`.
    pub fn unlimited(function: Function) -> Self {
        Self::new(function, |app| app.var("LATCHKEY_LIMITS", "off"))
    }

    /// The service that `change` makes, and the provider that it calls `acme`.
    pub fn new(function: Function, change: impl FnOnce(TestAppBuilder) -> TestAppBuilder) -> Self {
        Self::at(function, Shape::openid(), |app| change(with_acme(app)))
    }

    /// The service that `change` makes, and a provider of this shape, which `change` sets up too.
    pub fn at(
        function: Function,
        shape: Shape,
        change: impl FnOnce(TestAppBuilder) -> TestAppBuilder,
    ) -> Self {
        let clock = Arc::new(TestClock::new());
        let provider = StandInProvider::new(shape, Arc::clone(&clock));
        let builder = TestApp::builder().clock(clock).fetch(Arc::new(provider.clone()));
        Self { app: change(builder).build(function.clone()), provider, function }
    }

    /// Another process with the same provider and by the same clock, and with stores of its own.
    pub fn other_process(&self, seed: u64, change: impl FnOnce(TestAppBuilder) -> TestAppBuilder) -> Self {
        let app = TestApp::builder().seed(seed).clock(Arc::clone(&self.app.clock));
        let app = with_acme(app.fetch(Arc::new(self.provider.clone())));
        let function = self.function.clone();
        Self { app: change(app).build(function.clone()), provider: self.provider.clone(), function }
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser<'_> {
        Browser { app: &self.app, jar: BTreeMap::new(), html: false }
    }

    /// A browser that has been to the provider `acme`, and the response that it brings back.
    pub async fn at_provider(&self) -> (Browser<'_>, Granted) {
        let mut browser = self.browser();
        let location = browser.start("acme", "").await;
        (browser, self.provider.authorize(&location))
    }

    /// Signs in at `acme` in a browser of its own.
    pub async fn sign_in(&self) -> TestResponse {
        let (mut browser, granted) = self.at_provider().await;
        browser.come_back("acme", &granted).await
    }

    /// Action and reason of the newest audit event.
    pub async fn last_event(&self) -> (String, Option<String>) {
        let page = self.app.services.audit.list(&Filter { limit: 1, ..Filter::default() }).await.unwrap();
        let event = page.events.first().expect("there is an event");
        (event.action.as_str().to_owned(), event.details.get("reason").cloned())
    }

    /// Asserts that nobody was let in: this status, this code, an audit event with this reason, no account, no session.
    pub async fn assert_refused(&self, answer: &TestResponse, status: u16, code: &str, reason: &str) {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.json());
        assert_eq!(self.last_event().await, ("oauth:failed".to_owned(), Some(reason.to_owned())));
        assert!(answer.set_cookie("__Host-latchkey-access").is_none());
        let ada = "ada@example.com".parse().unwrap();
        assert!(self.app.services.users.find_by_email(&ada).await.unwrap().is_none(), "a half-made account");
    }
}

/// A browser: it keeps cookies, and sends them when a browser does.
#[derive(Clone)]
pub struct Browser<'a> {
    /// The service that it sends to.
    pub app: &'a TestApp,
    /// Cookies with their attributes, by name.
    pub jar: BTreeMap<String, String>,
    /// True for one that takes HTML.
    pub html: bool,
}

impl Browser<'_> {
    /// Navigates to a path from another site.
    pub async fn get(&mut self, path: &str) -> TestResponse {
        let request = TestRequest::get(path).header("sec-fetch-site", "cross-site");
        self.send(request, |_| true).await
    }

    /// Posts a form from a page of another site: only `SameSite=None` cookies come with it.
    pub async fn post_across(&mut self, path: &str, origin: &str, form: &str) -> TestResponse {
        let request = TestRequest::new(http::Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate")
            .bytes(form.as_bytes().to_vec());
        self.send(request, |attributes| attributes.contains("SameSite=None")).await
    }

    async fn send(&mut self, request: TestRequest, sends: impl Fn(&str) -> bool) -> TestResponse {
        // Events of one millisecond have no order.
        self.app.clock.advance(Duration::from_millis(1));
        let cookies: Vec<_> = self
            .jar
            .iter()
            .filter(|(_, cookie)| sends(cookie))
            .map(|(name, cookie)| format!("{name}={}", cookie.split(';').next().unwrap()))
            .collect();
        let accept = if self.html { "text/html,application/xhtml+xml,*/*;q=0.8" } else { "application/json" };
        let request = request.header("cookie", &cookies.join("; ")).header("accept", accept);
        let response = self.app.send(request).await;
        for cookie in response.headers.get_all(SET_COOKIE) {
            let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
            if value.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// Begins a sign-in and returns where the browser is sent.
    pub async fn start(&mut self, provider: &str, query: &str) -> String {
        let response = self.get(&format!("/v1/oauth/{provider}/start?{query}")).await;
        assert_eq!(response.status, 303, "{}", response.json());
        assert_eq!(response.header("cache-control"), "no-store");
        response.header("location").to_owned()
    }

    /// Comes back with the code that the provider granted.
    pub async fn come_back(&mut self, provider: &str, granted: &Granted) -> TestResponse {
        self.callback(provider, &[("code", &granted.code), ("state", &granted.state), ("iss", ISSUER)]).await
    }

    /// Comes back with any parameters.
    pub async fn callback(&mut self, provider: &str, parameters: &[(&str, &str)]) -> TestResponse {
        self.get(&format!("/v1/oauth/{provider}/callback?{}", query(parameters))).await
    }

    /// Names of the cookies of authorization requests that are under way.
    pub fn authorization_cookies(&self) -> Vec<String> {
        self.jar.keys().filter(|name| name.starts_with("__Host-latchkey-oauth-")).cloned().collect()
    }
}

/// A query of these parameters.
pub fn query(parameters: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// The first frontend's start page.
pub fn home() -> String {
    format!("{FRONTEND}/")
}

fn with_acme(app: TestAppBuilder) -> TestAppBuilder {
    let acme = [
        ("LATCHKEY_OIDC", "acme"),
        ("OIDC_ACME_ISSUER", ISSUER),
        ("OIDC_ACME_CLIENT_ID", CLIENT_ID),
        ("OIDC_ACME_CLIENT_SECRET", CLIENT_SECRET),
    ];
    acme.iter().fold(app, |app, (name, value)| app.var(name, value))
}
