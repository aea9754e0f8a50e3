//! `sam build` builds what the template names.

use std::collections::BTreeSet;

use serde_json::json;

use crate::template::{functions, packages, resources, root, template};

#[test]
fn every_function_has_a_target() {
    let text = std::fs::read_to_string(root().join("infra/aws/Makefile")).expect("there is a Makefile");
    let targets: BTreeSet<String> = text
        .split_whitespace()
        .filter_map(|word| word.trim_end_matches(':').strip_prefix("build-")?.strip_suffix("Function"))
        .map(str::to_owned)
        .collect();
    assert_eq!(targets, functions(&template()).into_keys().collect());
}

#[test]
fn every_function_has_a_binary_of_the_name_of_its_crate() {
    for package in packages() {
        let folder = root().join("functions").join(package.trim_start_matches("latchkey-"));
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains(&format!("[[bin]]\nname = \"{package}\"")), "{package}");
        assert!(folder.join("src/main.rs").is_file(), "{package}");
    }
}

#[test]
fn everything_is_built_by_one_makefile() {
    let template = template();
    for (name, function) in functions(&template) {
        assert_eq!(function["CodeUri"], "infra/aws", "{name}");
        let metadata = &template["Resources"][format!("{name}Function")]["Metadata"];
        assert_eq!(metadata, &json!({ "BuildMethod": "makefile", "WorkingDirectory": "." }), "{name}");
    }
}

#[test]
fn what_holds_accounts_outlives_the_stack() {
    let template = template();
    for name in ["Table", "MadeSecret", "GivenSecret"] {
        let resource = &template["Resources"][name];
        assert_eq!(
            (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain"))
        );
    }
    let table = &resources(&template, "AWS::DynamoDB::Table")["Table"];
    assert_eq!(table["DeletionProtectionEnabled"], true);
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(table["TimeToLiveSpecification"], json!({ "AttributeName": "ttl", "Enabled": true }));
}
