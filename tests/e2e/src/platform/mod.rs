//! Where Latchkey runs. A platform is one file here and one line in [`by_name`].

use crate::failure::{Failure, Result};
use crate::place::Admin;

pub mod existing;
pub mod lambda;
pub mod local;
pub mod process;
pub mod services;
pub mod workers;

/// A kind of place.
pub trait Platform: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;

    /// Starts one with an empty store and these variables, makes this administrator as an operator does there, and waits
    /// until it answers. It ends when it is dropped.
    fn start(&self, settings: Settings, admin: &Admin) -> Result<Box<dyn Running>>;

    /// The cases that are known to see something else there than elsewhere, each with the reason. One that sees the same
    /// all the same is a failure: the list is out of date.
    fn differences(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The cases whose requests it does not carry to Latchkey, or not as they are, each with the reason. They are run all the
    /// same, and one that passes is a failure: the list is out of date.
    fn unable(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Whether it is started with the limits and the administrator of the suite's choice.
    fn is_started(&self) -> bool {
        true
    }

    /// An administrator who is there without the suite's doing.
    fn admin(&self) -> Option<&Admin> {
        None
    }
}

/// A place that runs.
pub trait Running: Sync {
    /// The base URL.
    fn url(&self) -> &str;

    /// The header in which the platform itself takes a client's address, where requests can say it. The other headers of the
    /// kind must not matter.
    fn address_header(&self) -> Option<&'static str> {
        None
    }

    /// How many requests of one case it takes at one moment.
    fn at_most(&self) -> usize {
        usize::MAX
    }

    /// Whether one function has every route, `/openapi.json` among them.
    fn one_function(&self) -> bool {
        true
    }

    /// What the answers of the place do not show, once the cases are through: that it keeps things where it is said to.
    fn keeps_to_its_stores(&self) -> Result {
        Ok(())
    }
}

/// What a place is configured with, beside its address and its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// Limits that no case reaches.
    Open,
    /// The limits as they are by default.
    Limited,
}

impl Settings {
    /// A name for a platform with these, such as that of its log.
    pub fn named(self, platform: &str) -> String {
        match self {
            Self::Open => platform.to_owned(),
            Self::Limited => format!("{platform}-limited"),
        }
    }

    /// The variables. Hashes are cheap: that the default strength works is not a question of the platform's HTTP.
    pub fn variables(self) -> Vec<(&'static str, &'static str)> {
        let mut variables = vec![
            ("LATCHKEY_ORIGINS", crate::place::FRONTEND),
            ("LATCHKEY_ARGON2", "m=8,t=1,p=1"),
            ("LATCHKEY_ALLOW_WEAK_HASHES", "yes"),
        ];
        if self == Self::Open {
            variables.push((
                "LATCHKEY_LIMITS",
                "signup=10000/15m,signup_email=10000/1h,signup_refused=10000/15m,signin=10000/1m,signin_email=10000/1m,signin_email_day=10000/1m,public=10000/1m,session=10000/1m",
            ));
        }
        variables
    }
}

/// The platforms that can be named on the command line.
pub const NAMES: &[&str] = &["local", "lambda", "lambda-all", "workers", "workers-upstash"];

/// The platform of this name.
pub fn by_name(name: &str) -> Result<Box<dyn Platform>> {
    match name {
        "local" => Ok(Box::new(local::Local)),
        "lambda" => Ok(Box::new(lambda::Lambda::Separate)),
        "lambda-all" => Ok(Box::new(lambda::Lambda::All)),
        "workers" => Ok(Box::new(workers::Workers::Alone)),
        "workers-upstash" => Ok(Box::new(workers::Workers::WithUpstash)),
        _ => Err(Failure::Failed(format!("there is no platform {name}: there are {}", NAMES.join(", ")))),
    }
}
