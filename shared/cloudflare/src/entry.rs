//! Functions that the runtime calls.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use latchkey_core::port::Entropy;
use latchkey_http::{Function, Problem};
use tower::ServiceExt;
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{Request, Response};
use worker::{Context, Env};

use crate::adapters::{WorkerClock, WorkerEntropy};
use crate::convert::Head;
use crate::isolate;
use crate::{convert, peer, promise, request};

/// Number of statements with which one scheduled event purges expired items. An event may make 1,000 queries.
/// On the free plan it may make 50, which remove more in an hour than that plan allows anyone to write.
const BITES: u32 = 900;
/// The same limit for an event that also reseals values.
const BITES_BESIDE_RESEAL: u32 = 100;

/// Number of accounts that are resealed in one step: about 40 statements, which fit into the free plan's 50.
const RESEAL_PAGE: u32 = 10;
/// Number of such steps in an event: about 850 statements of the 1,000 that the paid plan allows. On the free
/// plan the event ends after the first step. Its progress is stored, and the next event continues.
const RESEAL_PAGES: u32 = 20;

/// Handles a request. Returns the response if no part of the work has to wait, or else the promise of a
/// response.
pub fn fetch(function: fn() -> Function, raw: Request, env: Env, context: Context) -> JsValue {
    let head = Head::of(&raw);
    if head.has_short_body() {
        return convert::short_body(&raw, move |body| begin(env, context, answer(function, head, body)));
    }
    begin(env, context, async move {
        let body = convert::body(&raw).await;
        answer(function, head, body).await
    })
}

/// Begins the work of a request.
fn begin(
    env: Env,
    context: Context,
    response: impl Future<Output = worker::Result<Response>> + 'static,
) -> JsValue {
    promise::begin(async move {
        request::within(env, Some(context), response).await.map_or_else(
            |error| {
                tracing::error!(%error, "a response could not be returned to the runtime");
                convert::failure()
            },
            JsValue::from,
        )
    })
}

async fn answer(function: fn() -> Function, head: Head, body: Body) -> worker::Result<Response> {
    let https = head.is_https();
    let mut request = match head.request(body) {
        Ok(request) => request,
        Err(error) => return refuse(https, &unreadable(), &error).await,
    };
    let service = match isolate::service(function) {
        Ok(service) => service,
        Err(error) => return refuse(https, &misconfigured(), &error).await,
    };
    if let Some(peer) = peer::address(request.headers()) {
        request.extensions_mut().insert(peer);
    }
    let answer = service.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    convert::response(answer).await
}

/// Returns the response to a request that reaches no service, and logs the cause under the identifier that
/// the client sees.
async fn refuse(https: bool, problem: &Problem, cause: &(dyn Error + Sync)) -> worker::Result<Response> {
    let entropy: &dyn Entropy = &WorkerEntropy;
    // Without randomness nothing else works either.
    let request_id = format!("{:016x}", u64::from_be_bytes(entropy.bytes().unwrap_or_default()));
    if problem.status().is_server_error() {
        tracing::error!(error = %cause, request_id, "this Worker is not set up");
    } else {
        tracing::debug!(error = %cause, request_id, "a request was not understood");
    }
    convert::response(latchkey_http::without_service(problem, https, &request_id)).await
}

/// Returns the problem for the client, which does not blame the client. The log has the cause and the fix.
fn misconfigured() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "misconfigured",
        "this service is not set up; its log names what is missing and the fix",
    )
    .retry_after(Duration::from_mins(1))
}

/// Returns the problem of a method or URL that the runtime accepts but `http` does not.
fn unreadable() -> Problem {
    Problem::invalid("this service does not accept the request's method or URL; correct them")
}

/// Does the scheduled work: purges expired items, and reseals values while `LATCHKEY_SECRET` is being
/// replaced.
pub async fn scheduled(env: Env) {
    request::within(env, None, async {
        crate::log::begin(request::var("LATCHKEY_LOG").as_deref());
        // Resealing comes first, because the purge uses up the plan's remaining queries.
        let bites = if reseal().await { BITES_BESIDE_RESEAL } else { BITES };
        purge(bites).await;
    })
    .await;
}

/// Purges expired items. They are already hidden; purging only frees space.
async fn purge(bites: u32) {
    let table = isolate::table();
    let purged = latchkey_sql::purge(&table, &WorkerClock, bites, async || {}).await;
    if let Some(error) = purged.failure {
        tracing::error!(%error, "expired items could not be removed");
    }
    tracing::info!(removed = purged.removed, "expired items were removed");
}

/// Continues the reseal of a secret rotation, and returns true if there was one. Its progress is stored after
/// each page, so the event may end at a limit of its plan.
async fn reseal() -> bool {
    let services = match isolate::services() {
        Ok(services) => services,
        Err(error) => {
            tracing::error!(%error, "this Worker is not set up");
            return false;
        }
    };
    let mut pages = 0..RESEAL_PAGES;
    match services.secrets.reseal_by_schedule(RESEAL_PAGE, || pages.next().is_some()).await {
        Ok(None) => return false,
        Ok(Some(progress)) if progress.is_complete() && progress.count.unreadable > 0 => {
            tracing::error!("{progress}");
        }
        // The end of a rotation is logged at the default level, because an operator waits for it.
        Ok(Some(progress)) if progress.is_clean() => tracing::warn!("{progress}"),
        Ok(Some(progress)) => tracing::info!("{progress}"),
        Err(error) => tracing::error!(%error, "sealed values could not be resealed under the current secret"),
    }
    true
}
