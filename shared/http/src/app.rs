use std::sync::Arc;

use axum::extract::FromRef;
use latchkey_core::account::{
    Devices, IdentityLinking, OwnAccount, PasswordSignIn, ProviderSignIn, Registration, TokenVault,
    UserAdministration,
};
use latchkey_core::audit::{AuditLog, Refusals};
use latchkey_core::limit::Limiter;
use latchkey_core::oauth::Oauth;
use latchkey_core::permission::Roles;
use latchkey_core::session::Sessions;
use latchkey_core::token::Keys;
use latchkey_core::{Config, Ports, Services};

use crate::health::{Health, health};
use crate::{Function, Middleware, Paths};

/// State of a running service. A handler names the part that it needs, such as `State<Arc<Registration>>`.
#[derive(Clone)]
pub struct App {
    services: Arc<Services>,
    health: Arc<Health>,
}

impl App {
    /// Returns the state over `services`.
    pub fn new(services: Services) -> Self {
        Self { services: Arc::new(services), health: Arc::default() }
    }

    /// Returns the services.
    pub fn services(&self) -> &Services {
        &self.services
    }
}

macro_rules! parts {
    ($($part:ty = $field:ident),+ $(,)?) => {
        $(impl FromRef<App> for $part {
            fn from_ref(app: &App) -> Self {
                app.services.$field.clone()
            }
        })+
    };
}

parts! {
    Arc<Registration> = registration,
    Arc<PasswordSignIn> = password_sign_in,
    Arc<ProviderSignIn> = provider_sign_in,
    Arc<IdentityLinking> = identities,
    Arc<TokenVault> = token_vault,
    Arc<UserAdministration> = users,
    Arc<OwnAccount> = own_account,
    Arc<Sessions> = sessions,
    Arc<Limiter> = limiter,
    Arc<Oauth> = oauth,
    Arc<Keys> = keys,
    Arc<Config> = config,
    Roles = roles,
    AuditLog = audit,
    Ports = ports,
    Arc<Devices> = devices,
}

impl FromRef<App> for Arc<Health> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.health)
    }
}

/// Returns the whole service: the function's routes and `/health` behind the middleware.
pub fn app(function: Function, app: App) -> Middleware<Paths> {
    let config = Arc::clone(&app.services.config);
    let entropy = Arc::clone(&app.services.ports.entropy);
    let refusals = Refusals::new(app.services.audit.clone());
    Middleware::new(function.merge(health()).into_paths(app), config, refusals, &*entropy)
}
