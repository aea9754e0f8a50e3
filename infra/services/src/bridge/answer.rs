use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use redis::Value as Redis;
use serde_json::{Value, json};

/// Encoding of texts in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As they are. Invalid UTF-8 is replaced.
    Plain,
    /// In base64, except for a plain `OK`.
    Base64,
}

impl Encoding {
    /// Returns the encoding that the client asks for.
    pub fn of(headers: &HeaderMap) -> Self {
        let asked = headers.get("upstash-encoding").is_some_and(|value| value.as_bytes() == b"base64");
        if asked { Self::Base64 } else { Self::Plain }
    }

    fn text(self, bytes: &[u8]) -> Value {
        match self {
            Self::Plain => String::from_utf8_lossy(bytes).into(),
            Self::Base64 => STANDARD.encode(bytes).into(),
        }
    }
}

/// Returns `{"result":…}` or `{"error":…}`.
pub(super) fn whole(answer: Redis, encoding: Encoding) -> Value {
    match error(&answer) {
        Some(error) => json!({"error": error}),
        None => json!({"result": result(answer, encoding)}),
    }
}

/// Returns the message if the response is an error.
pub(super) fn error(answer: &Redis) -> Option<String> {
    let Redis::ServerError(error) = answer else { return None };
    Some(match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    })
}

/// Returns a result as Upstash writes it. A connection of protocol version 2, like this one, has no maps,
/// doubles or booleans; they are written as in that version.
fn result(answer: Redis, encoding: Encoding) -> Value {
    match answer {
        Redis::Int(number) => number.into(),
        Redis::Okay => "OK".into(),
        Redis::BulkString(bytes) => encoding.text(&bytes),
        Redis::SimpleString(text) | Redis::VerbatimString { text, .. } => encoding.text(text.as_bytes()),
        Redis::Array(items) | Redis::Set(items) => {
            items.into_iter().map(|item| result(item, encoding)).collect()
        }
        Redis::Map(pairs) => pairs
            .into_iter()
            .flat_map(|(key, value)| [key, value])
            .map(|item| result(item, encoding))
            .collect(),
        Redis::Attribute { data, .. } => result(*data, encoding),
        Redis::Double(number) => encoding.text(number.to_string().as_bytes()),
        Redis::Boolean(truth) => i64::from(truth).into(),
        Redis::ServerError(_) => error(&answer).into(),
        // Nil, or a push, which no allowed command causes.
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Redis {
        Redis::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn results_are_written_as_upstash_does() {
        let nested =
            Redis::Array(vec![Redis::Int(-1), Redis::Nil, Redis::Array(vec![bulk("a"), Redis::Okay])]);
        assert_eq!(whole(nested.clone(), Encoding::Plain), json!({"result": [-1, null, ["a", "OK"]]}));
        assert_eq!(whole(nested, Encoding::Base64), json!({"result": [-1, null, ["YQ==", "OK"]]}));
    }

    #[test]
    fn a_stored_ok_is_encoded_and_a_status_is_too_unless_it_is_ok() {
        assert_eq!(result(bulk("OK"), Encoding::Base64), "T0s=");
        assert_eq!(result(Redis::SimpleString("PONG".to_owned()), Encoding::Base64), "UE9ORw==");
    }

    #[test]
    fn bytes_that_are_no_text_survive_in_base64_only() {
        let bytes = Redis::BulkString(vec![b'a', 255]);
        assert_eq!(result(bytes.clone(), Encoding::Plain), "a\u{fffd}");
        assert_eq!(result(bytes, Encoding::Base64), "Yf8=");
    }
}
