//! Latchkey on Cloudflare Workers: the entry, and the ports over the features of a Worker.
//!
//! The services are built once per isolate and hold only plain data. The bindings and the context of a
//! request are reachable only while that request's future is polled (module `request`). So no binding, stream
//! or future outlives its request, and nothing is rebuilt for each request.
//!
//! This is the only crate with futures that are not `Send`: each adapter wraps its own.

// Modules that use no binding are tested on any machine.
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
