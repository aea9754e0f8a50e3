//! People who sign up, sign in and ask, by HTTP as any client does.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot set itself up fails by a panic"
)]

use std::net::IpAddr;

use latchkey_core::account::{Authority, SignUp};
use latchkey_core::audit::{Action, Event, Filter, Requester};
use latchkey_core::password::Password;
use latchkey_core::permission::{Author, Role};
use latchkey_core::session::NewSession;
use latchkey_core::{ExposeSecret, UserId};
use serde_json::{Value, json};

use crate::identities::opening;
use crate::{TestApp, TestRequest, TestResponse};

pub mod apart;

/// Everybody's password: nobody guesses it.
pub const PASSWORD: &str = "violet harbour tundra";

/// Somebody who is signed in, and what their client holds.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// The user's identifier.
    pub id: String,
    /// The user's e-mail address.
    pub email: String,
    /// The session's identifier.
    pub session: String,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Person {
    /// Reads the response to a sign-up, a sign-in or a refresh with bearer tokens.
    pub fn read(answer: &TestResponse) -> Self {
        assert!(answer.status.is_success(), "{}", answer.json());
        Self {
            id: answer.text("user.id"),
            email: answer.text("user.email"),
            session: answer.text("session.id"),
            access: answer.text("access_token"),
            refresh: answer.text("refresh_token"),
        }
    }

    /// The owner of a session that a service began.
    pub fn of(signed_in: &NewSession) -> Self {
        let NewSession { user, session, tokens, .. } = signed_in;
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            session: session.id.to_string(),
            access: tokens.access_token.expose_secret().to_owned(),
            refresh: tokens.refresh_token.expose_secret().to_owned(),
        }
    }

    /// The user's identifier, read.
    pub fn user_id(&self) -> UserId {
        self.id.parse().expect("a user's identifier")
    }
}

/// The body of a sign-up or sign-in that asks for bearer tokens.
pub fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "transport": "bearer" })
}

/// A sign-up with [`PASSWORD`].
pub fn signup_request(email: &str) -> TestRequest {
    TestRequest::post("/v1/signup", &credentials(email, PASSWORD))
}

/// A sign-in.
pub fn signin_request(email: &str, password: &str) -> TestRequest {
    TestRequest::post("/v1/signin", &credentials(email, password))
}

/// A refresh by a client that holds its own tokens.
pub fn refresh_request(token: &str) -> TestRequest {
    TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": token }))
}

/// A request without a body.
pub fn bare(method: &str, path: &str, by: &Person) -> TestRequest {
    TestRequest::new(method.parse().expect("a method"), path).bearer(&by.access)
}

/// Signs up, from the usual address.
pub async fn sign_up(app: &TestApp, email: &str) -> Person {
    let answer = app.send(signup_request(email)).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    Person::read(&answer)
}

/// Signs up by the service, without HTTP.
pub async fn register(app: &TestApp, email: &str) -> Person {
    let request = SignUp {
        email: email.parse().expect("an address"),
        password: Password::new(&PASSWORD.into()),
        name: None,
    };
    let (registration, from) = (&app.services.registration, Requester::default());
    let checked = registration.check(request).expect("a good password");
    Person::of(&registration.sign_up(checked, &opening(&from)).await.expect("an account"))
}

/// Signs in once more, from the usual address.
pub async fn sign_in(app: &TestApp, email: &str) -> Person {
    Person::read(&app.send(signin_request(email, PASSWORD)).await)
}

/// Presents a refresh token.
pub async fn refresh(app: &TestApp, token: &str) -> TestResponse {
    app.send(refresh_request(token)).await
}

/// Signs up somebody with the role `admin`.
pub async fn admin(app: &TestApp, email: &str) -> Person {
    let person = sign_up(app, email).await;
    grant(app, &person, "admin").await;
    person
}

/// Grants a role on the operator's word.
pub async fn grant(app: &TestApp, to: &Person, role: &str) {
    let (role, nowhere) = (role.parse().expect("a role's name"), Requester::default());
    let granted = app.services.users.grant_role(to.user_id(), &role, Authority::Operator, &nowhere);
    granted.await.expect("the role is granted");
}

/// Makes a role that holds exactly these permissions.
pub async fn make_role(app: &TestApp, name: &str, permissions: &[&str]) {
    let permissions = permissions.iter().map(|text| text.parse().expect("a grant")).collect();
    let (name, role) = (name.parse().expect("a role's name"), Role { permissions, ..Role::default() });
    app.services.roles.put(&name, &role, Author::Operator).await.expect("the role is made");
}

/// GET.
pub async fn get(app: &TestApp, path: &str, person: &Person) -> TestResponse {
    app.send(TestRequest::get(path).bearer(&person.access)).await
}

/// POST without a body.
pub async fn post(app: &TestApp, path: &str, person: &Person) -> TestResponse {
    send(app, "POST", path, person).await
}

/// Sends a request without a body, by any method.
pub async fn send(app: &TestApp, method: &str, path: &str, person: &Person) -> TestResponse {
    app.send(bare(method, path, person)).await
}

/// Sends a request with a JSON body, by any method.
pub async fn send_json(
    app: &TestApp,
    method: &str,
    path: &str,
    person: &Person,
    body: &Value,
) -> TestResponse {
    app.send(bare(method, path, person).json(body)).await
}

/// Asks for a permission check.
pub async fn check(app: &TestApp, person: &Person, body: &Value) -> TestResponse {
    send_json(app, "POST", "/v1/permissions/check", person, body).await
}

/// The events of one action, newest first.
pub async fn events(app: &TestApp, action: Action) -> Vec<Event> {
    let mut filter = Filter { action: Some(action), limit: 200, ..Filter::default() };
    let mut events = Vec::new();
    loop {
        let page = app.services.audit.list(&filter).await.expect("a page of events");
        events.extend(page.events);
        if page.next.is_none() {
            return events;
        }
        filter.after = page.next;
    }
}

/// The value of a cookie that a response sets, without its attributes.
pub fn cookie(answer: &TestResponse, name: &str) -> String {
    answer.set_cookie(name).unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

/// An address of a client that is not the usual one.
pub fn address(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}
