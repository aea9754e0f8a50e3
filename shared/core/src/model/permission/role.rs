//! A role and its name.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::text_form;
use crate::model::permission::Grant;

/// Maximum length of a role name, in characters.
const MAX_NAME: usize = 64;

/// Name of a role: 1 to 64 of `a-z`, `0-9` and `-`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(Cow<'static, str>);

/// Error: the text is not a [`RoleName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role name: write 1 to {MAX_NAME} of a-z, 0-9 and '-', a letter first, such as content-editor")]
pub struct InvalidRoleName;

impl RoleName {
    /// Role that every new user gets.
    pub const USER: Self = Self(Cow::Borrowed("user"));
    /// Role that can always manage roles. At least one active user holds it.
    pub const ADMIN: Self = Self(Cow::Borrowed("admin"));
    /// Third initial role of a new installation.
    pub const CONTENT_EDITOR: Self = Self(Cow::Borrowed("content-editor"));

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = InvalidRoleName;

    fn from_str(text: &str) -> Result<Self, InvalidRoleName> {
        let allowed = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if text.len() <= MAX_NAME
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(allowed)
        {
            return Ok(Self(Cow::Owned(text.to_owned())));
        }
        Err(InvalidRoleName)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(RoleName, InvalidRoleName);

/// Role: its own permissions, and the roles whose permissions it includes. Its limits are checked when it enters a
/// [`Policy`](super::Policy).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Description for people: one line of at most [`MAX_DESCRIPTION`](super::MAX_DESCRIPTION) characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its own permission grants; at most [`MAX_GRANTS`](super::MAX_GRANTS).
    #[serde(default)]
    pub permissions: BTreeSet<Grant>,
    /// Roles whose permissions it includes; at most [`MAX_INCLUDES`](super::MAX_INCLUDES).
    #[serde(default)]
    pub includes: BTreeSet<RoleName>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_starts_with_a_letter_and_is_lower_case() {
        for name in ["a", "content-editor", "x9-", &"r".repeat(64)] {
            assert_eq!(name.parse::<RoleName>().unwrap().as_str(), name);
        }
        for text in
            ["", "-a", "9a", "Admin", "a_b", "a.b", "a b", "a:b", "*", "ädmin", "admin\0", &"r".repeat(65)]
        {
            assert_eq!(text.parse::<RoleName>(), Err(InvalidRoleName), "{text:?}");
        }
    }

    #[test]
    fn the_constants_are_names() {
        for known in [RoleName::USER, RoleName::ADMIN, RoleName::CONTENT_EDITOR] {
            assert_eq!(known.as_str().parse(), Ok(known));
        }
    }

    #[test]
    fn a_role_is_plain_json() {
        let text =
            r#"{"description":"Writes","permissions":["products:*","products:read"],"includes":["user"]}"#;
        let role: Role = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&role).unwrap(), text);
        assert_eq!(serde_json::from_str::<Role>("{}").unwrap(), Role::default());
        assert!(serde_json::from_str::<Role>(r#"{"includes":["Admin"]}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,70}|[a-zA-Z0-9-]{0,8}") {
            if let Ok(name) = text.parse::<RoleName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }

        #[test]
        fn what_is_well_formed_is_read(text in "[a-z][a-z0-9-]{0,63}") {
            prop_assert!(text.parse::<RoleName>().is_ok());
        }
    }
}
