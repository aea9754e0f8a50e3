use std::sync::Arc;

use crate::Config;
use crate::account::{
    AccountSeals, Accounts, Devices, IdentityLinking, IdentityRelocation, OwnAccount, PasswordSignIn,
    Passwords, ProviderSignIn, Registration, TokenVault, UserAdministration,
};
use crate::audit::AuditLog;
use crate::limit::{Fallback, Limiter};
use crate::oauth::{Oauth, OauthDeployment, OauthMemory, Redirects};
use crate::password::Breaches;
use crate::permission::Roles;
use crate::port::Ports;
use crate::secrets::Secrets;
use crate::session::{SessionMemory, Sessions};
use crate::token::{KeyMemory, Keys};

/// Memory of a process between requests: plain data of bounded size. A platform whose ports live for one request must keep this
/// for longer.
#[derive(Default, Clone)]
pub struct Memory {
    /// Verified tokens and recent sessions.
    pub sessions: Arc<SessionMemory>,
    /// Key ring.
    pub keys: Arc<KeyMemory>,
    /// Counters for the time while the counters fail.
    pub fallback: Arc<Fallback>,
    /// Metadata and keys of providers.
    pub oauth: Arc<OauthMemory>,
}

/// All services of the domain, built over the ports.
#[derive(Clone)]
pub struct Services {
    /// Sign-up.
    pub registration: Arc<Registration>,
    /// Sign-in with a password.
    pub password_sign_in: Arc<PasswordSignIn>,
    /// Sign-in with a provider.
    pub provider_sign_in: Arc<ProviderSignIn>,
    /// Identities of an account.
    pub identities: Arc<IdentityLinking>,
    /// Provider refresh tokens.
    pub token_vault: Arc<TokenVault>,
    /// Administration of accounts.
    pub users: Arc<UserAdministration>,
    /// Changes by owners to their own accounts.
    pub own_account: Arc<OwnAccount>,
    /// Changes by the operator to all identities of an issuer.
    pub relocation: Arc<IdentityRelocation>,
    /// Browsers that signed in before.
    pub devices: Arc<Devices>,
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
    /// Audit log.
    pub audit: AuditLog,
    /// Configuration.
    pub config: Arc<Config>,
    /// Ports.
    pub ports: Ports,
}

impl Services {
    /// Returns the services over `ports` with the settings of `config`.
    pub fn new(config: Arc<Config>, ports: Ports, memory: &Memory) -> Self {
        for danger in &config.overrides {
            let (variable, consequence) = (danger.variable(), danger.consequence());
            tracing::warn!(variable, consequence, "the configuration is unsafe");
        }
        let Ports { table, counters, cache, clock, entropy, hasher, .. } = ports.clone();
        let audit = AuditLog::new(
            Arc::clone(&table),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            config.audit_retention,
        );
        let oauth = Arc::new(sign_in_with_providers(&config, &ports, memory));
        let roles = Roles::new(Arc::clone(&table), Arc::clone(&clock), cache, audit.clone());
        let keys = Arc::new(Keys::new(
            Arc::clone(&table),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&config.sealer),
            config.algorithm,
            Arc::clone(&config.issuer_and_audience),
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
        let accounts = Arc::new(Accounts {
            table: Arc::clone(&table),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            audit: audit.clone(),
            sessions: Arc::clone(&sessions),
            roles: roles.clone(),
            sealer: Arc::clone(&config.sealer),
        });
        let devices = Devices::new(Arc::clone(&clock), Arc::clone(&entropy), Arc::clone(&config.sealer));
        let fallback = Arc::clone(&memory.fallback);
        let limiter = Arc::new(Limiter::new(counters, Arc::clone(&clock), config.limits, fallback));
        let passwords = Arc::new(Passwords {
            hasher,
            entropy,
            sealer: Arc::clone(&config.sealer),
            parameters: config.argon2.clone(),
        });
        let vault = Arc::new(TokenVault::new(Arc::clone(&accounts), config.keep_provider_tokens));
        let seals = AccountSeals::new(Arc::clone(&accounts), Arc::clone(&vault));
        let secrets = Secrets::new(
            table,
            clock,
            Arc::clone(&config.sealer),
            Arc::clone(&keys),
            Arc::new(seals),
            audit.clone(),
        );
        let breaches =
            || config.breached.clone().map(|service| Breaches::new(service, Arc::clone(&ports.fetch)));
        let registration = Registration::new(
            Arc::clone(&accounts),
            Arc::clone(&passwords),
            config.password_rules.clone(),
            breaches(),
        );
        let users = Arc::new(UserAdministration::new(Arc::clone(&accounts), Arc::clone(&passwords)));
        let own_account = OwnAccount::new(
            Arc::clone(&accounts),
            Arc::clone(&passwords),
            Arc::clone(&users),
            config.password_rules.clone(),
            breaches(),
        );
        Self {
            registration: Arc::new(registration),
            password_sign_in: Arc::new(PasswordSignIn::new(Arc::clone(&accounts), passwords)),
            provider_sign_in: Arc::new(ProviderSignIn::new(Arc::clone(&accounts), Arc::clone(&vault))),
            identities: Arc::new(IdentityLinking::new(Arc::clone(&accounts), Arc::clone(&vault))),
            token_vault: vault,
            users,
            own_account: Arc::new(own_account),
            relocation: Arc::new(IdentityRelocation::new(accounts)),
            devices: Arc::new(devices),
            sessions,
            keys,
            oauth,
            secrets,
            roles,
            limiter,
            audit,
            config,
            ports,
        }
    }
}

fn sign_in_with_providers(config: &Config, ports: &Ports, memory: &Memory) -> Oauth {
    let url = &config.url;
    let deployment = OauthDeployment {
        settings: Arc::clone(&config.oauth),
        redirects: Redirects::new(url.origin(), &config.origins, config.oauth.apps()),
        url: url.as_str().to_owned(),
        cookie_prefix: url.cookie_prefix().to_owned(),
        keep_tokens: config.keep_provider_tokens,
        sealer: Arc::clone(&config.sealer),
    };
    let Ports { table, cache, fetch, clock, entropy, .. } = ports.clone();
    Oauth::new(deployment, table, fetch, cache, clock, entropy, Arc::clone(&memory.oauth))
}
