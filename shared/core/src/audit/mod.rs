//! Audit log: records of actions on accounts, with actor, origin and time.

mod log;
mod refusals;

pub use log::{AuditCursor, AuditError, AuditLog, AuditPage, Filter};
pub use refusals::{Refusal, Refusals};

pub use crate::model::audit::{Action, Actor, Event, Requester, UserAgent};
