//! Permissions, the roles that hold them, and the evaluator.
//!
//! A [`Permission`] is the action that a request needs. A [`Grant`] is the pattern that a role holds. All roles together form a
//! [`Policy`]. It is compiled, for the roles of a user, into [`Grants`], which return a [`Decision`] with its reason for each
//! permission. [`Roles`] stores the policy. [`Admins`] ensures that at least one user can manage it. A permission that no role
//! grants is denied.

mod authority;
mod roles;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod roles_tests;

pub use authority::{Author, OWN_RESOURCES};
pub use roles::{CACHE_LIFETIME, CachedPolicy, ChangeError, RoleChange, Roles};

pub use crate::model::permission::{
    Admins, AdminsError, Decision, Grant, Grants, Holder, InvalidGrant, InvalidPermission, InvalidRoleName,
    LastAdmin, MAX_ADMINS, MAX_DESCRIPTION, MAX_GRANTS, MAX_INCLUDES, MAX_ROLES, Permission, Policy,
    PolicyError, Reason, Resource, Role, RoleName, TooManyAdmins, Versioned,
};
