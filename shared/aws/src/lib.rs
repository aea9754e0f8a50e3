//! Latchkey on AWS Lambda: the entry that converts events to requests, the ports over AWS, the settings.

mod direct;
pub mod dynamodb;
mod entry;
pub mod event;
mod hasher;
mod live;
mod log;
mod mailer;
mod ports;
mod run;
mod runtime_api;
pub mod settings;

pub use entry::answer;
pub use hasher::BlockingHasher;
pub use run::{run, run_direct};
