//! Somebody who is signed in.

use latchkey_harness::{Answer, Result};

/// Everybody's password.
pub const PASSWORD: &str = "violet harbour tundra";

/// Somebody who is signed in with bearer tokens.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's identifier.
    pub id: String,
    /// The address they sign in with.
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
    pub fn read(answer: &Answer) -> Result<Self> {
        let person = Self {
            id: answer.text("user.id"),
            email: answer.text("user.email"),
            session: answer.text("session.id"),
            access: answer.text("access_token"),
            refresh: answer.text("refresh_token"),
        };
        ensure!(
            ![&person.id, &person.email, &person.session, &person.access, &person.refresh]
                .iter()
                .any(|text| text.is_empty()),
            "{}: nobody is signed in: {}",
            answer.asked,
            answer.shown()
        );
        Ok(person)
    }
}
