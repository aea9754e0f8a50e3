//! Evaluator: the permissions of a set of roles, and the reason for each.

use std::collections::{BTreeSet, HashMap};

use crate::model::permission::{Grant, Permission, Policy, Resource, RoleName};

/// Reason for a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The role that the user holds.
    pub role: RoleName,
    /// The role that carries the grant, if `role` includes it.
    pub through: Option<RoleName>,
    /// The permission grant.
    pub grant: Grant,
}

/// Result of one check, with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Decision<'a> {
    /// Allowed for this reason.
    Allowed(&'a Reason),
    /// Denied: no role of the user grants the permission.
    Denied,
}

impl<'a> Decision<'a> {
    /// Returns true if it is allowed.
    pub fn allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Returns the reason if it is allowed, else `None`.
    pub fn reason(self) -> Option<&'a Reason> {
        match self {
            Self::Allowed(reason) => Some(reason),
            Self::Denied => None,
        }
    }
}

/// Permissions of a set of roles, made by [`Policy::compile`]. A check takes at most two look-ups and no allocation.
///
/// Each grant stores one reason: the alphabetically first role of the user, by the shortest path from there. Of equally short
/// paths it stores the one to the alphabetically first role that carries the grant.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    // Clients choose the keys to look up, but only administrators insert keys, so no outsider can make keys collide.
    exact: HashMap<Permission, Reason>,
    resources: HashMap<Resource, Reason>,
    all: Option<Reason>,
}

impl Grants {
    pub(crate) fn compile(policy: &Policy, held: &BTreeSet<RoleName>) -> Self {
        let mut grants = Self::default();
        // One set for all roles of the user: the roles that an earlier role reached have the better reasons already, and so
        // have all roles reached from there. This also ends the walk if a stored policy has a cycle.
        let mut seen = BTreeSet::new();
        for role in held {
            let mut level = BTreeSet::from([role]);
            while !level.is_empty() {
                let mut next = BTreeSet::new();
                for carrier in level {
                    if let Some(definition) = policy.roles.get(carrier)
                        && seen.insert(carrier)
                    {
                        definition.permissions.iter().for_each(|grant| grants.add(role, carrier, grant));
                        next.extend(&definition.includes);
                    }
                }
                level = next;
            }
        }
        grants
    }

    /// Stores the first reason of each grant. [`compile`](Self::compile) adds the best reason first.
    fn add(&mut self, role: &RoleName, carrier: &RoleName, grant: &Grant) {
        let reason = || Reason {
            role: role.clone(),
            through: (carrier != role).then(|| carrier.clone()),
            grant: grant.clone(),
        };
        match grant {
            Grant::Exact(permission) => {
                self.exact.entry(permission.clone()).or_insert_with(reason);
            }
            Grant::Resource(resource) => {
                self.resources.entry(resource.clone()).or_insert_with(reason);
            }
            Grant::All => {
                self.all.get_or_insert_with(reason);
            }
        }
    }

