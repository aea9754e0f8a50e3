//! For tests: what stands in for the outside world, and the suites that every adapter of a port must pass.
//!
//! [`TestClock`] and [`SeededEntropy`] make a test repeatable; [`CountingTable`], [`FailingTable`] and their like wrap a
//! port, to count its round trips or to let it fail when told; [`conformance`] holds one suite per port. [`TestApp`] serves functions in
//! memory, [`people`] use it, and a [`World`] has a provider too.

mod app;
pub mod authentic;
mod clock;
pub mod conformance;
mod counting;
mod described;
mod documented;
mod entropy;
mod failing;
mod fault;
mod forge;
pub mod identities;
mod model;
pub mod people;
pub mod pkce;
pub mod provider;
pub mod stand_in;
pub mod stored;
mod world;

pub use app::{FRONTEND, TestApp, TestAppBuilder, TestRequest, TestResponse, URL, memory_table};
pub use authentic::{OpenStore, authentic};
pub use clock::TestClock;
pub use counting::{CountingCounters, CountingTable, Trips};
pub use documented::assert_documented;
pub use entropy::SeededEntropy;
pub use failing::{FailingCounters, FailingTable};
pub use fault::{Call, Fault, Faults};
pub use forge::Forge;
/// A service without routes is its default.
pub use latchkey_http::Function;
pub use model::ModelTable;
pub use world::{Browser, World, home, query};
