//! State that an isolate has for all its requests: the service, which is built at the first of them.

use std::cell::OnceCell;
use std::sync::Arc;

use latchkey_core::adapter::AuthenticCache;
use latchkey_core::config::{ConfigError, Exposure, variables};
use latchkey_core::port::{Counters, Fetch, PasswordHasher, StoreError};
use latchkey_core::{Config, Memory, Ports, Services};
use latchkey_http::{App, Function, Middleware, Paths};
use latchkey_sql::SqlTable;

use crate::adapters::{D1, Kv, NoMailer, WorkerClock, WorkerEntropy, WorkerFetch};
use crate::{log, request};

/// Name of the D1 database's binding.
const DATABASE: &str = "DB";
/// Name of the KV namespace's binding.
const CACHE: &str = "CACHE";

/// Reason that there is no service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// A binding is missing.
    #[error(transparent)]
    Binding(#[from] StoreError),
    /// Variables are wrong. The error lists all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigError>),
}

thread_local! {
    static SERVICE: OnceCell<Middleware<Paths>> = const { OnceCell::new() };
}

/// Returns the service of this isolate, for the current request. If building it failed, the next request
/// tries again.
pub(crate) fn service(function: fn() -> Function) -> Result<Middleware<Paths>, SetupError> {
    SERVICE.with(|known| {
        if let Some(service) = known.get() {
            return Ok(service.clone());
        }
        log::begin(request::var("LATCHKEY_LOG").as_deref());
        for text in variables::misspelt(request::names().iter().map(String::as_str)) {
            tracing::warn!("{text}");
        }
        let service = latchkey_http::app(function(), App::new(services()?));
        Ok(known.get_or_init(|| service).clone())
    })
}

pub(crate) fn services() -> Result<Services, SetupError> {
    request::d1(DATABASE)?;
    request::kv(CACHE)?;
    let config = Config::read(request::var, Exposure::Deployed).map_err(SetupError::Config)?;
    let fetch: Arc<dyn Fetch> = Arc::new(WorkerFetch);
    let ports = Ports {
        counters: counters(&fetch)?,
        table: Arc::new(table()),
        cache: Arc::new(AuthenticCache::new(Kv::new(CACHE), Arc::clone(&config.sealer))),
        mailer: Arc::new(NoMailer),
        fetch,
        clock: Arc::new(WorkerClock),
        entropy: Arc::new(WorkerEntropy),
        hasher: hasher(),
    };
    Ok(Services::new(Arc::new(config), ports, &Memory::default()))
}

/// Returns the table, for its own features.
pub(crate) fn table() -> SqlTable<D1> {
    SqlTable::new(D1::new(DATABASE))
}

/// Returns counters in Redis if it is configured, or else in D1.
#[cfg(feature = "limits")]
fn counters(fetch: &Arc<dyn Fetch>) -> Result<Arc<dyn Counters>, SetupError> {
    use latchkey_upstash::{Breaker, UpstashCounters, UpstashSettings};

    Ok(match UpstashSettings::read(request::var).map_err(SetupError::Config)? {
        Some(settings) => {
            Arc::new(UpstashCounters::new(settings, Arc::clone(fetch), Arc::new(Breaker::new())))
        }
        None => Arc::new(latchkey_sql::SqlCounters::new(D1::new(DATABASE))),
    })
}

#[cfg(not(feature = "limits"))]
#[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
fn counters(_: &Arc<dyn Fetch>) -> Result<Arc<dyn Counters>, SetupError> {
    Ok(Arc::new(crate::adapters::Absent))
}

#[cfg(feature = "passwords")]
fn hasher() -> Arc<dyn PasswordHasher> {
    Arc::new(crate::adapters::InlineHasher::default())
}

#[cfg(not(feature = "passwords"))]
fn hasher() -> Arc<dyn PasswordHasher> {
    Arc::new(crate::adapters::Absent)
}
