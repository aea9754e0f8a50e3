//! What the template tells the functions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use latchkey_core::Config;
use latchkey_core::config::Place;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::template::{functions, template};

/// What is read elsewhere than in [`Config`].
const OTHERS: [&str; 5] = [
    "LATCHKEY_LOG",
    "LATCHKEY_PERMISSIONS",
    "LATCHKEY_TABLE",
    "UPSTASH_REDIS_REST_TOKEN",
    "UPSTASH_REDIS_REST_URL",
];
/// What has no parameter: its default is the least that OWASP asks for, and a function's memory goes with it.
const LEFT_OUT: [&str; 1] = ["LATCHKEY_ARGON2"];

fn config(vars: &BTreeMap<String, String>) -> Result<Config, Vec<latchkey_core::config::ConfigError>> {
    Config::read(|name| vars.get(name).cloned(), Place::Deployed)
}

/// The environment that the template's defaults give.
fn defaults(template: &Value) -> BTreeMap<String, String> {
    let variables =
        template["Globals"]["Function"]["Environment"]["Variables"].as_object().expect("an environment");
    let default = |value: &Value| {
        let parameter = &template["Parameters"][value["Ref"].as_str()?]["Default"];
        Some(parameter.as_str().map_or_else(|| parameter.to_string(), str::to_owned))
    };
    variables.iter().filter_map(|(name, value)| Some((name.clone(), default(value)?))).collect()
}

#[test]
fn every_variable_is_one_that_is_read() {
    let asked = RefCell::new(BTreeSet::new());
    let _ = Config::read(
        |name| {
            asked.borrow_mut().insert(name.to_owned());
            (name == "LATCHKEY_URL").then(|| "https://auth.example.com".to_owned())
        },
        Place::Deployed,
    );
    let mut known = asked.into_inner();
    known.extend(OTHERS.map(str::to_owned));
    let template = template();
    let global =
        template["Globals"]["Function"]["Environment"]["Variables"].as_object().expect("an environment");
    let mut set: BTreeSet<String> = global.keys().cloned().collect();
    for function in functions(&template).values() {
        set.extend(
            function["Environment"]["Variables"].as_object().into_iter().flat_map(|own| own.keys().cloned()),
        );
    }
    set.extend(LEFT_OUT.map(str::to_owned));
    assert_eq!(set, known);
}

#[test]
fn the_defaults_of_the_template_are_those_of_the_code() {
    let secret = ("LATCHKEY_SECRET".to_owned(), "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=".to_owned());
    let url =
        ("LATCHKEY_URL".to_owned(), "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com".to_owned());
    let plain = BTreeMap::from([secret, url]);
    let mut deployed = plain.clone();
    deployed.extend(defaults(&template()));
    let (deployed, plain) = (config(&deployed).expect("it starts"), config(&plain).expect("it starts"));
    assert_eq!(deployed.algorithm, plain.algorithm);
    assert_eq!(deployed.password_rules.min_chars, plain.password_rules.min_chars);
    assert_eq!(deployed.audit_retention, plain.audit_retention);
    assert_eq!(deployed.trusted_proxies, plain.trusted_proxies);
}

#[test]
fn the_secret_that_aws_makes_is_taken() {
    let template = template();
    let made = &template["Resources"]["MadeSecret"]["Properties"]["GenerateSecretString"];
    assert_eq!(made["ExcludePunctuation"], true);
    let length = made["PasswordLength"].as_u64().expect("a length");
    // Letters of both cases and digits are what is left. The seed is fixed, as by chance one secret in millions has a
    // word of samples in it and is refused.
    let secrets = proptest::string::string_regex(&format!("[A-Za-z0-9]{{{length}}}")).expect("a pattern");
    TestRunner::deterministic()
        .run(&secrets, |secret| {
            let url = ("LATCHKEY_URL".to_owned(), "https://auth.example.com".to_owned());
            let vars = BTreeMap::from([url, ("LATCHKEY_SECRET".to_owned(), secret)]);
            prop_assert!(config(&vars).is_ok());
            Ok(())
        })
        .expect("every secret is taken");
}

#[test]
fn no_secret_is_in_an_environment() {
    let template = template();
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    let text = variables.to_string();
    for (name, parameter) in template["Parameters"].as_object().expect("parameters") {
        if parameter["NoEcho"] == true {
            assert!(!text.contains(&format!("{{\"Ref\":\"{name}\"}}")), "{name}");
        }
    }
    for name in ["LATCHKEY_SECRET", "UPSTASH_REDIS_REST_TOKEN"] {
        assert!(variables[name].to_string().contains("Secret\""), "{name}");
    }
}
