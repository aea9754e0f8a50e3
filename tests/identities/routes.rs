//! The routes over it: beginning to link, exchanging a code, and the token of a provider.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::ExposeSecret;
use latchkey_core::account::{CodeOpening, ProviderRefreshToken};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::port::{Fetch, FetchError};
use latchkey_testkit::pkce::VERIFIER;
use latchkey_testkit::{FRONTEND, TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{Person, grant, make_role, sign_up};
use serde_json::{Value, json};

use crate::codes::{REDIRECT, challenge};
use crate::support::{Entered, ada, enter_with, events, start};

/// A provider's token endpoint: answers in turn, and keeps what it was asked.
#[derive(Default)]
struct TokenEndpoint {
    answers: Mutex<VecDeque<(u16, Value)>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Fetch for TokenEndpoint {
    async fn fetch(
        &self,
        request: http::Request<bytes::Bytes>,
        _: Duration,
    ) -> Result<http::Response<bytes::Bytes>, FetchError> {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.asked.lock().unwrap().push(format!("{} {body}", request.uri()));
        let (status, body) = self.answers.lock().unwrap().pop_front().expect("an answer is ready");
        let answer = http::Response::builder().status(status).header("content-type", "application/json");
        Ok(answer.body(body.to_string().into()).unwrap())
    }
}

struct World {
    app: TestApp,
    endpoint: Arc<TokenEndpoint>,
}

async fn world() -> World {
    let endpoint = Arc::new(TokenEndpoint::default());
    let builder = TestApp::builder()
        .var("LATCHKEY_LIMITS", "off")
        .var("LATCHKEY_PROVIDER_TOKENS", "keep")
        .var("GITHUB_CLIENT_ID", "client")
        .var("GITHUB_CLIENT_SECRET", "shared with github")
        .fetch(Arc::<TokenEndpoint>::clone(&endpoint));
    World { app: start(builder.build(latchkey_all::function())).await, endpoint }
}

impl World {
    /// Ada, whose refresh token is kept.
    async fn ada(&self) -> Entered {
        let grant = ProviderRefreshToken { refresh_token: "refresh-1".into() };
        enter_with(&self.app, &ada(), Some(&grant)).await.unwrap()
    }

    /// A server with the permission.
    async fn server(&self) -> Person {
        let server = sign_up(&self.app, "server@example.com").await;
        make_role(&self.app, "mirror", &["identities:token"]).await;
        grant(&self.app, &server, "mirror").await;
        server
    }

    fn will_answer(&self, status: u16, body: Value) {
        self.endpoint.answers.lock().unwrap().push_back((status, body));
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.endpoint.asked.lock().unwrap())
    }

    async fn token(&self, of: &Entered, by: &str) -> TestResponse {
        let path = format!("/v1/identities/github/token?user={}", of.id());
        post(&self.app, &path, by).await
    }
}

async fn post(app: &TestApp, path: &str, access: &str) -> TestResponse {
    app.send(TestRequest::new("POST".parse().unwrap(), path).bearer(access)).await
}

#[tokio::test]
async fn a_link_begins_with_a_cookie_and_an_address_at_the_provider() {
    let World { app, .. } = world().await;
    let owner = sign_up(&app, "owner@example.com").await;
    let answer = post(&app, "/v1/oauth/github/link?redirect_to=/settings", &owner.access).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    let location = answer.text("location");
    assert!(location.starts_with("https://github.com/login/oauth/authorize?"), "{location}");
    assert!(location.contains("code_challenge_method=S256") && location.contains("state="), "{location}");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-latchkey-oauth-") && cookie.contains("HttpOnly"), "{cookie}");
    for known in [&owner.id, &owner.session, &"owner@example.com".to_owned()] {
        assert!(
            !location.contains(known.as_str()) && !cookie.contains(known.as_str()),
            "{location} {cookie}"
        );
    }
}

#[tokio::test]
async fn a_link_is_not_begun_after_ten_minutes_nor_towards_nowhere() {
    let World { app, .. } = world().await;
    let owner = sign_up(&app, "owner@example.com").await;
    for (path, status, code) in [
        ("/v1/oauth/gitlab/link", 404, "not_found"),
        ("/v1/oauth/github/link?redirect_to=https://evil.example/", 400, "invalid_redirect"),
        ("/v1/oauth/github/link?redirect_to=//evil.example", 400, "invalid_redirect"),
    ] {
        let answer = post(&app, path, &owner.access).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
        assert_eq!(answer.header("set-cookie"), "", "{path}");
    }
    app.clock.advance(Duration::from_mins(10) + Duration::from_millis(1));
    let answer = post(&app, "/v1/oauth/github/link", &owner.access).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "reauthentication_required"));
}

