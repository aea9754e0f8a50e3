//! Metadata and keys of providers: fetched rarely, remembered in the process and in the cache, and forgotten in time.

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

/// How old metadata and keys may be, wherever they were kept meanwhile. A key that its issuer withdrew is taken for that long.
const MAX_AGE: Duration = Duration::from_hours(1);

/// How often the keys of an issuer are fetched for the sake of one that they lack: it may have rotated them a moment ago.
const MISS_EVERY: Duration = Duration::from_mins(1);

/// Where documents of providers come from.
pub(super) struct Documents {
    pub fetch: Arc<dyn Fetch>,
    pub cache: Arc<dyn Cache>,
    pub memory: Arc<OauthMemory>,
}

type Memory<T> = Mutex<HashMap<String, FetchedDocument<T>>>;

impl Documents {
    /// What `provider` says of itself.
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

    /// Verifies `token` with the key that it names. An unknown name makes the keys be fetched anew, at most once in
    /// [`MISS_EVERY`]: a provider that rotates its keys is followed, and tokens with invented names cost nothing.
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

    /// The keys of an issuer after a token named one that is not among those `known`: those that another process has fetched since,
    /// else those that are fetched now. Processes that share a cache share the pause between two fetches too, as far as that goes:
    /// those that ask it at the same moment may each fetch once.
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

    /// What the cache has, and when it was fetched. A cache that fails has nothing.
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

    /// From the cache, else from the provider.
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

/// Where it stands that the keys at `url` were fetched a moment ago for one that they lacked.
fn pause_key(url: &str) -> String {
    format!("oauth-pause:{}", Digest::of(url.as_bytes()))
}

/// What is cached: a process that takes it from there must not count its age from then on.
fn dated(json: &str, fetched_at: Timestamp) -> String {
    format!("{}:{json}", fetched_at.as_millis())
}

/// When it was fetched, and what; `None` when it says no moment.
fn undated(cached: &str) -> Option<(Timestamp, &str)> {
    let (fetched_at, json) = cached.split_once(':')?;
    Some((Timestamp::from_millis(fetched_at.parse().ok()?), json))
}

/// One from the future was fetched before the clock jumped back.
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
