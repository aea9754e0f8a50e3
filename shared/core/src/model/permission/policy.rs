//! Policy: all role definitions together.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::model::permission::{Grant, Grants, Permission, PolicyError, Role, RoleName};
use crate::model::store::Key;

/// All roles. One item of the store holds them, so a check reads them at once. Two parallel changes that together would make a
/// cycle conflict.
///
/// A stored policy may break the rules of [`validate`](Self::validate) if somebody edited the store by hand. Its evaluation is
/// safe nevertheless.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub(crate) roles: BTreeMap<RoleName, Role>,
    /// Start of valid sessions: all sessions that started before it have ended. Stored here because every check reads this
    /// item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sessions_from: Option<Timestamp>,
}

impl Policy {
    /// Returns the key of the policy.
    pub fn key() -> Key {
        Key::new("policy", "roles")
    }

    /// Returns the roles of a new installation: `user`, `content-editor` and `admin`.
    pub fn initial() -> Self {
        let role = |description: &str, permissions: &[Permission], includes: &[RoleName]| Role {
            description: Some(description.to_owned()),
            permissions: permissions.iter().cloned().map(Grant::from).collect(),
            includes: includes.iter().cloned().collect(),
        };
        let user = [Permission::known("products:read"), Permission::known("profile:update")];
        let editor = [Permission::known("products:create"), Permission::known("products:update")];
        let admin = [
            Permission::known("products:delete"),
            Permission::known("products:publish"),
            Permission::USERS_READ,
            Permission::USERS_UPDATE,
            Permission::USERS_DELETE,
            Permission::ROLES_MANAGE,
            Permission::SYSTEM_ADMIN,
        ];
        Self {
            roles: BTreeMap::from([
                (RoleName::USER, role("Everybody who signs up", &user, &[])),
                (RoleName::CONTENT_EDITOR, role("Writes and changes products", &editor, &[RoleName::USER])),
                (RoleName::ADMIN, role("Manages users and roles", &admin, &[RoleName::CONTENT_EDITOR])),
            ]),
            sessions_from: None,
        }
    }

    /// Returns all roles, by name.
    pub fn roles(&self) -> &BTreeMap<RoleName, Role> {
        &self.roles
    }

    /// Returns the time at which the sessions of all users were ended: sessions that started before it are expired.
    pub fn sessions_from(&self) -> Option<Timestamp> {
        self.sessions_from
    }

    /// Returns the permissions of a user with `roles`. A name without a role grants nothing.
    pub fn compile(&self, roles: &BTreeSet<RoleName>) -> Grants {
        Grants::compile(self, roles)
    }

    /// Returns the policy with `role` created or replaced. Refuses if the result breaks a rule of [`validate`](Self::validate).
    pub fn with_role(&self, name: RoleName, role: Role) -> Result<Self, PolicyError> {
        let mut policy = self.clone();
        policy.roles.insert(name, role);
        policy.validate()?;
        Ok(policy)
    }

    /// Returns the policy without the role `name`. Refuses while another role includes it, and for `admin` and `user`.
    ///
    /// Users who hold the role keep its name. The name grants nothing until somebody creates a role of this name again.
    pub fn without_role(&self, name: &RoleName) -> Result<Self, PolicyError> {
        if [RoleName::ADMIN, RoleName::USER].contains(name) {
            return Err(PolicyError::BuiltIn(name.clone()));
        }
        if let Some((by, _)) =
            self.roles.iter().find(|(by, role)| *by != name && role.includes.contains(name))
        {
            return Err(PolicyError::Included { role: name.clone(), by: by.clone() });
        }
        let mut policy = self.clone();
        policy.roles.remove(name).ok_or_else(|| PolicyError::NotFound(name.clone()))?;
        Ok(policy)
    }

    /// Returns the policy with the [initial](Self::initial) roles reset to their definitions. Other roles stay as they are.
    pub fn repaired(&self) -> Result<Self, PolicyError> {
        let mut policy = self.clone();
        policy.roles.extend(Self::initial().roles);
        policy.validate()?;
        Ok(policy)
    }

