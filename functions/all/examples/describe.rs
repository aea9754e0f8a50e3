//! Prints the routes of every operation and the OpenAPI document, for `cargo xtask generate`.

#![expect(clippy::print_stdout, reason = "a program for programs")]

use latchkey_http::{Access, Function, Operation};
use serde_json::{Map, Value, json};

fn main() -> Result<(), serde_json::Error> {
    let all = latchkey_all::function();
    let operations = latchkey_all::operations();
    let is_own =
        |route: &&Operation| !operations.iter().any(|(_, operation)| operation.operations().contains(route));
    let own = all.operations().iter().filter(is_own);
    let mut routes: Map<String, Value> =
        operations.iter().map(|(name, operation)| ((*name).to_owned(), routes(operation))).collect();
    routes.insert("all".to_owned(), own.map(route).collect());
    let openapi = all.merge(latchkey_http::health()).openapi().to_pretty_json()?;
    println!("{}", json!({ "routes": routes, "openapi": openapi }));
    Ok(())
}

fn routes(function: &Function) -> Value {
    function.operations().iter().map(route).collect()
}

fn route(route: &Operation) -> Value {
    json!({ "method": route.method.as_str(), "path": route.path, "access": access(route.access) })
}

fn access(access: Access) -> String {
    match access {
        Access::Public => "anyone".to_owned(),
        Access::SignedIn(_) => "signed-in users".to_owned(),
        Access::Permission(permission) => format!("`{permission}`"),
        Access::Proxied => "a reverse proxy, for signed-in users".to_owned(),
        Access::TokenHolder => "the holder of any token of a session".to_owned(),
    }
}
