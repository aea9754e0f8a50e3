//! wrangler.toml: the environment of each Worker.

use askama::Template;

use crate::table::{Operations, Platform};
use crate::tree::Tree;
use crate::{Error, render};

const PATH: &str = "wrangler.toml";

#[derive(Template)]
#[template(path = "environments.toml")]
struct Environments<'a> {
    workers: Vec<Worker>,
    /// Lines of the hand-written part that every environment repeats, because wrangler inherits no bindings.
    bindings: &'a [&'a str],
    /// Variables, which wrangler does not inherit either.
    variables: String,
}

struct Worker {
    name: String,
    crons: String,
}

pub(crate) fn write(tree: &mut Tree, operations: &Operations) -> Result<(), Error> {
    let crons = crons(operations.all().schedule.as_deref());
    tree.set_part(PATH, "schedule", &format!("triggers = {{ crons = {crons} }}\n"))?;

    let file = tree.get(PATH)?;
    let above = file.lines().take_while(|line| !line.starts_with('['));
    let is_binding =
        |line: &&str| line.starts_with("d1_databases = ") || line.starts_with("kv_namespaces = ");
    let bindings: Vec<&str> = above.filter(is_binding).collect();
    if bindings.len() != 2 {
        return Err(Error::Other(format!(
            "{PATH}: d1_databases and kv_namespaces each need a line of their own above the first section"
        )));
    }
    let variables = variables(&file)?;
    let workers = operations.on(Platform::Workers);
    let workers = workers
        .map(|it| Worker { name: it.name.clone(), crons: self::crons(it.schedule.as_deref()) })
        .collect();
    let text = render(&Environments { workers, bindings: &bindings, variables })?;
    tree.set_part(PATH, "environments", &text)
}

fn crons(schedule: Option<&str>) -> String {
    schedule.map_or_else(|| "[]".to_owned(), |cron| format!("[\"{cron}\"]"))
}

/// Returns the section `[vars]` as an inline table.
fn variables(file: &str) -> Result<String, Error> {
    let failure = |reason: String| Error::Other(format!("{PATH}: {reason}"));
    let table: toml::Table = file.parse().map_err(|error: toml::de::Error| failure(error.to_string()))?;
    let variables = table.get("vars").and_then(toml::Value::as_table).into_iter().flatten();
    let entry = |(name, value): (&String, &toml::Value)| {
        let value = value.as_str().ok_or_else(|| failure(format!("the variable {name} has to be a text")))?;
        // TOML reads a JSON text as JSON does.
        Ok(format!("{name} = {}", serde_json::Value::from(value)))
    };
    let entries = variables.map(entry).collect::<Result<Vec<_>, Error>>()?;
    Ok(if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_those_of_the_file() {
        let file = "name = \"x\"\n[vars]\n# A = \"b\"\nLATCHKEY_URL = \"https://auth.example.com\" # here\nB = 'c\"d'\n";
        assert_eq!(variables(file).unwrap(), r#"{ LATCHKEY_URL = "https://auth.example.com", B = "c\"d" }"#);
        assert_eq!(variables("[vars]\n").unwrap(), "{}");
        assert!(variables("[vars]\nA = 1\n").is_err());
    }
}
