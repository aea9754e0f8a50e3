//! The whole service, as `latchkey-all` serves it, and the kit's people.

use latchkey_core::audit::Requester;
use latchkey_core::oauth::ExternalIdentity;
use latchkey_testkit::identities::{allow_link, provider_token};
use latchkey_testkit::{TestApp, World};

pub use latchkey_testkit::Forge;
pub use latchkey_testkit::identities::{external, issuer_of};
pub use latchkey_testkit::people::apart::{sign_in, sign_up};
pub use latchkey_testkit::people::{
    PASSWORD, Person, bare, credentials, grant, make_role, refresh_request, signin_request, signup_request,
};
pub use latchkey_testkit::stored::assert_whole;

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
    World::unlimited(latchkey_all::function()).app
}

/// Signs up somebody who is an administrator, with the initial roles in place.
pub async fn admin(app: &TestApp) -> Person {
    app.services.roles.init().await.expect("the initial roles are made");
    let admin = sign_up(app, "admin@example.com").await;
    grant(app, &admin, "admin").await;
    admin
}

/// Links an identity, with a refresh token of its provider.
pub async fn link(app: &TestApp, to: &Person, identity: &ExternalIdentity) {
    let ticket = allow_link(app, to).await.expect("a recent sign-in");
    let token = provider_token("refresh-1");
    let from = Requester::default();
    let linked = app.services.identities.link(&ticket, identity, Some(&token), &from).await;
    linked.expect("it is linked");
}
