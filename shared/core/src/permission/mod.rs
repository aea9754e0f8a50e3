//! Who may do what: permissions, the roles that hold them, and the evaluator that says which role allows what.
//!
//! A [`Permission`] is what is asked for, a [`Grant`] is the pattern that a role holds. All roles together are one
//! [`Policy`], which is compiled for the roles that somebody holds into [`Grants`]; those answer each question with a
//! [`Decision`] that names its reason. [`Roles`] keeps the policy in the stores, [`Admins`] keeps at least one user able to
//! manage it. What no role grants is denied.

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
