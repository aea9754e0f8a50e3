//! Problems of routes that a browser navigates to: shown as a page, or passed on as a code to the waiting
//! app.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Problem;
use crate::refusal::Told;

/// Content security policy of the page. It has no script, and only its own style.
static POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-A4O3nvea305+XZxBthboHS6pzuCFykYy3IZJ9+vAKIY='; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

/// Page that tells a person about a problem.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    style: &'static str,
    title: &'a str,
    detail: String,
    code: &'a str,
    /// Link to continue: a page that the operator listed.
    back: Option<&'a str>,
}

impl Problem {
    /// Returns the response to a navigation: `onward` if the browser accepts HTML, or else the problem
    /// itself.
    pub fn for_navigation(self, request: &HeaderMap, title: &str, onward: Onward<'_>) -> Response {
        if !wants_html(request) {
            return self.into_response();
        }
        let told = Told(self.clone());
        let mut response = match onward {
            Onward::Page(back) => self.page(title, back),
            Onward::App(place) => see_other(place).unwrap_or_else(Problem::into_response),
        };
        response.extensions_mut().insert(told);
        response
    }

    fn page(self, title: &str, back: Option<&str>) -> Response {
        let page =
            ProblemPage { style: STYLE, title, detail: sentence(self.detail()), code: self.code(), back };
        let Ok(html) = page.render() else { return self.into_response() };
        let mut response = Response::new(Body::from(html));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.extend(self.headers().clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
        response
    }
}

/// Destination of a failed navigation.
#[derive(Debug, Clone, Copy)]
pub enum Onward<'a> {
    /// A page of this service that tells the problem. It may link to a page that the operator listed.
    Page(Option<&'a str>),
    /// The waiting app, at a URL that the operator listed. It finds the code of the problem in the query.
    App(&'a str),
}

/// Returns a problem's text as a sentence. A name from the API, such as `redirect_to`, stays as it is.
fn sentence(text: &str) -> String {
    if text.split_whitespace().next().is_some_and(|word| word.contains('_')) {
        return format!("{text}.");
    }
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// Redirects with 303, so that the next request is a GET and the address bar keeps nothing of this one.
pub fn see_other(place: &str) -> Result<Response, Problem> {
    let place = HeaderValue::try_from(place).map_err(Problem::internal)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, place);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

const STYLE: &str = include_str!("../templates/problem.css");

/// Returns true if the request accepts HTML, as every browser does when it navigates.
fn wants_html(request: &HeaderMap) -> bool {
    let accepts = request.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use http_body_util::BodyExt;
    use sha2::{Digest, Sha256};

    fn headers(accept: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))])
    }

    #[test]
    fn the_policy_lets_exactly_this_style_in() {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        assert!(POLICY.to_str().unwrap().contains(&format!("'sha256-{hash}'")), "{hash}");
    }

    #[tokio::test]
    async fn whatever_it_says_stays_text() {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "some_code", "<script>alert('1')</script>");
        let back = Onward::Page(Some("https://app.example.com/\"><script>"));
        let response = problem.for_navigation(&headers("text/html,*/*;q=0.8"), "<b>No</b>", back);
        assert_eq!(response.status(), 400);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let html = std::str::from_utf8(&body).unwrap();
        assert!(html.contains(STYLE) && html.contains("some_code"));
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
    }

    #[test]
    fn a_text_becomes_a_sentence() {
        assert_eq!(sentence("begin the sign-in again"), "Begin the sign-in again.");
        assert_eq!(sentence("redirect_to is too long"), "redirect_to is too long.");
    }

    #[test]
    fn a_program_gets_the_problem_itself() {
        for accept in ["", "*/*", "application/json", "text/htmlx", "x/text/html"] {
            for onward in [Onward::Page(None), Onward::App("https://app.example.com/")] {
                let response = Problem::invalid("x").for_navigation(&headers(accept), "", onward);
                assert!(response.extensions().get::<Problem>().is_some(), "{accept}");
            }
        }
    }
}
