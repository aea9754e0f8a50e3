//! template.yaml, the Makefile of `sam build`, and the routes of `cargo lambda watch`.

mod alarms;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;

use crate::routes::{Described, Route};
use crate::table::{Operation, Operations, Platform};
use crate::tree::Tree;
use crate::{Error, render};

pub(crate) use alarms::alarms;

const TEMPLATE: &str = "template.yaml";

/// Resources of every function.
#[derive(Template)]
#[template(path = "functions.yaml")]
struct Functions {
    functions: Vec<Function>,
}

/// A function, as texts of YAML.
struct Function {
    name: String,
    description: String,
    condition: Option<String>,
    /// Condition of its own URL.
    urls: Option<&'static str>,
    memory: &'static str,
    timeout: Option<u32>,
    providers: bool,
    parameters: Vec<(String, String)>,
    reads: String,
    writes: String,
    write_actions: &'static str,
    deletes: String,
    index: bool,
    routes: Vec<RouteResource>,
}

impl Function {
    fn has_environment(&self) -> bool {
        self.providers || !self.parameters.is_empty()
    }
}

struct RouteResource {
    name: String,
    key: String,
}

pub(crate) fn write(tree: &mut Tree, operations: &Operations, described: &Described) -> Result<(), Error> {
    let lambda = operations.lambda_functions();
    let functions = lambda.iter().map(|operation| function(operation, described)).collect();
    let alarms = alarms(operations);
    let resources = render(&Functions { functions })? + &alarms::lines(&alarms)?;
    tree.set_part(TEMPLATE, "functions", &resources)?;
    tree.set_part(TEMPLATE, "urls", &outputs(&lambda))?;

    let mut programs = String::new();
    for operation in &lambda {
        let _ =
            writeln!(programs, "build-{}Function: program = {}", operation.resource(), operation.package());
    }
    tree.set_part("infra/aws/Makefile", "programs", &programs)?;
    let router = router(operations, described);
    tree.put_under_header("infra/lambda-routes.toml", "#", &router);
    Ok(())
}

fn function(operation: &Operation, described: &Described) -> Function {
    let is_all = operation.name == "all";
    let (condition, urls) = match (operation.has_routes(), is_all) {
        (true, true) => (Some("One".to_owned()), Some("OneUrls")),
        (true, false) => (Some("Separate".to_owned()), Some("SeparateUrls")),
        (false, _) => (operation.condition.clone(), None),
    };
    let name = operation.resource();
    let routes = if is_all {
        vec![RouteResource { name: format!("{name}Route"), key: scalar("$default") }]
    } else {
        route_resources(operation, described.of(&operation.name))
    };
    Function {
        description: scalar(&operation.does),
        condition,
        urls,
        memory: operation.memory.name(),
        timeout: operation.timeout,
        providers: operation.providers,
        parameters: operation.parameters.clone().into_iter().collect(),
        reads: scalars(&operation.reads),
        writes: scalars(&operation.writes),
        write_actions: if operation.checks {
            "[dynamodb:ConditionCheckItem, dynamodb:PutItem]"
        } else {
            "dynamodb:PutItem"
        },
        deletes: scalars(&operation.deletes),
        index: operation.index,
        routes,
        name,
    }
}

/// Returns the resources of an operation's routes. A stack identifies a route by the name of its resource, so
/// the name depends only on the route: API Gateway refuses a route that another resource still has.
fn route_resources(operation: &Operation, routes: &[Route]) -> Vec<RouteResource> {
    let function = operation.resource();
    let own = routes.iter().map(|route| RouteResource {
        name: format!("{function}{}Route", words(&format!("{} {}", route.method.to_lowercase(), route.path))),
        key: scalar(&format!("{} {}", route.method, path_of(&route.path))),
    });
    let shared = [("HealthRoute", "GET /health"), ("PreflightRoute", "OPTIONS /{proxy+}")]
        .into_iter()
        .filter(|_| operation.answers_shared)
        .map(|(name, key)| RouteResource { name: name.to_owned(), key: scalar(key) });
    own.chain(shared).collect()
}

/// Returns the letters and digits of `text`, each run of them with a capital.
fn words(text: &str) -> String {
    let capitalized = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    runs.map(capitalized).collect()
}

/// Returns a path of axum in API Gateway's notation: `{rest+}` for `{*rest}`.
fn path_of(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix("{*").and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => format!("{{{name}+}}"),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn outputs(functions: &[Operation]) -> String {
    let mut text = String::new();
    for function in functions.iter().filter(|function| function.has_routes()) {
        let (name, urls) =
            (function.resource(), if function.name == "all" { "OneUrls" } else { "SeparateUrls" });
        let _ = writeln!(text, "  {name}Url: {{ Condition: {urls}, Value: !GetAtt {name}Url.FunctionUrl }}");
    }
    text
}

/// Returns paths in API Gateway's notation. If two functions share a path, each has its methods.
fn router(operations: &Operations, described: &Described) -> String {
    let mut paths: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    // The function of all operations is included for /openapi.json, which no other function has.
    let all = operations.all();
    for operation in operations.on(Platform::Lambda).chain([&all]) {
        for route in described.of(&operation.name) {
            let functions = paths.entry(route.path.clone()).or_default();
            functions.entry(operation.package()).or_default().push(format!("\"{}\"", route.method));
        }
        if operation.answers_shared {
            for path in ["/", "/{*rest}"] {
                paths.entry(path.to_owned()).or_default().entry(operation.package()).or_default();
            }
        }
    }
    let mut text = "# Routes of `cargo lambda watch`, where every function is a process of its own, in the form of API Gateway. A path without
# a route goes to a function too, because every function responds to it alike.
[watch.router]
"
    .to_owned();
    for (path, functions) in paths {
        let targets: Vec<String> = match functions.len() {
            1 => functions.into_keys().map(|package| format!("\"{package}\"")).collect(),
            _ => functions
                .into_iter()
                .map(|(package, methods)| {
                    format!("{{ function = \"{package}\", methods = [{}] }}", methods.join(", "))
                })
                .collect(),
        };
        let target = if targets.len() == 1 { targets.concat() } else { format!("[{}]", targets.join(", ")) };
        let _ = writeln!(text, "\"{path}\" = {target}");
    }
    text
}

/// Returns a text in YAML.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " /._-".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Returns several texts in YAML, or nothing for none.
fn scalars(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| scalar(text)).collect();
    if texts.is_empty() { String::new() } else { format!("[{}]", texts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_named_after_itself() {
        assert_eq!(words("delete /v1/users/{id}/roles/{name}"), "DeleteV1UsersIdRolesName");
    }

    #[test]
    fn a_path_is_written_as_api_gateway_does() {
        assert_eq!(path_of("/v1/users/{id}"), "/v1/users/{id}");
        assert_eq!(path_of("/files/{*rest}"), "/files/{rest+}");
    }

    #[test]
    fn a_text_that_yaml_reads_otherwise_is_quoted() {
        assert_eq!(scalar("Makes accounts"), "Makes accounts");
        assert_eq!(scalar("POST /v1/signup"), "POST /v1/signup");
        assert_eq!(scalar("user#*"), "'user#*'");
        assert_eq!(scalar("API Gateway's"), "'API Gateway''s'");
        assert_eq!(scalar("12"), "'12'");
        assert_eq!(scalar("Keys: all"), "'Keys: all'");
    }
}
