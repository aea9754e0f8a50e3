//! Settings: environment variables, each of which may name a secret or a parameter instead of containing a
//! value.

mod api;
mod reference;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use latchkey_core::config::{ConfigError, variables};
use secrecy::{ExposeSecret, SecretString};

pub use api::Aws;
pub use reference::{NoReference, Reference};

use api::Patience;

/// Reads an environment variable.
pub type Var = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads every variable that it may ever need, which reveals their names.
pub type Reader = fn(&dyn Fn(&str) -> Option<String>);

/// Variables, with the fetched values of their references.
#[derive(Clone)]
pub struct LambdaSettings {
    var: Var,
    fetched: BTreeMap<String, SecretString>,
}

impl LambdaSettings {
    /// Fetches the references among the variables that `reader` reads, all at the same time. Without
    /// references no request is sent. A request without a response is repeated a few times.
    pub async fn read(var: &Var, reader: Reader, aws: &Aws) -> Result<Self, Mistakes> {
        Self::fetch(var, reader, aws, Patience::Start).await
    }

    /// Does the same while a request waits: each reference is requested once.
    pub async fn read_once(var: &Var, reader: Reader, aws: &Aws) -> Result<Self, Mistakes> {
        Self::fetch(var, reader, aws, Patience::AtWork).await
    }

    async fn fetch(var: &Var, reader: Reader, aws: &Aws, patience: Patience) -> Result<Self, Mistakes> {
        let mut settings = Self { var: Arc::clone(var), fetched: BTreeMap::new() };
        loop {
            // The reader may read a variable only after it knows another one.
            let found = settings.references(reader);
            if found.is_empty() {
                return Ok(settings);
            }
            let answers = found.into_iter().map(|(name, value)| async move {
                let answer = match Reference::parse(&value) {
                    None | Some(Err(NoReference)) => Err(NoReference.to_string()),
                    Some(Ok(reference)) => {
                        aws.read(&reference, patience).await.map_err(|trouble| trouble.about(&reference))
                    }
                };
                (name, answer)
            });
            let mut mistakes = Vec::new();
            for (name, answer) in join_all(answers).await {
                match answer {
                    Ok(value) => drop(settings.fetched.insert(name, value)),
                    Err(trouble) => mistakes.push(format!("{name}: {trouble}")),
                }
            }
            if !mistakes.is_empty() {
                return Err(Mistakes(mistakes));
            }
        }
    }

    /// Returns the variables whose values are references that have not been fetched.
    fn references(&self, reader: Reader) -> Vec<(String, String)> {
        let asked = RefCell::new(BTreeSet::new());
        reader(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            self.get(name)
        });
        let names = asked.into_inner().into_iter().filter(|name| !self.fetched.contains_key(name));
        names
            .filter_map(|name| {
                let value = (self.var)(&name)?;
                Reference::parse(&value).map(|_| (name, value))
            })
            .collect()
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        let fetched = self.fetched.get(name).map(|value| value.expose_secret().to_owned());
        fetched.or_else(|| (self.var)(name))
    }

    /// Returns true if any value may change while the container lives.
    pub fn has_references(&self) -> bool {
        !self.fetched.is_empty()
    }

    /// Returns true if `other` has fetched the same values.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let exposed = |settings: &Self| -> Vec<(String, String)> {
            settings
                .fetched
                .iter()
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect()
        };
        exposed(self) == exposed(other)
    }
}

/// All mistakes in the settings: a line for each variable, with the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    /// Returns the mistakes of the environment itself: Latchkey's variables whose values are not text. Warns
    /// of variables with similar names.
    pub fn of_environment(all: impl Iterator<Item = (OsString, OsString)>) -> Result<(), Self> {
        let (mut names, mut mistakes) = (Vec::new(), Vec::new());
        for (name, value) in all {
            let name = name.to_string_lossy().into_owned();
            if variables::is_ours(&name) && value.to_str().is_none() {
                mistakes.push(format!("{name}: is not UTF-8; set it to text, such as base64"));
            }
            names.push(name);
        }
        for text in variables::misspelt(names.iter().map(String::as_str)) {
            tracing::warn!("{text}");
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Self(mistakes)) }
    }

    /// Returns the lines.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl From<Vec<ConfigError>> for Mistakes {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self(errors.iter().map(ToString::to_string).collect())
    }
}

/// Reason that a reference gave no value. It never contains a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    Denied,
    Missing,
    NoMember(String),
    /// The service refuses the request, with its name for the error.
    Refused(String),
    Silent(String),
    Garbage,
    NoCredentials,
    Request(String),
}

impl Trouble {
    /// Returns the problem of `reference`, and the fix.
    fn about(&self, reference: &Reference) -> String {
        let action = reference.action();
        match self {
            Self::Denied => format!(
                "this function may not read {reference}; allow {action} on it in the function's policy, and kms:Decrypt on \
                 its key where it has one of its own"
            ),
            Self::Missing => format!("{reference} does not exist; create it, or correct the ARN"),
            Self::NoMember(key) => {
                format!("{reference} has no member `{key}` with a text; store a JSON object that has one")
            }
            Self::Refused(kind) => {
                format!("{reference} could not be read ({kind}); see {action} in AWS's reference")
            }
            Self::Silent(why) => format!(
                "{reference} could not be read ({why}); check that the function reaches AWS: in a VPC it \
                 needs a NAT gateway or an interface endpoint"
            ),
            Self::Garbage => {
                format!("the response for {reference} is unreadable; check the AWS_ENDPOINT_URL variables")
            }
            Self::NoCredentials => format!(
                "{reference} cannot be read without credentials; run on Lambda, or set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
            ),
            Self::Request(why) => {
                format!("{reference} cannot be requested ({why}); check the AWS_ENDPOINT_URL variables")
            }
        }
    }
}
