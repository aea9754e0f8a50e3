//! The key ring in a process's memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RING_MAX_AGE;
use super::ring::KeyRing;
use crate::Timestamp;
use crate::port::table::Version;

/// How long a process waits after one attempt to read the ring before it makes another for the same reason. So neither a
/// store that fails nor a flood of made-up `kid`s costs a read per request.
const RELOAD_PAUSE: Duration = Duration::from_secs(5);

/// What a process remembers of the key ring: plain data, which outlives the request that read it and is bound to none.
/// Where the services are made anew for each request, this is made once and handed to each.
#[derive(Default)]
pub struct KeyMemory(Mutex<State>);

#[derive(Default)]
struct State {
    loaded: Option<Loaded>,
    /// When a reload was last begun because the ring was old.
    aged_at: Option<Timestamp>,
    /// The last search for an unknown `kid`. A mark of its own: a reload for age, just before two rotations, must not
    /// forbid a search just after.
    search: Option<Search>,
}

#[derive(Clone, Copy)]
struct Search {
    at: Timestamp,
    answered: bool,
}

struct Loaded {
    ring: Arc<KeyRing>,
    version: Version,
    at: Timestamp,
}

/// What to do for a ring.
pub(super) enum Recall {
    /// Go on with this one.
    Use(Arc<KeyRing>),
    /// Read the store; if that fails, go on with this one, if any.
    Reload(Option<Arc<KeyRing>>),
}

/// What to do about a `kid` that the remembered ring lacks.
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

    /// The ring, if it is young enough, or if another request has just gone to read it: nobody waits for that one.
    pub(super) fn recall(&self, now: Timestamp) -> Recall {
        let mut state = self.lock();
        let Some(loaded) = &state.loaded else { return Recall::Reload(None) };
        let ring = Arc::clone(&loaded.ring);
        if within(loaded.at, RING_MAX_AGE, now)
            || state.aged_at.is_some_and(|at| within(at, RELOAD_PAUSE, now))
        {
            return Recall::Use(ring);
        }
        state.aged_at = Some(now);
        Recall::Reload(Some(ring))
    }

    /// What to do about an unknown `kid`. [`Unknown::Search`] begins a pause.
    pub(super) fn unknown(&self, now: Timestamp) -> Unknown {
        let mut state = self.lock();
        match state.search {
            Some(search) if within(search.at, RELOAD_PAUSE, now) && search.answered => Unknown::Absent,
            Some(search) if within(search.at, RELOAD_PAUSE, now) => Unknown::CannotTell,
            _ => {
                state.search = Some(Search { at: now, answered: false });
                Unknown::Search
            }
        }
    }

    /// The search for an unknown `kid` got its answer.
    pub(super) fn searched(&self) {
        if let Some(search) = &mut self.lock().search {
            search.answered = true;
        }
    }

    /// The remembered ring, if it is the one of this version; counts as read at `now`, so that it need not be parsed again.
    pub(super) fn renew(&self, version: Version, now: Timestamp) -> Option<Arc<KeyRing>> {
        let mut state = self.lock();
        let loaded = state.loaded.as_mut().filter(|loaded| loaded.version == version)?;
        loaded.at = now;
        Some(Arc::clone(&loaded.ring))
    }

    /// Remembers a ring whose read began at `now`.
    pub(super) fn remember(&self, ring: KeyRing, version: Version, now: Timestamp) -> Arc<KeyRing> {
        let ring = Arc::new(ring);
        self.lock().loaded = Some(Loaded { ring: Arc::clone(&ring), version, at: now });
        ring
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `now` is less than `length` after `start`. A clock that jumped back behind `start` is not: what it says about
/// the age of anything is void.
fn within(start: Timestamp, length: Duration, now: Timestamp) -> bool {
    now >= start && now.since(start) < length
}
