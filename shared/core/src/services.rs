use std::sync::Arc;

use crate::Config;
use crate::account::Accounts;
use crate::audit::AuditLog;
use crate::limit::{Fallback, Limiter};
use crate::oauth::{Oauth, OauthMemory};
use crate::password::Breaches;
use crate::permission::Roles;
use crate::port::Ports;
use crate::secrets::Secrets;
use crate::session::{SessionMemory, Sessions};
use crate::token::{KeyMemory, Keys};

/// What a process remembers between requests: plain data of bounded size. A platform whose ports live for one request
/// keeps this for longer.
#[derive(Default, Clone)]
pub struct Memory {
    /// Verified tokens and recent sessions.
    pub sessions: Arc<SessionMemory>,
    /// The key ring.
    pub keys: Arc<KeyMemory>,
    /// What counts while the counters fail.
    pub fallback: Arc<Fallback>,
    /// Metadata and keys of providers.
    pub oauth: Arc<OauthMemory>,
}

/// Every service of the domain, put together over the ports.
#[derive(Clone)]
pub struct Services {
    /// Accounts.
    pub accounts: Arc<Accounts>,
    /// Sessions.
    pub sessions: Arc<Sessions>,
    /// Signing keys.
    pub keys: Arc<Keys>,
    /// Sign-in with providers.
    pub oauth: Arc<Oauth>,
    /// Rotation of `LATCHKEY_SECRET`.
    pub secrets: Secrets,
    /// Role definitions.
    pub roles: Roles,
    /// Rate limits.
    pub limiter: Arc<Limiter>,
    /// The audit log.
    pub audit: AuditLog,
    /// The configuration.
    pub config: Arc<Config>,
    /// The ports themselves.
    pub ports: Ports,
}

impl Services {
    /// The services over `ports`, as `config` says.
    pub fn new(config: Arc<Config>, ports: Ports, memory: &Memory) -> Self {
        for danger in &config.overrides {
            let (variable, consequence) = (danger.variable(), danger.consequence());
            tracing::warn!(variable, consequence, "the configuration is unsafe");
        }
        let Ports { table, counters, cache, fetch, clock, entropy, hasher, .. } = ports.clone();
        let audit = AuditLog::new(
            Arc::clone(&table),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            config.audit_retention,
        );
        let oauth = Arc::new(Oauth::new(
            &config,
            Arc::clone(&table),
            fetch,
            Arc::clone(&cache),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&memory.oauth),
        ));
        let roles = Roles::new(Arc::clone(&table), Arc::clone(&clock), cache, audit.clone());
        let keys = Arc::new(Keys::new(
            Arc::clone(&table),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&config.sealer),
            config.algorithm,
            Arc::clone(&config.parties),
            Arc::clone(&memory.keys),
        ));
        let sessions = Arc::new(Sessions::new(
            Arc::clone(&table),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&config.sealer),
            Arc::clone(&keys),
            roles.clone(),
            audit.clone(),
            Arc::clone(&memory.sessions),
            config.limits,
        ));
        let accounts = Arc::new(Accounts::new(
            table,
            clock,
            entropy,
            hasher,
            audit.clone(),
            Arc::clone(&sessions),
            roles.clone(),
            config.password_rules.clone(),
            config.strength.clone(),
            config.breached.clone().map(|service| Breaches::new(service, Arc::clone(&ports.fetch))),
            Arc::clone(&config.sealer),
            config.keep_provider_tokens.then(|| Arc::clone(&config.sealer)),
        ));
        let secrets = Secrets::new(
            Arc::clone(&ports.table),
            Arc::clone(&ports.clock),
            Arc::clone(&config.sealer),
            Arc::clone(&keys),
            Arc::clone(&accounts),
            audit.clone(),
        );
        let limiter = Arc::new(Limiter::new(counters, config.limits, Arc::clone(&memory.fallback)));
        Self { accounts, sessions, keys, oauth, secrets, roles, limiter, audit, config, ports }
    }
}
