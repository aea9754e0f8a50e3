use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use latchkey_core::config::ConfigError;
use latchkey_core::{Memory, Services, Timestamp};
use latchkey_http::App;

use crate::ports::{self, Platform};
use crate::settings::{LambdaSettings, Mistakes, Var};

/// Time for which fetched references count as current. AWS's own extension caches for the same time.
const FRESH_FOR: Duration = Duration::from_mins(5);
/// Pause after a failed fetch.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// Delay from which a due renewal is awaited. Until then it runs beside an event. A container that was frozen
/// for longer may hold secrets that no other container has any more.
const OVERDUE: Duration = Duration::from_mins(10);

/// Builds the handler of events from the services and the other settings.
pub(crate) type Make<T> =
    Box<dyn Fn(App, &dyn Fn(&str) -> Option<String>) -> Result<T, Vec<ConfigError>> + Send + Sync>;

/// Handler of events in this container. It is rebuilt when the secrets that its settings refer to change.
pub(crate) struct Live<T> {
    make: Make<T>,
    platform: Platform,
    memory: Memory,
    var: Var,
    state: Mutex<State<T>>,
}

struct State<T> {
    app: T,
    settings: Arc<LambdaSettings>,
    renew_at: Timestamp,
}

impl<T: Clone> Live<T> {
    /// Reads the settings and builds the app. Only references take time. They are fetched at the start,
    /// because no event waits yet, and because wrong references should stop a deployment and not a user.
    pub(crate) async fn start(make: Make<T>, platform: Platform, var: Var) -> Result<Self, Mistakes> {
        let memory = Memory::default();
        let settings = LambdaSettings::read(&var, ports::reader, &platform.aws).await?;
        let app = put_together(&make, &platform, &memory, &settings)?;
        let renew_at = platform.now() + FRESH_FOR;
        let state = Mutex::new(State { app, settings: Arc::new(settings), renew_at });
        Ok(Self { make, platform, memory, var, state })
    }

    /// Returns the app for the next event. If a renewal is long overdue, it runs first.
    pub(crate) async fn app(&self) -> T {
        let is_overdue = {
            let state = self.state();
            state.settings.has_references() && self.platform.now() >= state.renew_at + OVERDUE
        };
        if is_overdue {
            self.renew().await;
        }
        self.state().app.clone()
    }

    /// Fetches the references if that is due, and rebuilds the app if they have changed. After a failure the
    /// app stays as it is, because the previous secrets most likely still work.
    pub(crate) async fn renew(&self) {
        let now = self.platform.now();
        let settings = {
            let mut state = self.state();
            if !state.settings.has_references() || now < state.renew_at {
                return;
            }
            state.renew_at = now + RETRY_AFTER;
            Arc::clone(&state.settings)
        };
        let renewed = match LambdaSettings::read_once(&self.var, ports::reader, &self.platform.aws).await {
            Ok(renewed) if renewed.is_same_as(&settings) => Ok(None),
            Ok(renewed) => put_together(&self.make, &self.platform, &self.memory, &renewed)
                .map(|app| Some((app, renewed))),
            Err(mistakes) => Err(mistakes),
        };
        match renewed {
            Ok(changed) => {
                let mut state = self.state();
                state.renew_at = now + FRESH_FOR;
                if let Some((app, settings)) = changed {
                    tracing::info!("the settings have changed");
                    state.app = app;
                    state.settings = Arc::new(settings);
                }
            }
            Err(mistakes) => tracing::warn!(%mistakes, "the settings could not be renewed"),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put_together<T>(
    make: &Make<T>,
    platform: &Platform,
    memory: &Memory,
    settings: &LambdaSettings,
) -> Result<T, Mistakes> {
    let (config, ports) = platform.configure(settings)?;
    let services = Services::new(Arc::new(config), ports, memory);
    Ok(make(App::new(services), &|name| settings.get(name))?)
}

#[cfg(test)]
mod tests;
