//! Each function gets the routes that its crate has, and no other.

use std::collections::{BTreeMap, BTreeSet};

use latchkey_http::{App, Function, Operation};
use serde_json::{Value, json};

use crate::template::{function_of, functions, packages, resources, root, short, template};

/// Every crate with routes, but `all`.
pub fn crates() -> Vec<(&'static str, Function<App>)> {
    vec![
        ("latchkey-admin", latchkey_admin::function()),
        ("latchkey-identities", latchkey_identities::function()),
        ("latchkey-keys", latchkey_keys::function()),
        ("latchkey-oauth-callback", latchkey_oauth_callback::function()),
        ("latchkey-oauth-start", latchkey_oauth_start::function()),
        ("latchkey-permission-check", latchkey_permission_check::function()),
        ("latchkey-session", latchkey_session::function()),
        ("latchkey-signin", latchkey_signin::function()),
        ("latchkey-signup", latchkey_signup::function()),
        ("latchkey-token-refresh", latchkey_token_refresh::function()),
    ]
}

/// The packages without routes, and the one that has all.
const OTHERS: [&str; 3] = ["latchkey-all", "latchkey-authorizer", "latchkey-operator"];
/// What every function answers, so that any of them can: the health of the stores, and what browsers ask before a call.
const SHARED: [&str; 2] = ["GET /health", "OPTIONS /{proxy+}"];

fn name_of(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

fn operations(function: &Function<App>) -> BTreeSet<String> {
    function.operations().iter().map(name_of).collect()
}

/// The routes of the HTTP API, by the function that serves them.
fn routed(template: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut routed = BTreeMap::<String, BTreeSet<String>>::new();
    for (name, route) in resources(template, "AWS::ApiGatewayV2::Route") {
        let target = route["Target"]["Fn::Sub"].as_str().expect("a route has a target");
        let target =
            target.strip_prefix("integrations/${").and_then(|t| t.strip_suffix("}")).expect("an integration");
        let integration = &template["Resources"][target];
        assert_eq!(integration["Condition"], route["Condition"], "{name}");
        let function =
            integration["Properties"]["IntegrationUri"]["Fn::GetAtt"].as_str().expect("a function");
        let function = short(function.strip_suffix(".Arn").expect("its ARN"), "Function");
        let key = route["RouteKey"].as_str().expect("a route has a key").to_owned();
        assert!(routed.entry(function).or_default().insert(key), "{name} is there twice");
    }
    routed
}

#[test]
fn each_function_gets_the_routes_of_its_crate() {
    let mut routed = routed(&template());
    assert_eq!(routed.remove("All"), Some(BTreeSet::from(["$default".to_owned()])));
    let mut shared = BTreeSet::new();
    for routes in routed.values_mut() {
        shared.extend(SHARED.iter().filter(|route| routes.remove(**route)).map(|route| (*route).to_owned()));
    }
    assert_eq!(shared, SHARED.map(str::to_owned).into());
    let expected: BTreeMap<_, _> =
        crates().iter().map(|(name, function)| (function_of(name), operations(function))).collect();
    assert_eq!(routed, expected);
}

#[test]
fn the_functions_together_do_what_all_does() {
    let together: BTreeSet<String> = crates().iter().flat_map(|(_, function)| operations(function)).collect();
    // Its description of every route.
    let all = operations(&latchkey_all::function());
    assert_eq!(all.difference(&together).collect::<Vec<_>>(), ["GET /openapi.json"]);
    assert_eq!(together.difference(&all).count(), 0);
}

/// The routes of `cargo lambda watch` lead where those of the HTTP API do.
#[test]
fn the_watcher_sends_each_operation_to_its_crate() {
    let file = std::fs::read_to_string(root().join("infra/lambda-routes.toml")).expect("a file of routes");
    let (_, routes) = file.split_once("\n[watch.router]\n").expect("there are routes");
    let mut router = matchit::Router::new();
    for line in routes.lines().take_while(|line| !line.is_empty()) {
        let (path, package) = line.split_once(" = ").expect("a path and a package");
        router.insert(path.trim_matches('"'), package.trim_matches('"')).expect("a path");
    }
    let all = latchkey_all::function();
    let own = crates();
    let mut wrong = BTreeSet::new();
    for operation in all.operations() {
        let serves = |function: &Function<App>| operations(function).contains(&name_of(operation));
        let expected =
            own.iter().find(|(_, function)| serves(function)).map_or("latchkey-all", |(name, _)| *name);
        let path = operation.path.replace(['{', '}'], "");
        let found = router.at(&path).map_or("none", |found| *found.value);
        if found != expected {
            wrong.insert(format!("{}: {found}, not {expected}", name_of(operation)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_function_crate_is_deployed() {
    let expected: BTreeSet<String> = packages().iter().map(|name| function_of(name)).collect();
    assert_eq!(functions(&template()).into_keys().collect::<BTreeSet<_>>(), expected);
    let known: BTreeSet<String> =
        crates().iter().map(|(name, _)| *name).chain(OTHERS).map(str::to_owned).collect();
    assert_eq!(packages().into_iter().collect::<BTreeSet<_>>(), known);
}

#[test]
fn what_has_routes_may_be_called_by_the_api_and_by_its_url_only_when_asked() {
    let template = template();
    let invoke = |name: &str| template["Resources"][name].clone();
    for (name, function) in functions(&template) {
        let reference = json!({ "Ref": format!("{name}Function") });
        let (from_api, url) = (invoke(&format!("{name}FromApi")), invoke(&format!("{name}Url")));
        if ["Authorizer", "Operator"].contains(&name.as_str()) {
            assert_eq!((from_api, url), (Value::Null, Value::Null), "{name}");
            continue;
        }
        assert_eq!(from_api["Condition"], function["Condition"], "{name}");
        assert_eq!(from_api["Properties"]["FunctionName"], reference, "{name}");
        assert_eq!(from_api["Properties"]["Principal"], "apigateway.amazonaws.com", "{name}");
        let asked = json!(format!("{}Urls", function["Condition"].as_str().expect("a condition")));
        assert_eq!(url["Properties"]["TargetFunctionArn"], reference, "{name}");
        for part in ["Url", "FromUrl", "ThroughUrl"] {
            assert_eq!(invoke(&format!("{name}{part}"))["Condition"], asked, "{name}{part}");
        }
        for part in ["FromUrl", "ThroughUrl"] {
            assert_eq!(
                invoke(&format!("{name}{part}"))["Properties"]["FunctionName"],
                reference,
                "{name}{part}"
            );
        }
    }
}
