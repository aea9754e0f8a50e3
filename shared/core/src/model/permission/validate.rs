//! Rules for a policy.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::permission::{Permission, Policy, Role, RoleName};
use crate::model::store::MAX_BODY;

/// Maximum number of roles in a policy.
pub const MAX_ROLES: usize = 256;
/// Maximum number of grants that one role holds itself.
pub const MAX_GRANTS: usize = 256;
/// Maximum number of roles that one role includes directly.
pub const MAX_INCLUDES: usize = 32;
/// Maximum length of the description of a role, in characters.
pub const MAX_DESCRIPTION: usize = 200;

/// Reason that a change of the roles is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The role does not exist.
    #[error("the role {0} does not exist: choose one from the list of roles, or create it first")]
    NotFound(RoleName),
    /// A role includes a role that does not exist.
    #[error(
        "the role {role} includes {include}, which does not exist: create {include} first, or leave it out"
    )]
    UnknownInclude {
        /// Role that includes the missing role.
        role: RoleName,
        /// Missing role.
        include: RoleName,
    },
    /// Roles include each other. The first name is also the last.
    #[error("roles must not include each other: remove one of the includes {}", path(.0))]
    Cycle(Vec<RoleName>),
    /// Another role includes the role to remove.
    #[error("the role {role} is included by {by}: remove it from {by} first")]
    Included {
        /// Role to remove.
        role: RoleName,
        /// Alphabetically first role that includes it.
        by: RoleName,
    },
    /// The service itself needs the role to remove.
    #[error("the role {0} cannot be removed because the service needs it: change its permissions instead")]
    BuiltIn(RoleName),
    /// After the change nobody could manage roles.
    #[error(
        "the role admin must be able to manage roles: give it roles:manage or *, itself or through a role it includes"
    )]
    PowerlessAdmin,
    /// More than [`MAX_ROLES`].
    #[error("there can be at most {MAX_ROLES} roles: remove one that is not needed first")]
    TooManyRoles,
    /// More than [`MAX_GRANTS`].
    #[error(
        "the role {0} can hold at most {MAX_GRANTS} permissions: use resource:*, or split it into roles that it includes"
    )]
    TooManyGrants(RoleName),
    /// More than [`MAX_INCLUDES`].
    #[error(
        "the role {0} can include at most {MAX_INCLUDES} roles: group some of them in a new role and include that"
    )]
    TooManyIncludes(RoleName),
    /// Longer than [`MAX_DESCRIPTION`], or with a control character.
    #[error(
        "the description of the role {0} must be one line of at most {MAX_DESCRIPTION} characters: shorten it"
    )]
    Description(RoleName),
    /// All roles together do not fit into an item of the store.
    #[error(
        "all roles together can take at most {MAX_BODY} bytes as JSON: use resource:* or remove roles that are not needed"
    )]
    TooLarge,
}

fn path(cycle: &[RoleName]) -> String {
    cycle.iter().map(RoleName::as_str).collect::<Vec<_>>().join(" -> ")
}

impl Policy {
    /// Checks the limits of each role and of the whole policy. Every included role must exist, no role may include itself
    /// directly or indirectly, and `admin`, if it exists, must be able to manage roles.
    pub fn validate(&self) -> Result<(), PolicyError> {
        if self.roles.len() > MAX_ROLES {
            return Err(PolicyError::TooManyRoles);
        }
        for (name, role) in &self.roles {
            self.validate_role(name, role)?;
        }
        if let Some(cycle) = find_cycle(&self.roles) {
            return Err(PolicyError::Cycle(cycle));
        }
        let admin = self.compile(&BTreeSet::from([RoleName::ADMIN]));
        if self.roles.contains_key(&RoleName::ADMIN) && !admin.decide(&Permission::ROLES_MANAGE).allowed() {
            return Err(PolicyError::PowerlessAdmin);
        }
        match serde_json::to_string(self) {
            Ok(text) if text.len() <= MAX_BODY => Ok(()),
            _ => Err(PolicyError::TooLarge),
        }
    }

