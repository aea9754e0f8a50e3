//! The pages as a browser gets them, for the actual routes.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use latchkey_core::Config;
use latchkey_core::config::Exposure;
use latchkey_core::password::Password;
use latchkey_http::{Access as Rule, Operation as Route};
use tower::ServiceExt;

use super::access::Access;
use super::document::Document;
use super::operation::Operation;
use super::reference::Reference;
use super::routes;

const URL: &str = "http://localhost:8787";

fn config(origins: &'static str) -> Config {
    let read = |name: &str| match name {
        "LATCHKEY_URL" => Some(URL.to_owned()),
        "LATCHKEY_SECRET" => Some("LIYbgP3/AH7OZ52SIqU4Bnin7pXza6ZFfFgkwX38mmo=".to_owned()),
        "LATCHKEY_ORIGINS" => Some(origins.to_owned()),
        _ => None,
    };
    Config::read(read, Exposure::Local).ok().unwrap()
}

fn reference() -> Reference {
    let description = serde_json::from_str(latchkey_all::OPENAPI).unwrap();
    Reference::read(Document::new(&description), URL)
}

/// Returns the operation that the reference shows for `route`.
fn shown<'a>(reference: &'a Reference, route: &Route) -> &'a Operation {
    let is_it =
        |operation: &&Operation| operation.path == route.path && operation.method == route.method.as_str();
    reference.operations().find(is_it).unwrap_or_else(|| panic!("{route:?} is not described"))
}

fn pages() -> Router {
    routes(&config("https://app.example.com"), latchkey_all::OPENAPI)
}

async fn ask(pages: Router, method: Method, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let (parts, body) = pages.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn html(path: &str) -> String {
    ask(pages(), Method::GET, path).await.2
}

/// Returns the value of every `name="value"` of the page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split_once('"')).map(|(value, _)| value).collect()
}

#[tokio::test]
async fn every_operation_is_on_both_pages() {
    let (home, docs) = (html("/").await, html("/docs").await);
    let (function, reference) = (latchkey_all::function().merge(latchkey_http::health()), reference());
    assert!(!function.operations().is_empty());
    assert_eq!(reference.operations().count(), function.operations().len());
    for route in function.operations() {
        let operation = shown(&reference, route);
        assert!(docs.contains(&format!(" id=\"{}\"", operation.anchor)), "{route:?}");
        assert!(docs.contains(&format!(" href=\"#{}\"", operation.anchor)), "{route:?}");
        assert!(home.contains(&format!(" href=\"/docs#{}\"", operation.anchor)), "{route:?}");
        assert!(home.contains(&format!("<code>{}</code>", route.path)), "{route:?}");
    }
}

#[test]
fn who_may_call_is_what_the_routes_enforce() {
    let reference = reference();
    for route in latchkey_all::function().operations() {
        let access = match route.access {
            Rule::Public => Access::Public,
            Rule::SignedIn(_) | Rule::Proxied | Rule::TokenHolder => Access::SignedIn,
            Rule::Permission(permission) => Access::Permission(permission.to_owned()),
        };
        assert_eq!(shown(&reference, route).access, access, "{route:?}");
    }
}

#[tokio::test]
async fn links_within_the_pages_lead_somewhere() {
    let (home, docs) = (html("/").await, html("/docs").await);
    for (page, links) in [(&home, attributes(&home, "href")), (&docs, attributes(&docs, "href"))] {
        let ids = attributes(page, "id");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id is there twice");
        for link in links {
            if let Some(id) = link.strip_prefix("/docs#") {
                assert!(attributes(&docs, "id").contains(&id), "{link}");
            } else if let Some(id) = link.strip_prefix('#') {
                assert!(ids.contains(&id), "{link}");
            }
        }
    }
}

