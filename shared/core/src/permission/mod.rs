//! Who may do what: permissions, the roles that hold them, and the evaluator that says which role allows what.
//!
//! A [`Permission`] is what is asked for, a [`Grant`] is the pattern that a role holds. All roles together are one
//! [`Policy`], which is compiled for the roles that somebody holds into [`Grants`]; those answer each question with a
//! [`Decision`] that names its reason. [`Roles`] keeps the policy in the stores, [`Admins`] keeps at least one user able to
//! manage it. What no role grants is denied.

mod admins;
mod asked;
mod authority;
mod grant;
mod grants;
mod policy;
mod role;
mod roles;
mod text;
mod validate;
mod versioned;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod roles_tests;

pub use admins::{Admins, AdminsError, LastAdmin, MAX_ADMINS, TooManyAdmins};
pub use asked::{InvalidPermission, Permission};
pub use authority::{Author, Holder, OWN_RESOURCES};
pub use grant::{Grant, InvalidGrant, Resource};
pub use grants::{Decision, Grants, Reason};
pub use policy::Policy;
pub use role::{InvalidRoleName, Role, RoleName};
pub use roles::{CACHE_LIFETIME, CachedPolicy, ChangeError, Roles, Saved};
pub use validate::{MAX_DESCRIPTION, MAX_GRANTS, MAX_INCLUDES, MAX_ROLES, PolicyError};
pub use versioned::Versioned;
