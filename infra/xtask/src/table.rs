//! The table of operations, functions/operations.toml.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Error;

/// Place where an operation is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// A Lambda function of its own.
    Lambda,
    /// A Worker of its own.
    Workers,
    /// The function of every operation.
    All,
}

/// Caller of an operation.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// Clients, by its routes.
    #[default]
    Http,
    /// API Gateway, about calls of other APIs.
    ApiGateway,
    /// An operator, directly.
    Operator,
}

/// Class of memory on Lambda. Larger classes come last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Enough for a function that waits for its stores.
    #[default]
    Other,
    /// Enough for argon2id, and its processor time.
    Hashing,
}

impl Memory {
    /// Returns the name that the class has in template.yaml.
    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "Other",
            Self::Hashing => "Hashing",
        }
    }
}

/// An operation. The head of functions/operations.toml explains each field.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the table explains its fields")]
#[expect(clippy::struct_excessive_bools, reason = "a row of a table, and each is a field of its own")]
pub struct Operation {
    /// Folder of its crate in functions/.
    #[serde(skip)]
    pub name: String,
    pub does: String,
    #[serde(default = "everywhere")]
    pub platforms: Vec<Platform>,
    #[serde(default)]
    pub caller: Caller,
    pub reads: Vec<String>,
    #[serde(default)]
    pub writes: Vec<String>,
    #[serde(default)]
    pub checks: bool,
    #[serde(default)]
    pub deletes: Vec<String>,
    #[serde(default)]
    pub index: bool,
    #[serde(default)]
    pub memory: Memory,
    pub timeout: Option<u32>,
    #[serde(default)]
    pub providers: bool,
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    pub condition: Option<String>,
    pub error_alarm: Option<String>,
    #[serde(default)]
    pub answers_shared: bool,
    #[serde(default)]
    pub worker_features: Vec<String>,
    pub schedule: Option<String>,
}

fn everywhere() -> Vec<Platform> {
    vec![Platform::Lambda, Platform::Workers, Platform::All]
}

impl Operation {
    /// Returns true if the operation is deployed to `platform`.
    pub fn is_on(&self, platform: Platform) -> bool {
        self.platforms.contains(&platform)
    }

    /// Returns true if clients call the operation by routes.
    pub fn has_routes(&self) -> bool {
        self.caller == Caller::Http
    }

    /// Returns the name of its package, which is also the name of its program on Lambda.
    pub fn package(&self) -> String {
        format!("latchkey-{}", self.name)
    }

    /// Returns the name of its library in Rust.
    pub fn lib_name(&self) -> String {
        self.package().replace('-', "_")
    }

    /// Returns the first part of its names in template.yaml: `TwoWords` of `two-words`.
    pub fn resource(&self) -> String {
        let capitalized = |word: &str| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        self.name.split('-').map(capitalized).collect()
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name == "all" || name.is_empty() || !name.chars().all(is_plain) {
            return Err(format!(
                "[{name}]: name it after its folder, in a-z, 0-9 and -; `all` is reserved for the function of \
                 all operations"
            ));
        }
        if self.has_routes() != self.is_on(Platform::All) {
            return Err(format!(
                "[{name}]: an operation with routes must be on \"all\", and any other must not"
            ));
        }
        if self.has_routes() && (self.condition.is_some() || self.error_alarm.is_some()) {
            return Err(format!("[{name}]: condition and error-alarm are for operations without routes"));
        }
        if !self.has_routes() && self.is_on(Platform::Workers) {
            return Err(format!("[{name}]: a Worker serves routes; take \"workers\" out of platforms"));
        }
        if self.checks && self.writes.is_empty() {
            return Err(format!("[{name}]: checks needs writes; name their partitions"));
        }
        Ok(())
    }
}

/// Every operation, in the order of the table.
#[derive(Debug, Clone)]
pub struct Operations(Vec<Operation>);

impl Operations {
    /// Reads the table of the repository at `root`.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let path = "functions/operations.toml";
        let text = std::fs::read_to_string(root.join(path))
            .map_err(|source| Error::File { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Parses a table.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| Error::Table(error.to_string()))?;
        let row = |(name, value): (String, toml::Value)| {
            let row: Operation =
                value.try_into().map_err(|error| Error::Table(format!("[{name}]: {}", error.message())))?;
            let row = Operation { name, ..row };
            row.check().map_err(Error::Table)?;
            Ok(row)
        };
        let rows: Vec<Operation> = table.into_iter().map(row).collect::<Result<_, Error>>()?;
        let shared = rows.iter().filter(|row| row.answers_shared && row.is_on(Platform::Lambda));
        if shared.count() != 1 {
            return Err(Error::Table("one operation on \"lambda\" has answers-shared = true".to_owned()));
        }
        Ok(Self(rows))
    }

