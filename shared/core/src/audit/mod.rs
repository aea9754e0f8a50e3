//! The audit log: who did what to which account, from where and when.

mod event;
mod log;
mod refusals;

pub use event::{Action, Actor, Event, Requester, UserAgent};
pub use log::{AuditCursor, AuditError, AuditLog, AuditPage, Filter};
pub use refusals::{Refusal, Refusals};
