//! The service over stores in memory, with rivals that commit between its read and its write.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::fake::{FakeCache, FakeTable, FixedClock, now, run};
use super::{CACHE_LIFETIME, ChangeError, Policy, PolicyError, Role, RoleName, Roles, Saved, Versioned};
use crate::port::StoreError;
use crate::port::table::{Item, Key, Version, Write};

struct Bed {
    roles: Roles,
    table: Arc<FakeTable>,
    cache: Arc<FakeCache>,
}

fn bed() -> Bed {
    let (table, cache) = (Arc::new(FakeTable::default()), Arc::new(FakeCache::default()));
    Bed { roles: Roles::new(table.clone(), Arc::new(FixedClock), cache.clone()), table, cache }
}

impl Bed {
    fn policy(&self) -> Policy {
        run(self.roles.load_fresh()).unwrap().value
    }

    /// Others put these policies, each before one of the commits to come.
    fn rivals(&self, policies: &[Policy]) {
        let mut version = self.table.item(&Roles::key()).map(|item| item.version);
        for policy in policies {
            let read = Versioned { value: Policy::default(), version };
            self.table
                .rivals
                .lock()
                .unwrap()
                .push_back(vec![read.replace_with(Roles::key(), policy).unwrap()]);
            version = Some(version.map_or(Version::first(now()), Version::next));
        }
    }
}

fn name(text: &str) -> RoleName {
    text.parse().unwrap()
}

fn including(text: &str) -> Role {
    Role { includes: BTreeSet::from([name(text)]), ..Role::default() }
}

fn audit(id: &str) -> Write {
    Write::create(Key::new("audit", id), &"event").unwrap()
}

fn audited(bed: &Bed, id: &str) -> bool {
    bed.table.item(&Key::new("audit", id)).is_some()
}

#[test]
fn nothing_stored_is_an_empty_policy() {
    assert_eq!(run(bed().roles.load_fresh()).unwrap(), Versioned { value: Policy::default(), version: None });
}

#[test]
fn what_cannot_be_read_is_an_error_and_grants_nothing() {
    for body in ["", "[]", "{}", r#"{"roles":{"Admin":{}}}"#, r#"{"roles":{"a":{"permissions":["x"]}}}"#] {
        let item = Item { key: Roles::key(), body: body.to_owned(), version: Version(1), expires_at: None };
        assert!(matches!(Versioned::<Policy>::read(Some(&item)), Err(StoreError::Corrupt { .. })), "{body}");
    }
}

#[test]
fn init_adds_what_is_missing_once() {
    let bed = bed();
    assert_eq!(run(bed.roles.init(&[audit("1")])).unwrap().len(), 3);
    assert_eq!(bed.policy(), Policy::initial());
    assert!(audited(&bed, "1"));

    assert_eq!(run(bed.roles.init(&[audit("2")])).unwrap(), BTreeSet::new());
    assert!(!audited(&bed, "2"));
}

#[test]
fn a_change_and_its_audit_event_are_one_commit() {
    let bed = bed();
    run(bed.roles.init(&[])).unwrap();
    assert_eq!(
        run(bed.roles.put(&name("a"), &including("user"), None, &[audit("1")])).unwrap(),
        Saved::Created
    );
    assert_eq!(
        run(bed.roles.put(&name("a"), &Role::default(), None, &[audit("2")])).unwrap(),
        Saved::Replaced
    );
    assert_eq!(
        run(bed.roles.put(&name("a"), &Role::default(), None, &[audit("3")])).unwrap(),
        Saved::Unchanged
    );
    run(bed.roles.remove(&name("a"), None, &[audit("4")])).unwrap();
    assert_eq!(bed.policy(), Policy::initial());
    assert_eq!(["1", "2", "3", "4"].map(|id| audited(&bed, id)), [true, true, false, true]);
}

#[test]
fn a_refused_change_writes_nothing() {
    let bed = bed();
    run(bed.roles.init(&[])).unwrap();
    let error = run(bed.roles.put(&RoleName::USER, &including("admin"), None, &[audit("1")])).unwrap_err();
    assert!(matches!(error, ChangeError::Policy(PolicyError::Cycle(_))), "{error}");
    let error = run(bed.roles.remove(&RoleName::ADMIN, None, &[audit("1")])).unwrap_err();
    assert!(matches!(error, ChangeError::Policy(PolicyError::BuiltIn(_))), "{error}");
    assert_eq!(bed.policy(), Policy::initial());
    assert!(!audited(&bed, "1"));
}

#[test]
fn a_change_is_one_read_and_one_commit() {
    let bed = bed();
    run(bed.roles.put(&name("a"), &Role::default(), None, &[audit("1")])).unwrap();
    assert_eq!(*bed.table.calls.lock().unwrap(), 2);
}

#[test]
fn two_changes_at_once_both_stay() {
    for before in [Policy::default(), Policy::initial()] {
        let bed = bed();
        if before != Policy::default() {
            run(bed.roles.init(&[])).unwrap();
        }
        let theirs = before.with_role(name("theirs"), Role::default()).unwrap();
        bed.rivals(std::slice::from_ref(&theirs));
        run(bed.roles.put(&name("ours"), &Role::default(), None, &[audit("1")])).unwrap();
        assert_eq!(bed.policy(), theirs.with_role(name("ours"), Role::default()).unwrap());
    }
}

