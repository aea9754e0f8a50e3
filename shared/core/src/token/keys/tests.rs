use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use pollster::block_on;

use super::*;
use crate::token::testing::{
    Dry, MemoryTable, NEW_SECRET, OLD_SECRET, Seeded, SetClock, claims, issuer_and_audience, keys, noon,
    sealer, signed,
};
use crate::token::{ACCESS_TOKEN_LIFETIME, RING_MAX_AGE};

const SECOND: Duration = Duration::from_secs(1);
/// One second less than the maximum age of a ring in memory.
const ALMOST: Duration = Duration::from_secs(299);

/// A deployment: one store, one clock, any number of processes.
struct Deployment {
    table: Arc<MemoryTable>,
    clock: Arc<SetClock>,
}

impl Deployment {
    fn new() -> Self {
        Self { table: MemoryTable::shared(), clock: Arc::new(SetClock::new(noon())) }
    }

    /// Returns a process with its own memory and generator.
    fn process(&self, seed: u64) -> Keys {
        self.keys(Arc::new(Seeded::new(seed)), &[NEW_SECRET], Arc::default())
    }

    fn keys(&self, entropy: Arc<dyn Entropy>, secrets: &[&str], memory: Arc<KeyMemory>) -> Keys {
        let (table, clock) = (Arc::clone(&self.table), Arc::clone(&self.clock));
        let (sealer, issuer_and_audience) = (Arc::new(sealer(secrets)), Arc::new(issuer_and_audience()));
        Keys::new(table, clock, entropy, sealer, Algorithm::EdDsa, issuer_and_audience, memory)
    }

    /// Returns the number of reads since the last call.
    fn reads(&self) -> usize {
        self.table.gets.swap(0, Relaxed)
    }

    fn pass(&self, time: Duration) -> Timestamp {
        self.clock.set(self.clock.now() + time);
        self.clock.now()
    }

    fn down(&self, down: bool) {
        self.table.down.store(down, Relaxed);
    }
}

fn sign(keys: &Keys) -> String {
    try_sign(keys).unwrap()
}

fn try_sign(keys: &Keys) -> Result<String, KeysError> {
    block_on(keys.signer())?.sign(&claims(keys.clock.now()))
}

fn verify(keys: &Keys, token: &str) -> Result<Claims, VerifyError> {
    block_on(keys.verify(token, keys.clock.now()))
}

fn reason(result: &Result<Claims, VerifyError>) -> Reason {
    let Err(VerifyError::Invalid(invalid)) = result else { panic!("{result:?}") };
    invalid.reason()
}

fn of_unknown_key() -> String {
    let [key, _] = keys(Algorithm::EdDsa);
    key.sign(&claims(noon()), &Seeded::new(1)).unwrap()
}

#[test]
fn a_cold_start_makes_one_ring_and_the_next_ones_read_it() {
    let deployment = Deployment::new();
    let [first, second] = [1, 2].map(|seed| deployment.process(seed));
    let token = sign(&first);
    assert_eq!(verify(&second, &token).unwrap(), claims(noon()));
    assert_eq!(block_on(first.jwks()).unwrap(), block_on(second.jwks()).unwrap());
    assert_eq!(deployment.table.commits.load(Relaxed), 1);
}

#[test]
fn of_two_that_start_at_once_the_loser_takes_the_winners_keys() {
    let deployment = Deployment::new();
    let mut other = Deployment::new();
    other.table = MemoryTable::shared();
    let winners = block_on(other.process(2).jwks()).unwrap();
    // The winner writes after the loser has read that there is no ring.
    let writes = [KeyRing::key(), KeySet::key()].map(|key| {
        let body = other.table.item(&key).unwrap().body;
        Write::Put { key, body, index: None, expires_at: None, condition: Condition::Absent }
    });
    deployment
        .table
        .before_commit
        .lock()
        .unwrap()
        .push(Box::new(move |table| table.apply(&writes, noon()).unwrap()));
    assert_eq!(block_on(deployment.process(1).jwks()).unwrap(), winners);
}

