use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::jwks::KeySet;
use super::metadata::Metadata;
use crate::Timestamp;

/// What a process remembers of providers: their metadata and their keys. One entry of each per provider at the most.
#[derive(Default)]
pub struct OauthMemory {
    metadata: Mutex<HashMap<String, FetchedDocument<Metadata>>>,
    keys: Mutex<HashMap<String, FetchedDocument<KeySet>>>,
    misses: Mutex<HashMap<String, Timestamp>>,
}

/// A document as it was fetched.
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

    /// When the keys at `url` were last fetched for a key that they did not have.
    pub(super) fn missed_at(&self, url: &str) -> Option<Timestamp> {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner).get(url).copied()
    }

    pub(super) fn miss(&self, url: &str, now: Timestamp) {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), now);
    }
}
