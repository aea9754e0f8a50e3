//! Where a run of cases asks.

use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_harness::{
    Client, Request, Result,
    platform::{Admin, Running},
};

/// Which of the two cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
}

/// A place that runs, and what cases need to know of it. The place ends with it.
pub struct Place {
    /// The place.
    pub running: Box<dyn Running>,
    /// Sends requests there.
    pub client: Client,
    /// `LATCHKEY_URL` there, from the discovery document.
    pub issuer: String,
    /// Its administrator, when somebody is known.
    pub admin: Option<Admin>,
    run: u64,
    words: AtomicU64,
}

impl Place {
    /// Looks at a place that runs. Fails unless it answers.
    pub fn visit(running: Box<dyn Running>, admin: Option<Admin>) -> Result<Self> {
        let client = Client::new(running.url()).at_most(running.at_most());
        let client = match running.address_header() {
            Some(name) => client.with_header(name, "192.0.2.1"),
            None => client,
        };
        let discovery = client.send(&Request::get("/.well-known/openid-configuration"))?.ok(200)?;
        Ok(Self {
            client,
            issuer: discovery.text("issuer"),
            admin,
            running,
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
