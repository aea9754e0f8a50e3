//! Who may call what: every operation against every kind of caller.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use latchkey_core::account::{Authority, CodeOpening, Status};
use latchkey_core::audit::Requester;
use latchkey_core::permission::OWN_RESOURCES;
use latchkey_core::port::{Fetch, FetchError};
use latchkey_core::{ExposeSecret, SecretString};
use latchkey_http::{Access, Operation};
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{
    PASSWORD, Person, admin, credentials, external, grant, link, make_role, sign_in, sign_up,
};
use serde_json::{Value, json};

pub fn operations() -> Vec<Operation> {
    latchkey_all::function().merge(latchkey_http::health()).operations().to_vec()
}

/// Every route that needs no sign-in. A new one is a decision: it is made here too.
const PUBLIC: [(&str, &str); 11] = [
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/oauth/{provider}/callback"),
    ("GET", "/v1/oauth/{provider}/start"),
    ("POST", "/v1/oauth/exchange"),
    ("POST", "/v1/oauth/{provider}/callback"),
    ("POST", "/v1/signin"),
    ("POST", "/v1/signup"),
    ("POST", "/v1/token/refresh"),
];

/// An app in which every request of the matrix can succeed, and who is in it.
pub struct World {
    pub app: TestApp,
    pub admin: Person,
    /// Whom administrative requests are about.
    target: Person,
    /// A one-time code.
    code: SecretString,
}

/// A provider that gives an access token to whoever asks.
struct Generous;

#[async_trait]
impl Fetch for Generous {
    async fn fetch(
        &self,
        _: http::Request<bytes::Bytes>,
        _: Duration,
    ) -> Result<http::Response<bytes::Bytes>, FetchError> {
        Ok(http::Response::new(bytes::Bytes::from_static(b"{\"access_token\":\"at\"}")))
    }
}

pub async fn world() -> World {
    world_with("off").await
}

/// The same with these limits.
pub async fn world_with(limits: &str) -> World {
    let app = TestApp::builder()
        .var("LATCHKEY_LIMITS", limits)
        .var("LATCHKEY_PROVIDER_TOKENS", "keep")
        .var("GITHUB_CLIENT_ID", "client")
        .var("GITHUB_CLIENT_SECRET", "shared with github")
        .fetch(Arc::new(Generous))
        .build(latchkey_all::function());
    let admin = admin(&app).await;
    let target = sign_up(&app, "target@example.com").await;
    make_role(&app, "spare", &[]).await;
    for (user, subject) in [(&admin, "admin"), (&target, "target")] {
        link(&app, user, &external("github", subject, "somebody@example.com")).await;
    }
    let (challenge, nowhere) = (CHALLENGE.parse().unwrap(), Requester::default());
    let opening =
        CodeOpening { challenge: &challenge, redirect_to: "https://app.example.com/", from: &nowhere };
    let known = external("github", "target", "somebody@example.com");
    let issued = app.services.provider_sign_in.sign_in_for_code(&known, None, &opening).await;
    World { app, admin, target, code: issued.expect("a code").code }
}

/// Somebody who has everything that a request may be about.
async fn join(world: &World, email: &str) -> Person {
    let user = sign_up(&world.app, email).await;
    link(&world.app, &user, &external("github", email, email)).await;
    user
}

