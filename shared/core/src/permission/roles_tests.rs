//! Tests of the service over in-memory stores, with rivals that commit between its read and its write.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::fake::{FakeCache, FakeTable, FixedClock, now, run};
use super::{Author, CACHE_LIFETIME, ChangeError, RoleChange, Roles};
use crate::UserId;
use crate::audit::AuditLog;
use crate::model::audit::{Event, Requester};
use crate::model::permission::{Holder, Policy, PolicyError, Role, RoleName, Versioned};
use crate::port::table::{Item, Key, Version, Write};
use crate::port::{StoreError, Table};
use crate::token::testing::Seeded;

struct Bed {
    roles: Roles,
    table: Arc<FakeTable>,
    cache: Arc<FakeCache>,
}

fn bed() -> Bed {
    let (table, cache) = (Arc::new(FakeTable::default()), Arc::new(FakeCache::default()));
    Bed { roles: Roles::new(table.clone(), Arc::new(FixedClock), cache.clone(), audit(&table)), table, cache }
}

impl Bed {
    fn policy(&self) -> Policy {
        run(self.roles.load_fresh()).unwrap().value
    }

    /// Makes others put these policies, one before each of the next commits.
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

fn audit(table: &Arc<FakeTable>) -> AuditLog {
    let day = Duration::from_hours(24);
    AuditLog::new(table.clone(), Arc::new(FixedClock), Arc::new(Seeded::new(7)), day)
}

/// Returns the resource, the role before and the role after of every event.
fn audited(bed: &Bed) -> Vec<(String, Option<String>, Option<String>)> {
    let events = bed.table.all().into_iter().filter(|item| item.key.partition.starts_with("audit#"));
    let events: Vec<Event> = events.map(|item| item.decode().unwrap()).collect();
    let text = |part: &Option<serde_json::Value>| part.as_ref().map(ToString::to_string);
    events.iter().map(|e| (e.resource.clone().unwrap(), text(&e.before), text(&e.after))).collect()
}

/// Returns a user whose stored roles are read as they are.
fn holder() -> Holder {
    let key = |_| Key::new("holder", "1");
    Holder { id: UserId::from_bytes([1; 16]), key, roles: |item| item.decode() }
}

fn holding(roles: &[RoleName]) -> Write {
    Write::create(Key::new("holder", "1"), &roles.iter().cloned().collect::<BTreeSet<_>>()).unwrap()
}

#[test]
fn nothing_stored_is_an_empty_policy() {
    assert_eq!(run(bed().roles.load_fresh()).unwrap(), Versioned { value: Policy::default(), version: None });
}

#[test]
fn an_unreadable_policy_is_an_error_and_grants_nothing() {
    for body in ["", "[]", "{}", r#"{"roles":{"Admin":{}}}"#, r#"{"roles":{"a":{"permissions":["x"]}}}"#] {
        let item = Item { key: Roles::key(), body: body.to_owned(), version: Version(1), expires_at: None };
        assert!(matches!(Versioned::<Policy>::read(Some(&item)), Err(StoreError::Corrupt { .. })), "{body}");
    }
}

#[test]
fn init_adds_what_is_missing_once() {
    let bed = bed();
    assert_eq!(run(bed.roles.init()).unwrap().len(), 3);
    assert_eq!(bed.policy(), Policy::initial());
    assert_eq!(audited(&bed).len(), 3);

    assert_eq!(run(bed.roles.init()).unwrap(), BTreeSet::new());
    assert_eq!(audited(&bed).len(), 3);
}

#[test]
fn a_repair_restores_what_differs_and_says_what_it_was() {
    let bed = bed();
    run(bed.roles.init()).unwrap();
    run(bed.roles.put(&RoleName::USER, &Role::default(), Author::Operator)).unwrap();
    assert_eq!(run(bed.roles.repair()).unwrap(), BTreeSet::from([RoleName::USER]));
    assert_eq!(bed.policy(), Policy::initial());
    let empty = Some(r#"{"includes":[],"permissions":[]}"#.to_owned());
    let restored =
        audited(&bed).into_iter().find(|(name, before, _)| name == "role:user" && *before == empty);
    assert!(restored.unwrap().2.unwrap().contains("profile:update"));
    assert_eq!(run(bed.roles.repair()).unwrap(), BTreeSet::new());
}

#[test]
fn a_change_and_its_audit_event_are_one_commit() {
    let bed = bed();
    run(bed.roles.init()).unwrap();
    let put = |role: Role| run(bed.roles.put(&name("a"), &role, Author::Operator)).unwrap();
    assert_eq!(put(including("user")), RoleChange::Created);
    assert_eq!(put(Role::default()), RoleChange::Replaced);
    assert_eq!(put(Role::default()), RoleChange::Unchanged);
    run(bed.roles.remove(&name("a"), Author::Operator)).unwrap();
    assert_eq!(bed.policy(), Policy::initial());
    let mut events = audited(&bed);
    events.retain(|(name, ..)| name == "role:a");
    events.sort();
    let text = |include: &str| Some(format!(r#"{{"includes":[{include}],"permissions":[]}}"#));
    let event = |before, after| ("role:a".to_owned(), before, after);
    let mut expected =
        [event(None, text("\"user\"")), event(text("\"user\""), text("")), event(text(""), None)];
    expected.sort();
    assert_eq!(events, expected);
}

#[test]
fn a_refused_change_writes_nothing() {
    let bed = bed();
    run(bed.roles.init()).unwrap();
    let error = run(bed.roles.put(&RoleName::USER, &including("admin"), Author::Operator)).unwrap_err();
    assert!(matches!(error, ChangeError::Policy(PolicyError::Cycle(_))), "{error}");
    let error = run(bed.roles.remove(&RoleName::ADMIN, Author::Operator)).unwrap_err();
    assert!(matches!(error, ChangeError::Policy(PolicyError::BuiltIn(_))), "{error}");
    assert_eq!(bed.policy(), Policy::initial());
    assert_eq!(audited(&bed).len(), 3);
}

#[test]
fn a_change_is_one_read_and_one_commit() {
    let bed = bed();
    run(bed.roles.put(&name("a"), &Role::default(), Author::Operator)).unwrap();
    assert_eq!(*bed.table.calls.lock().unwrap(), 2);
}

#[test]
fn two_changes_at_once_both_stay() {
    for before in [Policy::default(), Policy::initial()] {
        let bed = bed();
        if before != Policy::default() {
            run(bed.roles.init()).unwrap();
        }
        let theirs = before.with_role(name("theirs"), Role::default()).unwrap();
        bed.rivals(std::slice::from_ref(&theirs));
        run(bed.roles.put(&name("ours"), &Role::default(), Author::Operator)).unwrap();
        assert_eq!(bed.policy(), theirs.with_role(name("ours"), Role::default()).unwrap());
    }
}

#[test]
fn two_changes_at_once_make_no_cycle() {
    let bed = bed();
    run(bed.roles.put(&name("a"), &Role::default(), Author::Operator)).unwrap();
    run(bed.roles.put(&name("b"), &Role::default(), Author::Operator)).unwrap();
    bed.rivals(&[bed.policy().with_role(name("a"), including("b")).unwrap()]);
    let error = run(bed.roles.put(&name("b"), &including("a"), Author::Operator)).unwrap_err();
    assert!(matches!(error, ChangeError::Policy(PolicyError::Cycle(_))), "{error}");
}

/// A user above the author adds permissions to the role between the read and the commit.
#[test]
fn authority_is_judged_on_the_role_that_is_replaced() {
    for remove in [false, true] {
        let bed = bed();
        run(bed.roles.init()).unwrap();
        let manager =
            Role { permissions: BTreeSet::from(["roles:manage".parse().unwrap()]), ..Role::default() };
        run(bed.roles.put(&name("manager"), &manager, Author::Operator)).unwrap();
        run(bed.roles.put(&name("a"), &Role::default(), Author::Operator)).unwrap();
        run(bed.table.commit(&[holding(&[name("manager"), RoleName::USER])], now())).unwrap();
        let enlarged = bed.policy().with_role(name("a"), including("admin")).unwrap();
        bed.rivals(std::slice::from_ref(&enlarged));
        let (before, from) = (audited(&bed).len(), Requester::default());
        let author = Author::Administrator { holder: holder(), from: &from };
        let result = if remove {
            run(bed.roles.remove(&name("a"), author))
        } else {
            run(bed.roles.put(&name("a"), &including("user"), author)).map(|_| ())
        };
        assert!(matches!(result, Err(ChangeError::BeyondAuthority)), "{result:?}");
        assert_eq!(bed.policy(), enlarged);
        assert_eq!(audited(&bed).len(), before);
    }
}

/// The author loses their role between the read and the commit.
#[test]
fn authority_is_judged_on_the_roles_that_the_author_holds_at_the_commit() {
    let bed = bed();
    run(bed.roles.init()).unwrap();
    run(bed.table.commit(&[holding(&[RoleName::ADMIN])], now())).unwrap();
    let (key, version) = (Key::new("holder", "1"), bed.table.item(&Key::new("holder", "1")).unwrap().version);
    let demoted = Write::replace(key, &BTreeSet::from([RoleName::USER]), version).unwrap();
    bed.table.rivals.lock().unwrap().push_back(vec![demoted]);
    let from = Requester::default();
    let author = Author::Administrator { holder: holder(), from: &from };
    let result = run(bed.roles.put(&name("a"), &Role::default(), author));
    assert!(matches!(result, Err(ChangeError::BeyondAuthority)), "{result:?}");
    assert_eq!(bed.policy(), Policy::initial());
}

#[test]
fn eight_lost_races_are_tried_again_and_the_ninth_is_reported() {
    let policies: Vec<_> = (0..9)
        .map(|n| Policy::default().with_role(name(&format!("r{n}")), Role::default()).unwrap())
        .collect();
    let patient = bed();
    patient.rivals(&policies[..8]);
    run(patient.roles.put(&name("ours"), &Role::default(), Author::Operator)).unwrap();
    assert_eq!(patient.policy(), policies[7].with_role(name("ours"), Role::default()).unwrap());

    let beaten = bed();
    beaten.rivals(&policies);
    let error = run(beaten.roles.put(&name("ours"), &Role::default(), Author::Operator)).unwrap_err();
    assert!(matches!(error, ChangeError::Contended), "{error}");
    assert_eq!(beaten.policy(), policies[8]);
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
    run(bed.roles.init()).unwrap();
    assert_eq!(run(bed.roles.cached(now())), None);

    run(bed.roles.remember(Policy::initial(), now()));
    *bed.table.lose_answer.lock().unwrap() = true;
    let error = run(bed.roles.put(&name("a"), &Role::default(), Author::Operator)).unwrap_err();
    assert!(matches!(error, ChangeError::Fault(crate::Fault::Store(StoreError::Unavailable(_)))), "{error}");
    assert_eq!(run(bed.roles.cached(now())), None);
}

#[test]
fn a_cache_that_fails_is_a_miss() {
    let bed = bed();
    *bed.cache.down.lock().unwrap() = true;
    assert_eq!(run(bed.roles.cached(now())), None);
    assert_eq!(run(bed.roles.remember(Policy::initial(), now())).policy, Policy::initial());
    run(bed.roles.init()).unwrap();

    *bed.cache.down.lock().unwrap() = false;
    bed.cache.entries.lock().unwrap().insert("policy".to_owned(), ("{}".to_owned(), now() + CACHE_LIFETIME));
    assert_eq!(run(bed.roles.cached(now())), None);
}

#[test]
fn its_futures_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let bed = bed();
    let (name, role) = (name("a"), Role::default());
    assert_send(&bed.roles.put(&name, &role, Author::Operator));
    assert_send(&bed.roles.remove(&name, Author::Operator));
    assert_send(&bed.roles.init());
    assert_send(&bed.roles.cached(now()));
}