#[test]
fn two_changes_at_once_make_no_cycle() {
    let bed = bed();
    run(bed.roles.put(&name("a"), &Role::default(), None, &[])).unwrap();
    run(bed.roles.put(&name("b"), &Role::default(), None, &[])).unwrap();
    bed.rivals(&[bed.policy().with_role(name("a"), including("b")).unwrap()]);
    let error = run(bed.roles.put(&name("b"), &including("a"), None, &[audit("1")])).unwrap_err();
    assert!(matches!(error, ChangeError::Policy(PolicyError::Cycle(_))), "{error}");
    assert!(!audited(&bed, "1"));
}

/// Somebody above the caller enlarges the role between the read and the commit.
#[test]
fn authority_is_judged_on_the_role_that_is_replaced() {
    for remove in [false, true] {
        let bed = bed();
        run(bed.roles.init(&[])).unwrap();
        run(bed.roles.put(&name("a"), &Role::default(), None, &[])).unwrap();
        let enlarged = bed.policy().with_role(name("a"), including("admin")).unwrap();
        bed.rivals(std::slice::from_ref(&enlarged));
        let caller = enlarged.compile(&BTreeSet::from([RoleName::CONTENT_EDITOR]));
        let result = if remove {
            run(bed.roles.remove(&name("a"), Some(&caller), &[audit("1")]))
        } else {
            run(bed.roles.put(&name("a"), &including("user"), Some(&caller), &[audit("1")])).map(|_| ())
        };
        assert!(matches!(result, Err(ChangeError::BeyondAuthority)), "{result:?}");
        assert_eq!(bed.policy(), enlarged);
        assert!(!audited(&bed, "1"));
    }
}

#[test]
fn eight_lost_races_are_tried_again_and_the_ninth_is_reported() {
    let policies: Vec<_> = (0..9)
        .map(|n| Policy::default().with_role(name(&format!("r{n}")), Role::default()).unwrap())
        .collect();
    let patient = bed();
    patient.rivals(&policies[..8]);
    run(patient.roles.put(&name("ours"), &Role::default(), None, &[])).unwrap();
    assert_eq!(patient.policy(), policies[7].with_role(name("ours"), Role::default()).unwrap());

    let beaten = bed();
    beaten.rivals(&policies);
    let error = run(beaten.roles.put(&name("ours"), &Role::default(), None, &[audit("1")])).unwrap_err();
    assert!(matches!(error, ChangeError::Contended), "{error}");
    assert_eq!(beaten.policy(), policies[8]);
    assert!(!audited(&beaten, "1"));
}

#[test]
fn a_conflict_of_an_extra_write_is_named_and_not_tried_again() {
    let bed = bed();
    run(bed.roles.put(&name("a"), &Role::default(), None, &[audit("1")])).unwrap();
    let calls = *bed.table.calls.lock().unwrap();
    let error =
        run(bed.roles.put(&name("b"), &Role::default(), None, &[audit("2"), audit("1")])).unwrap_err();
    assert!(matches!(error, ChangeError::Conflict { write: 1 }), "{error}");
    assert_eq!(*bed.table.calls.lock().unwrap(), calls + 2);
    assert!(!audited(&bed, "2"));
}

#[test]
fn the_cached_policy_ends_after_its_lifetime() {
    let bed = bed();
    assert_eq!(run(bed.roles.cached(now())), None);
    let cached = run(bed.roles.remember(Policy::initial(), now()));
    assert_eq!(cached.until, now() + CACHE_LIFETIME);
    let last = now() + CACHE_LIFETIME - Duration::from_millis(1);
    assert_eq!(run(bed.roles.cached(last)), Some(cached));
    assert_eq!(run(bed.roles.cached(now() + CACHE_LIFETIME)), None);
}

#[test]
fn a_change_drops_the_cached_policy() {
    let bed = bed();
    run(bed.roles.remember(Policy::default(), now()));
    run(bed.roles.init(&[])).unwrap();
    assert_eq!(run(bed.roles.cached(now())), None);

    run(bed.roles.remember(Policy::initial(), now()));
    *bed.table.lose_answer.lock().unwrap() = true;
    let error = run(bed.roles.put(&name("a"), &Role::default(), None, &[])).unwrap_err();
    assert!(matches!(error, ChangeError::Store(StoreError::Unavailable(_))), "{error}");
    assert_eq!(run(bed.roles.cached(now())), None);
}

#[test]
fn a_cache_that_fails_is_a_miss() {
    let bed = bed();
    *bed.cache.down.lock().unwrap() = true;
    assert_eq!(run(bed.roles.cached(now())), None);
    assert_eq!(run(bed.roles.remember(Policy::initial(), now())).policy, Policy::initial());
    run(bed.roles.init(&[])).unwrap();

    *bed.cache.down.lock().unwrap() = false;
    bed.cache.entries.lock().unwrap().insert("policy".to_owned(), ("{}".to_owned(), now() + CACHE_LIFETIME));
    assert_eq!(run(bed.roles.cached(now())), None);
}

#[test]
fn its_futures_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let bed = bed();
    let (name, role) = (name("a"), Role::default());
    assert_send(&bed.roles.put(&name, &role, None, &[]));
    assert_send(&bed.roles.remove(&name, None, &[]));
    assert_send(&bed.roles.init(&[]));
    assert_send(&bed.roles.cached(now()));
}
