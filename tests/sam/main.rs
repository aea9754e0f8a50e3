//! What `template.yaml` says, held against the code that it deploys.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a template that is not as these tests read it fails them"
)]

mod alarms;
mod jwt_authorizer;
mod retention;
mod rights;
mod routes;
mod settings;
mod template;
mod usage;
