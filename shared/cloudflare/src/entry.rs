//! What the runtime calls.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderName, HeaderValue, StatusCode, header};
use latchkey_core::port::Clock;
use latchkey_http::{App, Function, ProblemBody};
use tower::ServiceExt;
use worker::web_sys::{Request, Response};
use worker::{Context, Env};

use crate::adapters::WorkerClock;
use crate::isolate::{self, SetupError};
use crate::{convert, peer, request};

/// How many items one removal takes, and how many removals one scheduled event makes: D1 answers nobody else meanwhile, and
/// an event has its limits of time and of queries.
const SWEEP_ITEMS: u32 = 500;
const SWEEPS: u32 = 20;

/// Answers a request.
pub async fn fetch(
    function: fn() -> Function<App>,
    raw: Request,
    env: Env,
    context: Context,
) -> worker::Result<Response> {
    request::within(env, Some(context), answer(function, &raw)).await
}

async fn answer(function: fn() -> Function<App>, raw: &Request) -> worker::Result<Response> {
    let service = match isolate::service(function) {
        Ok(service) => service,
        Err(error) => return convert::response(misconfigured(&error)).await,
    };
    let Ok(mut request) = convert::request(raw) else {
        return convert::response(StatusCode::BAD_REQUEST.into_response()).await;
    };
    if let Some(peer) = peer::address(request.headers()) {
        request.extensions_mut().insert(peer);
    }
    let answer = service.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    convert::response(answer).await
}

/// Tells the log what is wrong and the mend, and the client that it is not theirs.
fn misconfigured(error: &SetupError) -> http::Response<Body> {
    tracing::error!(%error, "this Worker is not set up");
    let body = ProblemBody {
        kind: "urn:latchkey:problem:misconfigured".to_owned(),
        title: "Service Unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        code: "misconfigured",
        detail: "this service is not set up; its log names what is missing and the mend",
        request_id: "",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("retry-after"), HeaderValue::from_static("60")),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, serde_json::to_vec(&body).unwrap_or_default()).into_response()
}

/// Removes what has expired. It is hidden already: this is for space.
pub async fn scheduled(env: Env) {
    request::within(env, None, sweep()).await;
}

async fn sweep() {
    crate::log::begin(crate::log::level(request::var("LATCHKEY_LOG").as_deref()));
    let table = isolate::table();
    for _ in 0..SWEEPS {
        match table.sweep(WorkerClock.now(), SWEEP_ITEMS).await {
            Ok(removed) => {
                tracing::info!(removed, "expired items were removed");
                if removed < u64::from(SWEEP_ITEMS) {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(%error, "expired items could not be removed");
                return;
            }
        }
    }
}
