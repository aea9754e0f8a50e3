//! Permission that a request needs.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{MAX_PART, is_part, is_upper_case_of, text_form};
use crate::model::permission::Grant;

/// Permission that a request needs: one action on one kind of resource, written `resource:action`.
///
/// Each part has 1 to 64 of the characters `a-z`, `0-9`, `.`, `_` and `-`. Upper case is refused, not folded, so two different
/// texts are never the same permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission(Cow<'static, str>);

/// Reason that a text is not a [`Permission`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPermission {
    /// It does not consist of two parts of allowed characters.
    #[error(
        "not a permission: write resource:action, such as products:read, each part 1 to {MAX_PART} of a-z, 0-9, '.', '_', '-'"
    )]
    Form,
    /// It would be valid in lower case.
    #[error("a permission is written in lower case, such as products:read")]
    UpperCase,
    /// It is a pattern.
    #[error(
        "a permission is one action on one resource and '*' is only for grants of roles: write products:read"
    )]
    Wildcard,
    /// It is only an action, and no resource was given.
    #[error(
        "the permission names no resource: write resource:action, such as products:read, or give the resource too"
    )]
    NoResource,
    /// It names one resource, and another one was given.
    #[error(
        "the permission is about {named}, but another resource is given: leave the resource out or give {named}"
    )]
    OtherResource {
        /// Resource in the permission.
        named: String,
    },
}

impl Permission {
    /// To see and change roles and their holders.
    pub const ROLES_MANAGE: Self = Self::known("roles:manage");
    /// To list and see users.
    pub const USERS_READ: Self = Self::known("users:read");
    /// To change, disable and enable users.
    pub const USERS_UPDATE: Self = Self::known("users:update");
    /// To delete users.
    pub const USERS_DELETE: Self = Self::known("users:delete");
    /// To operate the service itself.
    pub const SYSTEM_ADMIN: Self = Self::known("system:admin");

    /// Wraps a text from the source of this crate. Tests check that each of them parses.
    pub(crate) const fn known(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Returns `text` as a permission, if it is one.
    pub(crate) fn exactly(text: &str) -> Option<Self> {
        let (resource, action) = text.split_once(':')?;
        (is_part(resource) && is_part(action)).then(|| Self(Cow::Owned(text.to_owned())))
    }

    /// Resolves `text` as it appears in a request. If `resource` is given, `text` may be the action alone. If both name a
    /// resource, they must agree.
    pub fn resolve(text: &str, resource: Option<&str>) -> Result<Self, InvalidPermission> {
        match resource {
            Some(resource) if text.contains(':') => {
                let permission: Self = text.parse()?;
                if permission.resource() == resource {
                    return Ok(permission);
                }
                Err(InvalidPermission::OtherResource { named: permission.resource().to_owned() })
            }
            Some(resource) => format!("{resource}:{text}").parse(),
            None if is_part(text) => Err(InvalidPermission::NoResource),
            None => text.parse(),
        }
    }

    /// Returns the whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before the `:`.
    pub fn resource(&self) -> &str {
        self.0.split_once(':').map_or("", |(resource, _)| resource)
    }

    /// Returns the part after the `:`.
    pub fn action(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, action)| action)
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        match Self::exactly(text) {
            Some(permission) => Ok(permission),
            None if is_upper_case_of::<Self>(text) => Err(InvalidPermission::UpperCase),
            None if text.parse::<Grant>().is_ok() => Err(InvalidPermission::Wildcard),
            None => Err(InvalidPermission::Form),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Permission, InvalidPermission);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn permission(text: &str) -> Result<Permission, InvalidPermission> {
        text.parse()
    }

    #[test]
    fn a_permission_is_two_lower_case_parts() {
        let read = permission("blog.posts_v2:read-all").unwrap();
        assert_eq!((read.resource(), read.action()), ("blog.posts_v2", "read-all"));
        let longest = format!("{}:{}", "r".repeat(64), "a".repeat(64));
        assert_eq!(permission(&longest).unwrap().as_str(), longest);
    }

