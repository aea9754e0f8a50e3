//! Every function that answers requests is watched.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::template::{functions, resources, short, template};

/// The functions that the alarms look at, by the metric and the condition under which the alarm is there.
fn watched(alarms: &BTreeMap<String, Value>) -> BTreeMap<(String, String), Vec<String>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, alarm) in alarms {
        let metrics = alarm["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
        let expression = metrics.iter().find_map(|metric| metric["Expression"].as_str()).unwrap_or_default();
        for metric in metrics.iter().filter(|metric| metric["MetricStat"].is_object()) {
            let id = metric["Id"].as_str().expect("a metric has a name");
            let is_used = expression.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == id);
            assert!(is_used, "{name} does not look at its {id}: {expression}");
            let metric = &metric["MetricStat"]["Metric"];
            let function = metric["Dimensions"][0]["Value"]["Ref"].as_str().expect("a function");
            let condition = alarm["Condition"].as_str().unwrap_or_default().to_owned();
            let kind = metric["MetricName"].as_str().expect("a metric has a kind").to_owned();
            found.entry((kind, condition)).or_default().push(short(function, "Function"));
        }
    }
    for functions in found.values_mut() {
        functions.sort();
    }
    found
}

#[test]
fn every_function_has_its_alarms_once() {
    let template = template();
    let watched = watched(&resources(&template, "AWS::CloudWatch::Alarm"));
    for condition in ["Separate", "One"] {
        let functions: Vec<String> = functions(&template)
            .into_iter()
            .filter(|(_, function)| function["Condition"] == condition)
            .map(|(name, _)| name)
            .collect();
        assert!(!functions.is_empty(), "{condition}");
        for kind in ["Errors", "Throttles", "Duration"] {
            assert_eq!(watched[&(kind.to_owned(), condition.to_owned())], functions, "{kind} {condition}");
        }
    }
    let authorizer = ("Errors".to_owned(), "HasAuthorizer".to_owned());
    assert_eq!(watched[&authorizer], ["Authorizer"]);
}
