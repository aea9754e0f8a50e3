//! People at providers, and what they do here: by the services, without HTTP.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test that cannot set itself up fails by a panic"
)]

use std::sync::Arc;

use latchkey_core::account::{
    CodeOpening, IdentityError, LinkError, LinkTicket, ProviderRefreshToken, RedeemError, Redemption, User,
};
use latchkey_core::audit::Requester;
use latchkey_core::oauth::{CodeChallenge, ExternalIdentity, Issuer};
use latchkey_core::session::{
    AuthenticateError, Freshness, Live, NewSession, Opening, ReauthenticationRequired, Transport,
};
use latchkey_core::{SecretString, UserId};

use crate::TestApp;
use crate::people::Person;
use crate::pkce::CHALLENGE;

/// The destination of one-time codes.
pub const REDIRECT: &str = "https://app.example.com/signed-in";

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

/// The same with a profile: Ada Lovelace's name, username and picture.
pub fn profiled(provider: &str, subject: &str, email: &str) -> ExternalIdentity {
    ExternalIdentity {
        name: Some("Ada Lovelace".to_owned()),
        username: Some("adalovelace".to_owned()),
        avatar: Some("https://pictures.example/ada.png".to_owned()),
        ..external(provider, subject, email)
    }
}

/// Ada at GitHub.
pub fn ada() -> ExternalIdentity {
    profiled("github", "1815", "ada@example.com")
}

/// Ada at Google, with another address.
pub fn ada_at_google() -> ExternalIdentity {
    profiled("google", "77", "ada@gmail.example")
}

/// A refresh token of a provider.
pub fn provider_token(token: &str) -> ProviderRefreshToken {
    ProviderRefreshToken { refresh_token: token.into() }
}

/// Somebody who signed in with a provider.
#[derive(Debug, Clone)]
pub struct Entered {
    /// The account.
    pub user: User,
    /// The account's owner with their session.
    pub person: Person,
    /// True where the sign-in made the account.
    pub created: bool,
}

impl Entered {
    /// The user's identifier.
    pub fn id(&self) -> UserId {
        self.user.id
    }
}

/// A session with bearer tokens.
pub fn opening(from: &Requester) -> Opening<'_> {
    Opening { transport: Transport::Bearer, replaces: None, from }
}

/// Signs in as a return from the provider does.
pub async fn enter(app: &TestApp, identity: &ExternalIdentity) -> Result<Entered, IdentityError> {
    enter_with(app, identity, None).await
}

/// The same with a refresh token of the provider.
pub async fn enter_with(
    app: &TestApp,
    identity: &ExternalIdentity,
    token: Option<&ProviderRefreshToken>,
) -> Result<Entered, IdentityError> {
    let from = Requester::default();
    let entered = app.services.provider_sign_in.sign_in(identity, token, &opening(&from)).await?;
    let person = Person::of(&entered.signed_in);
    Ok(Entered { user: entered.signed_in.user, person, created: entered.created })
}

/// The signed-in user as of now.
pub async fn live(app: &TestApp, person: &Person) -> Arc<Live> {
    app.services.sessions.authenticate(&person.access, Freshness::Fresh).await.expect("a live session")
}

/// True for a session that is alive, false for one that has ended.
pub async fn is_live(app: &TestApp, person: &Person) -> bool {
    match app.services.sessions.authenticate(&person.access, Freshness::Fresh).await {
        Ok(_) => true,
        Err(AuthenticateError::Ended) => false,
        Err(other) => panic!("{other}"),
    }
}

/// Allows somebody to link an identity.
pub async fn allow_link(app: &TestApp, person: &Person) -> Result<LinkTicket, ReauthenticationRequired> {
    app.services.identities.allow(&*live(app, person).await)
}

/// Links by a ticket, as a return from the provider does.
pub async fn link_by(
    app: &TestApp,
    ticket: &LinkTicket,
    identity: &ExternalIdentity,
) -> Result<User, LinkError> {
    app.services.identities.link(ticket, identity, None, &Requester::default()).await
}

/// Links at once.
pub async fn link(app: &TestApp, person: &Person, identity: &ExternalIdentity) -> Result<User, LinkError> {
    link_by(app, &allow_link(app, person).await.expect("a recent sign-in"), identity).await
}

/// The challenge that [`VERIFIER`](crate::pkce::VERIFIER) answers.
pub fn challenge() -> CodeChallenge {
    CHALLENGE.parse().expect("a challenge")
}

/// Signs in for a one-time code that goes to [`REDIRECT`].
pub async fn issue_code(app: &TestApp, identity: &ExternalIdentity) -> Result<SecretString, IdentityError> {
    let (challenge, from) = (challenge(), Requester::default());
    let opening = CodeOpening { challenge: &challenge, redirect_to: REDIRECT, from: &from };
    Ok(app.services.provider_sign_in.sign_in_for_code(identity, None, &opening).await?.code)
}

/// Exchanges a one-time code.
pub async fn redeem_code(
    app: &TestApp,
    code: &SecretString,
    verifier: &str,
) -> Result<NewSession, RedeemError> {
    redeem_code_at(app, code, verifier, None).await
}

/// The same by a client that says where the code went.
pub async fn redeem_code_at(
    app: &TestApp,
    code: &SecretString,
    verifier: &str,
    redirect_to: Option<&str>,
) -> Result<NewSession, RedeemError> {
    let redemption = Redemption {
        code: code.clone(),
        verifier: verifier.into(),
        redirect_to: redirect_to.map(str::to_owned),
    };
    let from = Requester::default();
    app.services.provider_sign_in.redeem_code(&redemption, &opening(&from)).await
}
