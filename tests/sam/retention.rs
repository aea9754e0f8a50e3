//! Resources that must outlive a deployment.

use serde_json::json;

use crate::template::{resources, template};

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