    /// Decides if `permission` is allowed and by which grant: an exact grant before `resource:*` before `*`.
    pub fn decide(&self, permission: &Permission) -> Decision<'_> {
        let reason = self
            .exact
            .get(permission)
            .or_else(|| self.resources.get(permission.resource()))
            .or(self.all.as_ref());
        reason.map_or(Decision::Denied, Decision::Allowed)
    }

    /// Returns all grants with their reasons, in the order of [`Grant`].
    pub fn permissions(&self) -> Vec<&Reason> {
        let mut reasons: Vec<_> =
            self.exact.values().chain(self.resources.values()).chain(self.all.as_ref()).collect();
        reasons.sort_unstable_by(|a, b| a.grant.cmp(&b.grant));
        reasons
    }

    /// Returns true if everything that `grant` allows is allowed here too.
    pub fn has(&self, grant: &Grant) -> bool {
        // Resources and actions are unlimited, so only a pattern covers a pattern.
        match grant {
            Grant::All => self.all.is_some(),
            Grant::Resource(resource) => self.all.is_some() || self.resources.contains_key(resource),
            Grant::Exact(permission) => self.decide(permission).allowed(),
        }
    }

    /// Returns true if everything that `other` allows is allowed here too.
    pub fn covers(&self, other: &Self) -> bool {
        other.permissions().into_iter().all(|reason| self.has(&reason.grant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::permission::Role;

    fn policy(roles: &[(&str, &[&str], &[&str])]) -> Policy {
        let role = |permissions: &[&str], includes: &[&str]| Role {
            description: None,
            permissions: permissions.iter().map(|text| text.parse().unwrap()).collect(),
            includes: includes.iter().map(|text| text.parse().unwrap()).collect(),
        };
        Policy {
            roles: roles.iter().map(|(name, p, i)| (name.parse().unwrap(), role(p, i))).collect(),
            ..Policy::default()
        }
    }

    fn holding(policy: &Policy, held: &[&str]) -> Grants {
        policy.compile(&held.iter().map(|name| name.parse().unwrap()).collect())
    }

    /// Returns `role`, `role/through` or `-`, with the grant.
    fn why(grants: &Grants, permission: &str) -> String {
        match grants.decide(&permission.parse().unwrap()) {
            Decision::Denied => "-".to_owned(),
            Decision::Allowed(Reason { role, through: Some(through), grant }) => {
                format!("{role}/{through} {grant}")
            }
            Decision::Allowed(Reason { role, through: None, grant }) => format!("{role} {grant}"),
        }
    }

    #[test]
    fn a_pattern_matches_its_whole_resource_only() {
        let grants = holding(&policy(&[("a", &["products:*"], &[])]), &["a"]);
        assert_eq!(why(&grants, "products:create"), "a products:*");
        for other in ["productsx:create", "product:create", "xproducts:create", "products.x:create"] {
            assert_eq!(why(&grants, other), "-", "{other}");
        }
    }

    #[test]
    fn the_narrowest_grant_is_the_reason() {
        let policy = policy(&[("a", &["*"], &[]), ("b", &["p:*"], &[]), ("c", &["p:r"], &[])]);
        let grants = holding(&policy, &["a", "b", "c"]);
        assert_eq!(why(&grants, "p:r"), "c p:r");
        assert_eq!(why(&grants, "p:w"), "b p:*");
        assert_eq!(why(&grants, "q:r"), "a *");
    }

    #[test]
    fn the_first_role_held_then_the_shortest_way_is_the_reason() {
        let policy = policy(&[
            ("a", &[], &["m"]),
            ("b", &["p:r"], &[]),
            ("m", &[], &["z", "y"]),
            ("y", &["p:r"], &["n"]),
            ("z", &["p:r", "p:w"], &[]),
            ("n", &["p:w"], &[]),
        ]);
        assert_eq!(why(&holding(&policy, &["b", "a"]), "p:r"), "a/y p:r");
        assert_eq!(why(&holding(&policy, &["a"]), "p:w"), "a/z p:w");
        assert_eq!(why(&holding(&policy, &["b", "m"]), "p:r"), "b p:r");
        assert_eq!(why(&holding(&policy, &["b", "m"]), "p:w"), "m/z p:w");
    }

    #[test]
    fn broken_stored_policies_are_evaluated_safely() {
        let policy = policy(&[("a", &["p:r"], &["b", "ghost"]), ("b", &["p:w"], &["a", "b"])]);
        let grants = holding(&policy, &["b", "unknown"]);
        assert_eq!(why(&grants, "p:r"), "b/a p:r");
        assert_eq!(why(&grants, "p:w"), "b p:w");
        assert_eq!(grants.permissions().len(), 2);
        assert_eq!(why(&holding(&policy, &["ghost", "unknown"]), "p:r"), "-");
    }

    #[test]
    fn nobody_may_do_anything_without_a_role() {
        let grants = holding(&Policy::initial(), &[]);
        assert_eq!(why(&grants, "products:read"), "-");
        assert!(grants.permissions().is_empty());
    }

    #[test]
    fn only_a_pattern_covers_a_pattern() {
        let policy = policy(&[
            ("star", &["*"], &[]),
            ("all-p", &["p:*"], &[]),
            ("r", &["p:r"], &[]),
            ("rw", &["p:w"], &["r"]),
            ("none", &[], &[]),
        ]);
        let covers = |a: &str, b: &str| holding(&policy, &[a]).covers(&holding(&policy, &[b]));
        for (a, b) in [
            ("star", "star"),
            ("star", "all-p"),
            ("all-p", "rw"),
            ("rw", "r"),
            ("none", "none"),
            ("r", "none"),
        ] {
            assert!(covers(a, b), "{a} {b}");
        }
        for (a, b) in [("all-p", "star"), ("rw", "all-p"), ("r", "rw"), ("none", "r"), ("none", "star")] {
            assert!(!covers(a, b), "{a} {b}");
        }
    }
}
