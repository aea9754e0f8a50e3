//! JSON from outside: request bodies, tokens, and responses and documents of providers. This module parses all of it.
//!
//! serde skips members that a type does not name, and checks neither their UTF-8 nor their depth. This module checks the whole
//! text first.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Maximum number of levels of arrays and objects. No expected document has more than six.
pub const MAX_DEPTH: usize = 32;

/// Reason that a text is refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidJson {
    /// Part of it is not UTF-8, perhaps in a member that nobody reads.
    #[error("not UTF-8")]
    Encoding,
    /// It has more than [`MAX_DEPTH`] levels.
    #[error("more than {MAX_DEPTH} levels of arrays and objects")]
    Depth,
    /// It is a value other than an object.
    #[error("not a JSON object")]
    NoObject,
    /// It is not JSON, or lacks required members.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Parses any value.
pub fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, InvalidJson> {
    if std::str::from_utf8(json).is_err() {
        return Err(InvalidJson::Encoding);
    }
    if !is_shallow(json) {
        return Err(InvalidJson::Depth);
    }
    Ok(serde_json::from_slice(json)?)
}

/// Parses an object. serde would also accept an array of the members' values for a struct.
pub fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, InvalidJson> {
    let value = read(json)?;
    if json.trim_ascii_start().starts_with(b"{") { Ok(value) } else { Err(InvalidJson::NoObject) }
}

/// Returns true if a text has at most [`MAX_DEPTH`] levels. The result is undefined for a text that is not JSON.
fn is_shallow(json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'[' | b'{') => {
                depth = depth.saturating_add(1);
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// Optional member. A value of another type counts as absent and is logged, so that the rest can still be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Optional<T> {
    /// The member is missing or null.
    #[default]
    Absent,
    /// The member has the expected type.
    Present(T),
    /// The member has this other type.
    Odd(&'static str),
}

impl<T> Optional<T> {
    /// Returns the value. If it has another type, logs that type with `of` and `member`, never the value itself.
    pub fn get(self, of: &'static str, member: &'static str) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Present(value) => Some(value),
            Self::Odd(found) => {
                tracing::warn!(
                    of,
                    member,
                    found,
                    "a member is ignored because its type differs from the standard"
                );
                None
            }
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Absent);
        }
        let found = kind(&value);
        Ok(serde_json::from_value(value).map_or(Self::Odd(found), Self::Present))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    #[derive(Debug, Deserialize)]
    struct One {
        one: u8,
        #[serde(default)]
        other: Optional<String>,
    }

    #[test]
    fn members_that_nobody_reads_are_checked_too() {
        assert_eq!(object::<One>(br#" {"one": 1, "x": [{}]} "#).unwrap().one, 1);
        let invalid = b"{\"one\":1,\"x\":\"\xff\"}";
        assert!(matches!(object::<One>(invalid), Err(InvalidJson::Encoding)));
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |levels: usize| {
                let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
                object::<One>(format!("{{\"one\":1,\"x\":{value}}}").as_bytes())
            };
            assert!(nested(MAX_DEPTH - 1).is_ok());
            assert!(matches!(nested(MAX_DEPTH), Err(InvalidJson::Depth)));
            assert!(matches!(nested(5000), Err(InvalidJson::Depth)));
        }
        let brackets = format!("{{\"one\":1,\"x\":\"\\\"{}\"}}", "[".repeat(100));
        assert!(object::<One>(brackets.as_bytes()).is_ok(), "brackets in a text are not levels");
    }

    #[test]
    fn an_object_is_not_an_array_of_its_values() {
        assert!(matches!(object::<One>(b"[1, null]"), Err(InvalidJson::NoObject)));
        assert!(matches!(object::<One>(br#"{"one":1,"one":2}"#), Err(InvalidJson::Json(_))));
    }

    #[test]
    fn a_member_that_can_be_missing_spoils_nothing() {
        for (json, other) in [
            (r#"{"one":1}"#, Optional::Absent),
            (r#"{"one":1,"other":null}"#, Optional::Absent),
            (r#"{"one":1,"other":"x"}"#, Optional::Present("x".to_owned())),
            (r#"{"one":1,"other":7}"#, Optional::Odd("a number")),
            (r#"{"one":1,"other":{"a":[]}}"#, Optional::Odd("an object")),
        ] {
            assert_eq!(object::<One>(json.as_bytes()).unwrap().other, other, "{json}");
        }
    }

    proptest! {
        /// Compares with a reader that builds every level.
        #[test]
        fn depth_is_counted_as_it_is(json in "[\\[\\]{}\",:1\\\\]{0,80}") {
            if let Ok(value) = serde_json::from_str::<Value>(&json) {
                fn depth(value: &Value) -> usize {
                    match value {
                        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
                        Value::Object(items) => 1 + items.values().map(depth).max().unwrap_or(0),
                        _ => 0,
                    }
                }
                prop_assert_eq!(read::<IgnoredAny>(json.as_bytes()).is_ok(), depth(&value) <= MAX_DEPTH);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(json: Vec<u8>) {
            let _ = read::<Value>(&json);
        }
    }
}
