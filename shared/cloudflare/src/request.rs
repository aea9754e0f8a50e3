//! Parts that belong to the current request.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use latchkey_core::port::StoreError;
use worker::{Context, D1Database, Env, KvStore};

thread_local! {
    static CURRENT: RefCell<Option<Rc<Bindings>>> = const { RefCell::new(None) };
}

/// Bindings of a request, and its context if its event has one for work after the response.
struct Bindings {
    env: Env,
    context: Option<Context>,
}

/// Runs `future` as the work of one request. The adapters can reach `env` and `context` while it is polled,
/// and both are dropped when it ends.
pub async fn within<F: Future>(env: Env, context: Option<Context>, future: F) -> F::Output {
    on_behalf(Rc::new(Bindings { env, context }), future).await
}

async fn on_behalf<F: Future>(bindings: Rc<Bindings>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|task| {
        // Requests of one isolate take turns, so each turn sets its own bindings and then restores the
        // previous ones.
        let before = CURRENT.replace(Some(Rc::clone(&bindings)));
        let polled = future.as_mut().poll(task);
        CURRENT.set(before);
        polled
    })
    .await
}

fn current() -> Option<Rc<Bindings>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Returns the D1 database with this binding.
pub(crate) fn d1(name: &str) -> Result<D1Database, StoreError> {
    bound(name, "d1_databases", |env| env.d1(name))
}

/// Returns the KV namespace with this binding.
pub(crate) fn kv(name: &str) -> Result<KvStore, StoreError> {
    bound(name, "kv_namespaces", |env| env.kv(name))
}

fn bound<T>(name: &str, section: &str, get: impl FnOnce(&Env) -> worker::Result<T>) -> Result<T, StoreError> {
    let bindings =
        current().ok_or_else(|| StoreError::Unavailable("no request is being served".to_owned()))?;
    get(&bindings.env).map_err(|_| {
        StoreError::Unavailable(format!(
            "the binding {name} is missing; add it to [[{section}]] in wrangler.toml and deploy again"
        ))
    })
}

/// Returns the text of a variable or a secret.
pub(crate) fn var(name: &str) -> Option<String> {
    let bindings = current()?;
    worker::js_sys::Reflect::get(&bindings.env, &name.into()).ok()?.as_string()
}

/// Returns the names of all variables, secrets and bindings.
pub(crate) fn names() -> Vec<String> {
    let Some(bindings) = current() else { return Vec::new() };
    let names = worker::js_sys::Reflect::own_keys(&bindings.env).unwrap_or_default();
    names.iter().filter_map(|name| name.as_string()).collect()
}

/// Continues `work` after the response, as a part of the same request. If the event has no response to wait
/// with, does it now.
pub(crate) async fn after_the_answer(work: impl Future<Output = ()> + 'static) {
    match current() {
        Some(bindings) => match &bindings.context {
            Some(context) => context.wait_until(on_behalf(Rc::clone(&bindings), work)),
            None => work.await,
        },
        None => work.await,
    }
}
