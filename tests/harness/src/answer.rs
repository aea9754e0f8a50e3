//! An answer, and the questions that cases put to it.

use http::HeaderMap;
use serde_json::Value;

use crate::Result;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The method and the path that were asked, for messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers, each value by itself.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's first value, empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The body as JSON, null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The member of the body under `path`, such as `user.id`; null when there is none.
    pub fn member(&self, path: &str) -> Value {
        self.json().pointer(&format!("/{}", path.replace('.', "/"))).cloned().unwrap_or_default()
    }

    /// The same as text, empty when it is none.
    pub fn text(&self, path: &str) -> String {
        self.member(path).as_str().unwrap_or_default().to_owned()
    }

    /// The `code` of a problem, empty when it is none.
    pub fn code(&self) -> String {
        self.text("code")
    }

    /// The list under `path`, which must be there.
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        let found = self.member(path);
        let list = found.as_array().cloned();
        list.ok_or_else(|| format!("{}: no list `{path}`: {}", self.asked, self.shown()).into())
    }

    /// This answer, if it has this status.
    pub fn ok(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "{}: not {status}: {}", self.asked, self.shown());
        Ok(self)
    }

    /// This answer, if it is this problem, in the form that every problem has (RFC 9457).
    pub fn problem(self, status: u16, code: &str) -> Result<Self> {
        ensure!(
            (self.status, self.code().as_str()) == (status, code),
            "{}: not {status} {code}: {}",
            self.asked,
            self.shown()
        );
        ensure_eq!(self.header("content-type"), "application/problem+json", "{}", self.asked);
        let body = self.json();
        let mut names: Vec<_> =
            body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        ensure_eq!(names, ["code", "detail", "request_id", "status", "title", "type"], "{}", self.asked);
        ensure_eq!(body["status"], status);
        ensure!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code:?}");
        ensure_eq!(body["type"], format!("urn:latchkey:problem:{code}"));
        let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        ensure_eq!(body["title"].as_str(), title, "{}", self.asked);
        ensure!(!self.text("detail").is_empty(), "{}: no detail", self.asked);
        ensure!(!self.text("request_id").is_empty(), "{}: no request_id", self.asked);
        ensure_eq!(body["request_id"], self.header("x-request-id"));
        Ok(self)
    }

    /// This answer, if it is a problem of the client's making.
    pub fn client_error(self) -> Result<Self> {
        ensure!((400..500).contains(&self.status), "{}: no client's error: {}", self.asked, self.shown());
        let (status, code) = (self.status, self.code());
        self.problem(status, &code)
    }

    /// The methods that `Allow` names, sorted.
    pub fn allow(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.all("allow").iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        names.sort_unstable();
        names
    }

    /// The value that a `Set-Cookie` header gives this cookie, and the attributes in lower case, sorted.
    pub fn set_cookie(&self, name: &str) -> Result<(String, Vec<String>)> {
        for header in self.all("set-cookie") {
            let mut parts = header.split(';').map(str::trim);
            if let Some((key, value)) = parts.next().and_then(|pair| pair.split_once('='))
                && key == name
            {
                let mut attributes: Vec<_> = parts.map(str::to_ascii_lowercase).collect();
                attributes.sort();
                return Ok((value.to_owned(), attributes));
            }
        }
        Err(format!("{}: {name} is not set: {:?}", self.asked, self.all("set-cookie")).into())
    }

    /// Its status and the beginning of its body, for a message.
    pub fn shown(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        format!("{} {text}", self.status)
    }
}
