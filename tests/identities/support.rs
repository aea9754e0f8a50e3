//! People at providers, and what they do here.

use std::sync::Arc;

use latchkey_core::account::{IdentityError, LinkError, LinkTicket, ProviderRefreshToken, User};
use latchkey_core::audit::{Action, Event, Filter, Requester};
use latchkey_core::oauth::ExternalIdentity;
use latchkey_core::port::table::Key;
use latchkey_core::session::{Freshness, Live, Opening, ReauthenticationRequired, Transport};
use latchkey_core::{ExposeSecret, UserId};
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
pub use latchkey_tests::support::PASSWORD;
use latchkey_tests::support::{issuer_of, signin_request, signup_request};

/// A process that has the key ring and the initial roles.
pub async fn app() -> TestApp {
    start(TestApp::builder().var("LATCHKEY_LIMITS", "off").build(latchkey_all::function())).await
}

/// The same of any app.
pub async fn start(app: TestApp) -> TestApp {
    app.services.roles.init().await.unwrap();
    app.services.keys.jwks().await.unwrap();
    app
}

/// Somebody at a provider who has a confirmed e-mail address.
pub fn external(provider: &str, subject: &str, email: &str) -> ExternalIdentity {
    ExternalIdentity {
        provider: provider.parse().unwrap(),
        issuer: issuer_of(provider),
        subject: subject.parse().unwrap(),
        verified_email: Some(email.parse().unwrap()),
        name: Some("Ada Lovelace".to_owned()),
        username: Some("adalovelace".to_owned()),
        avatar: Some("https://pictures.example/ada.png".to_owned()),
    }
}

/// Ada at GitHub.
pub fn ada() -> ExternalIdentity {
    external("github", "1815", "ada@example.com")
}

/// Who signed in, and what their client holds.
#[derive(Debug, Clone)]
pub struct Entered {
    pub user: User,
    pub access: String,
    pub created: bool,
}

impl Entered {
    pub fn id(&self) -> UserId {
        self.user.id
    }
}

pub fn opening(from: &Requester) -> Opening<'_> {
    Opening { transport: Transport::Bearer, replaces: None, from }
}

/// Signs in as a return from the provider does.
pub async fn enter(app: &TestApp, external: &ExternalIdentity) -> Result<Entered, IdentityError> {
    enter_with(app, external, None).await
}

pub async fn enter_with(
    app: &TestApp,
    external: &ExternalIdentity,
    grant: Option<&ProviderRefreshToken>,
) -> Result<Entered, IdentityError> {
    let from = Requester::default();
    let services = &app.services;
    let entered = services.provider_sign_in.sign_in(external, grant, &opening(&from)).await?;
    let (user, tokens) = (entered.signed_in.user, entered.signed_in.tokens);
    Ok(Entered { user, access: tokens.access_token.expose_secret().to_owned(), created: entered.created })
}

/// The signed-in user as of now.
pub async fn live(app: &TestApp, access: &str) -> Arc<Live> {
    app.services.sessions.authenticate(access, Freshness::Fresh).await.unwrap()
}

pub async fn allow_link(app: &TestApp, access: &str) -> Result<LinkTicket, ReauthenticationRequired> {
    app.services.identities.allow(&*live(app, access).await)
}

/// Links by a ticket, as a return from the provider does.
pub async fn link_by(
    app: &TestApp,
    ticket: &LinkTicket,
    external: &ExternalIdentity,
) -> Result<User, LinkError> {
    app.services.identities.link(ticket, external, None, &Requester::default()).await
}

/// Links at once.
pub async fn link(app: &TestApp, access: &str, external: &ExternalIdentity) -> Result<User, LinkError> {
    link_by(app, &allow_link(app, access).await.unwrap(), external).await
}

/// The text of the item at `key`.
pub async fn item(app: &TestApp, key: Key) -> Option<String> {
    let mut items = app.services.ports.table.get(&[key], app.services.ports.clock.now()).await.unwrap();
    items.pop().flatten().map(|item| item.body)
}

pub async fn events(app: &TestApp, action: Action) -> Vec<Event> {
    let filter = Filter { action: Some(action), limit: 200, ..Filter::default() };
    app.services.audit.list(&filter).await.unwrap().events
}

pub async fn get(app: &TestApp, path: &str, access: &str) -> TestResponse {
    app.send(TestRequest::get(path).bearer(access)).await
}

pub async fn delete(app: &TestApp, path: &str, access: &str) -> TestResponse {
    app.send(TestRequest::new("DELETE".parse().unwrap(), path).bearer(access)).await
}

/// A sign-up with a password: the answer, with its access token.
pub async fn sign_up(app: &TestApp, email: &str) -> TestResponse {
    let answer = app.send(signup_request(email)).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer
}

pub async fn sign_in(app: &TestApp, email: &str) -> TestResponse {
    app.send(signin_request(email, PASSWORD)).await
}
