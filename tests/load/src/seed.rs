//! A database with many users, made as sign-ups make them, at the least cost of a hash.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use latchkey_core::account::{Authority, SignUp};
use latchkey_core::adapter::{InProcessCache, InProcessCounters};
use latchkey_core::audit::Requester;
use latchkey_core::config::Exposure;
use latchkey_core::password::Password;
use latchkey_core::port::{Derivation, Entropy, HasherError, Mailer, MailerError, Message, PasswordHasher};
use latchkey_core::{Config, Memory, Ports, Services};
use latchkey_native::{HttpFetch, SystemClock, SystemEntropy};
use latchkey_sql::SqlTable;
use latchkey_sql::sqlite::Sqlite;

use crate::scripts::PASSWORD;
use crate::{Result, now};

/// The administrator of a seeded database; the password is that of all.
pub const ADMIN: &str = "root@example.com";
/// How many sign-ups are under way at once: they share the syncs of the disk.
const AT_ONCE: usize = 256;

/// Makes `users` users in the data folder, which must be empty, and an administrator.
pub fn seed(users: u32, data: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(fill(users, data))
}

/// The same within a runtime.
pub async fn fill(users: u32, data: &Path) -> Result<()> {
    std::fs::create_dir_all(data)?;
    if std::fs::read_dir(data)?.next().is_some() {
        return Err(format!("{} is not empty: seed a new folder", data.display()).into());
    }
    let services = services(data)?;
    services.keys.jwks().await?;
    services.roles.init().await?;
    let start = now();
    let root = make(&services, ADMIN.to_owned()).await?;
    services.users.grant_role(root, &"admin".parse()?, Authority::Operator, &Requester::default()).await?;
    let mut made = futures_util::stream::iter(0..users)
        .map(|number| make(&services, format!("user-{number}@example.com")))
        .buffer_unordered(AT_ONCE);
    let mut done: u32 = 0;
    while let Some(user) = made.next().await {
        user?;
        done += 1;
        if done.is_multiple_of(50_000) {
            eprintln!("{done} users after {:.0} s", start.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

async fn make(services: &Services, email: String) -> Result<latchkey_core::UserId> {
    let request = SignUp { email: email.parse()?, password: Password::new(&PASSWORD.into()), name: None };
    let checked = services.registration.check(request)?;
    Ok(services.users.create(&checked, &BTreeSet::new()).await?.id)
}

/// The services over the database and the secret of `data`, as the server that is started there has them.
fn services(data: &Path) -> Result<Services> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let secret = BASE64_STANDARD.encode(entropy.bytes::<32>()?);
    std::fs::write(data.join("secret"), &secret)?;
    let var = |name: &str| match name {
        "LATCHKEY_URL" => Some("http://localhost".to_owned()),
        "LATCHKEY_SECRET" => Some(secret.clone()),
        // The least that argon2 computes.
        "LATCHKEY_ARGON2" => Some("m=8,t=1,p=1".to_owned()),
        _ => None,
    };
    let config = Config::read(var, Exposure::Local)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let ports = Ports {
        table: Arc::new(SqlTable::new(Sqlite::open(&data.join("latchkey.db"))?)),
        counters: Arc::new(InProcessCounters::default()),
        cache: Arc::new(InProcessCache::default()),
        mailer: Arc::new(NoMail),
        fetch: Arc::new(HttpFetch::new()),
        clock: Arc::new(SystemClock),
        entropy,
        hasher: Arc::new(InlineHasher),
    };
    Ok(Services::new(Arc::new(config), ports, &Memory::default()))
}

struct InlineHasher;

#[async_trait]
impl PasswordHasher for InlineHasher {
    async fn derive(&self, job: Derivation) -> std::result::Result<[u8; 32], HasherError> {
        job.run(&mut Vec::new())
    }
}

struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _: &Message) -> std::result::Result<(), MailerError> {
        Err(MailerError::Unavailable("nobody is written to".to_owned()))
    }
}
