use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{Condition, Version};

/// Condition of a live item, by the clock of the caller. DynamoDB removes an expired item up to days later.
pub(super) const LIVE: &str = "(attribute_not_exists(expires_at) OR expires_at > :now)";
const ABSENT: &str = "attribute_not_exists(pk) OR expires_at <= :now";
const UNCHANGED: &str = "version = :version AND (attribute_not_exists(expires_at) OR expires_at > :now)";

/// A condition and its values.
pub(super) struct Expression {
    pub text: &'static str,
    pub values: HashMap<String, AttributeValue>,
}

impl Expression {
    pub fn new(condition: Condition, now: Timestamp) -> Self {
        let mut values = HashMap::from([(":now".to_owned(), time(now))]);
        let text = match condition {
            Condition::Absent => ABSENT,
            Condition::Unchanged(version) => {
                values.insert(":version".to_owned(), number(version));
                UNCHANGED
            }
        };
        Self { text, values }
    }
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number(Version(version): Version) -> AttributeValue {
    AttributeValue::N(version.to_string())
}

pub(super) fn time(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millis().to_string())
}