#[test]
fn a_foreign_token_makes_no_keys() {
    let deployment = Deployment::new();
    let checking = deployment.process(1);
    assert_eq!(reason(&verify(&checking, &of_unknown_key())), Reason::UnknownKey);
    assert_eq!(deployment.table.commits.load(Relaxed), 0);
    // The process does not remember either that there were no keys.
    let token = sign(&deployment.process(2));
    verify(&checking, &token).unwrap();
}

#[test]
fn a_remembered_ring_costs_no_read_until_it_is_five_minutes_old() {
    let deployment = Deployment::new();
    let keys = deployment.process(1);
    let token = sign(&keys);
    assert_eq!(deployment.reads(), 1);
    deployment.pass(ALMOST);
    verify(&keys, &token).unwrap();
    assert_eq!(deployment.reads(), 0);
    deployment.pass(SECOND);
    verify(&keys, &token).unwrap();
    verify(&keys, &token).unwrap();
    assert_eq!(deployment.reads(), 1);
    deployment.pass(ALMOST);
    verify(&keys, &sign(&keys)).unwrap();
    assert_eq!(deployment.reads(), 0, "what was unchanged counts as read anew");
}

#[test]
fn a_clock_that_jumps_back_does_not_keep_an_old_ring_alive() {
    let deployment = Deployment::new();
    let keys = deployment.process(1);
    sign(&keys);
    deployment.reads();
    deployment.clock.set(noon() - Duration::from_hours(1));
    sign(&keys);
    assert_eq!(deployment.reads(), 1);
    sign(&keys);
    assert_eq!(deployment.reads(), 0);
}

#[test]
fn memory_outlives_the_service() {
    let deployment = Deployment::new();
    let memory = Arc::new(KeyMemory::new());
    let service = || deployment.keys(Arc::new(Seeded::new(1)), &[NEW_SECRET], Arc::clone(&memory));
    let token = sign(&service());
    deployment.reads();
    verify(&service(), &token).unwrap();
    assert_eq!(deployment.reads(), 0);
}

#[test]
fn a_store_that_is_down_stops_only_processes_without_a_ring() {
    let deployment = Deployment::new();
    let [warm, cold] = [1, 2].map(|seed| deployment.process(seed));
    let token = sign(&warm);
    deployment.down(true);
    deployment.reads();
    deployment.pass(RING_MAX_AGE + SECOND);
    for _ in 0..10 {
        verify(&warm, &token).unwrap();
        sign(&warm);
    }
    assert_eq!(deployment.reads(), 2, "once for each item, and again only after a pause");
    deployment.pass(5 * SECOND);
    verify(&warm, &token).unwrap();
    assert_eq!(deployment.reads(), 1);
    let refused = verify(&cold, &token);
    assert!(
        matches!(refused, Err(VerifyError::Keys(KeysError::Store(StoreError::Unavailable(_))))),
        "{refused:?}"
    );
}

#[test]
fn unknown_keys_cost_one_read_in_five_seconds() {
    let deployment = Deployment::new();
    let keys = deployment.process(1);
    sign(&keys);
    deployment.reads();
    for reads in [1, 0, 0] {
        assert_eq!(reason(&verify(&keys, &of_unknown_key())), Reason::UnknownKey);
        assert_eq!(deployment.reads(), reads);
    }
    deployment.pass(5 * SECOND);
    assert_eq!(reason(&verify(&keys, &of_unknown_key())), Reason::UnknownKey);
    assert_eq!(deployment.reads(), 1);
}

#[test]
fn an_unknown_key_is_not_called_invalid_while_the_store_cannot_be_asked() {
    let deployment = Deployment::new();
    let keys = deployment.process(1);
    sign(&keys);
    deployment.down(true);
    for _ in 0..2 {
        let unsure = verify(&keys, &of_unknown_key());
        assert!(
            matches!(unsure, Err(VerifyError::Keys(KeysError::Store(StoreError::Unavailable(_))))),
            "{unsure:?}"
        );
    }
    assert_eq!(deployment.reads(), 2, "one to start, one to search, none for the second token");
}

