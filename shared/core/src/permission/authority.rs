//! Who may give what.
//!
//! Nobody gives what they do not have, with two exceptions. Somebody who holds `system:admin` may define and give any permission
//! that is not [Latchkey's own](OWN_RESOURCES): otherwise nobody could ever bring in a permission of their own application. And the
//! operator may write any role.

use std::collections::BTreeSet;

use super::ChangeError;
use crate::model::audit::{Actor, Requester};
use crate::model::permission::{Grant, Grants, Holder, Permission, Policy, RoleName};

/// The resources of all permissions that Latchkey's own routes demand. They are held to be given, and so are the patterns that cover
/// them. A test compares the list with the routes.
pub const OWN_RESOURCES: [&str; 4] = ["identities", "roles", "system", "users"];

impl Grant {
    /// Whether it allows anything that is [Latchkey's own](OWN_RESOURCES).
    pub fn reaches_own(&self) -> bool {
        match self {
            Self::All => true,
            Self::Resource(resource) => OWN_RESOURCES.contains(&resource.as_str()),
            Self::Exact(permission) => OWN_RESOURCES.contains(&permission.resource()),
        }
    }
}

impl Grants {
    /// Whether somebody with these grants may give `other` to somebody, in a role or by one.
    pub fn may_give(&self, other: &Self) -> bool {
        let defines = self.decide(&Permission::SYSTEM_ADMIN).allowed();
        let may_give = |grant: &Grant| self.has(grant) || defines && !grant.reaches_own();
        other.permissions().into_iter().all(|reason| may_give(&reason.grant))
    }
}

/// On whose word roles are changed.
#[derive(Clone, Copy)]
pub enum Author<'a> {
    /// The operator's, by the command or the operator function: any role that follows the rules.
    Operator,
    /// An administrator's: within their own authority, as it is at the commit.
    Administrator {
        /// Who.
        holder: Holder,
        /// Where the request came from.
        from: &'a Requester,
    },
}

impl Author<'_> {
    /// Who did it, for the audit log.
    pub(super) fn actor(&self) -> (Actor, Requester) {
        match self {
            Self::Operator => (Actor::Operator, Requester::default()),
            Self::Administrator { holder, from } => (Actor::User(holder.id), (*from).clone()),
        }
    }
}

/// Whether somebody who holds `held` may change the role `name` from what it is in `before` to what it is in `after`. Both are judged,
/// so that nobody takes from those above them, and the author must be able to put back what was there.
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
        // The application's own permissions can be put back.
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
