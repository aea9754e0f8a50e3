//! The limit on connections, and the order in which they give way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::activity::Activity;

/// Time that a client may take before its place goes to a waiting client.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Interval at which a waiting client looks for a connection that can give way.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Places for connections. When all are taken, a new client waits in the system's queue, in its order. It
/// gets the place of the connection that has been idle longest, or else of the client that has been sending,
/// or receiving a response, longest. A request that the service handles never gives way.
#[derive(Debug)]
pub(super) struct Room {
    places: usize,
    taken: Mutex<BTreeMap<u64, Arc<Activity>>>,
    next: AtomicU64,
    freed: Notify,
    /// True if a client waits for a place.
    wanted: AtomicBool,
}

/// A place in use. Dropping it frees the place.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    number: u64,
    pub(super) activity: Arc<Activity>,
}

impl Room {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places: places.max(1),
            taken: Mutex::default(),
            next: AtomicU64::new(0),
            freed: Notify::new(),
            wanted: AtomicBool::new(false),
        })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Activity>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    pub(super) async fn place(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_place() {
                self.wanted.store(false, Ordering::Relaxed);
                return place;
            }
            self.wanted.store(true, Ordering::Relaxed);
            self.make_way();
            tokio::select! {
                () = self.freed.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn try_place(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.taken();
        if taken.len() >= self.places {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new());
        taken.insert(number, Arc::clone(&activity));
        Some(Place { room: Arc::clone(self), number, activity })
    }

    /// Tells the connection that has waited longest for its client to end.
    pub(super) fn make_way(&self) {
        let taken = self.taken();
        let waiting =
            taken.values().filter_map(|activity| Some((activity.waits_for_client(PATIENCE)?, activity)));
        if let Some((_, activity)) = waiting.min_by_key(|(order, _)| *order) {
            activity.give_way();
        }
    }

    /// Returns true if a connection must end after its response because a client waits for its place.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Tells every connection to end after its current request, and waits until all have ended.
    pub(super) async fn close(&self) {
        for activity in self.taken().values() {
            activity.stop();
        }
        while !self.taken().is_empty() {
            self.freed.notified().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken().remove(&self.number);
        self.room.freed.notify_one();
    }
}
