//! A place that somebody else has started, and that stays.

use super::{Admin, Platform, Running, Settings};
use crate::{Failure, Result};

/// A base URL with a name.
pub struct Existing {
    name: String,
    url: String,
    admin: Option<Admin>,
}

impl Existing {
    /// The administrator is the one of `LATCHKEY_ADMIN`, with the password of `LATCHKEY_ADMIN_PASSWORD`, where there is one.
    pub fn from_env(name: &str, url: &str) -> Result<Self> {
        let admin = match std::env::var("LATCHKEY_ADMIN") {
            Ok(email) => {
                let missing = |_| Failure::from("LATCHKEY_ADMIN_PASSWORD is missing; set it".to_owned());
                Some(Admin { email, password: std::env::var("LATCHKEY_ADMIN_PASSWORD").map_err(missing)? })
            }
            Err(_) => None,
        };
        Ok(Self { name: name.to_owned(), url: url.trim_end_matches('/').to_owned(), admin })
    }
}

impl Platform for Existing {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&self, _: &Settings, _: &Admin) -> Result<Box<dyn Running>> {
        Ok(Box::new(There { url: self.url.clone() }))
    }

    fn is_started(&self) -> bool {
        false
    }

    fn admin(&self) -> Option<&Admin> {
        self.admin.as_ref()
    }
}

struct There {
    url: String,
}

impl Running for There {
    fn url(&self) -> &str {
        &self.url
    }
}
