//! Where a run of cases asks.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::client::Client;
use crate::failure::Result;
use crate::platform::Running;
use crate::request::Request;

/// The frontend that every place lists in `LATCHKEY_ORIGINS`.
pub const FRONTEND: &str = "https://app.example.com";

/// Which of the two cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
}

/// An administrator of the place.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The address to sign in with.
    pub email: String,
    /// The password.
    pub password: String,
}

/// A place that runs, and what cases need to know of it.
pub struct Place {
    /// Sends requests there.
    pub client: Client,
    /// `LATCHKEY_URL` there, from the discovery document.
    pub issuer: String,
    /// Who administers it, when somebody is known.
    pub admin: Option<Admin>,
    /// The header in which the platform itself takes a client's address, where requests can say it.
    pub address_header: Option<&'static str>,
    /// Whether one function has every route.
    pub one_function: bool,
    run: u64,
    words: AtomicU64,
}

impl Place {
    /// Makes an acquaintance with a place; the first answer must come.
    pub fn visit(running: &dyn Running, admin: Option<Admin>) -> Result<Self> {
        let client = Client::new(running.url()).at_most(running.at_most());
        let discovery = client.send(&Request::get("/.well-known/openid-configuration"))?.ok(200)?;
        Ok(Self {
            client,
            issuer: discovery.text("issuer"),
            admin,
            address_header: running.address_header(),
            one_function: running.one_function(),
            run: random(),
            words: AtomicU64::new(0),
        })
    }

    /// The cookie's name there.
    pub fn cookie(&self, cookie: Cookie) -> String {
        let name = match cookie {
            Cookie::Access => "access",
            Cookie::Refresh => "refresh",
        };
        if self.issuer.starts_with("https:") {
            return format!("__Host-latchkey-{name}");
        }
        let port = self.issuer.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.starts_with('/'));
        format!("latchkey-{}-{name}", port.unwrap_or("80"))
    }

    /// A word of letters and digits that nothing else in the store has: it may hold the data of earlier runs.
    pub fn word(&self) -> String {
        let number = self.words.fetch_add(1, Ordering::Relaxed);
        format!("w{:016x}{number:x}w", self.run)
    }
}

/// Differs from run to run.
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
