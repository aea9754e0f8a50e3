//! Reference evaluator, as simple as possible: it works on texts and tries every role and every path.

use std::collections::BTreeSet;

use crate::model::permission::{Policy, RoleName};

/// Reason: the role of the user, the role that it includes, and the grant.
pub type Why = (String, Option<String>, String);

/// Returns the reason for which `permission` is allowed, if it is.
pub fn decide(policy: &Policy, held: &BTreeSet<RoleName>, permission: &str) -> Option<Why> {
    let (resource, _) = permission.split_once(':').unwrap();
    let mut candidates = Vec::new();
    for role in held {
        for carrier in policy.roles.keys() {
            let Some(steps) = distance(policy, role, carrier) else { continue };
            for grant in policy.roles[carrier].permissions.iter().map(ToString::to_string) {
                let width =
                    [permission, &format!("{resource}:*"), "*"].iter().position(|form| *form == grant);
                if let Some(width) = width {
                    candidates.push((width, role.to_string(), steps, carrier.to_string(), grant));
                }
            }
        }
    }
    let (_, role, steps, carrier, grant) = candidates.into_iter().min()?;
    Some((role, (steps > 0).then_some(carrier), grant))
}

/// Returns the number of includes from one role to another; `None` if there is no path or a role does not exist.
pub fn distance(policy: &Policy, from: &RoleName, to: &RoleName) -> Option<usize> {
    let mut reached = BTreeSet::from([from.clone()]);
    reached.retain(|name| policy.roles.contains_key(name));
    // A shortest path visits no role twice.
    for steps in 0..=policy.roles.len() {
        if reached.contains(to) {
            return Some(steps);
        }
        let next: Vec<_> = reached.iter().flat_map(|name| policy.roles[name].includes.clone()).collect();
        reached.extend(next.into_iter().filter(|name| policy.roles.contains_key(name)));
    }
    None
}
