use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::store::Key;

/// Unique public name of an account: 4 to 15 lower-case letters and digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle(pub(crate) String);

/// Error: the text is not a [`Handle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a handle: expected 4 to 15 lower-case letters and digits")]
pub struct InvalidHandle;

impl Handle {
    /// Minimum number of characters.
    pub(crate) const MIN: usize = 4;
    /// Maximum number of characters.
    pub(crate) const MAX: usize = 15;

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key of the item that makes the handle taken.
    pub fn key(&self) -> Key {
        Key::new(format!("handle#{}", self.0), "handle")
    }
}

impl FromStr for Handle {
    type Err = InvalidHandle;
    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (Self::MIN..=Self::MAX).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidHandle) }
    }
}

impl TryFrom<String> for Handle {
    type Error = InvalidHandle;
    fn try_from(text: String) -> Result<Self, InvalidHandle> {
        text.parse()
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> String {
        handle.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Handle {
    // Personal data: a stray {:?} in a log line must not expose it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_parses() {
        for bad in ["", "abc", "Abcd", "ab-cd", "äbcd", "abcdefghijklmnop"] {
            assert_eq!(bad.parse::<Handle>(), Err(InvalidHandle), "{bad:?}");
        }
    }
}
