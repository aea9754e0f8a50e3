//! A place that somebody else has started, and that stays.

use super::{Platform, Running, Settings};
use crate::failure::Result;
use crate::place::Admin;

/// A base URL with the name that the table gives it.
pub struct Existing {
    /// What the table calls it.
    pub name: String,
    /// The base URL.
    pub url: String,
    /// Who administers it, when somebody is known.
    pub admin: Option<Admin>,
}

impl Platform for Existing {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&self, _: Settings, _: &Admin) -> Result<Box<dyn Running>> {
        Ok(Box::new(There { url: self.url.trim_end_matches('/').to_owned() }))
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