#[test]
fn a_text_that_is_not_a_token_is_refused_without_keys() {
    let deployment = Deployment::new();
    assert_eq!(reason(&verify(&deployment.process(1), "garbage")), Reason::Malformed);
    assert_eq!(deployment.reads(), 0);
}

#[test]
fn no_token_is_refused_however_often_the_keys_are_rotated() {
    let deployment = Deployment::new();
    let [rotating, stale] = [1, 2].map(|seed| deployment.process(seed));
    let mut tokens = vec![sign(&rotating), sign(&stale)];
    for _ in 0..4 {
        block_on(rotating.rotate()).unwrap();
        tokens.push(sign(&rotating));
        tokens.push(sign(&stale));
    }
    for token in &tokens {
        for keys in [&rotating, &stale, &deployment.process(3)] {
            verify(keys, token).unwrap();
        }
    }
    let last = block_on(rotating.jwks()).unwrap();
    assert_eq!(last.keys.len(), 6, "the signing key, the next one, and four before");
}

#[test]
fn a_process_that_missed_a_rotation_knows_the_new_signer_already() {
    let deployment = Deployment::new();
    let [rotating, stale] = [1, 2].map(|seed| deployment.process(seed));
    sign(&stale);
    block_on(rotating.rotate()).unwrap();
    deployment.reads();
    verify(&stale, &sign(&rotating)).unwrap();
    assert_eq!(deployment.reads(), 0);
}

#[test]
fn a_retired_key_is_dropped_when_its_last_token_has_ended() {
    let deployment = Deployment::new();
    let keys = deployment.process(1);
    let [old] = [sign(&keys)];
    let kid = UnverifiedToken::parse(&old).unwrap().kid();
    block_on(keys.rotate()).unwrap();
    let published = || block_on(keys.jwks()).unwrap().keys.iter().any(|key| key.kid == kid);
    deployment.pass(ACCESS_TOKEN_LIFETIME + RING_MAX_AGE + Duration::from_mins(1));
    assert!(published());
    deployment.pass(SECOND);
    assert!(!published());
    // A thief of the old key cannot sign a token that lasts.
    let payload = serde_json::to_value(claims(deployment.clock.now())).unwrap();
    let header = serde_json::json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid });
    let forged = signed(&crate::token::testing::keys(Algorithm::EdDsa)[0], header, payload);
    assert_eq!(reason(&verify(&keys, &forged)), Reason::UnknownKey);
}

#[test]
fn a_rotation_that_loses_a_race_is_made_on_top_of_the_winners() {
    let deployment = Deployment::new();
    let [one, two] = [1, 2].map(|seed| deployment.process(seed));
    let first = block_on(one.jwks()).unwrap();
    // `two` rotates between the read and the write of `one`.
    deployment
        .table
        .before_commit
        .lock()
        .unwrap()
        .push(Box::new(move |_| drop(block_on(two.rotate()).unwrap())));
    block_on(one.rotate()).unwrap();
    let last = block_on(deployment.process(3).jwks()).unwrap();
    assert_eq!(
        last.keys.len(),
        4,
        "two rotations: the signing key, the next one, and both of the first ring"
    );
    assert!(first.keys.iter().all(|key| last.keys.contains(key)), "no key was lost");
}

#[test]
fn rotating_an_empty_store_makes_the_first_ring() {
    let deployment = Deployment::new();
    block_on(deployment.process(1).rotate()).unwrap();
    assert_eq!(deployment.table.commits.load(Relaxed), 1);
}

#[test]
fn keys_under_a_secret_that_is_not_listed_are_an_outage_that_names_the_fix() {
    let deployment = Deployment::new();
    let token = sign(&deployment.process(1));
    let other = || deployment.keys(Arc::new(Seeded::new(2)), &[OLD_SECRET], Arc::default());
    let VerifyError::Keys(unread) = verify(&other(), &token).unwrap_err() else { panic!("a verdict") };
    for error in [try_sign(&other()).unwrap_err(), block_on(other().jwks()).unwrap_err(), unread] {
        assert!(error.is_outage() && error.to_string().contains("LATCHKEY_SECRET"), "{error}");
    }
}

