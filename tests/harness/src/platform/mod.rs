//! The platforms that Latchkey runs on. A platform is one file here and one line in [`by_name`].

use crate::{Failure, Result};

mod existing;
mod lambda;
mod local;
pub mod process;
mod services;
pub mod worker;
mod workers;

pub use existing::Existing;
pub use lambda::Lambda;
pub use local::{Local, build};
pub use services::Services;
pub use workers::{Workers, first_admin};

/// The frontend that every place lists in `LATCHKEY_ORIGINS`.
pub const FRONTEND: &str = "https://app.example.com";
/// A frontend on the machine of a developer, listed too.
pub const DEV_ORIGIN: &str = "http://localhost:5173";
/// The web view of an app, listed too.
pub const APP_ORIGIN: &str = "capacitor://localhost";

/// An administrator of a place.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The address to sign in with.
    pub email: String,
    /// The password.
    pub password: String,
}

/// A kind of place.
pub trait Platform: Send + Sync {
    /// Its name, such as `workers`.
    fn name(&self) -> &str;

    /// Starts one with an empty store and these settings, makes this administrator as an operator does there, and waits until
    /// it answers. It ends when it is dropped.
    fn start(&self, settings: &Settings, admin: &Admin) -> Result<Box<dyn Running>>;

    /// Returns whether the tests choose its settings and its administrator.
    fn is_started(&self) -> bool {
        true
    }

    /// An administrator who is there without the tests' doing.
    fn admin(&self) -> Option<&Admin> {
        None
    }
}

/// A place that runs.
pub trait Running: Send + Sync {
    /// The base URL.
    fn url(&self) -> &str;

    /// The header in which the platform itself takes a client's address, where requests can say it; those that do not get an
    /// address. The other headers of the kind must not matter.
    fn address_header(&self) -> Option<&'static str> {
        None
    }

    /// The most requests of one case that it takes at one moment.
    fn at_most(&self) -> usize {
        usize::MAX
    }

    /// Returns whether one function has every route, `/openapi.json` among them.
    fn one_function(&self) -> bool {
        true
    }

    /// Fails where the place does not count in the store that it is given: answers do not show that.
    fn counts_in_its_store(&self) -> Result {
        Ok(())
    }
}

/// The configuration of a place, beside its address and its store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tells the place from others of its platform, in the names of logs.
    pub name: &'static str,
    /// The variables.
    pub variables: Vec<(String, String)>,
}

impl Settings {
    /// The limits by default. Hashes are cheap: no rule of HTTP depends on their strength.
    pub fn limited() -> Self {
        let origins = [FRONTEND, DEV_ORIGIN, APP_ORIGIN].join(",");
        let variables = [
            ("LATCHKEY_ORIGINS", origins.as_str()),
            ("LATCHKEY_ARGON2", "m=8,t=1,p=1"),
            ("LATCHKEY_ALLOW_WEAK_HASHES", "yes"),
        ];
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { name: "limited", variables: owned.to_vec() }
    }

    /// The same with limits that no test reaches.
    pub fn open() -> Self {
        let mut settings = Self { name: "open", ..Self::limited() };
        settings.variables.push(("LATCHKEY_LIMITS".to_owned(), OUT_OF_THE_WAY.to_owned()));
        settings
    }

    /// The name of the log of a process of `platform`.
    fn log(&self, platform: &str) -> String {
        format!("{platform}-{}", self.name)
    }
}

/// Limits that no test reaches.
pub const OUT_OF_THE_WAY: &str = "signup=10000/15m,signup_email=10000/1h,signup_refused=10000/15m,signin=10000/1m,signin_email=10000/1m,signin_email_day=10000/1m,public=10000/1m,session=10000/1m";

/// The names that [`by_name`] knows.
pub const NAMES: &[&str] = &["local", "lambda", "lambda-all", "workers", "workers-upstash", "workerd"];

/// The platform of this name.
pub fn by_name(name: &str) -> Result<Box<dyn Platform>> {
    match name {
        "local" => Ok(Box::new(Local)),
        "lambda" => Ok(Box::new(Lambda::Separate)),
        "lambda-all" => Ok(Box::new(Lambda::All)),
        "workers" => Ok(Box::new(Workers::Wrangler)),
        "workers-upstash" => Ok(Box::new(Workers::WithUpstash)),
        "workerd" => Ok(Box::new(Workers::Workerd)),
        _ => Err(Failure::Failed(format!("there is no platform {name}: there are {}", NAMES.join(", ")))),
    }
}
