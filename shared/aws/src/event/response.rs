use std::collections::BTreeMap;

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde::Serialize;

use super::{EventError, Shape};

/// A response in the form that the function's caller expects.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LambdaResponse {
    status_code: u16,
    /// Status with its reason phrase, for a load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Vec<String>>,
    body: String,
    is_base64_encoded: bool,
}

impl LambdaResponse {
    /// Returns `response` in the given shape.
    pub async fn of(response: Response<Body>, shape: Shape) -> Result<Self, EventError> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| EventError::Response)?.to_bytes();
        let (body, is_base64_encoded) = match String::from_utf8(body.into()) {
            Ok(text) => (text, false),
            Err(bytes) => (BASE64_STANDARD.encode(bytes.as_bytes()), true),
        };
        let mut response = Self {
            status_code: parts.status.as_u16(),
            status_description: None,
            headers: None,
            multi_value_headers: None,
            cookies: None,
            body,
            is_base64_encoded,
        };
        response.put(parts.headers, parts.status, shape)?;
        Ok(response)
    }

    /// Sets the headers in the form of this shape.
    fn put(&mut self, mut headers: HeaderMap, status: StatusCode, shape: Shape) -> Result<(), EventError> {
        match shape {
            Shape::V2 => {
                self.cookies = Some(headers.get_all(header::SET_COOKIE).iter().map(text).collect());
                headers.remove(header::SET_COOKIE);
                self.headers = Some(single(&headers));
            }
            Shape::V1 => self.multi_value_headers = Some(multi(&headers)),
            Shape::AlbMulti => {
                self.status_description = Some(words(status));
                self.multi_value_headers = Some(multi(&headers));
            }
            Shape::AlbSingle => {
                if headers.get_all(header::SET_COOKIE).iter().count() > 1 {
                    return Err(EventError::CookiesLost);
                }
                self.status_description = Some(words(status));
                self.headers = Some(single(&headers));
            }
        }
        Ok(())
    }
}

fn words(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("Unknown"))
}

/// Returns one value for each header. Repeated headers are joined by commas (RFC 9110, section 5.3), which
/// does not work for cookies.
fn single(headers: &HeaderMap) -> BTreeMap<String, String> {
    multi(headers).into_iter().map(|(name, values)| (name, values.join(", "))).collect()
}

fn multi(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    headers
        .keys()
        .map(|name| (name.as_str().to_owned(), headers.get_all(name).iter().map(text).collect()))
        .collect()
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
