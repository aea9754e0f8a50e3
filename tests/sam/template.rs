//! The template as JSON, with `!Ref x` as `{"Ref": "x"}` and every other `!Tag x` as `{"Fn::Tag": x}`.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, YamlOwned};
use serde_json::{Map, Value, json};

/// `template.yaml`.
pub fn template() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let text = std::fs::read_to_string(path).expect("there is a template");
    let documents = YamlOwned::load_from_str(&text).expect("the template is YAML");
    json_of(&documents[0])
}

/// The resources of a type, by name: their properties, with `Condition` among them.
pub fn resources(template: &Value, kind: &str) -> BTreeMap<String, Value> {
    let all = template["Resources"].as_object().expect("the template has resources");
    let of_kind = all.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind
        .map(|(name, resource)| {
            let mut properties = resource["Properties"].clone();
            properties["Condition"] = resource["Condition"].clone();
            (name.clone(), properties)
        })
        .collect()
}

/// The functions, by name without `Function`.
pub fn functions(template: &Value) -> BTreeMap<String, Value> {
    let functions = resources(template, "AWS::Serverless::Function");
    functions.into_iter().map(|(name, function)| (short(&name, "Function"), function)).collect()
}

/// `name` without `suffix`.
pub fn short(name: &str, suffix: &str) -> String {
    name.strip_suffix(suffix).unwrap_or_else(|| panic!("{name} does not end in {suffix}")).to_owned()
}

/// The name of the function in the template that an operation becomes: `TwoWords` of `two-words`.
pub fn function_of(operation: &str) -> String {
    let words = operation.split('-');
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn json_of(node: &YamlOwned) -> Value {
    match node {
        YamlOwned::Tagged(tag, inner) => {
            let name = if tag.suffix == "Ref" { "Ref".to_owned() } else { format!("Fn::{}", tag.suffix) };
            json!({ name: json_of(inner) })
        }
        YamlOwned::Sequence(items) => items.iter().map(json_of).collect(),
        YamlOwned::Mapping(members) => {
            let member = |(key, value): (&YamlOwned, &YamlOwned)| {
                (key.as_str().expect("keys are texts").to_owned(), json_of(value))
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        scalar => scalar_of(scalar),
    }
}

fn scalar_of(node: &YamlOwned) -> Value {
    if let Some(number) = node.as_integer() {
        return json!(number);
    }
    if let Some(truth) = node.as_bool() {
        return json!(truth);
    }
    node.as_str().map_or(Value::Null, |text| json!(text))
}
