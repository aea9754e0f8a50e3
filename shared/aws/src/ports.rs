//! Ports of a function, over AWS and Upstash.

use std::sync::Arc;

use latchkey_core::adapter::AuthenticCache;
use latchkey_core::adapter::InProcessCache;
use latchkey_core::adapter::TableCounters;
use latchkey_core::config::{ConfigError, Exposure};
use latchkey_core::port::{Cache, Counters, PasswordHasher, Table};
use latchkey_core::{Config, Ports, Timestamp};
use latchkey_native::{HttpFetch, SystemClock, SystemEntropy};
use latchkey_upstash::{Breaker, UpstashCache, UpstashCounters};

use crate::dynamodb::{self, DynamoTable};
use crate::hasher::BlockingHasher;
use crate::mailer::NoMailer;
use crate::settings::{Aws, LambdaSettings, Mistakes, Var};

/// Parts of a container that do not depend on its settings. They are created once, and none connects before
/// it is used.
pub(crate) struct Platform {
    pub(crate) aws: Aws,
    cache: Arc<dyn Cache>,
    breaker: Arc<Breaker>,
    hasher: Arc<dyn PasswordHasher>,
}

/// Reads every variable that may be a reference.
pub(crate) fn reader(var: &dyn Fn(&str) -> Option<String>) {
    let _ = Checked::read(var);
}

/// Checked settings.
struct Checked {
    config: Config,
    table: String,
    redis: Option<latchkey_upstash::UpstashSettings>,
}

impl Checked {
    /// Reads the settings, and returns all mistakes at once.
    fn read(var: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let config = Config::read(var, Exposure::Deployed).and_then(demand_cdn_secret);
        let redis = latchkey_upstash::UpstashSettings::read(var);
        let table = var("LATCHKEY_TABLE").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let table = table.ok_or_else(|| {
            ConfigError::new("LATCHKEY_TABLE", "is not set", "set it to the name of the DynamoDB table")
        });
        match (config, redis, table) {
            (Ok(config), Ok(redis), Ok(table)) => Ok(Self { config, table, redis }),
            (config, redis, table) => {
                let mut errors = config.err().unwrap_or_default();
                errors.extend(redis.err().unwrap_or_default());
                errors.extend(table.err());
                Err(errors)
            }
        }
    }
}

/// Requires a CDN secret if there are trusted proxies: the API has a public address of its own, which anyone
/// can call without the CDN.
fn demand_cdn_secret(config: Config) -> Result<Config, Vec<ConfigError>> {
    if config.trusted_proxies == 0 || config.cdn_secret.is_some() {
        return Ok(config);
    }
    Err(vec![ConfigError::new(
        "LATCHKEY_TRUSTED_PROXIES",
        "is set without LATCHKEY_CDN_SECRET, so anyone who calls the API at its own address could forge a \
         client address",
        "set LATCHKEY_CDN_SECRET to the output of `openssl rand -hex 32`, and have the CDN add it to each request as \
         X-Latchkey-CDN-Secret",
    )])
}

impl Platform {
    /// Creates a platform over the machine's clock, random generator and HTTP client.
    pub(crate) fn new(var: Var) -> Self {
        Self::over(Aws {
            fetch: Arc::new(HttpFetch::new()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            var,
        })
    }

    /// Creates a platform over the given ports.
    pub(crate) fn over(aws: Aws) -> Self {
        Self {
            aws,
            cache: Arc::new(InProcessCache::default()),
            breaker: Arc::new(Breaker::new()),
            hasher: Arc::new(BlockingHasher::default()),
        }
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        self.aws.clock.now()
    }

    /// Returns the configuration and the ports for `settings`.
    pub(crate) fn configure(&self, settings: &LambdaSettings) -> Result<(Config, Ports), Mistakes> {
        let checked = Checked::read(&|name| settings.get(name));
        let source = settings.clone();
        let dynamodb = dynamodb::DynamoDbSettings::read(move |name| source.get(name));
        let (Checked { config, table, redis }, dynamodb) = match (checked, dynamodb) {
            (Ok(checked), Ok(dynamodb)) => (checked, dynamodb),
            (checked, dynamodb) => {
                let mut errors = checked.err().unwrap_or_default();
                errors.extend(dynamodb.err().unwrap_or_default());
                return Err(errors.into());
            }
        };
        let table: Arc<dyn Table> = Arc::new(DynamoTable::new(dynamodb::client(&dynamodb), table));
        let (counters, cache) = self.counters_and_cache(redis, &table, &config);
        let Aws { fetch, clock, entropy, .. } = self.aws.clone();
        let (mailer, hasher) = (Arc::new(NoMailer), Arc::clone(&self.hasher));
        Ok((config, Ports { table, counters, cache, mailer, fetch, clock, entropy, hasher }))
    }

    /// Returns counters and cache on Redis if it is configured. Otherwise counts are in the table, and each
    /// container has its own cache.
    fn counters_and_cache(
        &self,
        redis: Option<latchkey_upstash::UpstashSettings>,
        table: &Arc<dyn Table>,
        config: &Config,
    ) -> (Arc<dyn Counters>, Arc<dyn Cache>) {
        let Some(redis) = redis else {
            return (Arc::new(TableCounters::new(Arc::clone(table))), Arc::clone(&self.cache));
        };
        let (fetch, breaker) = (&self.aws.fetch, &self.breaker);
        let counters = UpstashCounters::new(redis.clone(), Arc::clone(fetch), Arc::clone(breaker));
        let cache = UpstashCache::new(redis, Arc::clone(fetch), Arc::clone(breaker));
        (Arc::new(counters), Arc::new(AuthenticCache::new(cache, Arc::clone(&config.sealer))))
    }
}
