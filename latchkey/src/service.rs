//! The services of this machine, put together over its adapters.

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

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The configuration.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The threads that hash passwords.
    #[error("no thread for password hashing could be started ({0}): raise this user's limit on threads")]
    Threads(std::io::Error),
    /// The mailbox.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

/// The services and what they stand on.
pub struct Local {
    /// The services.
    pub services: Services,
    /// The table itself, for what only a local file has: clean-up and a check of its integrity.
    pub table: Arc<SqlTable<Sqlite>>,
    /// The data folder.
    pub data: DataFolder,
    /// The most connections at once.
    pub connections: usize,
    /// How long clients may take.
    pub timeouts: Timeouts,
}

/// Opens the data folder and puts the services together for a server that listens on `listen`. The configuration is read first:
/// a mistake in it makes nothing. What a start makes goes again with the first of the two, unless that is kept.
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
