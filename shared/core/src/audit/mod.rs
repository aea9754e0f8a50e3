//! The audit log: who did what to which account, from where and when.

mod log;
mod refusals;

pub use log::{AuditCursor, AuditError, AuditLog, AuditPage, Filter};
pub use refusals::{Refusal, Refusals};

pub use crate::model::audit::{Action, Actor, Event, Requester, UserAgent};