    fn validate_role(&self, name: &RoleName, role: &Role) -> Result<(), PolicyError> {
        if role.permissions.len() > MAX_GRANTS {
            return Err(PolicyError::TooManyGrants(name.clone()));
        }
        if role.includes.len() > MAX_INCLUDES {
            return Err(PolicyError::TooManyIncludes(name.clone()));
        }
        let fits =
            |text: &String| text.chars().count() <= MAX_DESCRIPTION && !text.contains(char::is_control);
        if !role.description.as_ref().is_none_or(fits) {
            return Err(PolicyError::Description(name.clone()));
        }
        match role.includes.iter().find(|include| !self.roles.contains_key(include)) {
            Some(include) => {
                Err(PolicyError::UnknownInclude { role: name.clone(), include: include.clone() })
            }
            None => Ok(()),
        }
    }
}

/// Returns a path from a role back to itself, if there is one. Its first name is also its last.
fn find_cycle(roles: &BTreeMap<RoleName, Role>) -> Option<Vec<RoleName>> {
    // Roles that include none of the remaining roles are not on a cycle. Every role that remains at the end leads into one.
    let mut left: BTreeSet<&RoleName> = roles.keys().collect();
    let onward = |name: &RoleName, left: &BTreeSet<&RoleName>| {
        roles.get(name)?.includes.iter().find(|include| left.contains(include))
    };
    loop {
        let before = left.len();
        left = left.iter().copied().filter(|name| onward(name, &left).is_some()).collect();
        if left.len() == before {
            break;
        }
    }
    let mut way = Vec::new();
    let mut name = *left.first()?;
    while !way.contains(&name) {
        way.push(name);
        name = onward(name, &left)?;
    }
    let cycle = way.iter().skip_while(|step| **step != name).copied().chain([name]);
    Some(cycle.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoleName {
        text.parse().unwrap()
    }

    fn role(permissions: &[&str], includes: &[&str]) -> Role {
        Role {
            description: None,
            permissions: permissions.iter().map(|text| text.parse().unwrap()).collect(),
            includes: includes.iter().map(|text| name(text)).collect(),
        }
    }

    fn policy(roles: &[(&str, Role)]) -> Policy {
        Policy {
            roles: roles.iter().map(|(text, role)| (name(text), role.clone())).collect(),
            ..Policy::default()
        }
    }

    #[test]
    fn an_included_role_must_exist() {
        let error = Policy::initial().with_role(name("a"), role(&[], &["ghost"])).unwrap_err();
        assert_eq!(error, PolicyError::UnknownInclude { role: name("a"), include: name("ghost") });
    }

    #[test]
    fn a_cycle_is_refused_and_named() {
        let cases = [
            (policy(&[("a", role(&[], &["a"]))]), "a -> a"),
            (policy(&[("a", role(&[], &["b"])), ("b", role(&[], &["a"]))]), "a -> b -> a"),
            (
                policy(&[
                    ("a", role(&[], &["b", "z"])),
                    ("b", role(&[], &["c"])),
                    ("c", role(&[], &["d", "z"])),
                    ("d", role(&[], &["b"])),
                    ("z", role(&[], &[])),
                ]),
                "b -> c -> d -> b",
            ),
        ];
        for (policy, way) in cases {
            let error = policy.validate().unwrap_err();
            assert!(matches!(error, PolicyError::Cycle(_)), "{error}");
            assert!(error.to_string().contains(&format!("includes {way}")), "{error}");
        }
    }

    #[test]
    fn two_paths_to_one_role_are_not_a_cycle() {
        let diamond = [
            ("a", role(&[], &["b", "c"])),
            ("b", role(&[], &["d"])),
            ("c", role(&[], &["d"])),
            ("d", role(&["p:r"], &[])),
        ];
        assert_eq!(policy(&diamond).validate(), Ok(()));
    }

    #[test]
    fn admin_must_manage_roles_by_any_way() {
        let with_admin = |admin| Policy::initial().with_role(RoleName::ADMIN, admin);
        for grant in ["*", "roles:manage", "roles:*"] {
            assert!(with_admin(role(&[grant], &[])).is_ok(), "{grant}");
        }
        for powerless in [role(&[], &[]), role(&["rolesx:*", "roles:manage2"], &["user"])] {
            assert_eq!(with_admin(powerless), Err(PolicyError::PowerlessAdmin));
        }
        let staff = Policy::initial().with_role(name("staff"), role(&["roles:manage"], &[])).unwrap();
        let through = staff.with_role(RoleName::ADMIN, role(&[], &["staff"])).unwrap();
        // A role that gives `admin` this power cannot lose the permission either.
        assert_eq!(through.with_role(name("staff"), role(&[], &[])), Err(PolicyError::PowerlessAdmin));
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let numbered =
            |count: usize, prefix: &str| (0..count).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
        let put = |role| Policy::default().with_role(name("x"), role).map(|_| ());

        let described = |text: String| put(Role { description: Some(text), ..Role::default() });
        assert_eq!(described("ä".repeat(MAX_DESCRIPTION)), Ok(()));
        for text in ["ä".repeat(MAX_DESCRIPTION + 1), "two\nlines".to_owned(), "nul\0".to_owned()] {
            assert_eq!(described(text), Err(PolicyError::Description(name("x"))));
        }

        let holding = |count| {
            let permissions = numbered(count, "p:a").iter().map(|text| text.parse().unwrap()).collect();
            put(Role { permissions, ..Role::default() })
        };
        assert_eq!(holding(MAX_GRANTS), Ok(()));
        assert_eq!(holding(MAX_GRANTS + 1), Err(PolicyError::TooManyGrants(name("x"))));

        let many = |count| Policy {
            roles: numbered(count, "r").iter().map(|text| (name(text), Role::default())).collect(),
            ..Policy::default()
        };
        assert_eq!(many(MAX_ROLES).validate(), Ok(()));
        assert_eq!(many(MAX_ROLES + 1).validate(), Err(PolicyError::TooManyRoles));

        let including = |count| {
            let includes = numbered(count, "r").iter().map(|text| name(text)).collect();
            many(100).with_role(name("x"), Role { includes, ..Role::default() }).map(|_| ())
        };
        assert_eq!(including(MAX_INCLUDES), Ok(()));
        assert_eq!(including(MAX_INCLUDES + 1), Err(PolicyError::TooManyIncludes(name("x"))));
    }

    #[test]
    fn all_roles_must_fit_into_one_item() {
        let action = "a".repeat(60);
        let permissions: BTreeSet<_> =
            (0..MAX_GRANTS).map(|n| format!("p:{action}{n}").parse().unwrap()).collect();
        let roles = |count: usize| {
            let role = Role { permissions: permissions.clone(), ..Role::default() };
            Policy {
                roles: (0..count).map(|n| (name(&format!("r{n}")), role.clone())).collect(),
                ..Policy::default()
            }
        };
        assert_eq!(roles(10).validate(), Ok(()));
        assert_eq!(roles(20).validate(), Err(PolicyError::TooLarge));
    }

    #[test]
    fn a_long_chain_of_includes_is_walked() {
        let chain = (0..MAX_ROLES).map(|n| {
            let next = (n + 1 < MAX_ROLES).then(|| name(&format!("r{}", n + 1)));
            (name(&format!("r{n}")), Role { includes: next.into_iter().collect(), ..Role::default() })
        });
        let mut policy = Policy { roles: chain.collect(), ..Policy::default() };
        assert_eq!(policy.validate(), Ok(()));
        let last = name(&format!("r{}", MAX_ROLES - 1));
        policy.roles.insert(last, role(&[], &["r0"]));
        let Err(PolicyError::Cycle(way)) = policy.validate() else { panic!("the chain is closed") };
        assert_eq!(way.len(), MAX_ROLES + 1);
    }
}