#[tokio::test]
async fn a_link_is_not_begun_by_another_site() {
    let World { app, .. } = world().await;
    let owner = sign_up(&app, "owner@example.com").await;
    let request = |origin: &str| {
        let cookie = format!("__Host-latchkey-access={}", owner.access);
        TestRequest::new("POST".parse().unwrap(), "/v1/oauth/github/link")
            .header("cookie", &cookie)
            .header("origin", origin)
            .header("sec-fetch-site", if origin == FRONTEND { "same-site" } else { "cross-site" })
    };
    assert_eq!(app.send(request("https://evil.example")).await.code(), "cross_site_request");
    assert_eq!(app.send(request(FRONTEND)).await.status, 200);
}

#[tokio::test]
async fn a_code_is_exchanged_for_what_a_sign_in_with_bearer_tokens_gives() {
    let World { app, .. } = world().await;
    let (challenge, from) = (challenge(), Requester::default());
    let opening = CodeOpening { challenge: &challenge, redirect_to: REDIRECT, from: &from };
    let code = app.services.provider_sign_in.sign_in_for_code(&ada(), None, &opening).await.unwrap().code;
    let body = json!({ "code": code.expose_secret(), "code_verifier": VERIFIER, "redirect_to": REDIRECT });
    let answer = app.send(TestRequest::post("/v1/oauth/exchange", &body)).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    assert_eq!(answer.text("user.email"), "ada@example.com");
    assert_eq!((answer.text("token_type").as_str(), answer.header("set-cookie")), ("Bearer", ""));
    let shown = app.send(TestRequest::get("/v1/session").bearer(&answer.text("access_token"))).await;
    assert_eq!(shown.status, 200);
    let renewed = json!({ "refresh_token": answer.text("refresh_token") });
    assert_eq!(app.send(TestRequest::post("/v1/token/refresh", &renewed)).await.status, 200);

    let again = app.send(TestRequest::post("/v1/oauth/exchange", &body)).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (401, "invalid_signin_code"));
    let shown = app.send(TestRequest::get("/v1/session").bearer(&answer.text("access_token"))).await;
    assert_eq!(shown.code(), "session_ended");
}

#[tokio::test]
async fn the_token_of_a_provider_is_fresh_and_the_kept_one_stays_here() {
    let world = world().await;
    let (ada, server) = (world.ada().await, world.server().await);
    world.will_answer(
        200,
        json!({ "access_token": "at-1", "expires_in": 3600, "scope": "repo", "refresh_token": "refresh-2" }),
    );
    let answer = world.token(&ada, &server.access).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    assert_eq!(
        answer.json(),
        json!({ "access_token": "at-1", "token_type": "Bearer", "expires_in": 3600, "scope": "repo" })
    );
    let asked = world.asked();
    assert!(asked[0].starts_with("https://github.com/login/oauth/access_token "), "{asked:?}");
    assert!(asked[0].contains("grant_type=refresh_token") && asked[0].contains("refresh_token=refresh-1"));
    let event = &events(&world.app, Action::ProviderTokenIssued).await[0];
    assert_eq!(event.user_id, Some(ada.id()));
    assert!(!serde_json::to_string(event).unwrap().contains("at-1"));

    // The provider rotated it: the next one is used next.
    world.will_answer(200, json!({ "access_token": "at-2" }));
    assert_eq!(
        world.token(&ada, &server.access).await.json(),
        json!({ "access_token": "at-2", "token_type": "Bearer" })
    );
    assert!(world.asked()[0].contains("refresh_token=refresh-2"));
    world.will_answer(200, json!({ "access_token": "at-3" }));
    world.token(&ada, &server.access).await;
    assert!(world.asked()[0].contains("refresh_token=refresh-2"), "kept where no other came");
}

