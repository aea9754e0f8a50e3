//! Rules for granting permissions.
//!
//! Nobody may grant a permission that they do not have, with two exceptions. A user with `system:admin` may define and grant
//! any permission that is not one of [Latchkey's own](OWN_RESOURCES); otherwise nobody could introduce the permissions of an
//! application. And the operator may write any role.

use std::collections::BTreeSet;

use super::ChangeError;
use crate::model::audit::{Actor, Requester};
use crate::model::permission::{Grant, Grants, Holder, Permission, Policy, RoleName};

/// Resources of all permissions that Latchkey's own routes demand. To grant such a permission, or a pattern that covers one, a
/// user must have it. A test compares the list with the routes.
pub const OWN_RESOURCES: [&str; 4] = ["identities", "roles", "system", "users"];

impl Grant {
    /// Returns true if it allows anything that is [Latchkey's own](OWN_RESOURCES).
    pub fn reaches_own(&self) -> bool {
        match self {
            Self::All => true,
            Self::Resource(resource) => OWN_RESOURCES.contains(&resource.as_str()),
            Self::Exact(permission) => OWN_RESOURCES.contains(&permission.resource()),
        }
    }
}

impl Grants {
    /// Returns true if a user with these grants may grant `other`, in a role or with one.
    pub fn may_give(&self, other: &Self) -> bool {
        let defines = self.decide(&Permission::SYSTEM_ADMIN).allowed();
        let may_give = |grant: &Grant| self.has(grant) || defines && !grant.reaches_own();
        other.permissions().into_iter().all(|reason| may_give(&reason.grant))
    }
}

/// Authority by which roles are changed.
#[derive(Clone, Copy)]
pub enum Author<'a> {
    /// The operator, by the command or the operator function: any role that follows the rules.
    Operator,
    /// An administrator: within their own authority at the time of the commit.
    Administrator {
        /// The administrator.
        holder: Holder,
        /// Origin of the request.
        from: &'a Requester,
    },
}

impl Author<'_> {
    /// Returns the actor and the origin, for the audit log.
    pub(super) fn actor(&self) -> (Actor, Requester) {
        match self {
            Self::Operator => (Actor::Operator, Requester::default()),
            Self::Administrator { holder, from } => (Actor::User(holder.id), (*from).clone()),
        }
    }
}

/// Checks that a user with the roles `held` may change the role `name` from its state in `before` to its state in `after`. Both
/// states are checked, so that nobody reduces the rights of users above them and the author can undo the change.
pub(super) fn judge(
    held: &BTreeSet<RoleName>,
    name: &RoleName,
    before: &Policy,
    after: &Policy,
) -> Result<(), ChangeError> {
    let role = BTreeSet::from([name.clone()]);
    let (was, is) = (before.compile(&role), after.compile(&role));
    let may_put = |grants: &Grants| {
        grants.decide(&Permission::ROLES_MANAGE).allowed() && grants.may_give(&was) && grants.may_give(&is)
    };
    if !may_put(&before.compile(held)) {
        return Err(ChangeError::BeyondAuthority);
    }
    if may_put(&after.compile(held)) { Ok(()) } else { Err(ChangeError::SelfLockout) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::permission::Role;

    fn grants(permissions: &[&str]) -> Grants {
        let permissions = permissions.iter().map(|text| text.parse().unwrap()).collect();
        let name: RoleName = "a".parse().unwrap();
        let role = Role { permissions, ..Role::default() };
        Policy::default().with_role(name.clone(), role).unwrap().compile(&BTreeSet::from([name]))
    }

    #[test]
    fn an_administrator_of_the_system_defines_what_is_not_latchkeys_own() {
        let admin = Policy::initial().compile(&BTreeSet::from([RoleName::ADMIN]));
        for new in ["docs:read", "docs:*", "user:read", "system.x:admin", "rolesx:manage", "users-x:*"] {
            assert!(admin.may_give(&grants(&[new])), "{new}");
        }
        for own in [
            "*",
            "users:*",
            "roles:*",
            "system:*",
            "identities:*",
            "identities:token",
            "users:export",
            "system:else",
        ] {
            assert!(!admin.may_give(&grants(&[own])), "{own}");
            assert!(!admin.may_give(&grants(&["docs:read", own])), "{own}");
        }
        for held in ["users:read", "roles:manage", "system:admin"] {
            assert!(admin.may_give(&grants(&[held])), "{held}");
        }
        assert!(grants(&["*"]).may_give(&grants(&["*", "users:*", "docs:read"])));
        assert!(grants(&["system:*"]).may_give(&grants(&["system:admin", "docs:*"])));
    }

    #[test]
    fn nobody_else_gives_what_they_do_not_have() {
        let manager = grants(&["roles:manage", "users:read", "docs:read"]);
        assert!(manager.may_give(&grants(&["docs:read", "roles:manage"])));
        for other in ["docs:write", "docs:*", "orders:read", "users:update", "*"] {
            assert!(!manager.may_give(&grants(&[other])), "{other}");
        }
        assert!(manager.may_give(&grants(&[])));
    }

    #[test]
    fn a_change_that_its_author_could_not_undo_is_refused() {
        let admin = BTreeSet::from([RoleName::ADMIN, RoleName::USER]);
        let before = Policy::initial();
        let with = |permissions: &[&str]| {
            let permissions = permissions.iter().map(|text| text.parse().unwrap()).collect();
            let includes = BTreeSet::from([RoleName::CONTENT_EDITOR]);
            before.with_role(RoleName::ADMIN, Role { permissions, includes, ..Role::default() }).unwrap()
        };
        let whole = ["users:read", "users:update", "users:delete", "roles:manage", "system:admin"];
        let judged = |after: &Policy| judge(&admin, &RoleName::ADMIN, &before, after);
        // The author can restore the permissions of the application.
        assert!(judged(&with(&whole)).is_ok());
        for lost in 0..whole.len() {
            let rest: Vec<_> =
                whole.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, text)| *text).collect();
            if whole[lost] == "roles:manage" {
                continue; // `admin` without it follows no rule.
            }
            assert!(matches!(judged(&with(&rest)), Err(ChangeError::SelfLockout)), "{}", whole[lost]);
        }
    }
}
