//! The `latchkey` command as a person runs it: the real binary, real sockets, real signals.
#![cfg(unix)]

mod administration;
mod crash;
mod http;
mod process;
mod refusals;
mod secrets;
mod start;
mod walkthrough;
