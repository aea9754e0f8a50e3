use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use latchkey_core::account::Accounts;
use latchkey_core::audit::AuditLog;
use latchkey_core::limit::Limiter;
use latchkey_core::permission::Roles;
use latchkey_core::session::Sessions;
use latchkey_core::token::Keys;
use latchkey_core::{Config, Ports, Services};
use tower::ServiceBuilder;
use tower_http::cors::CorsLayer;

use crate::edge::EdgeLayer;
use crate::health::{Health, health};
use crate::{Function, Problem};

/// The state of a running service. A handler names the part that it needs: `State<Arc<Accounts>>`.
#[derive(Clone)]
pub struct App {
    services: Arc<Services>,
    health: Arc<Health>,
}

impl App {
    /// The state over these services.
    pub fn new(services: Services) -> Self {
        Self { services: Arc::new(services), health: Arc::default() }
    }

    /// The services.
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
    Arc<Accounts> = accounts,
    Arc<Sessions> = sessions,
    Arc<Limiter> = limiter,
    Arc<Keys> = keys,
    Arc<Config> = config,
    Roles = roles,
    AuditLog = audit,
    Ports = ports,
}

impl FromRef<App> for Arc<Health> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.health)
    }
}

/// The whole service: the functions' routes and `/health` behind the edge.
pub fn app(function: Function<App>, app: App) -> Router {
    let config = &app.services.config;
    let edge = EdgeLayer::new(Arc::clone(config), &*app.services.ports.entropy);
    let cors = cors(config);
    function
        .merge(health())
        .into_router()
        .fallback(|| async { Problem::not_found("there is nothing under this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                axum::http::StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path does not take that method; `Allow` names those it takes",
            )
        })
        .with_state(app)
        .layer(ServiceBuilder::new().layer(edge).layer(cors))
}

/// Exact origins with credentials; never a wildcard, never a reflected origin.
fn cors(config: &Config) -> CorsLayer {
    use axum::http::{HeaderName, Method, header};
    let origins: Vec<_> = config.origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            header::RETRY_AFTER,
            HeaderName::from_static("ratelimit-limit"),
            HeaderName::from_static("ratelimit-remaining"),
            HeaderName::from_static("ratelimit-reset"),
        ])
        .max_age(std::time::Duration::from_mins(10))
}
