//! Shared helpers of the tests of this crate: a seeded generator, a clock that tests set, a store in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use super::access::{Claims, IssuerAndAudience, TokenSubject};
use super::{Algorithm, SigningKey};
use crate::port::table::{CommitError, Condition, Item, Key, Page, Query, QueryError, Version, Write};
use crate::port::{Clock, Entropy, EntropyError, StoreError, Table};
use crate::seal::{MasterSecrets, Sealer};
use crate::{SessionId, Timestamp, UserId};

pub(crate) const OLD_SECRET: &str = "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=";
pub(crate) const NEW_SECRET: &str = "hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM";

pub(crate) fn sealer(secrets: &[&str]) -> Sealer {
    Sealer::new(&MasterSecrets::parse(&secrets.join(",")).unwrap())
}

pub(crate) fn user() -> UserId {
    UserId::from_bytes(*b"user-0123456789a")
}

pub(crate) fn session() -> SessionId {
    SessionId::from_bytes(*b"session-01234567")
}

pub(crate) fn issuer_and_audience() -> IssuerAndAudience {
    IssuerAndAudience::new("https://auth.example.com", "https://api.example.com").unwrap()
}

/// Returns noon of 2026-01-01 UTC.
pub(crate) fn noon() -> Timestamp {
    Timestamp::from_secs(1_767_268_800)
}

pub(crate) fn claims(now: Timestamp) -> Claims {
    let subject = TokenSubject { user: user(), session: session(), roles: vec!["user".into()], org: None };
    Claims::new(&issuer_and_audience(), subject, now, &Seeded::new(7)).unwrap()
}

/// Returns two keys of an algorithm. They are generated once, because RSA primes take a while to find.
pub(crate) fn keys(algorithm: Algorithm) -> &'static [SigningKey; 2] {
    static KEYS: [OnceLock<[SigningKey; 2]>; 3] = [const { OnceLock::new() }; 3];
    KEYS[algorithm as usize]
        .get_or_init(|| [1001, 1002].map(|seed| SigningKey::generate(algorithm, &Seeded::new(seed)).unwrap()))
}

/// Returns a token of any header and payload with a valid signature.
#[expect(clippy::needless_pass_by_value, reason = "the parts are made where they are passed")]
pub(crate) fn signed(key: &SigningKey, header: impl ToString, payload: impl ToString) -> String {
    let input =
        [header.to_string(), payload.to_string()].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
    signed_input(key, &input)
}

/// Returns a token of an encoded header and payload.
pub(crate) fn signed_input(key: &SigningKey, input: &str) -> String {
    let signature = key.sign_bytes(input.as_bytes(), &Seeded::new(3)).unwrap();
    format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// Generator that gives the same bytes for the same seed.
pub(crate) struct Seeded(Mutex<ChaCha8Rng>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.lock().unwrap().fill_bytes(bytes);
        Ok(())
    }
}

/// Generator that fails.
pub(crate) struct Dry;

impl Entropy for Dry {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError("dry".into()))
    }
}

/// Clock that shows the time to which it was set.
pub(crate) struct SetClock(Mutex<Timestamp>);

impl SetClock {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap() = now;
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Table that counts calls, fails on demand, and lets a test act between a read and the write after it.
#[derive(Default)]
pub(crate) struct MemoryTable {
    items: Mutex<BTreeMap<Key, Item>>,
    pub(crate) gets: AtomicUsize,
    pub(crate) read: Mutex<Vec<Key>>,
    pub(crate) commits: AtomicUsize,
    pub(crate) down: AtomicBool,
    pub(crate) before_commit: Mutex<Vec<Hook>>,
}

pub(crate) type Hook = Box<dyn FnOnce(&MemoryTable) + Send>;

impl MemoryTable {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn item(&self, key: &Key) -> Option<Item> {
        self.items.lock().unwrap().get(key).cloned()
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.items.lock().unwrap().remove(key);
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::Relaxed) { Err(StoreError::Unavailable("down".into())) } else { Ok(()) }
    }

    pub(crate) fn apply(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        let mut items = self.items.lock().unwrap();
        let before = items.clone();
        for (place, write) in writes.iter().enumerate() {
            let Write::Put { key, body, condition, .. } = write else { panic!("only puts are made here") };
            let version = match (condition, before.get(key)) {
                (Condition::Absent, None) => Version::first(now),
                (Condition::Unchanged(seen), Some(item)) if item.version == *seen => seen.next(),
                _ => {
                    *items = before;
                    return Err(CommitError::Conflict { write: place });
                }
            };
            let item = Item { key: key.clone(), body: body.clone(), version, expires_at: None };
            items.insert(key.clone(), item);
        }
        Ok(())
    }
}

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, keys: &[Key], _: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.read.lock().unwrap().extend_from_slice(keys);
        self.up()?;
        Ok(keys.iter().map(|key| self.item(key)).collect())
    }

    async fn query(&self, _: &Query, _: Timestamp) -> Result<Page, QueryError> {
        panic!("nothing here lists items")
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.up()?;
        let hook = self.before_commit.lock().unwrap().pop();
        if let Some(hook) = hook {
            hook(self);
        }
        self.apply(writes, now)
    }
}
