//! Keys in a process's memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RING_MAX_AGE;
use super::ring::KeyRing;
use super::set::KeySet;
use crate::Timestamp;
use crate::port::table::Version;

/// How long a process waits after one attempt to read keys before it makes another for the same reason. So neither a
/// store that fails nor a flood of made-up `kid`s costs a read per request.
const RELOAD_PAUSE: Duration = Duration::from_secs(5);

/// What a process remembers of the keys: plain data, which outlives the request that read it and is bound to none.
/// Where the services are made anew for each request, this is made once and handed to each.
#[derive(Default)]
pub struct KeyMemory {
    pub(super) ring: Slot<KeyRing>,
    pub(super) set: Slot<KeySet>,
    /// The last search for an unknown `kid`. A mark of its own: a reload for age, just before two rotations, must not
    /// forbid a search just after.
    search: Mutex<Option<Search>>,
}

#[derive(Clone, Copy)]
struct Search {
    at: Timestamp,
    answered: bool,
}

/// One item of the store as it was read last.
pub(super) struct Slot<T>(Mutex<State<T>>);

struct State<T> {
    loaded: Option<Loaded<T>>,
    /// When a reload was last begun because the value was old.
    aged_at: Option<Timestamp>,
}

struct Loaded<T> {
    value: Arc<T>,
    version: Version,
    at: Timestamp,
}

/// What to do for a value.
pub(super) enum Recall<T> {
    /// Go on with this one.
    Use(Arc<T>),
    /// Read the store; if that fails, go on with this one, if any.
    Reload(Option<Arc<T>>),
}

/// What to do about a `kid` that the remembered set lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Read the store, and say so with [`KeyMemory::searched`].
    Search,
    /// It is not in the store either, as of a moment ago.
    Absent,
    /// A moment ago the store was asked, and has not answered. The token may be good.
    CannotTell,
}

impl KeyMemory {
    /// Nothing remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is remembered of this version counts as read at `now`, so that it need not be parsed again. Every write changes the ring
    /// and the set, so they share their version, and whoever has read one knows of both.
    pub(super) fn renew(&self, version: Version, now: Timestamp) {
        self.ring.renew(version, now);
        self.set.renew(version, now);
    }

    /// What to do about an unknown `kid`. [`Unknown::Search`] begins a pause.
    pub(super) fn unknown(&self, now: Timestamp) -> Unknown {
        let mut last = lock(&self.search);
        match *last {
            Some(search) if within(search.at, RELOAD_PAUSE, now) && search.answered => Unknown::Absent,
            Some(search) if within(search.at, RELOAD_PAUSE, now) => Unknown::CannotTell,
            _ => {
                *last = Some(Search { at: now, answered: false });
                Unknown::Search
            }
        }
    }

    /// The search for an unknown `kid` got its response.
    pub(super) fn searched(&self) {
        if let Some(search) = &mut *lock(&self.search) {
            search.answered = true;
        }
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(State { loaded: None, aged_at: None }))
    }
}

impl<T> Slot<T> {
    /// The value, if it is young enough, or if another request has just gone to read it: nobody waits for that one.
    pub(super) fn recall(&self, now: Timestamp) -> Recall<T> {
        let mut state = lock(&self.0);
        let Some(loaded) = &state.loaded else { return Recall::Reload(None) };
        let value = Arc::clone(&loaded.value);
        if within(loaded.at, RING_MAX_AGE, now)
            || state.aged_at.is_some_and(|at| within(at, RELOAD_PAUSE, now))
        {
            return Recall::Use(value);
        }
        state.aged_at = Some(now);
        Recall::Reload(Some(value))
    }

    /// The remembered value, if it is the one of this version.
    pub(super) fn of_version(&self, version: Version) -> Option<Arc<T>> {
        let state = lock(&self.0);
        state
            .loaded
            .as_ref()
            .filter(|loaded| loaded.version == version)
            .map(|loaded| Arc::clone(&loaded.value))
    }

    fn renew(&self, version: Version, now: Timestamp) {
        if let Some(loaded) = lock(&self.0).loaded.as_mut().filter(|loaded| loaded.version == version) {
            loaded.at = now;
        }
    }

    /// Remembers a value whose read began at `now`.
    pub(super) fn remember(&self, value: T, version: Version, now: Timestamp) -> Arc<T> {
        let value = Arc::new(value);
        lock(&self.0).loaded = Some(Loaded { value: Arc::clone(&value), version, at: now });
        value
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one assignment, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `now` is less than `length` after `start`. A clock that jumped back behind `start` is not: what it says about
/// the age of anything is void.
fn within(start: Timestamp, length: Duration, now: Timestamp) -> bool {
    now >= start && now.since(start) < length
}
