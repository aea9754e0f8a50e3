//! The accounts that the measurements use.

use std::net::SocketAddr;
use std::sync::LazyLock;

use latchkey_core::port::Clock;
use latchkey_native::SystemClock;

use crate::Result;
use crate::driver::Connection;
use crate::scripts::{credentials, member, post};

/// Someone who is signed in.
pub struct Account {
    /// The address to sign in with.
    pub email: String,
    /// A bearer token.
    pub access_token: String,
    /// The first refresh token of the session.
    pub refresh_token: String,
}

/// The accounts of a run, apart by their use: an account keeps 100 sessions, so the one that signs in again and again loses the
/// session that it began with.
pub struct Accounts {
    /// Those that are signed in once.
    pub signed_in: Vec<Account>,
    /// Those that sign in all the time.
    pub signing_in: Vec<Account>,
}

/// Signs up `count` accounts for either use.
pub async fn accounts(address: SocketAddr, count: usize) -> Result<Accounts> {
    Ok(Accounts {
        signed_in: sign_up(address, "load", count).await?,
        signing_in: sign_up(address, "load-in", count).await?,
    })
}

async fn sign_up(address: SocketAddr, prefix: &str, count: usize) -> Result<Vec<Account>> {
    let mut connection = Connection::open(address).await?;
    let mut accounts = Vec::with_capacity(count);
    for number in 0..count {
        // Another run over the same database has other ones.
        let email = format!("{prefix}-{number}-{}@example.com", run());
        let answer = connection.exchange(post("/v1/signup", None, &credentials(&email)).as_bytes()).await?;
        if answer.status != 201 {
            let text = String::from_utf8_lossy(answer.body);
            return Err(format!("a sign-up was answered {}: {text}", answer.status).into());
        }
        accounts.push(Account {
            email,
            access_token: member(answer.body, "access_token")?,
            refresh_token: member(answer.body, "refresh_token")?,
        });
    }
    Ok(accounts)
}

/// A name for this run: the millisecond in which it began.
fn run() -> i64 {
    static RUN: LazyLock<i64> = LazyLock::new(|| SystemClock.now().as_millis());
    *RUN
}