impl World {
    /// The request that `caller` makes to `operation`, good in everything but perhaps the right to make it.
    pub fn request(&self, operation: &Operation, caller: Option<&Person>) -> TestRequest {
        let request = self.without_body(operation, caller);
        match self.body(operation) {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    /// The same with no body yet.
    pub fn without_body(&self, operation: &Operation, caller: Option<&Person>) -> TestRequest {
        self.asking(operation, caller, "")
    }

    /// The same with `more` in the query.
    pub fn asking(&self, operation: &Operation, caller: Option<&Person>, more: &str) -> TestRequest {
        let own = caller.unwrap_or(&self.target);
        let path = operation
            .path
            .replace("/sessions/{id}", &format!("/sessions/{}", own.session))
            .replace("/users/{id}", &format!("/users/{}", self.target.id))
            .replace("{name}", "spare")
            .replace("{provider}/token", &format!("{{provider}}/token?user={}", self.target.id))
            .replace("{provider}", "github");
        assert!(!path.contains('{'), "{path}: say here what stands for its parameter");
        let path = match (path.as_str(), more) {
            ("/v1/authorize", _) => format!("{path}?signed_in=true&{more}"),
            (_, "") => path,
            (_, more) => format!("{path}{}{more}", if path.contains('?') { '&' } else { '?' }),
        };
        let request = TestRequest::new(operation.method.clone(), &path);
        match caller {
            Some(caller) => request.bearer(&caller.access),
            None => request,
        }
    }

    pub fn body(&self, operation: &Operation) -> Option<Value> {
        let Operation { method, path, .. } = operation;
        match (method.as_str(), *path) {
            ("POST", "/v1/signup") => Some(credentials("new@example.com", PASSWORD)),
            ("POST", "/v1/signin") => Some(credentials("target@example.com", PASSWORD)),
            ("POST", "/v1/token/refresh") => Some(json!({ "refresh_token": self.target.refresh })),
            ("POST", "/v1/oauth/exchange") => {
                Some(json!({ "code": self.code.expose_secret(), "code_verifier": VERIFIER }))
            }
            ("POST", "/v1/permissions/check") => Some(json!({ "permission": "products:read" })),
            ("PATCH", "/v1/me") => Some(json!({ "name": "Another Name" })),
            ("POST", "/v1/password/change") => {
                Some(json!({ "current_password": PASSWORD, "new_password": "lantern orchard mosaic" }))
            }
            ("PUT", "/v1/roles/{name}") => Some(json!({ "permissions": [] })),
            ("PATCH", "/v1/users/{id}") => Some(json!({ "status": "disabled" })),
            _ => {
                assert!(!takes_body(operation), "{method} {path}: say here what its body is");
                None
            }
        }
    }

    async fn ask(&self, operation: &Operation, caller: Option<&Person>) -> TestResponse {
        self.app.send(self.request(operation, caller)).await
    }

    async fn disable(&self, user: &Person) {
        let (id, nowhere) = (user.id.parse().unwrap(), Requester::default());
        let services = &self.app.services;
        let disabled = services.users.set_status(id, Status::Disabled, Authority::Operator, &nowhere);
        disabled.await.expect("the user is disabled");
    }
}

/// Whether the description gives the operation a body.
fn takes_body(operation: &Operation) -> bool {
    !described(operation)["requestBody"].is_null()
}

pub fn described(operation: &Operation) -> Value {
    let document: Value = serde_json::from_str(latchkey_all::OPENAPI).expect("the description is JSON");
    document["paths"][operation.path][operation.method.as_str().to_lowercase()].clone()
}

pub fn name(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

/// Whoever comes back from a provider is let in to the route; that there was no flow is its own answer.
fn assert_allowed(answer: &TestResponse, what: &str) {
    let is_let_in = answer.code() == "invalid_state" && what.ends_with("/callback");
    let is_answered = answer.status.is_success() || answer.status.is_redirection();
    assert!(is_answered || is_let_in, "{what}: {} {}", answer.status, answer.json());
}

fn assert_refused(answer: &TestResponse, status: u16, codes: &[&str], what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.json());
    assert!(codes.contains(&answer.code().as_str()), "{what}: {}", answer.json());
}

/// The permission that an operation needs, when it needs one.
fn needed(operation: &Operation) -> Option<&'static str> {
    match operation.access {
        Access::Permission(permission) => Some(permission),
        Access::Public | Access::SignedIn(_) | Access::Proxied | Access::TokenHolder => None,
    }
}

#[test]
fn the_public_routes_are_these_and_no_others() {
    let mut public: Vec<_> = operations()
        .iter()
        .filter(|operation| operation.access == Access::Public)
        .map(|operation| (operation.method.to_string(), operation.path))
        .collect();
    public.sort_by_key(|(method, path)| (method.clone(), *path));
    let public: Vec<_> = public.iter().map(|(method, path)| (method.as_str(), *path)).collect();
    assert_eq!(public, PUBLIC);
}

#[test]
fn every_permission_that_a_route_needs_is_one_of_latchkeys_own() {
    for operation in operations() {
        if let Some(permission) = needed(&operation) {
            let resource = permission.split(':').next().unwrap_or_default();
            assert!(OWN_RESOURCES.contains(&resource), "{permission}: add it to OWN_RESOURCES");
        }
    }
}

#[tokio::test]
async fn nobody_is_let_in_to_public_routes_only() {
    let world = world().await;
    for operation in operations() {
        let answer = world.ask(&operation, None).await;
        match operation.access {
            Access::Public => assert_allowed(&answer, &name(&operation)),
            Access::SignedIn(_) | Access::Permission(_) | Access::Proxied | Access::TokenHolder => {
                assert_refused(&answer, 401, &["not_signed_in"], &name(&operation));
            }
        }
    }
}

#[tokio::test]
async fn a_user_may_what_needs_no_permission() {
    for operation in operations() {
        let world = world().await;
        let user = join(&world, "user@example.com").await;
        let answer = world.ask(&operation, Some(&user)).await;
        match operation.access {
            Access::Public | Access::SignedIn(_) | Access::Proxied | Access::TokenHolder => {
                assert_allowed(&answer, &name(&operation));
            }
            Access::Permission(_) => assert_refused(&answer, 403, &["permission_denied"], &name(&operation)),
        }
    }
}

#[tokio::test]
async fn a_content_editor_may_no_more_than_a_user_here() {
    let world = world().await;
    let editor = sign_up(&world.app, "editor@example.com").await;
    grant(&world.app, &editor, "content-editor").await;
    for operation in operations().iter().filter(|operation| needed(operation).is_some()) {
        let answer = world.ask(operation, Some(&editor)).await;
        assert_refused(&answer, 403, &["permission_denied"], &name(operation));
    }
}

#[tokio::test]
async fn exactly_the_needed_permission_is_enough() {
    for operation in operations() {
        let Some(permission) = needed(&operation) else { continue };
        let world = world().await;
        let user = sign_up(&world.app, "user@example.com").await;
        make_role(&world.app, "exact", &[permission]).await;
        grant(&world.app, &user, "exact").await;
        assert_allowed(&world.ask(&operation, Some(&user)).await, &name(&operation));
    }
}

#[tokio::test]
async fn every_other_permission_together_is_not() {
    let all: Vec<_> = operations().iter().filter_map(needed).collect();
    for operation in operations() {
        let Some(permission) = needed(&operation) else { continue };
        let world = world().await;
        let user = sign_up(&world.app, "user@example.com").await;
        let others: Vec<_> = all.iter().copied().filter(|other| *other != permission).collect();
        make_role(&world.app, "others", &others).await;
        grant(&world.app, &user, "others").await;
        let answer = world.ask(&operation, Some(&user)).await;
        assert_refused(&answer, 403, &["permission_denied"], &name(&operation));
    }
}

#[tokio::test]
async fn an_administrator_may_everything_but_get_tokens_of_providers() {
    for operation in operations() {
        let world = world().await;
        // The last one may not leave.
        grant(&world.app, &sign_up(&world.app, "second@example.com").await, "admin").await;
        let answer = world.ask(&operation, Some(&world.admin)).await;
        if needed(&operation) == Some("identities:token") {
            assert_refused(&answer, 403, &["permission_denied"], &name(&operation));
        } else {
            assert_allowed(&answer, &name(&operation));
        }
    }
}

#[tokio::test]
async fn a_disabled_administrator_is_nobody() {
    for operation in operations() {
        let world = world().await;
        let second = sign_up(&world.app, "second@example.com").await;
        grant(&world.app, &second, "admin").await;
        world.disable(&second).await;
        let answer = world.ask(&operation, Some(&second)).await;
        match operation.access {
            Access::Public => assert_allowed(&answer, &name(&operation)),
            _ => assert_refused(&answer, 401, &["session_ended"], &name(&operation)),
        }
    }
}

#[tokio::test]
async fn an_administrators_revoked_session_is_nobodys() {
    for operation in operations() {
        let world = world().await;
        let other = sign_in(&world.app, "admin@example.com").await;
        let revoke = TestRequest::new(Method::DELETE, &format!("/v1/sessions/{}", other.session));
        assert_eq!(world.app.send(revoke.bearer(&world.admin.access)).await.status, 204);
        let answer = world.ask(&operation, Some(&other)).await;
        match operation.access {
            Access::Public => assert_allowed(&answer, &name(&operation)),
            _ => assert_refused(&answer, 401, &["session_ended"], &name(&operation)),
        }
    }
}

#[test]
fn the_description_says_the_same_of_every_operation() {
    for operation in operations() {
        let described = described(&operation);
        assert!(described.is_object(), "{} is not described", name(&operation));
        let expected = match operation.access {
            Access::Public => Value::Null,
            // For servers alone.
            Access::Permission("identities:token") => json!([{ "bearer": [] }]),
            Access::SignedIn(_) | Access::Permission(_) | Access::Proxied | Access::TokenHolder => {
                json!([{ "cookie": [] }, { "bearer": [] }])
            }
        };
        assert_eq!(described["security"], expected, "{}", name(&operation));
        if let Some(permission) = needed(&operation) {
            assert!(
                described.to_string().contains(permission),
                "{} does not say {permission}",
                name(&operation)
            );
        }
    }
}

#[test]
fn nothing_is_described_that_is_not_there() {
    let document: Value = serde_json::from_str(latchkey_all::OPENAPI).expect("the description is JSON");
    let mut described: Vec<String> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let mut served: Vec<String> = operations().iter().map(name).collect();
    described.sort();
    served.sort();
    assert_eq!(described, served);
}
