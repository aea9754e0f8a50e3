//! A Worker: the operations that its features name, behind one entry. `infra/worker-build OPERATION…` builds
//! it.

#![cfg(target_arch = "wasm32")]

mod operations;

use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{self, JsValue};
use worker::web_sys::Request;
use worker::worker_sys;
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

/// Handles a request.
// The worker crate's `event` is not used, because it makes a promise of every response.
#[wasm_bindgen]
pub fn fetch(request: Request, env: Env, context: worker_sys::Context) -> JsValue {
    latchkey_cloudflare::fetch(operations::operations, request, env, Context::new(context))
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    latchkey_cloudflare::scheduled(env).await;
}
