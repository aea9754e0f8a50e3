//! A request as a case words it.

use http::Method;
use serde_json::{Value, json};

/// A request; its path begins behind the base URL.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The headers, in this order.
    pub headers: Vec<(String, String)>,
    /// The body, where there is one.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// `GET`.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// `DELETE`.
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// `POST` without a body.
    pub fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// `PUT` without a body.
    pub fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    /// `PATCH` without a body.
    pub fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// The same with a header more.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// The same with a cookie.
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", &format!("{name}={value}"))
    }

    /// The same with a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().into_bytes())
    }

    /// The same with a body in chunks, written as they go over the wire. For [`raw`](crate::raw) alone.
    pub fn chunked(self, kind: &str, chunks: Vec<u8>) -> Self {
        self.bytes(kind, chunks).header("transfer-encoding", "chunked")
    }

    /// Returns whether it has a header of this name.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The same with any body.
    pub fn bytes(mut self, kind: &str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("content-type", kind)
    }
}

/// The body of a sign-up or sign-in that asks for bearer tokens.
pub fn bearer(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "transport": "bearer" })
}
