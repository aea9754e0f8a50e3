//! Rate limits.
//!
//! A [`Limiter`] counts by client address and by e-mail address in sliding windows of the [`Counters`](crate::port::Counters)
//! port. A [`SessionMeter`] limits, in process, the reads of a session, which need no store.

pub mod config;
pub mod limiter;
pub mod quota;
pub mod session;

pub use config::{Action, InvalidLimits, Limits};
pub use limiter::{Admission, Fallback, Limiter, Rate, RateLimitExceeded, Subject};
pub use quota::{InvalidQuota, Quota};
pub use session::SessionMeter;

pub use crate::model::{ClientAddress, Network, UnknownAddress};
