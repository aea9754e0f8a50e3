//! Lists that the scripts of infra/ and tests/ read.

use crate::table::{Caller, Operation, Operations, Platform};
use crate::tree::Tree;

pub(crate) fn write(tree: &mut Tree, operations: &Operations) {
    let all = operations.all();
    let lambda = operations.lambda_functions();
    // An authorizer serves API Gateway, and `cargo lambda watch` is not API Gateway.
    let watched = lambda.iter().filter(|function| function.caller != Caller::ApiGateway);
    let text = format!(
        "# Lists of packages and operations, for scripts to read with `.`.
# shellcheck shell=bash disable=SC2034
function_packages=({})
lambda_packages=({})
watched_packages=({})
workers=({})
",
        words(operations.iter().chain([&all]), Operation::package),
        words(lambda.iter(), Operation::package),
        words(watched, Operation::package),
        words([&all].into_iter().chain(operations.on(Platform::Workers)), |it| it.name.clone()),
    );
    tree.put_under_header("infra/operations.sh", "#", &text);
}

fn words<'a>(operations: impl Iterator<Item = &'a Operation>, word: fn(&Operation) -> String) -> String {
    operations.map(word).collect::<Vec<_>>().join(" ")
}
