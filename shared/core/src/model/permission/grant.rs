//! Permission grants that roles hold.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{MAX_PART, is_part, is_upper_case_of, text_form};
use crate::model::permission::Permission;

/// Kind of resource: the first part of a [`Permission`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(String);

impl Resource {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Hashes like its text, so a map can be searched with the resource of a permission without a copy.
impl Borrow<str> for Resource {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Permission grant of a role: one permission, every action on a resource, or everything. Ordered from the widest to the
/// narrowest, then by text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Grant {
    /// `*`: every permission, including future ones.
    All,
    /// `resource:*`: every action on exactly this resource.
    Resource(Resource),
    /// `resource:action`.
    Exact(Permission),
}

/// Reason that a text is not a [`Grant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrant {
    /// It has none of the three forms.
    #[error(
        "not a grant: write resource:action, resource:* or *, such as products:read, each part 1 to {MAX_PART} of a-z, 0-9, '.', '_', '-'"
    )]
    Form,
    /// It would be valid in lower case.
    #[error("a grant is written in lower case, such as products:read or products:*")]
    UpperCase,
    /// Its `*` is in a place where it has no meaning.
    #[error(
        "in a grant '*' stands for everything or for every action on one resource: write * or products:*"
    )]
    Wildcard,
}

impl FromStr for Grant {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        if let Some(permission) = Permission::exactly(text) {
            return Ok(Self::Exact(permission));
        }
        match text.split_once(':') {
            None if text == "*" => Ok(Self::All),
            Some((resource, "*")) if is_part(resource) => Ok(Self::Resource(Resource(resource.to_owned()))),
            _ if is_upper_case_of::<Self>(text) => Err(InvalidGrant::UpperCase),
            _ if text.contains('*') => Err(InvalidGrant::Wildcard),
            _ => Err(InvalidGrant::Form),
        }
    }
}

impl Grant {
    /// Returns the whole text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::All => "*".into(),
            Self::Resource(resource) => format!("{}:*", resource.as_str()).into(),
            Self::Exact(permission) => permission.as_str().into(),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl From<Permission> for Grant {
    fn from(permission: Permission) -> Self {
        Self::Exact(permission)
    }
}

text_form!(Grant, InvalidGrant);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_grant_is_a_permission_or_one_of_two_patterns() {
        use InvalidGrant::{Form, UpperCase, Wildcard};

        assert_eq!("*".parse(), Ok(Grant::All));
        assert_eq!("products:*".parse(), Ok(Grant::Resource(Resource("products".to_owned()))));
        assert_eq!("products:read".parse(), Ok(Grant::Exact(Permission::known("products:read"))));
        for (text, why) in [
            ("", Form),
            ("products", Form),
            ("a:b:c", Form),
            ("*:*", Wildcard),
            ("*:read", Wildcard),
            ("**", Wildcard),
            ("pro*:read", Wildcard),
            ("products:re*", Wildcard),
            ("products:**", Wildcard),
            ("a:b:*", Wildcard),
            (":*", Wildcard),
            ("Products:*", UpperCase),
        ] {
            assert_eq!(text.parse::<Grant>(), Err(why), "{text:?}");
        }
    }

    #[test]
    fn grants_list_from_the_widest_on() {
        let mut grants = ["b:r", "a:w", "b:*", "*", "a:*"].map(|text| text.parse::<Grant>().unwrap());
        grants.sort();
        assert_eq!(grants.map(|grant| grant.to_string()), ["*", "a:*", "b:*", "a:w", "b:r"]);
    }

    #[test]
    fn json_is_the_text_and_is_checked() {
        let grant: Grant = serde_json::from_str("\"products:*\"").unwrap();
        assert_eq!(serde_json::to_string(&grant).unwrap(), "\"products:*\"");
        assert!(serde_json::from_str::<Grant>("\"Products:*\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,140}|[a-z:*.]{0,6}") {
            let grant = text.parse::<Grant>();
            prop_assert_eq!(grant.clone().map(|grant| grant.to_string()), grant.clone().map(|_| text.clone()));
            // Every permission is also a grant, and no pattern is a permission.
            prop_assert_eq!(text.parse::<Permission>().ok(), match grant {
                Ok(Grant::Exact(permission)) => Some(permission),
                _ => None,
            });
        }

        #[test]
        fn a_pattern_names_its_resource(resource in "[a-z0-9._-]{1,64}") {
            prop_assert_eq!(format!("{resource}:*").parse::<Grant>(), Ok(Grant::Resource(Resource(resource))));
        }
    }
}
