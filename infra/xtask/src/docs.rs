//! The tables of docs/operations.md, and the prices that follow from the number of alarms.

use std::fmt::Write as _;

use crate::Error;
use crate::lambda::alarms;
use crate::routes::Described;
use crate::table::{Memory, Operation, Operations, Platform};
use crate::tree::Tree;

/// Cents a month.
const METRIC: usize = 10;
const SECRET: usize = 40;

pub(crate) fn write(tree: &mut Tree, operations: &Operations, described: &Described) -> Result<(), Error> {
    let page = "docs/operations.md";
    let all = operations.all();
    tree.set_part(page, "routes", &routes(operations, &all, described))?;
    tree.set_part(page, "rights", &rights(operations))?;
    tree.set_part(page, "deployment", &deployment(operations, &all))?;
    costs(tree, operations)
}

fn routes(operations: &Operations, all: &Operation, described: &Described) -> String {
    let mut text = "| operation | | routes | access |\n|---|---|---|---|\n".to_owned();
    for operation in operations.iter().chain([all]) {
        let mut first = format!("| {} | {} |", operation.name, operation.does);
        let routes = described.of(&operation.name);
        if routes.is_empty() {
            let _ = writeln!(text, "{first} none | |");
        }
        for route in routes {
            let _ = writeln!(text, "{first} `{} {}` | {} |", route.method, route.path, route.access);
            "| | |".clone_into(&mut first);
        }
    }
    text
}

fn rights(operations: &Operations) -> String {
    let mut text = "| operation | reads | writes | deletes |\n|---|---|---|---|\n".to_owned();
    for operation in operations.on(Platform::Lambda) {
        let index = if operation.index { ", the index" } else { "" };
        let reads = partitions(&operation.reads) + index;
        let (writes, deletes) = (partitions(&operation.writes), partitions(&operation.deletes));
        let _ = writeln!(text, "| {} | {reads} | {writes} | {deletes} |", operation.name);
    }
    text
}

fn partitions(list: &[String]) -> String {
    list.iter().map(|partition| format!("`{partition}`")).collect::<Vec<_>>().join(" ")
}

fn deployment(operations: &Operations, all: &Operation) -> String {
    let mut text = "| operation | on Lambda | its Worker needs |\n|---|---|---|\n".to_owned();
    for operation in operations.iter().chain([all]) {
        let lambda = if operation.is_on(Platform::Lambda) { on_lambda(operation) } else { "no".to_owned() };
        let workers = match operation.is_on(Platform::Workers) {
            true if operation.worker_features.is_empty() => "nothing more".to_owned(),
            true => operation.worker_features.join(", "),
            false => "no Worker".to_owned(),
        };
        let _ = writeln!(text, "| {} | {lambda} | {workers} |", operation.name);
    }
    text
}

fn on_lambda(operation: &Operation) -> String {
    let memory = match operation.memory {
        Memory::Hashing => "memory for hashing",
        Memory::Other => "little memory",
    };
    let timeout = operation.timeout.map(|seconds| format!(", {seconds} s")).unwrap_or_default();
    let providers = if operation.providers { ", the providers' secrets" } else { "" };
    format!("{memory}{timeout}{providers}")
}

fn costs(tree: &mut Tree, operations: &Operations) -> Result<(), Error> {
    let alarms = alarms(operations);
    let template = tree.get("template.yaml")?;
    // Those that people write look at one metric each.
    let others = template.matches("Type: AWS::CloudWatch::Alarm").count().saturating_sub(alarms.len());
    let metrics = |condition: &str| -> usize {
        alarms.iter().filter(|alarm| alarm.condition == condition).map(|alarm| alarm.functions.len()).sum()
    };
    let separate = METRIC * (others + metrics("Separate"));
    let text = format!(
        "{}; {} with `Functions=one`; {} more with the authorizer",
        dollars(separate),
        dollars(METRIC * (others + metrics("One"))),
        dollars(METRIC * metrics("HasAuthorizer")),
    );
    tree.set_part("docs/costs.md", "alarms", &text)?;
    tree.set_part("docs/deploy/aws.md", "monthly-cost", &dollars(separate + SECRET))
}

fn dollars(cents: usize) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}
