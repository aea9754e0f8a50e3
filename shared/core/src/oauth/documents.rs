//! Metadata and keys of providers: fetched rarely, stored in the memory of the process and in the cache, with an expiry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join;

use super::id_token::{InvalidIdToken, UnverifiedIdToken};
use super::jwks::{Found, KeySet};
use super::memory::{FetchedDocument, OauthMemory};
use super::metadata::Metadata;
use super::provider::{Location, Provider};
use super::{IdentifyError, http};
use crate::Timestamp;
use crate::model::Digest;
use crate::port::{Cache, Fetch};

/// Maximum age of metadata and keys, wherever they are stored. A key that its issuer withdrew may be accepted for that long.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Minimum time between two fetches of an issuer's keys because of an unknown key, which the issuer may have just introduced.
const MISS_EVERY: Duration = Duration::from_mins(1);

/// Source of the documents of providers.
pub(super) struct Documents {
    pub fetch: Arc<dyn Fetch>,
    pub cache: Arc<dyn Cache>,
    pub memory: Arc<OauthMemory>,
}

type Memory<T> = Mutex<HashMap<String, FetchedDocument<T>>>;

impl Documents {
    /// Returns the metadata of `provider`.
    pub async fn metadata(
        &self,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, IdentifyError> {
        let issuer = match &provider.place {
            Location::Known(metadata) => return Ok(Arc::new((**metadata).clone())),
            Location::Issuer(issuer) => issuer,
        };
        let url = Metadata::url(issuer);
        if let Some(known) = remembered(self.memory.metadata(), &url, now) {
            return Ok(known.document);
        }
        let read = |json: &[u8]| Metadata::read(json, issuer).map_err(|error| error.to_string());
        Ok(self.obtain(self.memory.metadata(), &url, read, now).await?.document)
    }

    /// Verifies `token` with the key that it names. If the key is unknown, fetches the keys again, at most once in
    /// [`MISS_EVERY`]. This follows a provider that rotates its keys, and tokens with invented key names cost nothing.
    pub async fn key_for<T>(
        &self,
        url: &str,
        token: &UnverifiedIdToken<'_>,
        now: Timestamp,
        verify: impl Fn(&crate::token::VerifyingKey) -> Result<T, InvalidIdToken>,
    ) -> Result<T, IdentifyError> {
        let memory = self.memory.keys();
        let known = match remembered(memory, url, now) {
            Some(known) => known,
            None => self.obtain(memory, url, read_keys, now).await?,
        };
        let set = match known.document.find(token.kid(), token.algorithm()) {
            Found::Unknown => self.look_again(url, &known, token, now).await?,
            Found::Key(_) | Found::Ambiguous => known.document,
        };
        match set.find(token.kid(), token.algorithm()) {
            Found::Key(key) => Ok(verify(key)?),
            Found::Unknown | Found::Ambiguous => Err(InvalidIdToken::UnknownKey.into()),
        }
    }

    /// Returns the keys of an issuer after a token named a key that is not among those in `known`: keys that another process
    /// has fetched since, else keys that are fetched now. Processes that share a cache also share the pause between two
    /// fetches. Processes that read the cache at the same moment may each fetch once.
    async fn look_again(
        &self,
        url: &str,
        known: &FetchedDocument<KeySet>,
        token: &UnverifiedIdToken<'_>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, IdentifyError> {
        let memory = self.memory.keys();
        if !self.may_miss(url, now) {
            return Ok(Arc::clone(&known.document));
        }
        self.memory.miss(url, now);
        let pause = pause_key(url);
        let (cached, paused) = join(self.cached(url, read_keys, now), self.cache.get(&pause, now)).await;
        if let Some((fetched_at, document)) = cached.filter(|(fetched_at, _)| *fetched_at > known.fetched_at)
        {
            let newer = remember(memory, url, document, fetched_at);
            if !matches!(newer.document.find(token.kid(), token.algorithm()), Found::Unknown) {
                return Ok(newer.document);
            }
        }
        if let Ok(Some(_)) = paused {
            let newest = remembered(memory, url, now).map(|known| known.document);
            return Ok(newest.unwrap_or_else(|| Arc::clone(&known.document)));
        }
        if let Err(error) = self.cache.put(&pause, "", MISS_EVERY, now).await {
            tracing::warn!(%error, "the pause between two fetches of a provider's keys is not shared");
        }
        Ok(self.fetch(memory, url, read_keys, now).await?.document)
    }

    fn may_miss(&self, url: &str, now: Timestamp) -> bool {
        self.memory.missed_at(url).is_none_or(|at| now.since(at) >= MISS_EVERY)
    }

    /// Returns the cached document and the time of its fetch, or `None` if the cache fails.
    async fn cached<T>(
        &self,
        url: &str,
        read: impl Fn(&[u8]) -> Result<T, String>,
        now: Timestamp,
    ) -> Option<(Timestamp, T)> {
        let cached = self.cache.get(&cache_key(url), now).await.ok()??;
        let (fetched_at, json) = undated(&cached)?;
        let document = read(json.as_bytes()).ok().filter(|_| is_young(fetched_at, now))?;
        Some((fetched_at, document))
    }

    /// Reads the document from the cache, else from the provider.
    async fn obtain<T>(
        &self,
        memory: &Memory<T>,
        url: &str,
        read: impl Fn(&[u8]) -> Result<T, String>,
        now: Timestamp,
    ) -> Result<FetchedDocument<T>, IdentifyError> {
        match self.cached(url, &read, now).await {
            Some((fetched_at, document)) => Ok(remember(memory, url, document, fetched_at)),
            None => self.fetch(memory, url, read, now).await,
        }
    }

    async fn fetch<T>(
        &self,
        memory: &Memory<T>,
        url: &str,
        read: impl Fn(&[u8]) -> Result<T, String>,
        now: Timestamp,
    ) -> Result<FetchedDocument<T>, IdentifyError> {
        let json = http::get_json(&self.fetch, url, None).await?;
        let document = read(&json).map_err(IdentifyError::Document)?;
        if let Ok(text) = std::str::from_utf8(&json)
            && let Err(error) = self.cache.put(&cache_key(url), &dated(text, now), MAX_AGE, now).await
        {
            tracing::warn!(%error, "a provider's document was not cached");
        }
        Ok(remember(memory, url, document, now))
    }
}

fn read_keys(json: &[u8]) -> Result<KeySet, String> {
    KeySet::read(json).ok_or_else(|| "the keys are not a JSON Web Key Set".to_owned())
}

fn cache_key(url: &str) -> String {
    format!("oauth:{}", Digest::of(url.as_bytes()))
}

/// Returns the cache key that marks that the keys at `url` were fetched a moment ago because of an unknown key.
fn pause_key(url: &str) -> String {
    format!("oauth-pause:{}", Digest::of(url.as_bytes()))
}

/// Returns the text to cache. It contains the time of the fetch, so that the age of the document does not restart when a
/// process reads the cache.
fn dated(json: &str, fetched_at: Timestamp) -> String {
    format!("{}:{json}", fetched_at.as_millis())
}

/// Returns the time of the fetch and the document; `None` if there is no time.
fn undated(cached: &str) -> Option<(Timestamp, &str)> {
    let (fetched_at, json) = cached.split_once(':')?;
    Some((Timestamp::from_millis(fetched_at.parse().ok()?), json))
}

/// Returns true if a document may still be used. A document from the future was fetched before the clock jumped back.
fn is_young(fetched_at: Timestamp, now: Timestamp) -> bool {
    fetched_at <= now && now.since(fetched_at) < MAX_AGE
}

fn remembered<T>(memory: &Memory<T>, url: &str, now: Timestamp) -> Option<FetchedDocument<T>> {
    let known = memory.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()?;
    is_young(known.fetched_at, now).then_some(known)
}

fn remember<T>(memory: &Memory<T>, url: &str, document: T, fetched_at: Timestamp) -> FetchedDocument<T> {
    let known = FetchedDocument { document: Arc::new(document), fetched_at };
    memory.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), known.clone());
    known
}
