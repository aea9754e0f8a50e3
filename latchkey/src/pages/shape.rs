use std::fmt;

use serde_json::Value;

use super::text::Text;

/// Shape of a JSON value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shape {
    /// Type.
    pub(super) kind: Kind,
    /// All possible values, if they are listed.
    pub(super) values: Vec<String>,
    /// Example value.
    pub(super) example: Option<Value>,
    /// Fields of an object, or of the objects in a list or map; required fields first.
    pub(super) fields: Vec<Field>,
}

impl Shape {
    /// Returns the example for people: a text has no quotes.
    pub(super) fn example(&self) -> Option<String> {
        self.example
            .as_ref()
            .map(|example| example.as_str().map_or_else(|| example.to_string(), str::to_owned))
    }
}

/// A named part of an object, or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Name.
    pub(super) name: String,
    /// True if it is always present.
    pub(super) required: bool,
    /// Shape of its value.
    pub(super) shape: Shape,
    /// Description.
    pub(super) about: Text,
}

/// Type of a JSON value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any JSON.
    #[default]
    Any,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text, possibly of a known format.
    String(Option<String>),
    /// An object with its own fields.
    Object,
    /// An object whose values all have this kind.
    Map(Box<Kind>),
    /// A list of this kind.
    List(Box<Kind>),
    /// One of these kinds.
    Either(Vec<Kind>),
}

impl Kind {
    /// Returns one of `kinds`, or the kind itself if there is only one.
    pub(super) fn either(mut kinds: Vec<Self>) -> Self {
        match kinds.pop() {
            None => Self::Any,
            Some(only) if kinds.is_empty() => only,
            Some(last) => {
                kinds.push(last);
                Self::Either(kinds)
            }
        }
    }

    /// Returns true if the value may be `null`.
    pub(super) fn takes_null(&self) -> bool {
        match self {
            Self::Null | Self::Any => true,
            Self::Either(kinds) => kinds.contains(&Self::Null),
            _ => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any JSON"),
            Self::Null => f.write_str("null"),
            Self::Boolean => f.write_str("boolean"),
            Self::Integer => f.write_str("integer"),
            Self::Number => f.write_str("number"),
            Self::String(None) => f.write_str("string"),
            Self::String(Some(format)) => write!(f, "string ({format})"),
            Self::Object => f.write_str("object"),
            Self::Map(kind) => write!(f, "map of {kind}"),
            Self::List(kind) => write!(f, "list of {kind}"),
            Self::Either(kinds) => {
                let texts: Vec<_> = kinds.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(" or "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_read_as_words() {
        let string = || Kind::String(None);
        for (kind, words) in [
            (Kind::String(Some("email".to_owned())), "string (email)"),
            (Kind::either(vec![string(), Kind::Null]), "string or null"),
            (Kind::either(vec![Kind::Integer]), "integer"),
            (Kind::List(Box::new(Kind::Object)), "list of object"),
            (Kind::Map(Box::new(string())), "map of string"),
            (Kind::either(Vec::new()), "any JSON"),
        ] {
            assert_eq!(kind.to_string(), words);
        }
    }

    #[test]
    fn examples_are_shown_as_they_are_typed() {
        let shape = |example| Shape { example: Some(example), ..Shape::default() };
        assert_eq!(shape(json!("ada@example.com")).example().as_deref(), Some("ada@example.com"));
        assert_eq!(shape(json!(["a", 1])).example().as_deref(), Some(r#"["a",1]"#));
        assert_eq!(Shape::default().example(), None);
    }
}
