use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_core::Timestamp;
use latchkey_core::port::StoreError;
use latchkey_core::port::table::{Condition, Item, Key, Version};

use super::expression::{number, text, time};

/// An item as DynamoDB stores it.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// Returns the primary key of `key`.
pub(super) fn primary(key: &Key) -> Attributes {
    HashMap::from([("pk".to_owned(), text(&key.partition)), ("sk".to_owned(), text(&key.sort))])
}

/// Returns the attributes that a put under `key` writes. `condition` determines the version.
pub(super) fn write(
    key: &Key,
    body: &str,
    index: Option<&Key>,
    expires_at: Option<Timestamp>,
    (condition, now): (Condition, Timestamp),
) -> Attributes {
    let version = match condition {
        Condition::Absent => Version::first(now),
        Condition::Unchanged(version) => version.next(),
    };
    let mut item = primary(key);
    item.insert("body".to_owned(), text(body));
    item.insert("version".to_owned(), number(version));
    if let Some(place) = index {
        item.insert("ipk".to_owned(), text(&place.partition));
        item.insert("isk".to_owned(), text(&place.sort));
    }
    if let Some(end) = expires_at {
        item.insert("expires_at".to_owned(), time(end));
        item.insert("ttl".to_owned(), AttributeValue::N(removal(end).to_string()));
    }
    item
}

/// Returns the first full second at or after `end`. An item that is removed then has already expired.
fn removal(end: Timestamp) -> i64 {
    let millis = end.as_millis();
    millis.div_euclid(1000) + i64::from(millis.rem_euclid(1000) > 0)
}

/// Reads the item from `attributes`.
pub(super) fn read(attributes: &Attributes) -> Result<Item, StoreError> {
    let key = Key::new(part(attributes, "pk")?, part(attributes, "sk")?);
    let corrupt =
        |what: &str| StoreError::Corrupt { at: key.to_string(), why: format!("its {what} cannot be read") };
    let body = attributes.get("body").and_then(|body| body.as_s().ok()).ok_or_else(|| corrupt("body"))?;
    let version = parse(attributes.get("version")).ok_or_else(|| corrupt("version"))?;
    let expires_at = match attributes.get("expires_at") {
        None => None,
        end => Some(Timestamp::from_millis(parse(end).ok_or_else(|| corrupt("expires_at"))?)),
    };
    Ok(Item { body: body.clone(), version: Version(version), expires_at, key })
}

/// Returns true if `item` is live at `now`.
pub(super) fn is_live(item: &Item, now: Timestamp) -> bool {
    item.expires_at.is_none_or(|end| end > now)
}

/// Returns a text that is part of a key.
pub(super) fn part(attributes: &Attributes, name: &str) -> Result<String, StoreError> {
    attributes.get(name).and_then(|value| value.as_s().ok()).cloned().ok_or_else(|| StoreError::Corrupt {
        at: "the table".to_owned(),
        why: format!("an item without a text {name}"),
    })
}

fn parse<T: FromStr>(value: Option<&AttributeValue>) -> Option<T> {
    value?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(expires_at: Option<i64>) -> Attributes {
        let key = Key::new("p", "s");
        let end = expires_at.map(Timestamp::from_millis);
        let as_of = (Condition::Unchanged(Version(u64::MAX - 1)), Timestamp::default());
        write(&key, "{}", Some(&Key::new("ip", "is")), end, as_of)
    }

    #[test]
    fn what_is_written_is_read() {
        let item = read(&written(Some(-1))).unwrap();
        assert_eq!((item.key, item.body), (Key::new("p", "s"), "{}".to_owned()));
        assert_eq!((item.version, item.expires_at), (Version(u64::MAX), Some(Timestamp::from_millis(-1))));
        assert_eq!(read(&written(None)).unwrap().expires_at, None);
    }

    #[test]
    fn nothing_is_removed_before_its_end() {
        for (millis, second) in
            [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (-1, 0), (-1000, -1), (-1001, -1)]
        {
            assert_eq!(removal(Timestamp::from_millis(millis)), second, "{millis}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_corrupt_and_says_where() {
        for (name, value) in [
            ("body", AttributeValue::N("1".into())),
            ("body", AttributeValue::B(vec![1].into())),
            ("version", AttributeValue::N("-1".into())),
            ("version", AttributeValue::N("1.5".into())),
            ("version", AttributeValue::N("1e3".into())),
            ("version", AttributeValue::S("1".into())),
            ("expires_at", AttributeValue::S("1".into())),
            ("expires_at", AttributeValue::N("1e99".into())),
            ("expires_at", AttributeValue::Null(true)),
        ] {
            let mut item = written(Some(1));
            item.insert(name.to_owned(), value.clone());
            match read(&item) {
                Err(StoreError::Corrupt { at, why }) => {
                    assert_eq!((at.as_str(), why), ("p/s", format!("its {name} cannot be read")));
                }
                other => panic!("{name} {value:?}: {other:?}"),
            }
        }
        for name in ["pk", "sk", "body", "version"] {
            let mut item = written(None);
            item.remove(name);
            assert!(matches!(read(&item), Err(StoreError::Corrupt { .. })), "{name}");
        }
    }
}