#[tokio::test]
async fn nobody_without_the_permission_gets_a_token_not_even_its_owner_or_an_administrator() {
    let world = world().await;
    let ada = world.ada().await;
    let admin = latchkey_tests::support::admin(&world.app).await;
    for access in [&ada.access, &admin.access] {
        let answer = world.token(&ada, access).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "permission_denied"));
    }
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn what_a_provider_refuses_says_the_fix_and_none_of_its_words() {
    let world = world().await;
    let (ada, server) = (world.ada().await, world.server().await);
    for (status, body, expected, code) in [
        (
            400,
            json!({ "error": "invalid_grant", "error_description": "<b>gone" }),
            409,
            "provider_token_ended",
        ),
        (401, json!({ "error": "invalid_client" }), 502, "provider_refused"),
        (500, json!({ "oops": "<b>" }), 502, "provider_failed"),
    ] {
        world.will_answer(status, body);
        let answer = world.token(&ada, &server.access).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (expected, code));
        assert!(!answer.text("detail").contains("<b>"));
    }
    assert!(events(&world.app, Action::ProviderTokenIssued).await.is_empty());
    for path in [
        "/v1/identities/google/token?user=0195f2a0-7c1e-7b3a-8f00-0123456789ab",
        "/v1/identities/github/token?user=x",
        "/v1/identities/github/token",
    ] {
        let answer = post(&world.app, path, &server.access).await;
        assert!([404, 400].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
    }
}

/// A route that rotates what is kept is a POST, takes no cookie, and makes nobody more than they are.
#[tokio::test]
async fn a_token_is_not_given_to_a_cookie_a_get_or_somebody_below_the_user() {
    let world = world().await;
    let (ada, server) = (world.ada().await, world.server().await);
    let path = format!("/v1/identities/github/token?user={}", ada.id());
    let get = world.app.send(TestRequest::get(&path).bearer(&server.access)).await;
    assert_eq!((get.status.as_u16(), get.code().as_str()), (405, "method_not_allowed"));
    let cookie = TestRequest::new("POST".parse().unwrap(), &path)
        .header("cookie", &format!("__Host-latchkey-access={}", server.access))
        .header("sec-fetch-site", "same-origin");
    let cookie = world.app.send(cookie).await;
    assert_eq!((cookie.status.as_u16(), cookie.code().as_str()), (403, "bearer_required"));

    let (role, from) = ("admin".parse().unwrap(), latchkey_core::audit::Requester::default());
    let services = &world.app.services;
    // Who may define a permission does not hold it for that.
    make_role(&world.app, "payer", &["payments:read"]).await;
    make_role(&world.app, "definer", &["system:admin", "products:*", "profile:*"]).await;
    let payer = "payer".parse().unwrap();
    services
        .users
        .grant_role(ada.id(), &payer, latchkey_core::account::Authority::Operator, &from)
        .await
        .unwrap();
    grant(&world.app, &server, "definer").await;
    let beside = world.token(&ada, &server.access).await;
    assert_eq!((beside.status.as_u16(), beside.code().as_str()), (403, "beyond_authority"));

    services
        .users
        .grant_role(ada.id(), &role, latchkey_core::account::Authority::Operator, &from)
        .await
        .unwrap();
    let above = world.token(&ada, &server.access).await;
    assert_eq!((above.status.as_u16(), above.code().as_str()), (403, "beyond_authority"));
    assert!(world.asked().is_empty(), "the provider was not asked");
}

#[tokio::test]
async fn a_token_is_not_given_out_when_its_successor_cannot_be_kept() {
    let world = world().await;
    let (ada, server) = (world.ada().await, world.server().await);
    world.will_answer(200, json!({ "access_token": "at-1", "refresh_token": "refresh-2" }));
    let fault = latchkey_testkit::Fault::unavailable().on(latchkey_testkit::Call::Commit);
    world.app.table.faults.add(fault);
    let answer = world.token(&ada, &server.access).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"));
    assert!(!String::from_utf8(answer.body).unwrap().contains("at-1"));
}
