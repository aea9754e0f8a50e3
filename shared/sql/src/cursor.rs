use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_core::port::table::{Cursor, QueryError};

/// End of a page: the values, in order, of the columns that order its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(pub Vec<String>);

impl Place {
    /// Encodes the place as a cursor: base64url of a JSON array of strings.
    pub fn seal(self) -> Cursor {
        Cursor(URL_SAFE_NO_PAD.encode(serde_json::Value::from(self.0).to_string()))
    }

    /// Reads a cursor of a list that is ordered by `columns` columns.
    pub fn open(cursor: &Cursor, columns: usize) -> Result<Self, QueryError> {
        let json = URL_SAFE_NO_PAD.decode(&cursor.0).map_err(|_| QueryError::InvalidCursor)?;
        let values: Vec<String> = serde_json::from_slice(&json).map_err(|_| QueryError::InvalidCursor)?;
        if values.len() == columns { Ok(Self(values)) } else { Err(QueryError::InvalidCursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_cursor() {
        let place = Place(vec!["a\"\0".into(), "ü".into(), String::new()]);
        assert_eq!(Place::open(&place.clone().seal(), 3).unwrap(), place);
    }

    #[test]
    fn what_is_no_cursor_of_such_a_list_is_refused() {
        let json = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for text in [
            String::new(),
            "?".into(),
            format!("{}=", json(r#"["a"]"#)),
            json(""),
            json("null"),
            json("[1]"),
            json("[]"),
            json(r#"["a","b"]"#),
            json(r#"["a"]x"#),
            json(r#"["\ud800"]"#),
            URL_SAFE_NO_PAD.encode(b"[\"\xff\"]"),
        ] {
            assert!(
                matches!(Place::open(&Cursor(text.clone()), 1), Err(QueryError::InvalidCursor)),
                "{text}"
            );
        }
    }
}
