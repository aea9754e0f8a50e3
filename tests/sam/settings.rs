//! What the template tells the functions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use latchkey_core::Config;
use latchkey_core::config::Exposure;
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
/// What has no parameter: the default of the first is the least that OWASP asks for, and a function's memory goes with it. The
/// second is a service of somebody else, the others are dangers.
const LEFT_OUT: [&str; 4] =
    ["LATCHKEY_ARGON2", "LATCHKEY_BREACHED", "LATCHKEY_ALLOW_WEAK_HASHES", "LATCHKEY_ALLOW_NO_LIMITS"];

/// What a secret of providers may hold, as it stands between the quotes of JSON: neither a quote, nor a backslash, nor a control
/// character.
const PLAIN: &str = r#"^[^"\\\x00-\x1f]*$"#;
/// The same, with `\n` for line breaks.
const LINES: &str = r#"^([^"\\\x00-\x1f]|\\n)*$"#;

fn config(vars: &BTreeMap<String, String>) -> Result<Config, Vec<latchkey_core::config::ConfigError>> {
    Config::read(|name| vars.get(name).cloned(), Exposure::Deployed)
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
            // Some are read only where others are set.
            let value = match name {
                "LATCHKEY_URL" | "OIDC_OIDC_ISSUER" => "https://auth.example.com",
                "LATCHKEY_OIDC" => "oidc",
                _ if name.ends_with("_CLIENT_ID") || name.ends_with("_CLIENT_SECRET") => "x",
                _ => return None,
            };
            Some(value.to_owned())
        },
        Exposure::Deployed,
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

/// A CDN can only be trusted where nobody goes around it unnoticed.
#[test]
fn the_default_endpoint_can_be_switched_off() {
    let template = template();
    let api = &template["Resources"]["HttpApi"]["Properties"]["DisableExecuteApiEndpoint"];
    assert_eq!(api["Fn::If"], serde_json::json!(["HidesDefaultEndpoint", true, false]));
    assert_eq!(template["Parameters"]["DefaultEndpoint"]["Default"], "true");
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

/// The environments of all functions, and the one that they share.
fn environments(template: &Value) -> Vec<Value> {
    let own = functions(template).into_values().map(|function| function["Environment"]["Variables"].clone());
    own.chain([template["Globals"]["Function"]["Environment"]["Variables"].clone()]).collect()
}

#[test]
fn no_secret_is_in_an_environment() {
    let template = template();
    let mut secrets = BTreeSet::new();
    for variables in environments(&template) {
        let text = variables.to_string();
        for (name, parameter) in template["Parameters"].as_object().expect("parameters") {
            if parameter["NoEcho"] == true {
                assert!(!text.contains(&format!("{{\"Ref\":\"{name}\"}}")), "{name}");
            }
        }
        for (name, value) in variables.as_object().into_iter().flatten() {
            if ["SECRET", "TOKEN", "PRIVATE_KEY"].iter().any(|end| name.ends_with(end)) {
                assert!(value.to_string().contains("Secret"), "{name}");
                secrets.insert(name.clone());
            }
        }
    }
    assert_eq!(secrets.len(), 10, "{secrets:?}");
}

#[test]
fn what_goes_to_providers_is_a_member_of_their_secret_under_its_own_name() {
    let template = template();
    let secret = &template["Resources"]["ProvidersSecret"]["Properties"]["SecretString"]["Fn::Sub"];
    let members: Value = serde_json::from_str(secret.as_str().expect("a text")).expect("it is JSON");
    let members = members.as_object().expect("an object");
    let mut named = BTreeSet::new();
    for variables in environments(&template) {
        for (name, value) in variables.as_object().into_iter().flatten() {
            let Some(reference) = value["Fn::If"][1]["Fn::Sub"].as_str() else { continue };
            assert_eq!(reference, format!("${{ProvidersSecret}}:{name}::"));
            named.insert(name.clone());
        }
    }
    assert_eq!(named, members.keys().cloned().collect());
    for (name, value) in members {
        let parameter = value.as_str().and_then(|text| text.strip_prefix("${")?.strip_suffix('}'));
        let parameter = &template["Parameters"][parameter.expect("a parameter")];
        assert_eq!(parameter["NoEcho"], true, "{name}");
        assert_eq!(
            parameter["AllowedPattern"],
            if name == "APPLE_PRIVATE_KEY" { LINES } else { PLAIN },
            "{name}"
        );
    }
}

#[test]
fn what_a_pattern_takes_stays_between_its_quotes_in_the_json() {
    for pattern in [PLAIN, LINES] {
        let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
        proptest!(|(text in proptest::string::string_regex(pattern).expect("a pattern"))| {
            let member: String = serde_json::from_str(&format!("\"{text}\"")).expect("it is one text");
            prop_assert_eq!(member, text.replace("\\n", "\n"));
        });
    }
}

#[test]
fn only_what_speaks_to_providers_gets_what_it_proves_itself_with() {
    let policy = "{\"Ref\":\"ProvidersPolicy\"}";
    let mut speaking = Vec::new();
    for (name, function) in functions(&template()) {
        let reads = function["Policies"].to_string().contains(policy);
        assert_eq!(function["Environment"].to_string().contains("ProvidersSecret"), reads, "{name}");
        speaking.extend(reads.then_some(name));
    }
    assert_eq!(speaking, ["All", "Identities", "OauthCallback", "OauthStart"]);
}
