//! Keys in the memory of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RING_MAX_AGE;
use super::ring::KeyRing;
use super::set::KeySet;
use crate::Timestamp;
use crate::port::table::Version;

/// Pause between two attempts of a process to read keys for the same reason, so that neither a failing store nor a flood of
/// invented `kid`s costs a read per request.
const RELOAD_PAUSE: Duration = Duration::from_secs(5);

/// Keys in the memory of a process: plain data that outlives the request that read it and belongs to no request. If the
/// services are created for each request, create this once and pass it to each.
#[derive(Default)]
pub struct KeyMemory {
    pub(super) ring: Slot<KeyRing>,
    pub(super) set: Slot<KeySet>,
    /// Last search for an unknown `kid`. It is separate from `aged_at`: a reload because of age, just before two rotations,
    /// must not prevent a search just after them.
    search: Mutex<Option<Search>>,
}

#[derive(Clone, Copy)]
struct Search {
    at: Timestamp,
    answered: bool,
}

/// One item of the store as it was last read.
pub(super) struct Slot<T>(Mutex<State<T>>);

struct State<T> {
    loaded: Option<Loaded<T>>,
    /// Start of the last reload because of age.
    aged_at: Option<Timestamp>,
}

struct Loaded<T> {
    value: Arc<T>,
    version: Version,
    at: Timestamp,
}

/// Action for a value.
pub(super) enum Recall<T> {
    /// Use this value.
    Use(Arc<T>),
    /// Read the store. If that fails, use this value, if any.
    Reload(Option<Arc<T>>),
}

/// Action for a `kid` that the set in memory lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Read the store, and report the response with [`KeyMemory::searched`].
    Search,
    /// A moment ago the store did not hold it either.
    Absent,
    /// A moment ago the store was asked and has not responded. The token may be valid.
    CannotTell,
}

impl KeyMemory {
    /// Returns an empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks the values of this version as read at `now`, so that they need not be parsed again. Every write changes both ring
    /// and set, so they share their version, and a read of either renews both.
    pub(super) fn renew(&self, version: Version, now: Timestamp) {
        self.ring.renew(version, now);
        self.set.renew(version, now);
    }

    /// Returns the action for an unknown `kid`. [`Unknown::Search`] starts a pause.
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

    /// Records that the search for an unknown `kid` got its response.
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
    /// Returns the value if it is young enough, or if another request has just started to read it. No request waits for that
    /// read.
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

    /// Returns the value in memory, if it has this version.
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

    /// Stores a value whose read started at `now`.
    pub(super) fn remember(&self, value: T, version: Version, now: Timestamp) -> Arc<T> {
        let value = Arc::new(value);
        lock(&self.0).loaded = Some(Loaded { value: Arc::clone(&value), version, at: now });
        value
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one assignment, so a panic elsewhere leaves no partial change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns true if `now` is less than `length` after `start`. Returns false if the clock jumped back behind `start`, because
/// every age is then unknown.
fn within(start: Timestamp, length: Duration, now: Timestamp) -> bool {
    now >= start && now.since(start) < length
}
