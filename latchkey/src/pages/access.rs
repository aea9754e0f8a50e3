use serde_json::Value;

use super::document::{list, members, string};

/// Access rule of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// Open to anyone.
    Public,
    /// Open to a signed-in user.
    SignedIn,
    /// Open to a holder of this permission.
    Permission(String),
}

impl Access {
    /// Reads the access rule of an operation: its security, and the permission in the description of the
    /// operation or of its success.
    pub(super) fn read(operation: &Value) -> Self {
        if list(operation, "security").is_empty() {
            return Self::Public;
        }
        let successes = members(operation, "responses").filter(|(status, _)| status.starts_with('2'));
        let texts = successes.map(|(_, answer)| answer).chain([operation]);
        match texts.map(|value| string(value, "description")).find_map(needed) {
            Some(permission) => Self::Permission(permission.to_owned()),
            None => Self::SignedIn,
        }
    }

    /// Returns true if the caller must authenticate.
    pub(super) fn is_guarded(&self) -> bool {
        *self != Self::Public
    }
}

/// Returns the permission in a text such as "needs `users:read`".
fn needed(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("needs `")?;
    rest.split_once('`').map(|(permission, _)| permission).filter(|permission| permission.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn access_is_what_security_and_description_say() {
        let guarded = |success: &str| {
            json!({
                "security": [{ "bearer": [] }],
                "responses": {
                    "200": { "description": success },
                    "403": { "description": "Another call needs `users:delete`" },
                },
            })
        };
        for (operation, access) in [
            (json!({ "responses": { "200": { "description": "needs `users:read`" } } }), Access::Public),
            (guarded("The list"), Access::SignedIn),
            (guarded("It needs `patience`"), Access::SignedIn),
            (guarded("A page of users; needs `users:read`"), Access::Permission("users:read".to_owned())),
        ] {
            assert_eq!(Access::read(&operation), access, "{operation}");
        }
    }
}
