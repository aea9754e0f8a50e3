//! Services of this machine, built on its adapters.

use std::net::SocketAddr;
use std::sync::Arc;

use latchkey_core::adapter::{InProcessCache, InProcessCounters};
use latchkey_core::{Memory, Ports, Services};
use latchkey_native::{HttpFetch, SystemClock, SystemEntropy};
use latchkey_sql::SqlTable;
use latchkey_sql::sqlite::{OpenError, Sqlite};

use crate::adapters::mailbox::{DEFAULT_FROM, MailboxError};
use crate::adapters::{Mailbox, PoolSize, PooledHasher};
use crate::cli::DataArgs;
use crate::data::{DataError, DataFolder, DataPlan, MadeData, Missing};
use crate::serve::Timeouts;
use crate::settings::{self, ServerSettings, SettingsError};

/// Reason that the services cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder is the reason.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The configuration is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The threads that hash passwords cannot be started.
    #[error("no thread for password hashing could be started ({0}): raise this user's limit on threads")]
    Threads(std::io::Error),
    /// The mailbox cannot be used.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

/// Services of this machine, and their resources.
pub struct Local {
    /// The services.
    pub services: Services,
    /// Table, for the features that only a local file has: purging, and a check of its integrity.
    pub table: Arc<SqlTable<Sqlite>>,
    /// The data folder.
    pub data: DataFolder,
    /// Maximum number of connections at one moment.
    pub connections: usize,
    /// Time limits for clients.
    pub timeouts: Timeouts,
}

/// Opens the data folder and builds the services for a server that listens on `listen`. The configuration is
/// read first, so a mistake in it creates nothing. Dropping the returned [`MadeData`] removes everything that
/// this start created, unless it is kept.
pub fn open(args: &DataArgs, missing: Missing, listen: SocketAddr) -> Result<(MadeData, Local), StartError> {
    let entropy = Arc::new(SystemEntropy);
    let plan = DataPlan::new(&args.data, missing)?;
    let ServerSettings { config, connections, timeouts, own_secret } =
        settings::read(&plan, listen, &*entropy)?;
    let (data, made) = plan.open()?;
    if let Some(secret) = own_secret {
        data.store_secret(secret)?;
    }
    let table = Arc::new(SqlTable::new(Sqlite::open(&data.database())?));
    let clock = Arc::new(SystemClock);
    let mailbox = Mailbox::open(
        data.path(),
        DEFAULT_FROM,
        Arc::<SystemClock>::clone(&clock),
        Arc::<SystemEntropy>::clone(&entropy),
    )?;
    let ports = Ports {
        table: Arc::<SqlTable<Sqlite>>::clone(&table),
        counters: Arc::new(InProcessCounters::default()),
        cache: Arc::new(InProcessCache::default()),
        mailer: Arc::new(mailbox),
        fetch: Arc::new(HttpFetch::new()),
        clock,
        entropy,
        hasher: Arc::new(PooledHasher::new(&PoolSize::default()).map_err(StartError::Threads)?),
    };
    let services = Services::new(Arc::new(config), ports, &Memory::default());
    Ok((made, Local { services, table, data, connections, timeouts }))
}
