//! One Worker: the operations that its features name, behind one entry. `infra/worker-build OPERATION…` builds it.

#![cfg(target_arch = "wasm32")]

mod operations;

use worker::web_sys::{Request, Response};
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    latchkey_cloudflare::fetch(operations::operations, request, env, context).await
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    latchkey_cloudflare::scheduled(env).await;
}
