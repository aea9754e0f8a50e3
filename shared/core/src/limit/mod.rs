//! Limits: how often a client may do what.
//!
//! A [`Limiter`] counts by address and by e-mail in sliding windows of the [`Counters`](crate::port::Counters) port; a
//! [`SessionMeter`] guards, in process, the reads that cost no count.

pub mod config;
pub mod limiter;
pub mod quota;
pub mod session;

pub use config::{Action, InvalidLimits, Limits};
pub use limiter::{Admission, Fallback, Limiter, Rate, RateLimitExceeded, Subject};
pub use quota::{InvalidQuota, Quota};
pub use session::SessionMeter;

pub use crate::model::{ClientAddress, Network, UnknownAddress};
