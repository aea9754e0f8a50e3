//! Text rules that permissions and grants share.

use std::str::FromStr;

/// Maximum length of a resource or action, in characters.
pub(crate) const MAX_PART: usize = 64;

/// Returns true if `part` can be a resource or an action.
pub(crate) fn is_part(part: &str) -> bool {
    let allowed = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    (1..=MAX_PART).contains(&part.len()) && part.bytes().all(allowed)
}

/// Returns true if `text` would be a valid `T` in lower case.
pub(crate) fn is_upper_case_of<T: FromStr>(text: &str) -> bool {
    text.len() <= 2 * MAX_PART + 1
        && text.bytes().any(|b| b.is_ascii_uppercase())
        && text.to_ascii_lowercase().parse::<T>().is_ok()
}

/// Makes serde use the text form of `Display` and `FromStr`.
macro_rules! text_form {
    ($name:ident, $error:ty) => {
        impl TryFrom<String> for $name {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}
pub(crate) use text_form;
