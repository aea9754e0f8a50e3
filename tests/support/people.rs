use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use latchkey_core::account::ProviderRefreshToken;
use latchkey_core::audit::Requester;
use latchkey_core::oauth::{ExternalIdentity, Issuer};
use latchkey_core::permission::{Author, Role, RoleName};
use latchkey_core::session::Freshness;
use latchkey_testkit::people::{PASSWORD, Person, credentials, grant};
use latchkey_testkit::provider::{CLIENT_ID, CLIENT_SECRET, ISSUER, Shape, StandInProvider};
use latchkey_testkit::{TestApp, TestClock, TestRequest};

/// Everything Latchkey does, as it is configured by default.
pub fn app() -> TestApp {
    TestApp::new(latchkey_all::function())
}

/// The same without limits, for tests that ask often.
pub fn open_app() -> TestApp {
    TestApp::unlimited().build(latchkey_all::function())
}

/// The same with a provider, `acme`, that anybody can sign in with.
pub fn provider_app() -> TestApp {
    let clock = Arc::new(TestClock::new());
    let provider = StandInProvider::new(Shape::openid(), Arc::clone(&clock));
    TestApp::unlimited()
        .clock(clock)
        .fetch(Arc::new(provider))
        .var("LATCHKEY_OIDC", "acme")
        .var("OIDC_ACME_ISSUER", ISSUER)
        .var("OIDC_ACME_CLIENT_ID", CLIENT_ID)
        .var("OIDC_ACME_CLIENT_SECRET", CLIENT_SECRET)
        .build(latchkey_all::function())
}

/// Signs up, from an address of the user's own: no two users share a limit.
pub async fn sign_up(app: &TestApp, email: &str) -> Person {
    begin(app, "/v1/signup", email).await
}

/// Signs in once more.
pub async fn sign_in(app: &TestApp, email: &str) -> Person {
    begin(app, "/v1/signin", email).await
}

/// Signs up somebody who is an administrator, with the initial roles in place.
pub async fn admin(app: &TestApp) -> Person {
    app.services.roles.init().await.expect("the initial roles are made");
    let admin = sign_up(app, "admin@example.com").await;
    grant(app, &admin, "admin").await;
    admin
}

/// Makes a role that holds exactly these permissions.
pub async fn make_role(app: &TestApp, name: &str, permissions: &[&str]) {
    let permissions = permissions.iter().map(|text| text.parse().expect("a grant")).collect();
    let role = Role { permissions, ..Role::default() };
    app.services.roles.put(&role_name(name), &role, Author::Operator).await.expect("the role is made");
}

/// The issuer that a provider of this name has in tests.
pub fn issuer_of(provider: &str) -> Issuer {
    let issuer = match provider {
        "github" => "https://github.com/login/oauth".to_owned(),
        other => format!("https://{other}.example"),
    };
    issuer.parse().expect("an issuer")
}

/// Somebody at a provider who has a confirmed e-mail address.
pub fn external(provider: &str, subject: &str, email: &str) -> ExternalIdentity {
    ExternalIdentity {
        provider: provider.parse().expect("a provider's name"),
        issuer: issuer_of(provider),
        subject: subject.parse().expect("a subject"),
        verified_email: Some(email.parse().expect("an address")),
        name: None,
        username: None,
        avatar: None,
    }
}

/// Links an identity, with a refresh token of its provider.
pub async fn link(app: &TestApp, to: &Person, identity: &ExternalIdentity) {
    let live = app.services.sessions.authenticate(&to.access, Freshness::Fresh).await.expect("a session");
    let services = &app.services;
    let ticket = services.identities.allow(&live).expect("a recent sign-in");
    let nowhere = Requester::default();
    let grant = ProviderRefreshToken { refresh_token: "refresh-1".into() };
    services.identities.link(&ticket, identity, Some(&grant), &nowhere).await.expect("it is linked");
}

fn role_name(name: &str) -> RoleName {
    name.parse().expect("a role's name")
}

async fn begin(app: &TestApp, path: &str, email: &str) -> Person {
    let request = TestRequest::post(path, &credentials(email, PASSWORD)).peer(Some(own_address(email)));
    Person::read(&app.send(request).await)
}

/// FNV-1a of the e-mail address, in 10.0.0.0/8.
fn own_address(email: &str) -> IpAddr {
    let hash =
        email.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    IpAddr::V4(Ipv4Addr::from((10 << 24) | (hash >> 8)))
}