    #[test]
    fn a_text_that_is_not_a_permission_is_refused_with_the_reason() {
        use InvalidPermission::{Form, UpperCase, Wildcard};
        let long = "a".repeat(65);
        for (text, why) in [
            ("", Form),
            (":", Form),
            ("read", Form),
            ("products:", Form),
            (":read", Form),
            ("a:b:c", Form),
            ("products: read", Form),
            ("products:read\0", Form),
            ("products:read\n", Form),
            ("prödukte:read", Form),
            ("products：read", Form),
            ("PRODUCTS\u{212A}:read", Form),
            (&format!("{long}:read"), Form),
            (&format!("products:{long}"), Form),
            ("*:read", Form),
            ("pro*:read", Form),
            ("Products:read", UpperCase),
            ("products:READ", UpperCase),
            ("*", Wildcard),
            ("products:*", Wildcard),
        ] {
            assert_eq!(permission(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn resource_and_action_may_be_given_separately() {
        use InvalidPermission::{Form, NoResource, OtherResource, UpperCase};
        let read = Permission::known("products:read");
        let other = || Err(OtherResource { named: "products".to_owned() });
        for (text, resource, answer) in [
            ("read", Some("products"), Ok(read.clone())),
            ("products:read", Some("products"), Ok(read.clone())),
            ("products:read", None, Ok(read)),
            ("products:read", Some("orders"), other()),
            ("products:read", Some("Products"), other()),
            ("products:read", Some(""), other()),
            ("read", None, Err(NoResource)),
            ("read", Some(""), Err(Form)),
            ("read", Some("products:x"), Err(Form)),
            ("read", Some("Products"), Err(UpperCase)),
            ("", Some("products"), Err(Form)),
            ("", None, Err(Form)),
            ("*", Some("products"), Err(InvalidPermission::Wildcard)),
        ] {
            assert_eq!(Permission::resolve(text, resource), answer, "{text:?} {resource:?}");
        }
    }

    #[test]
    fn the_constants_are_permissions() {
        for known in [
            Permission::ROLES_MANAGE,
            Permission::USERS_READ,
            Permission::USERS_UPDATE,
            Permission::USERS_DELETE,
            Permission::SYSTEM_ADMIN,
        ] {
            assert_eq!(permission(known.as_str()), Ok(known));
        }
    }

    #[test]
    fn json_is_the_text_and_is_checked() {
        let read: Permission = serde_json::from_str("\"products:read\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"products:read\"");
        let error = serde_json::from_str::<Permission>("\"products:*\"").unwrap_err();
        assert!(error.to_string().contains("one action on one resource"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,140}|[a-zA-Z:*.]{0,8}", resource in "\\PC{0,8}|[a-z:]{0,3}") {
            if let Ok(permission) = permission(&text) {
                prop_assert_eq!(permission.to_string(), text.clone());
                prop_assert_eq!(format!("{}:{}", permission.resource(), permission.action()), text.clone());
            }
            if let Ok(permission) = Permission::resolve(&text, Some(&resource)) {
                prop_assert_eq!(permission.resource(), resource);
            }
        }

        #[test]
        fn what_is_well_formed_is_read(resource in "[a-z0-9._-]{1,64}", action in "[a-z0-9._-]{1,64}") {
            let permission = permission(&format!("{resource}:{action}")).unwrap();
            prop_assert_eq!((permission.resource(), permission.action()), (&*resource, &*action));
            prop_assert_eq!(Permission::resolve(&action, Some(&resource)), Ok(permission));
        }

        #[test]
        fn one_foreign_character_anywhere_refuses(
            text in "[a-z]{1,8}:[a-z]{1,8}", foreign in "[^a-z0-9._-]", at in 0_usize..18,
        ) {
            let mut text = text;
            text.insert_str(at.min(text.len()), &foreign);
            prop_assert!(permission(&text).is_err(), "{text:?}");
        }
    }
}
