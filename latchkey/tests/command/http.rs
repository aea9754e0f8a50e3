//! HTTP client for the requests of tests.

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;

/// A response: its status, and its body if it is JSON, or else null.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Value,
}

/// Sends `body` as JSON if there is one, with or without a bearer token. Returns `Err` if the server went
/// away.
pub fn send(
    method: &str,
    url: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Result<Response, ureq::Error> {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = Request::builder().method(method).uri(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = match body {
        Some(body) => {
            agent.run(request.header("Content-Type", "application/json").body(body.to_string())?)?
        }
        None => agent.run(request.body(())?)?,
    };
    let text = response.body_mut().read_to_string()?;
    Ok(Response { status: response.status().as_u16(), body: serde_json::from_str(&text).unwrap_or_default() })
}

pub fn get(url: &str, token: Option<&str>) -> Response {
    send("GET", url, token, None).unwrap()
}

pub fn post(url: &str, token: Option<&str>, body: &Value) -> Response {
    send("POST", url, token, Some(body)).unwrap()
}

/// Signs up or in (`route`) and returns the response, with tokens in its body.
pub fn credentials(server: &str, route: &str, email: &str) -> Result<Response, ureq::Error> {
    let body = json!({ "email": email, "password": PASSWORD, "transport": "bearer" });
    send("POST", &format!("{server}/v1/{route}"), None, Some(&body))
}

/// Signs in and returns the access token.
pub fn sign_in(server: &str, email: &str) -> String {
    let answer = credentials(server, "signin", email).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["access_token"].as_str().unwrap().to_owned()
}

/// Password of every account in these tests.
pub const PASSWORD: &str = "seven green boats at noon";
