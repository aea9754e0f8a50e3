//! The settings: variables of the environment, each of which may name a secret or a parameter instead of holding a value.

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

/// Reads a variable of the environment.
pub type Var = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads every variable that it may ever need, to find out which those are.
pub type Reader = fn(&dyn Fn(&str) -> Option<String>);

/// Variables with what their references name in their place.
#[derive(Clone)]
pub struct LambdaSettings {
    var: Var,
    fetched: BTreeMap<String, SecretString>,
}

impl LambdaSettings {
    /// The settings as they are now, for what `reader` asks for. All references are fetched at once; without one, nothing
    /// is asked of anybody. A response that does not come is asked for again, a few times.
    pub async fn read(var: &Var, reader: Reader, aws: &Aws) -> Result<Self, Mistakes> {
        Self::fetch(var, reader, aws, Patience::Start).await
    }

    /// The same while a request waits: each reference is asked for once.
    pub async fn read_once(var: &Var, reader: Reader, aws: &Aws) -> Result<Self, Mistakes> {
        Self::fetch(var, reader, aws, Patience::AtWork).await
    }

    async fn fetch(var: &Var, reader: Reader, aws: &Aws, patience: Patience) -> Result<Self, Mistakes> {
        let mut settings = Self { var: Arc::clone(var), fetched: BTreeMap::new() };
        loop {
            // A variable may be read only once another one is known.
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

    /// The variables whose values are references that have not been fetched.
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

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<String> {
        let fetched = self.fetched.get(name).map(|value| value.expose_secret().to_owned());
        fetched.or_else(|| (self.var)(name))
    }

    /// Whether any of it may change while the container lives.
    pub fn has_references(&self) -> bool {
        !self.fetched.is_empty()
    }

    /// Whether what `other` has fetched is the same.
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

/// All that is wrong with the settings: a line for each variable, with the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    /// About the environment itself: the variables of ours whose values are not text. Those that look like ours and are not
    /// are warned of.
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

    /// The lines.
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

/// Why a reference gave no value. Never says what a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    Denied,
    Missing,
    NoMember(String),
    /// The service's own name for what it refuses.
    Refused(String),
    Silent(String),
    Garbage,
    NoCredentials,
    Request(String),
}

impl Trouble {
    /// What is wrong with `reference`, and the fix.
    fn about(&self, reference: &Reference) -> String {
        let action = reference.action();
        match self {
            Self::Denied => format!(
                "this function may not read {reference}; allow {action} on it in the function's policy, and kms:Decrypt on \
                 its key where it has one of its own"
            ),
            Self::Missing => format!("{reference} does not exist; make it, or correct the ARN"),
            Self::NoMember(key) => {
                format!("{reference} has no member `{key}` with a text; store a JSON object that has one")
            }
            Self::Refused(kind) => {
                format!("{reference} could not be read ({kind}); see {action} in AWS's reference")
            }
            Self::Silent(why) => format!(
                "{reference} could not be read ({why}); see that the function reaches AWS: in a VPC it needs a NAT gateway \
                 or an interface endpoint"
            ),
            Self::Garbage => {
                format!(
                    "{reference} was answered with something unreadable; check the AWS_ENDPOINT_URL variables"
                )
            }
            Self::NoCredentials => format!(
                "{reference} cannot be read without credentials; run on Lambda, or set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
            ),
            Self::Request(why) => {
                format!("{reference} cannot be asked for ({why}); check the AWS_ENDPOINT_URL variables")
            }
        }
    }
}