#[test]
fn verifying_and_publishing_never_read_the_private_keys() {
    let deployment = Deployment::new();
    let token = sign(&deployment.process(1));
    let reads = |act: &dyn Fn(&Keys)| {
        deployment.table.read.lock().unwrap().clear();
        act(&deployment.process(2));
        deployment.table.read.lock().unwrap().iter().map(|key| key.partition.clone()).collect::<Vec<_>>()
    };
    assert_eq!(reads(&|keys| drop(verify(keys, &token).unwrap())), ["jwks"]);
    assert_eq!(reads(&|keys| drop(verify(keys, &of_unknown_key()))), ["jwks", "jwks"]);
    assert_eq!(reads(&|keys| drop(block_on(keys.jwks()).unwrap())), ["jwks"]);
    assert_eq!(reads(&|keys| drop(sign(keys))), ["keys"]);
}

#[test]
fn a_process_that_signs_verifies_what_it_remembers() {
    let deployment = Deployment::new();
    let token = sign(&deployment.process(1));
    let keys = deployment.process(2);
    sign(&keys);
    deployment.reads();
    verify(&keys, &token).unwrap();
    assert_eq!(deployment.reads(), 0);
}

#[test]
fn resealing_moves_both_items_under_the_new_secret_and_changes_no_key() {
    let deployment = Deployment::new();
    let process = |secrets| deployment.keys(Arc::new(Seeded::new(5)), secrets, Arc::default());
    assert!(!block_on(process(&[OLD_SECRET]).reseal()).unwrap(), "there are no keys yet");
    let token = sign(&process(&[OLD_SECRET]));
    let before = block_on(process(&[OLD_SECRET]).jwks()).unwrap();
    assert!(block_on(process(&[NEW_SECRET, OLD_SECRET]).reseal()).unwrap());
    let commits = deployment.table.commits.load(Relaxed);
    assert!(!block_on(process(&[NEW_SECRET, OLD_SECRET]).reseal()).unwrap(), "nothing is left to do");
    assert_eq!(deployment.table.commits.load(Relaxed), commits);
    assert_eq!(block_on(process(&[NEW_SECRET]).jwks()).unwrap(), before);
    verify(&process(&[NEW_SECRET]), &token).unwrap();
    verify(&process(&[NEW_SECRET]), &sign(&process(&[NEW_SECRET]))).unwrap();
}

#[test]
fn a_set_that_was_lost_is_named_and_written_again_with_the_next_change() {
    let deployment = Deployment::new();
    let token = sign(&deployment.process(1));
    deployment.table.remove(&KeySet::key());
    let error = block_on(deployment.process(2).jwks()).unwrap_err();
    assert!(error.to_string().contains("jwks/set is missing"), "{error}");
    assert!(block_on(deployment.process(2).reseal()).unwrap());
    verify(&deployment.process(3), &token).unwrap();
}

#[test]
fn an_unreadable_ring_does_not_stop_a_process_that_has_it_in_memory() {
    let deployment = Deployment::new();
    let keys = deployment.process(1);
    let token = sign(&keys);
    for key in [KeyRing::key(), KeySet::key()] {
        let version = deployment.table.item(&key).unwrap().version;
        let write = Write::replace(key, &"not a ring", version).unwrap();
        deployment.table.apply(&[write], noon()).unwrap();
    }
    deployment.pass(RING_MAX_AGE);
    verify(&keys, &token).unwrap();
    sign(&keys);
    let error = block_on(deployment.process(2).jwks()).unwrap_err();
    assert!(matches!(error, KeysError::Store(StoreError::Corrupt { .. })), "{error}");
}

#[test]
fn without_randomness_nothing_is_stored() {
    let deployment = Deployment::new();
    let keys = deployment.keys(Arc::new(Dry), &[NEW_SECRET], Arc::default());
    assert!(matches!(block_on(keys.jwks()), Err(KeysError::Generate(_))));
    assert_eq!(deployment.table.commits.load(Relaxed), 0);
}
