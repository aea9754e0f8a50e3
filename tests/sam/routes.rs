//! Who may call each function.

use serde_json::{Value, json};

use crate::template::{functions, template};

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
