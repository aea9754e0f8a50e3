//! The local server's own code on a socket of this process, so that plain `cargo test` runs every case too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use latchkey::adapters::mailbox::DEFAULT_FROM;
use latchkey::adapters::{Mailbox, PoolSize, PooledHasher};
use latchkey::serve::{self, Serving};
use latchkey_core::account::SignUp;
use latchkey_core::adapter::{InProcessCache, InProcessCounters};
use latchkey_core::config::Exposure;
use latchkey_core::password::Password;
use latchkey_core::permission::RoleName;
use latchkey_core::{Config, Memory, Ports, Services};
use latchkey_harness::Result;
use latchkey_harness::platform::{Admin, Platform, Running, Settings};
use latchkey_http::App;
use latchkey_native::{HttpFetch, SystemClock, SystemEntropy};
use latchkey_sql::SqlTable;
use latchkey_sql::sqlite::Sqlite;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Its name in `LATCHKEY_PLATFORMS`.
pub(crate) const NAME: &str = "in-process";

/// The platform.
pub(crate) struct InProcess;

struct Server {
    runtime: Option<Runtime>,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    _data: TempDir,
}

fn services(data: &TempDir, url: &str, settings: &Settings) -> Services {
    let var = |name: &str| match name {
        "LATCHKEY_URL" => Some(url.to_owned()),
        "LATCHKEY_SECRET" => Some("wjb4tv0iY2WTyCXVzXz1MhrpyXHpQ2lNkLMzSVvzLZk=".to_owned()),
        other => settings.variables.iter().find(|(name, _)| name == other).map(|(_, value)| value.clone()),
    };
    let config = Config::read(var, Exposure::Local).unwrap();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let mailbox = Mailbox::open(data.path(), DEFAULT_FROM, clock.clone(), entropy.clone()).unwrap();
    let ports = Ports {
        table: Arc::new(SqlTable::new(Sqlite::open(&data.path().join("latchkey.db")).unwrap())),
        counters: Arc::new(InProcessCounters::default()),
        cache: Arc::new(InProcessCache::default()),
        mailer: Arc::new(mailbox),
        fetch: Arc::new(HttpFetch::new()),
        clock,
        entropy,
        hasher: Arc::new(PooledHasher::new(&PoolSize::default()).unwrap()),
    };
    Services::new(Arc::new(config), ports, &Memory::default())
}

async fn make_admin(services: &Services, admin: &Admin) {
    services.roles.init().await.unwrap();
    let password = Password::new(&admin.password.clone().into());
    let sign_up = SignUp { email: admin.email.parse().unwrap(), password, name: None };
    let roles = BTreeSet::from([RoleName::ADMIN]);
    services.users.create(&services.registration.check(sign_up).unwrap(), &roles).await.unwrap();
}

impl Platform for InProcess {
    fn name(&self) -> &'static str {
        NAME
    }

    fn start(&self, settings: &Settings, admin: &Admin) -> Result<Box<dyn Running>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(serve::listen((Ipv4Addr::LOCALHOST, 0).into())).unwrap();
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let data = tempfile::tempdir()?;
        let services = services(&data, &url, settings);
        runtime.block_on(make_admin(&services, admin));
        let app = latchkey_http::app(latchkey_all::function(), App::new(services));
        let (stop, stopped) = oneshot::channel();
        let refused = app.clone();
        let serving = Serving::new(move |problem| refused.refuse(problem));
        runtime.spawn(serve::serve(listener, app, serving, async {
            let _ = stopped.await;
        }));
        Ok(Box::new(Server { runtime: Some(runtime), url, stop: Some(stop), _data: data }))
    }
}

impl Running for Server {
    fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