#[tokio::test]
async fn pages_load_nothing_that_their_policy_forbids() {
    for path in ["/", "/docs"] {
        let (status, headers, html) = ask(pages(), Method::GET, path).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(
            headers[header::CONTENT_SECURITY_POLICY],
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        for forbidden in ["<script", "<style", "<iframe", "<form", " style=", " onclick=", "javascript:"] {
            assert!(!html.contains(forbidden), "{path} has {forbidden}");
        }
        for link in attributes(&html, "href").into_iter().chain(attributes(&html, "src")) {
            assert!(
                link.starts_with('#') || link.starts_with('/') && !link.starts_with("//"),
                "{path}: {link}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_pages_are_shown_with_is_served() {
    for (path, kind, start) in [
        ("/assets/latchkey.css", "text/css; charset=utf-8", "/*"),
        ("/assets/latchkey.svg", "image/svg+xml", "<svg"),
    ] {
        let (status, headers, body) = ask(pages(), Method::GET, path).await;
        assert_eq!(
            (status, &headers[header::CONTENT_TYPE]),
            (StatusCode::OK, &kind.parse().unwrap()),
            "{path}"
        );
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=300", "{path}");
        assert!(body.starts_with(start), "{path}");
        assert!(!body.contains("url(") && !body.contains("@import"), "{path}");
        for page in ["/", "/docs"] {
            assert!(html(page).await.contains(path), "{page}");
        }
    }
}

#[tokio::test]
async fn pages_are_only_read() {
    for path in ["/", "/docs", "/assets/latchkey.css", "/assets/latchkey.svg"] {
        assert_eq!(ask(pages(), Method::POST, path).await.0, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn home_says_what_runs_here() {
    let home = html("/").await;
    for said in [
        env!("CARGO_PKG_VERSION"),
        URL,
        "https://app.example.com",
        "latchkey users add you@example.com --role admin",
        "curl -X POST http://localhost:8787/v1/signup",
        "/health",
        "/.well-known/jwks.json",
    ] {
        assert!(home.contains(said), "{said}");
    }
    let closed = routes(&config(""), latchkey_all::OPENAPI);
    assert!(ask(closed, Method::GET, "/").await.2.contains("<code>LATCHKEY_ORIGINS</code>"));
}

#[tokio::test]
async fn text_of_the_description_cannot_be_markup() {
    const EVIL: &str = "</code></p><script>alert(1)</script>`\"<img src=x onerror=alert(1)>`";
    let text = latchkey_all::OPENAPI.replace("Sign up", &EVIL.replace('"', "\\\""));
    let mut openapi: serde_json::Value = serde_json::from_str(&text).unwrap();
    openapi["info"]["title"] = EVIL.into();
    openapi["info"]["description"] = EVIL.into();
    let openapi = openapi.to_string();
    for path in ["/", "/docs"] {
        let (.., html) = ask(routes(&config(""), &openapi), Method::GET, path).await;
        assert!(html.contains("&#60;script&#62;"), "{path} does not show it");
        assert!(!html.contains("<script") && !html.contains("<img src=x"), "{path}");
    }
}

#[test]
fn every_field_of_a_body_has_a_type() {
    let reference = reference();
    let bodies = |operation: &Operation| {
        operation
            .request
            .iter()
            .chain(operation.responses.iter().filter_map(|answer| answer.body.as_ref()))
            .cloned()
            .collect::<Vec<_>>()
    };
    let mut left: Vec<_> =
        reference.operations().flat_map(bodies).flat_map(|body| body.shape.fields).collect();
    let mut seen = 0;
    while let Some(field) = left.pop() {
        assert_ne!(field.shape.kind.to_string(), "any JSON", "{field:?}");
        assert!(!field.about.is_empty(), "{field:?}");
        seen += 1;
        left.extend(field.shape.fields);
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn the_example_of_a_sign_up_is_accepted() {
    let reference = reference();
    let sign_up = reference.operations().find(|operation| operation.path == "/v1/signup").unwrap();
    let command = sign_up.curl(URL);
    let (_, body) = command.split_once("-d '").unwrap();
    let body: serde_json::Value = serde_json::from_str(body.trim_end_matches('\'')).unwrap();
    let email = body["email"].as_str().unwrap().parse().unwrap();
    let password = Password::new(&body["password"].as_str().unwrap().into());
    config("").password_rules.check(&password, &email, None).unwrap();
    assert_eq!(body["transport"], "bearer");
}
