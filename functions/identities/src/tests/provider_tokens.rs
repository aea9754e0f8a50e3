//! `POST /v1/identities/{provider}/token`, and the refresh tokens behind it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Request, Response};
use latchkey_core::ExposeSecret;
use latchkey_core::account::{Authority, Identity};
use latchkey_core::audit::Action;
use latchkey_core::port::{Fetch, FetchError};
use latchkey_core::seal::{Purpose, Sealed};
use latchkey_testkit::identities::{Entered, ada, enter_with, provider_token};
use latchkey_testkit::people::{Person, admin, events, get, grant, make_role, post, sign_up};
use latchkey_testkit::stored::item;
use latchkey_testkit::{Call, Fault, TestApp, TestRequest, TestResponse};
use serde_json::{Value, json};

use super::start;

/// A provider's token endpoint: answers in turn, and keeps what it was asked.
#[derive(Default)]
struct TokenEndpoint {
    answers: Mutex<VecDeque<(u16, Value)>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Fetch for TokenEndpoint {
    async fn fetch(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.asked.lock().unwrap().push(format!("{} {body}", request.uri()));
        let (status, body) = self.answers.lock().unwrap().pop_front().expect("an answer is ready");
        let answer = Response::builder().status(status).header("content-type", "application/json");
        Ok(answer.body(body.to_string().into()).unwrap())
    }
}

struct World {
    app: TestApp,
    endpoint: Arc<TokenEndpoint>,
}

async fn world() -> World {
    let endpoint = Arc::new(TokenEndpoint::default());
    let builder = TestApp::unlimited()
        .var("LATCHKEY_PROVIDER_TOKENS", "keep")
        .var("GITHUB_CLIENT_ID", "client")
        .var("GITHUB_CLIENT_SECRET", "shared with github")
        .fetch(Arc::<TokenEndpoint>::clone(&endpoint));
    World { app: start(builder).await, endpoint }
}

impl World {
    /// Ada, whose refresh token is kept.
    async fn ada(&self) -> Entered {
        enter_with(&self.app, &ada(), Some(&provider_token("refresh-1"))).await.unwrap()
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

    async fn token(&self, of: &Entered, by: &Person) -> TestResponse {
        let path = format!("/v1/identities/github/token?user={}", of.id());
        post(&self.app, &path, by).await
    }
}

#[tokio::test]
async fn the_token_of_a_provider_is_fresh_and_the_kept_one_stays_here() {
    let world = world().await;
    let (ada, server) = (world.ada().await, world.server().await);
    world.will_answer(
        200,
        json!({ "access_token": "at-1", "expires_in": 3600, "scope": "repo", "refresh_token": "refresh-2" }),
    );
    let answer = world.token(&ada, &server).await;
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
        world.token(&ada, &server).await.json(),
        json!({ "access_token": "at-2", "token_type": "Bearer" })
    );
    assert!(world.asked()[0].contains("refresh_token=refresh-2"));
    world.will_answer(200, json!({ "access_token": "at-3" }));
    world.token(&ada, &server).await;
    assert!(world.asked()[0].contains("refresh_token=refresh-2"), "kept where no other came");
}

#[tokio::test]
async fn nobody_without_the_permission_gets_a_token_not_even_its_owner_or_an_administrator() {
    let world = world().await;
    let ada = world.ada().await;
    let admin = admin(&world.app, "admin@example.com").await;
    for person in [&ada.person, &admin] {
        let answer = world.token(&ada, person).await;
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
        let answer = world.token(&ada, &server).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (expected, code));
        assert!(!answer.text("detail").contains("<b>"));
    }
    assert!(events(&world.app, Action::ProviderTokenIssued).await.is_empty());
    for path in [
        "/v1/identities/google/token?user=0195f2a0-7c1e-7b3a-8f00-0123456789ab",
        "/v1/identities/github/token?user=x",
        "/v1/identities/github/token",
    ] {
        let answer = post(&world.app, path, &server).await;
        assert!([404, 400].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
    }
}

/// A route that rotates what is kept is a POST, takes no cookie, and makes nobody more than they are.
#[tokio::test]
async fn a_token_is_not_given_to_a_cookie_a_get_or_somebody_below_the_user() {
    let world = world().await;
    let (ada, server) = (world.ada().await, world.server().await);
    let path = format!("/v1/identities/github/token?user={}", ada.id());
    let get = get(&world.app, &path, &server).await;
    assert_eq!((get.status.as_u16(), get.code().as_str()), (405, "method_not_allowed"));
    let cookie = TestRequest::new("POST".parse().unwrap(), &path)
        .header("cookie", &format!("__Host-latchkey-access={}", server.access))
        .header("sec-fetch-site", "same-origin");
    let cookie = world.app.send(cookie).await;
    assert_eq!((cookie.status.as_u16(), cookie.code().as_str()), (403, "bearer_required"));

    // The right to define a permission does not give it.
    make_role(&world.app, "payer", &["payments:read"]).await;
    make_role(&world.app, "definer", &["system:admin", "products:*", "profile:*"]).await;
    grant(&world.app, &ada.person, "payer").await;
    grant(&world.app, &server, "definer").await;
    let beside = world.token(&ada, &server).await;
    assert_eq!((beside.status.as_u16(), beside.code().as_str()), (403, "beyond_authority"));

    grant(&world.app, &ada.person, "admin").await;
    let above = world.token(&ada, &server).await;
    assert_eq!((above.status.as_u16(), above.code().as_str()), (403, "beyond_authority"));
    assert!(world.asked().is_empty(), "the provider was not asked");
}

#[tokio::test]
async fn a_token_is_not_given_out_when_the_next_one_cannot_be_stored() {
    let world = world().await;
    let (ada, server) = (world.ada().await, world.server().await);
    world.will_answer(200, json!({ "access_token": "at-1", "refresh_token": "refresh-2" }));
    world.app.table.faults.add(Fault::unavailable().on(Call::Commit));
    let answer = world.token(&ada, &server).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"));
    assert!(!String::from_utf8(answer.body).unwrap().contains("at-1"));
}

#[tokio::test]
async fn the_refresh_token_of_a_provider_is_stored_sealed_and_shown_nowhere() {
    let World { app, .. } = world().await;
    let ada = enter_with(&app, &ada(), Some(&provider_token("refresh-1"))).await.unwrap();
    let github = "github".parse().unwrap();
    let key = Identity::key(&ada.user.identities[&github]);
    let body: Value = serde_json::from_str(&item(&app, key).await.unwrap()).unwrap();
    assert!(!body.to_string().contains("refresh-1"));
    let kept = app.services.token_vault.kept(ada.id(), &github, Authority::Operator).await.unwrap();
    assert_eq!(kept.refresh_token.refresh_token.expose_secret(), "refresh-1");
    assert!(!format!("{:?}", provider_token("refresh-1")).contains("refresh-1"));
    let listed = get(&app, "/v1/identities", &ada.person).await.json().to_string();
    assert!(!listed.contains("grant") && !listed.contains("refresh"), "{listed}");
    // Bound to its user: under another's identifier it does not open.
    let sealed: Sealed = serde_json::from_value(body["grant"].clone()).unwrap();
    let open = |user: String| {
        let bound = format!("{user}\0https://github.com/login/oauth\x001815");
        app.services.config.sealer.open(Purpose::new("provider-refresh-token"), bound.as_bytes(), &sealed)
    };
    assert_eq!(open(ada.id().to_string()).unwrap().as_slice(), b"refresh-1");
    assert!(open("0195f2a0-7c1e-7b3a-8f00-0123456789ab".to_owned()).is_err());
}
