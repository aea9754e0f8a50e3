//! Flaws that other systems had, and requirements of standards, each as a test that carries its name. `README.md` beside
//! this file says where every row is tested.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by a panic, in its helpers too"
)]

mod asvs_access;
mod asvs_audit;
mod asvs_passwords;
mod asvs_sessions;
mod enumeration;
mod identities;
mod oauth;
mod others;
mod readme;