    /// Returns the policy with the missing [initial](Self::initial) roles added, and their names. Existing roles stay as they
    /// are.
    pub fn with_initial_roles(&self) -> Result<(Self, BTreeSet<RoleName>), PolicyError> {
        let mut policy = self.clone();
        let mut added = BTreeSet::new();
        for (name, role) in Self::initial().roles {
            if let Entry::Vacant(place) = policy.roles.entry(name) {
                added.insert(place.key().clone());
                place.insert(role);
            }
        }
        if !added.is_empty() {
            policy.validate()?;
        }
        Ok((policy, added))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoleName {
        text.parse().unwrap()
    }

    #[test]
    fn the_initial_roles_hold_what_the_documentation_lists() {
        let policy = Policy::initial();
        policy.validate().unwrap();
        let user = ["products:read", "profile:update"];
        let editor = ["products:create", "products:read", "products:update", "profile:update"];
        let admin = [
            "products:create",
            "products:delete",
            "products:publish",
            "products:read",
            "products:update",
            "profile:update",
            "roles:manage",
            "system:admin",
            "users:delete",
            "users:read",
            "users:update",
        ];
        for (role, expected) in [("user", &user[..]), ("content-editor", &editor), ("admin", &admin)] {
            let grants = policy.compile(&BTreeSet::from([name(role)]));
            let held: Vec<_> = grants.permissions().iter().map(|reason| reason.grant.to_string()).collect();
            assert_eq!(held, expected, "{role}");
        }
    }

    #[test]
    fn the_texts_of_the_initial_roles_parse() {
        let text = serde_json::to_string(&Policy::initial()).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), Policy::initial());
    }

    #[test]
    fn a_role_is_made_and_replaced() {
        let publisher =
            Role { permissions: BTreeSet::from(["products:publish".parse().unwrap()]), ..Role::default() };
        let policy = Policy::initial().with_role(name("publisher"), publisher.clone()).unwrap();
        assert_eq!(policy.roles().get(&name("publisher")), Some(&publisher));
        let policy = policy.with_role(name("publisher"), Role::default()).unwrap();
        assert_eq!(policy.roles().get(&name("publisher")), Some(&Role::default()));
        assert_eq!(policy.roles().len(), 4);
    }

    #[test]
    fn a_role_is_removed_unless_something_needs_it() {
        let policy = Policy::initial().with_role(name("guest"), Role::default()).unwrap();
        assert_eq!(policy.without_role(&name("guest")), Ok(Policy::initial()));
        for (role, why) in [
            ("admin", PolicyError::BuiltIn(name("admin"))),
            ("user", PolicyError::BuiltIn(name("user"))),
            ("content-editor", PolicyError::Included { role: name("content-editor"), by: name("admin") }),
            ("nobody", PolicyError::NotFound(name("nobody"))),
        ] {
            assert_eq!(policy.without_role(&name(role)), Err(why));
        }
    }

    #[test]
    fn a_stored_role_that_includes_itself_can_be_removed() {
        let own = Role { includes: BTreeSet::from([name("loop")]), ..Role::default() };
        let policy = Policy { roles: BTreeMap::from([(name("loop"), own)]), ..Policy::default() };
        assert_eq!(policy.without_role(&name("loop")), Ok(Policy::default()));
    }

    #[test]
    fn a_repair_restores_the_initial_roles_and_no_others() {
        let own = Role { description: Some("mine".to_owned()), ..Role::default() };
        let broken = Policy::initial()
            .with_role(RoleName::USER, own.clone())
            .and_then(|policy| policy.with_role(name("guest"), own.clone()))
            .unwrap();
        let repaired = broken.repaired().unwrap();
        assert_eq!(repaired, Policy::initial().with_role(name("guest"), own).unwrap());
        assert_eq!(Policy::default().repaired(), Ok(Policy::initial()));
    }

    #[test]
    fn initial_roles_are_added_only_where_they_are_missing() {
        let (policy, added) = Policy::default().with_initial_roles().unwrap();
        assert_eq!((policy.clone(), added.len()), (Policy::initial(), 3));
        assert_eq!(policy.with_initial_roles(), Ok((policy, BTreeSet::new())));

        let own = Role { description: Some("mine".to_owned()), ..Role::default() };
        let custom = Policy::default().with_role(RoleName::USER, own.clone()).unwrap();
        let (policy, added) = custom.with_initial_roles().unwrap();
        assert_eq!(added, BTreeSet::from([RoleName::ADMIN, RoleName::CONTENT_EDITOR]));
        assert_eq!(policy.roles().get(&RoleName::USER), Some(&own));
    }
}
