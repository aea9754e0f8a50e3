use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use latchkey_core::config::ConfigError;
use latchkey_core::{Memory, Services, Timestamp};
use latchkey_http::App;

use crate::ports::{self, Platform};
use crate::settings::{LambdaSettings, Mistakes, Var};

/// How long what references name is taken as it was read: as long as AWS's own extension keeps it.
const FRESH_FOR: Duration = Duration::from_mins(5);
/// How long after a failure it is asked for again.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// How long after it was due a renewal is waited for. Until then it is made beside an event; a container that stood still for longer
/// may hold secrets that no other one has any more.
const OVERDUE: Duration = Duration::from_mins(10);

/// Makes what answers events, out of the services and whatever else the settings say.
pub(crate) type Make<T> =
    Box<dyn Fn(App, &dyn Fn(&str) -> Option<String>) -> Result<T, Vec<ConfigError>> + Send + Sync>;

/// What answers events in this container. It outlives a change of the secrets that its settings refer to.
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
    /// Reads the settings and puts the app together. Only references cost time: they are fetched now, since the container
    /// is not yet asked for anything, and since what is wrong with them should stop a deployment and not a user.
    pub(crate) async fn start(make: Make<T>, platform: Platform, var: Var) -> Result<Self, Mistakes> {
        let memory = Memory::default();
        let settings = LambdaSettings::read(&var, ports::reader, &platform.aws).await?;
        let app = put_together(&make, &platform, &memory, &settings)?;
        let renew_at = platform.now() + FRESH_FOR;
        let state = Mutex::new(State { app, settings: Arc::new(settings), renew_at });
        Ok(Self { make, platform, memory, var, state })
    }

    /// The app for the next event, renewed before where that is long overdue.
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

    /// Fetches what references name, when that is due, and puts the app together anew where it has changed. What fails
    /// leaves the app as it is: a secret that was good a moment ago is better than none.
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
