//! The accounts that the measurements use.

use std::net::SocketAddr;

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

/// Signs up `count` accounts.
pub async fn sign_up(address: SocketAddr, count: usize) -> Result<Vec<Account>> {
    let mut connection = Connection::open(address).await?;
    let mut accounts = Vec::with_capacity(count);
    for number in 0..count {
        let email = format!("load-{number}@example.com");
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
