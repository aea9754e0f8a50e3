//! What is asked of the servers.

use std::fmt::Write;

use crate::Result;
use crate::driver::Script;
use crate::setup::Account;

/// A password that the rules take.
pub const PASSWORD: &str = "violet-anchor-81-meadow";

/// A request with a JSON body.
pub fn post(path: &str, token: Option<&str>, body: &str) -> String {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n");
    if let Some(token) = token {
        // Writing to a String cannot fail.
        let _ = write!(request, "authorization: Bearer {token}\r\n");
    }
    let _ = write!(request, "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    request
}

/// A request without a body.
pub fn get(path: &str, token: Option<&str>) -> String {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}\r\n")
}

/// The body of a sign-up or sign-in.
pub fn credentials(email: &str) -> String {
    format!(r#"{{"email":"{email}","password":"{PASSWORD}","transport":"bearer"}}"#)
}

/// Signs in to the account again and again.
pub fn sign_in(account: &Account) -> Box<dyn Script> {
    same(post("/v1/signin", None, &credentials(&account.email)), 200)
}

struct Same {
    request: String,
    status: u16,
}

/// `request` each time, to be answered with `status`.
pub fn same(request: String, status: u16) -> Box<dyn Script> {
    Box::new(Same { request, status })
}

impl Script for Same {
    fn request(&mut self) -> &[u8] {
        self.request.as_bytes()
    }

    fn status(&self) -> u16 {
        self.status
    }
}

struct Refresh {
    token: String,
    request: String,
}

/// Refreshes a session again and again, beginning with the refresh token of a sign-up.
pub fn refresh(token: String) -> Box<dyn Script> {
    Box::new(Refresh { token, request: String::new() })
}

impl Script for Refresh {
    fn request(&mut self) -> &[u8] {
        self.request = post("/v1/token/refresh", None, &format!(r#"{{"refresh_token":"{}"}}"#, self.token));
        self.request.as_bytes()
    }

    fn status(&self) -> u16 {
        200
    }

    fn learn(&mut self, body: &[u8]) -> Result<()> {
        self.token = member(body, "refresh_token")?;
        Ok(())
    }
}

struct SignUp {
    connection: usize,
    number: u32,
    request: String,
}

/// A new account each time, with addresses that no other connection uses.
pub fn sign_up(connection: usize) -> Box<dyn Script> {
    Box::new(SignUp { connection, number: 0, request: String::new() })
}

impl Script for SignUp {
    fn request(&mut self) -> &[u8] {
        self.number += 1;
        let email = format!("new-{}-{}@example.com", self.connection, self.number);
        self.request = post("/v1/signup", None, &credentials(&email));
        self.request.as_bytes()
    }

    fn status(&self) -> u16 {
        201
    }
}

/// A text member of a JSON body.
pub fn member(body: &[u8], name: &str) -> Result<String> {
    let value: serde_json::Value = serde_json::from_slice(body)?;
    let text = value.get(name).and_then(serde_json::Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("the answer has no {name}").into())
}
