use latchkey_core::UserId;
use latchkey_testkit::{TestRequest, TestResponse};
use serde_json::{Value, json};

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
    /// From the answer to a sign-up, a sign-in or a refresh with bearer tokens.
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
