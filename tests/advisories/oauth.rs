//! The trip to a provider and back: what a client may say of it, and when.

use std::sync::Arc;

use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::provider::{CLIENT_ID, CLIENT_SECRET, Granted, ISSUER, Shape, StandInProvider};
use latchkey_testkit::{TestApp, TestClock, TestRequest, TestResponse};
use serde_json::{Value, json};
use url::Url;

const APP: &str = "com.example.app:/in";

/// A service with one provider and one app.
struct World {
    app: TestApp,
    provider: StandInProvider,
}

fn world() -> World {
    let clock = Arc::new(TestClock::new());
    let provider = StandInProvider::new(Shape::openid(), Arc::clone(&clock));
    let app = TestApp::builder()
        .clock(clock)
        .fetch(Arc::new(provider.clone()))
        .var("LATCHKEY_LIMITS", "off")
        .var("LATCHKEY_APP_REDIRECTS", APP)
        .var("LATCHKEY_OIDC", "acme")
        .var("OIDC_ACME_ISSUER", ISSUER)
        .var("OIDC_ACME_CLIENT_ID", CLIENT_ID)
        .var("OIDC_ACME_CLIENT_SECRET", CLIENT_SECRET)
        .build(latchkey_all::function());
    World { app, provider }
}

fn path(route: &str, parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/v1/oauth/acme/{route}?{query}")
}

impl World {
    /// Where a browser is sent, and the cookie that it takes along.
    async fn start(&self, parameters: &[(&str, &str)]) -> (String, String) {
        let answer = self.app.send(TestRequest::get(&path("start", parameters))).await;
        assert_eq!(answer.status, 303, "{}", answer.json());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        (answer.header("location").to_owned(), cookie)
    }

    async fn come_back(&self, granted: &Granted, cookie: &str, more: &[(&str, &str)]) -> TestResponse {
        let own = [("code", granted.code.as_str()), ("state", &granted.state), ("iss", ISSUER)];
        let request = TestRequest::get(&path("callback", &[&own, more].concat()));
        self.app.send(request.header("cookie", cookie)).await
    }

    /// A one-time code, as it comes to the app.
    async fn code(&self) -> String {
        let (location, cookie) = self.start(&[("redirect_to", APP), ("code_challenge", CHALLENGE)]).await;
        let granted = self.provider.authorize(&location);
        let answer = self.come_back(&granted, &cookie, &[]).await;
        answer.header("location").strip_prefix(&format!("{APP}?code=")).expect("a code").to_owned()
    }

    async fn exchange(&self, body: &Value) -> (u16, String) {
        let answer = self.app.send(TestRequest::post("/v1/oauth/exchange", body)).await;
        (answer.status.as_u16(), answer.code())
    }
}

/// What a client adds to the start, or a provider's answer to a form, asks the provider for nothing else: the flow is always the
/// code flow, of our client, back to our address.
#[tokio::test]
async fn cve_2026_7571_no_parameter_of_a_client_changes_the_flow() {
    let world = world();
    let wishes = [
        ("response_type", "id_token token"),
        ("response_mode", "fragment"),
        ("client_id", "evil"),
        ("redirect_uri", "https://evil.example/"),
        ("scope", "everything"),
        ("state", "chosen"),
        ("nonce", "chosen"),
        ("request_uri", "https://evil.example/request"),
    ];
    for wish in wishes {
        let answer = world.app.send(TestRequest::get(&path("start", &[wish]))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_request"), "{wish:?}");
    }
    let (location, cookie) = world.start(&[]).await;
    let asked: Vec<(String, String)> = Url::parse(&location).unwrap().query_pairs().into_owned().collect();
    let is = |name: &str, value: &str| {
        let found: Vec<_> =
            asked.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found, [value], "{name}");
    };
    is("response_type", "code");
    is("client_id", CLIENT_ID);
    is("redirect_uri", "https://auth.example.com/v1/oauth/acme/callback");
    is("scope", "openid email profile");
    for (name, value) in wishes {
        assert!(!asked.contains(&(name.to_owned(), value.to_owned())), "{name}");
    }
    // Tokens in the answer in place of a code are no answer.
    let granted = world.provider.authorize(&location);
    let answer = world
        .app
        .send(
            TestRequest::get(&path(
                "callback",
                &[("access_token", "x"), ("id_token", "x.y.z"), ("state", &granted.state), ("iss", ISSUER)],
            ))
            .header("cookie", &cookie),
        )
        .await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_code"));
}

/// Where the browser goes was checked when it left, and rests sealed: nothing that comes back with it is trusted again.
#[tokio::test]
async fn workers_oauth_provider_pr_92_and_openauth_pr_305_the_return_names_no_place() {
    let world = world();
    for elsewhere in ["https://evil.example/", "JaVaScRiPt:alert(1)", "https:evil.example"] {
        let (location, cookie) = world.start(&[("redirect_to", "/welcome")]).await;
        let granted = world.provider.authorize(&location);
        let wishes = [("redirect_to", elsewhere), ("redirect_uri", elsewhere)];
        let answer = world.come_back(&granted, &cookie, &wishes).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "https://app.example.com/welcome")
        );
    }
}

/// Checked where the flow begins, and again where the code is exchanged.
#[tokio::test]
async fn cve_2025_4143_the_place_of_a_code_is_checked_at_both_ends() {
    let world = world();
    for place in ["com.example.app:/other", "https://evil.example/in"] {
        let asked = path("start", &[("redirect_to", place), ("code_challenge", CHALLENGE)]);
        let answer = world.app.send(TestRequest::get(&asked)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_redirect"), "{place}");
    }
    let body =
        |code: &str, place: &str| json!({ "code": code, "code_verifier": VERIFIER, "redirect_to": place });
    let refused = (401, "invalid_signin_code".to_owned());
    assert_eq!(world.exchange(&body(&world.code().await, "https://evil.example/in")).await, refused);
    assert_eq!(world.exchange(&body(&world.code().await, APP)).await, (200, String::new()));
}

/// A code without a verifier and a verifier without a challenge both come to nothing.
#[tokio::test]
async fn cve_2025_4144_pkce_cannot_be_left_out_at_either_end() {
    let world = world();
    let without = world.exchange(&json!({ "code": world.code().await })).await;
    assert_eq!(without, (422, "invalid_request".to_owned()));
    let refused = (401, "invalid_signin_code".to_owned());
    for verifier in ["", CHALLENGE, &"x".repeat(43)] {
        let body = json!({ "code": world.code().await, "code_verifier": verifier });
        assert_eq!(world.exchange(&body).await, refused, "{verifier}");
    }
    // Without a challenge no code is given that a verifier could go with: not to an app, and to a page only cookies.
    let answer = world.app.send(TestRequest::get(&path("start", &[("redirect_to", APP)]))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_redirect"));
    let (location, cookie) = world.start(&[("redirect_to", "/welcome")]).await;
    let answer = world.come_back(&world.provider.authorize(&location), &cookie, &[]).await;
    assert_eq!(answer.header("location"), "https://app.example.com/welcome");
}
