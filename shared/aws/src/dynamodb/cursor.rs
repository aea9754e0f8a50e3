use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_core::port::StoreError;
use latchkey_core::port::table::{Cursor, List, MAX_KEY, QueryError};

use super::item::{Attributes, part};

/// End of a page: the keys of the last examined item, the list's own key first. The item itself may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(Vec<String>);

impl Place {
    /// Returns the place of an item, or of the key at which DynamoDB stopped.
    pub fn of(list: &List, attributes: &Attributes) -> Result<Self, StoreError> {
        names(list).iter().map(|name| part(attributes, name)).collect::<Result<_, _>>().map(Self)
    }

    /// Encodes the place as a cursor: base64url of a JSON array of strings.
    pub fn seal(self) -> Cursor {
        Cursor(URL_SAFE_NO_PAD.encode(serde_json::Value::from(self.0).to_string()))
    }

    /// Reads a cursor of `list`. Refuses cursors of other lists.
    pub fn open(cursor: &Cursor, list: &List) -> Result<Self, QueryError> {
        let json = URL_SAFE_NO_PAD.decode(&cursor.0).map_err(|_| QueryError::InvalidCursor)?;
        let parts: Vec<String> = serde_json::from_slice(&json).map_err(|_| QueryError::InvalidCursor)?;
        let (List::Partition(partition) | List::Index(partition)) = list;
        let fits = parts.len() == names(list).len()
            && parts.first() == Some(partition)
            && parts.iter().all(|part| (1..=MAX_KEY).contains(&part.len()));
        if fits { Ok(Self(parts)) } else { Err(QueryError::InvalidCursor) }
    }

    /// Returns the key that orders the list.
    pub fn sort(&self) -> &str {
        self.0.get(1).map_or("", String::as_str)
    }

    /// Returns the key for `ExclusiveStartKey`.
    pub fn key(self, list: &List) -> Attributes {
        names(list)
            .iter()
            .map(|name| (*name).to_owned())
            .zip(self.0.into_iter().map(AttributeValue::S))
            .collect()
    }
}

/// Returns the attributes that identify an item of a list: the list's partition, the sort key, and the rest
/// of the primary key.
fn names(list: &List) -> &'static [&'static str] {
    match list {
        List::Partition(_) => &["pk", "sk"],
        List::Index(_) => &["ipk", "isk", "pk", "sk"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> List {
        List::Partition("p".into())
    }

    fn sealed(json: &str) -> Cursor {
        Cursor(URL_SAFE_NO_PAD.encode(json))
    }

    #[test]
    fn a_place_comes_back_from_its_cursor() {
        for list in [partition(), List::Index("p".into())] {
            let parts = ["p", "a\"\0", "ü", "s"].map(str::to_owned);
            let place = Place(parts.into_iter().take(names(&list).len()).collect());
            assert_eq!(Place::open(&place.clone().seal(), &list).unwrap(), place);
            assert_eq!(Place::of(&list, &place.clone().key(&list)).unwrap(), place);
        }
    }

    #[test]
    fn what_is_no_cursor_of_the_list_is_refused() {
        let long = format!(r#"["p","{}"]"#, "s".repeat(MAX_KEY + 1));
        for json in [
            "",
            "null",
            "[]",
            "[1,2]",
            r#"["p"]"#,
            r#"["p",""]"#,
            r#"["q","s"]"#,
            r#"["p","s","p","s"]"#,
            r#"["p","s"]x"#,
            r#"["p","\ud800"]"#,
            &long,
        ] {
            assert!(
                matches!(Place::open(&sealed(json), &partition()), Err(QueryError::InvalidCursor)),
                "{json}"
            );
        }
        for text in [String::new(), "?".to_owned(), format!("{}=", sealed(r#"["p","s"]"#).0)] {
            assert!(matches!(Place::open(&Cursor(text), &partition()), Err(QueryError::InvalidCursor)));
        }
        let own = sealed(r#"["p","s"]"#);
        assert!(Place::open(&own, &partition()).is_ok());
        assert!(Place::open(&own, &List::Partition("q".into())).is_err(), "of another partition");
        assert!(Place::open(&own, &List::Index("p".into())).is_err(), "of an index");
    }
}
