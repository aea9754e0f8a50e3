//! Futures for the runtime.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::future_to_promise;

/// Begins `work`. If it completes at once, returns its value, without a promise and the turn of the event
/// loop that settles it. Otherwise returns the promise of the value.
pub(crate) fn begin(work: impl Future<Output = JsValue> + 'static) -> JsValue {
    let mut work = Box::pin(work);
    let relay = Arc::new(Relay::default());
    let waker = Waker::from(Arc::clone(&relay));
    if let Poll::Ready(value) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
        return value;
    }
    let rest = poll_fn(move |task| {
        relay.0.register(task.waker());
        work.as_mut().poll(&mut Context::from_waker(&waker))
    });
    future_to_promise(async { Ok(rest.await) }).into()
}

/// Wakes the task that continues the work. Some futures keep the waker of their first poll, which happens
/// before the task exists.
#[derive(Default)]
struct Relay(AtomicWaker);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}
