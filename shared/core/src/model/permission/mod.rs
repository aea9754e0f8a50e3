//! Permissions, the roles that hold them, and the evaluator.
//!
//! A [`Permission`] is the action that a request needs. A [`Grant`] is the pattern that a role holds. All roles together form a
//! [`Policy`]. It is compiled, for the roles of a user, into [`Grants`], which return a [`Decision`] with its reason for each
//! permission. A permission that no role grants is denied.

mod admins;
mod grant;
mod grants;
mod holder;
#[expect(clippy::module_inception, reason = "the type that the module is named for")]
mod permission;
mod policy;
mod role;
mod text;
mod validate;
mod versioned;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod reference;

pub use admins::{Admins, AdminsError, LastAdmin, MAX_ADMINS, TooManyAdmins};
pub use grant::{Grant, InvalidGrant, Resource};
pub use grants::{Decision, Grants, Reason};
pub use holder::Holder;
pub use permission::{InvalidPermission, Permission};
pub use policy::Policy;
pub use role::{InvalidRoleName, Role, RoleName};
pub use validate::{MAX_DESCRIPTION, MAX_GRANTS, MAX_INCLUDES, MAX_ROLES, PolicyError};
pub use versioned::Versioned;
