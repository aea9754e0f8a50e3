//! Latchkey on Cloudflare Workers: the entry, and the ports over what a Worker has.
//!
//! The services are put together once per isolate and hold plain data only. What belongs to a request, its bindings and
//! its context, is in reach while that request's future is polled and no longer (module `request`): so no binding, stream
//! or future outlives its request, and nothing is built anew for each.
//!
//! This is the one crate that knows futures that are not `Send`: each adapter wraps its own.

// What touches no binding is tested on any machine.
#[cfg(any(test, all(target_arch = "wasm32", feature = "passwords")))]
mod admission;
#[cfg(any(test, target_arch = "wasm32"))]
mod body;
#[cfg(any(test, target_arch = "wasm32"))]
mod kept;
#[cfg(any(test, target_arch = "wasm32"))]
mod log;
#[cfg(any(test, target_arch = "wasm32"))]
mod peer;

#[cfg(target_arch = "wasm32")]
mod adapters;
#[cfg(target_arch = "wasm32")]
mod convert;
#[cfg(target_arch = "wasm32")]
mod entry;
#[cfg(target_arch = "wasm32")]
mod isolate;
#[cfg(target_arch = "wasm32")]
mod promise;
#[cfg(target_arch = "wasm32")]
mod request;

#[cfg(all(target_arch = "wasm32", feature = "passwords"))]
pub use adapters::InlineHasher;
#[cfg(target_arch = "wasm32")]
pub use adapters::{Absent, D1, Kv, NoMailer, WorkerClock, WorkerEntropy, WorkerFetch};
#[cfg(target_arch = "wasm32")]
pub use entry::{fetch, scheduled};
#[cfg(target_arch = "wasm32")]
pub use request::within;
