//! Tests random policies, including broken ones, against the reference and against rules that hold for every policy.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;
use proptest::sample::select;

use super::reference::{self, Why};
use crate::model::permission::{Decision, Grant, Grants, Permission, Policy, Role, RoleName};

/// No grant names `x` as a resource or an action: it stands for all other resources and actions.
const RESOURCES: [&str; 4] = ["p", "pp", "q", "x"];
const ACTIONS: [&str; 3] = ["r", "w", "x"];
const GRANTS: [&str; 10] = ["*", "p:*", "pp:*", "q:*", "p:r", "p:w", "pp:r", "pp:w", "q:r", "q:w"];

fn universe() -> impl Iterator<Item = Permission> {
    RESOURCES.iter().flat_map(|r| ACTIONS.iter().map(move |a| format!("{r}:{a}").parse().unwrap()))
}

fn grants(policy: &Policy, held: &BTreeSet<RoleName>) -> (Grants, BTreeSet<Permission>) {
    let grants = policy.compile(held);
    let allowed = universe().filter(|permission| grants.decide(permission).allowed()).collect();
    (grants, allowed)
}

/// Generates names that are held or included. The policy defines the first six only.
fn any_name() -> impl Strategy<Value = RoleName> {
    select(vec!["a", "b", "c", "d", "e", "f", "ghost"]).prop_map(|text| text.parse().unwrap())
}

fn any_grant() -> impl Strategy<Value = Grant> {
    // If half of the roles held `*`, all permissions would look the same.
    prop_oneof![1 => select(GRANTS.to_vec()), 6 => select(GRANTS[4..].to_vec())]
        .prop_map(|text| text.parse().unwrap())
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let role = (btree_set(any_grant(), 0..3), btree_set(any_name(), 0..3))
        .prop_map(|(permissions, includes)| Role { description: None, permissions, includes });
    let name = any_name().prop_filter("a role of the policy", |name| name.as_str() != "ghost");
    btree_map(name, role, 0..7).prop_map(|roles| Policy { roles, ..Policy::default() })
}

fn any_held() -> impl Strategy<Value = BTreeSet<RoleName>> {
    btree_set(any_name(), 0..4)
}

fn plain(decision: Decision<'_>) -> Option<Why> {
    let reason = decision.reason()?;
    Some((
        reason.role.to_string(),
        reason.through.as_ref().map(RoleName::to_string),
        reason.grant.to_string(),
    ))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decides_as_the_reference(policy in any_policy(), held in any_held()) {
        let grants = policy.compile(&held);
        for permission in universe() {
            let expected = reference::decide(&policy, &held, permission.as_str());
            prop_assert_eq!(plain(grants.decide(&permission)), expected, "{}", permission);
        }
    }

    #[test]
    fn the_reason_is_true(policy in any_policy(), held in any_held()) {
        let grants = policy.compile(&held);
        for permission in universe() {
            let Decision::Allowed(reason) = grants.decide(&permission) else { continue };
            prop_assert!(held.contains(&reason.role));
            let carrier = reason.through.as_ref().unwrap_or(&reason.role);
            prop_assert!(reference::distance(&policy, &reason.role, carrier).is_some());
            prop_assert!(policy.roles[carrier].permissions.contains(&reason.grant));
            let matches = match &reason.grant {
                Grant::All => true,
                Grant::Resource(resource) => permission.as_str().starts_with(&format!("{}:", resource.as_str())),
                Grant::Exact(exact) => *exact == permission,
            };
            prop_assert!(matches, "{} by {}", permission, reason.grant);
        }
    }

    #[test]
    fn every_listed_grant_is_reachable_and_listed_once(policy in any_policy(), held in any_held()) {
        let grants = policy.compile(&held);
        let listed: Vec<_> = grants.permissions().iter().map(|reason| reason.grant.clone()).collect();
        let reachable: BTreeSet<_> = policy
            .roles
            .iter()
            .filter(|(name, _)| held.iter().any(|role| reference::distance(&policy, role, name).is_some()))
            .flat_map(|(_, role)| role.permissions.clone())
            .collect();
        prop_assert_eq!(listed, reachable.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn one_more_role_held_takes_nothing_away(policy in any_policy(), held in any_held(), more in any_name()) {
        let (_, before) = grants(&policy, &held);
        let mut held = held;
        held.insert(more);
        let (_, after) = grants(&policy, &held);
        prop_assert!(after.is_superset(&before));
    }

    #[test]
    fn one_more_grant_takes_nothing_away(
        policy in any_policy(), held in any_held(), role in any_name(), grant in any_grant(),
    ) {
        let (_, before) = grants(&policy, &held);
        let mut policy = policy;
        policy.roles.entry(role).or_default().permissions.insert(grant);
        let (_, after) = grants(&policy, &held);
        prop_assert!(after.is_superset(&before));
    }

    #[test]
    fn no_role_held_denies_everything(policy in any_policy()) {
        let (grants, allowed) = grants(&policy, &BTreeSet::new());
        prop_assert!(allowed.is_empty());
        prop_assert!(grants.permissions().is_empty());
    }

    #[test]
    fn covers_as_by_trying_everything(policy in any_policy(), mine in any_held(), theirs in any_held()) {
        let (mine, my_allowed) = grants(&policy, &mine);
        let (theirs, their_allowed) = grants(&policy, &theirs);
        prop_assert_eq!(mine.covers(&theirs), my_allowed.is_superset(&their_allowed));
        prop_assert!(mine.covers(&mine));
    }

    #[test]
    fn a_policy_that_passes_has_no_way_from_a_role_to_itself(policy in any_policy()) {
        let has_cycle = policy.roles.iter().any(|(name, role)| {
            role.includes.iter().any(|include| reference::distance(&policy, include, name).is_some())
        });
        let dangling = policy.roles.values().any(|role| role.includes.iter().any(|i| !policy.roles.contains_key(i)));
        prop_assert_eq!(policy.validate().is_err(), has_cycle || dangling);
    }

    #[test]
    fn stored_and_read_back_it_is_the_same(policy in any_policy()) {
        let text = serde_json::to_string(&policy).unwrap();
        prop_assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    }
}
