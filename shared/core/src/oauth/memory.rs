use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::jwks::KeySet;
use super::metadata::Metadata;
use crate::Timestamp;

/// Metadata and keys of providers in the memory of a process: at most one entry of each per provider.
#[derive(Default)]
pub struct OauthMemory {
    metadata: Mutex<HashMap<String, FetchedDocument<Metadata>>>,
    keys: Mutex<HashMap<String, FetchedDocument<KeySet>>>,
    misses: Mutex<HashMap<String, Timestamp>>,
}

/// Document as it was fetched.
pub(super) struct FetchedDocument<T> {
    pub document: Arc<T>,
    pub fetched_at: Timestamp,
}

impl<T> Clone for FetchedDocument<T> {
    fn clone(&self) -> Self {
        Self { document: Arc::clone(&self.document), fetched_at: self.fetched_at }
    }
}

impl OauthMemory {
    pub(super) fn metadata(&self) -> &Mutex<HashMap<String, FetchedDocument<Metadata>>> {
        &self.metadata
    }

    pub(super) fn keys(&self) -> &Mutex<HashMap<String, FetchedDocument<KeySet>>> {
        &self.keys
    }

    /// Returns the time at which the keys at `url` were last fetched because of an unknown key.
    pub(super) fn missed_at(&self, url: &str) -> Option<Timestamp> {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner).get(url).copied()
    }

    pub(super) fn miss(&self, url: &str, now: Timestamp) {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), now);
    }
}