    /// Returns every operation.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.0.iter()
    }

    /// Returns the operations that are deployed to `platform`.
    pub fn on(&self, platform: Platform) -> impl Iterator<Item = &Operation> {
        self.iter().filter(move |operation| operation.is_on(platform))
    }

    /// Returns the function of every operation with routes, which has all of their rights.
    pub fn all(&self) -> Operation {
        let parts: Vec<&Operation> = self.on(Platform::All).collect();
        let union = |list: fn(&Operation) -> &Vec<String>| {
            let mut union: Vec<String> = Vec::new();
            for entry in parts.iter().flat_map(|part| list(part)) {
                if !union.contains(entry) {
                    union.push(entry.clone());
                }
            }
            union
        };
        Operation {
            name: "all".to_owned(),
            does: "Every operation in one function".to_owned(),
            platforms: vec![Platform::Lambda, Platform::Workers],
            caller: Caller::Http,
            reads: union(|part| &part.reads),
            writes: union(|part| &part.writes),
            checks: parts.iter().any(|part| part.checks),
            deletes: union(|part| &part.deletes),
            index: parts.iter().any(|part| part.index),
            memory: parts.iter().map(|part| part.memory).max().unwrap_or_default(),
            timeout: parts.iter().filter_map(|part| part.timeout).max(),
            providers: parts.iter().any(|part| part.providers),
            parameters: parts.iter().flat_map(|part| part.parameters.clone()).collect(),
            condition: None,
            error_alarm: None,
            answers_shared: false,
            worker_features: union(|part| &part.worker_features),
            schedule: parts.iter().find_map(|part| part.schedule.clone()),
        }
    }

    /// Returns the functions on Lambda: operations with routes, then all of them in one, then the others.
    pub fn lambda_functions(&self) -> Vec<Operation> {
        let (with, without): (Vec<_>, Vec<_>) =
            self.on(Platform::Lambda).cloned().partition(Operation::has_routes);
        with.into_iter().chain([self.all()]).chain(without).collect()
    }

    /// Checks that each operation has its crate. A list that names a missing crate would leave a workspace
    /// that cargo does not load.
    pub(crate) fn check_crates(&self, root: &Path) -> Result<(), Error> {
        for operation in self.iter() {
            let name = &operation.name;
            if !root.join(format!("functions/{name}/Cargo.toml")).is_file() {
                return Err(Error::Other(format!(
                    "[{name}] of functions/operations.toml has no crate in functions/{name}; add it, or remove the table"
                )));
            }
            let entry = format!("functions/{name}/src/main.rs");
            if operation.is_on(Platform::Lambda) && !root.join(&entry).is_file() {
                return Err(Error::Other(format!("{entry} is missing; add it, with the entry for Lambda")));
            }
        }
        Ok(())
    }

    /// Checks that functions/ has no folder without an operation.
    pub(crate) fn check_folders(&self, root: &Path) -> Result<(), Error> {
        let functions = root.join("functions");
        let failure = |source| Error::File { path: "functions".to_owned(), source };
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&functions).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            if entry.path().join("Cargo.toml").is_file() {
                folders.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        folders.sort();
        for folder in folders.iter().filter(|folder| *folder != "all") {
            if !self.iter().any(|operation| operation.name == *folder) {
                return Err(Error::Other(format!(
                    "functions/{folder} has no table in functions/operations.toml; add one, or remove the folder"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "[keys]\ndoes = \"Shows\"\nreads = [\"keys\"]\nanswers-shared = true\n";

    fn error(text: &str) -> String {
        Operations::parse(&format!("{KEYS}{text}")).unwrap_err().to_string()
    }

    #[test]
    fn operations_keep_the_order_of_the_table() {
        let text = format!("{KEYS}[admin]\ndoes = \"x\"\nreads = []\n[b]\ndoes = \"x\"\nreads = []\n");
        let names: Vec<String> =
            Operations::parse(&text).unwrap().iter().map(|row| row.name.clone()).collect();
        assert_eq!(names, ["keys", "admin", "b"]);
    }

    #[test]
    fn a_misspelt_field_is_an_error_that_names_the_operation() {
        let said = error("[echo]\ndoes = \"x\"\nread = []\n");
        assert!(said.contains("[echo]") && said.contains("`read`"), "{said}");
    }

    #[test]
    fn the_platforms_follow_who_calls() {
        assert!(error("[x]\ndoes = \"x\"\nreads = []\nplatforms = [\"lambda\"]\n").contains("[x]"));
        assert!(error("[x]\ndoes = \"x\"\nreads = []\ncaller = \"operator\"\n").contains("[x]"));
    }

    #[test]
    fn one_operation_answers_for_all() {
        assert!(error("[x]\ndoes = \"x\"\nreads = []\nanswers-shared = true\n").contains("answers-shared"));
    }

    #[test]
    fn the_function_of_all_may_do_what_each_of_its_operations_may() {
        let text = "[x]\ndoes = \"x\"\nreads = [\"a\", \"keys\"]\nwrites = [\"b\"]\nchecks = true\ntimeout = 20\nmemory = \"hashing\"\n\
             [y]\ndoes = \"y\"\nreads = [\"c\"]\nplatforms = [\"lambda\"]\ncaller = \"operator\"\n";
        let all = Operations::parse(&format!("{KEYS}{text}")).unwrap().all();
        assert_eq!((all.reads, all.writes), (vec!["keys".to_owned(), "a".to_owned()], vec!["b".to_owned()]));
        assert_eq!((all.checks, all.timeout, all.memory), (true, Some(20), Memory::Hashing));
    }

    #[test]
    fn a_resource_is_named_after_its_operation() {
        let text = format!("{KEYS}[two-words]\ndoes = \"x\"\nreads = []\n");
        let names: Vec<String> = Operations::parse(&text).unwrap().iter().map(Operation::resource).collect();
        assert_eq!(names, ["Keys", "TwoWords"]);
    }
}
