//! The evaluator once more, as naive as it can be: over texts, by trying every role and every way.

use std::collections::BTreeSet;

use crate::model::permission::{Policy, RoleName};

/// Which role held, through which role, by which grant.
pub type Why = (String, Option<String>, String);

/// The reason for which `permission` is allowed, if it is.
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

/// How many includes lead from one role to another; `None` when none do or one of the two is not there.
pub fn distance(policy: &Policy, from: &RoleName, to: &RoleName) -> Option<usize> {
    let mut reached = BTreeSet::from([from.clone()]);
    reached.retain(|name| policy.roles.contains_key(name));
    // A shortest way visits no role twice.
    for steps in 0..=policy.roles.len() {
        if reached.contains(to) {
            return Some(steps);
        }
        let next: Vec<_> = reached.iter().flat_map(|name| policy.roles[name].includes.clone()).collect();
        reached.extend(next.into_iter().filter(|name| policy.roles.contains_key(name)));
    }
    None
}
