//! Domain of Latchkey, and the ports that it needs.
//!
//! Nothing here does I/O, knows an HTTP framework or names a platform. Everything from outside, including time and randomness,
//! comes through a trait of [`port`]. The domain is organized by its nouns, one folder each: records in [`model`], services
//! that build on them, replacements for a store in [`adapter`].

pub mod account;
pub mod adapter;
pub mod audit;
pub mod config;
pub mod fault;
pub mod json;
pub mod limit;
pub mod log;
pub mod model;
pub mod oauth;
mod optimistic;
pub mod password;
pub mod permission;
pub mod port;
pub mod seal;
pub mod secrets;
mod services;
pub mod session;
pub mod shards;
pub mod token;

pub use config::Config;
pub use fault::Fault;
pub use model::{DeviceId, Email, EventId, SessionId, Timestamp, UserId};
pub use port::Ports;
pub use secrecy::{ExposeSecret, SecretString};
pub use services::{Memory, Services};
