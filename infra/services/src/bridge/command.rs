use http::Uri;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::form_urlencoded;

use super::Refusal;

/// A command and its arguments. Redis checks them; commands that this connection cannot serve are refused
/// before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command(Vec<Vec<u8>>);

/// Commands that block, change the shared connection, or end the server. Upstash serves none of them over
/// REST.
const UNAVAILABLE: [&str; 36] = [
    "AUTH",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "CLUSTER",
    "DEBUG",
    "DISCARD",
    "EXEC",
    "FAILOVER",
    "HELLO",
    "MIGRATE",
    "MODULE",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "QUIT",
    "REPLCONF",
    "REPLICAOF",
    "RESET",
    "SELECT",
    "SHUTDOWN",
    "SLAVEOF",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SYNC",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "WATCH",
];

impl Command {
    /// Parses `["SET", "key", "value", "EX", 100]`.
    pub fn of_json(value: &Value) -> Result<Self, Refusal> {
        let malformed =
            || Refusal::bad("ERR failed to parse command: expected an array of texts and numbers");
        let parts = value.as_array().ok_or_else(malformed)?;
        let part = |part: &Value| match part {
            Value::String(text) => Ok(text.clone().into_bytes()),
            Value::Number(_) | Value::Bool(_) => Ok(part.to_string().into_bytes()),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(malformed()),
        };
        Self::new(parts.iter().map(part).collect::<Result<_, _>>()?)
    }

    /// Parses `/set/key/value?EX=100`. A body is one more argument, between path and query.
    pub fn of_path(uri: &Uri, body: &[u8]) -> Result<Self, Refusal> {
        let segments = uri.path().split('/').skip(1);
        let mut parts: Vec<Vec<u8>> = segments.map(|segment| percent_decode_str(segment).collect()).collect();
        // A trailing slash is not an argument.
        if parts.len() > 1 && parts.last().is_some_and(Vec::is_empty) {
            parts.pop();
        }
        if !body.is_empty() {
            parts.push(body.to_vec());
        }
        for (name, value) in query(uri).filter(|(name, _)| name != "_token") {
            parts.push(name.into_bytes());
            if !value.is_empty() {
                parts.push(value.into_bytes());
            }
        }
        Self::new(parts)
    }

    fn new(mut parts: Vec<Vec<u8>>) -> Result<Self, Refusal> {
        let name = match parts.first() {
            Some(name) if !name.is_empty() => String::from_utf8_lossy(name).to_ascii_uppercase(),
            _ => return Err(Refusal::bad("ERR empty command")),
        };
        let blocks = matches!(name.as_str(), "XREAD" | "XREADGROUP")
            && parts.iter().any(|part| part.eq_ignore_ascii_case(b"BLOCK"));
        if blocks || UNAVAILABLE.contains(&name.as_str()) {
            return Err(Refusal::bad(format!("ERR Command is not available: '{name}'")));
        }
        let script = match name.as_str() {
            "EVAL" | "EVAL_RO" => parts.get_mut(1),
            "SCRIPT" if parts.get(1).is_some_and(|part| part.eq_ignore_ascii_case(b"LOAD")) => {
                parts.get_mut(2)
            }
            _ => None,
        };
        if let Some(script) = script {
            without_key_locking(script);
        }
        Ok(Self(parts))
    }

    /// Returns the command in the form that the client sends.
    pub fn to_redis(&self) -> redis::Cmd {
        let mut command = redis::Cmd::new();
        for part in &self.0 {
            command.arg(part);
        }
        command
    }
}

/// Removes the flag in a script's first line that only Upstash knows; Redis locks everything anyway. The
/// digest then differs, so EVALSHA with the original digest gets NOSCRIPT, as after a restart.
fn without_key_locking(script: &mut Vec<u8>) {
    let end = script.iter().position(|byte| *byte == b'\n').unwrap_or(script.len());
    let Some(Ok(line)) = script.get(..end).map(std::str::from_utf8) else { return };
    let Some((engine, flags)) = line.split_once(" flags=").filter(|(engine, _)| engine.starts_with("#!"))
    else {
        return;
    };
    let (ours, rest): (Vec<&str>, Vec<&str>) =
        flags.trim_end().split(',').partition(|flag| *flag == "allow-key-locking");
    if ours.is_empty() {
        return;
    }
    let mut line = engine.to_owned();
    if !rest.is_empty() {
        line.push_str(" flags=");
        line.push_str(&rest.join(","));
    }
    script.splice(..end, line.into_bytes());
}

/// Returns the token in the query, if there is one.
pub(super) fn token_of(uri: &Uri) -> Option<String> {
    query(uri).find(|(name, _)| name == "_token").map(|(_, token)| token)
}

fn query(uri: &Uri) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(command: Result<Command, Refusal>) -> Vec<String> {
        command.unwrap().0.into_iter().map(|part| String::from_utf8(part).unwrap()).collect()
    }

    fn path(uri: &'static str, body: &str) -> Result<Command, Refusal> {
        Command::of_path(&Uri::from_static(uri), body.as_bytes())
    }

    #[test]
    fn a_json_command_is_texts_and_numbers() {
        assert_eq!(
            words(Command::of_json(&json!(["set", "k", 1.5, -3, true, ""]))),
            ["set", "k", "1.5", "-3", "true", ""]
        );
        for bad in
            [json!(null), json!({}), json!("GET k"), json!(["GET", null]), json!(["GET", ["k"]]), json!([])]
        {
            assert!(Command::of_json(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_is_a_command_with_body_and_query_behind() {
        assert_eq!(words(path("/set/foo/bar", "")), ["set", "foo", "bar"]);
        assert_eq!(words(path("/get/a%20b%2Fc/", "")), ["get", "a b/c"]);
        assert_eq!(
            words(path("/set/foo?EX=100&NX&_token=t", "a value")),
            ["set", "foo", "a value", "EX", "100", "NX"]
        );
        assert_eq!(words(path("/set/foo//x", "")), ["set", "foo", "", "x"]);
        assert!(path("/?x", "").is_ok_and(|command| command.0 == [b"x".to_vec()]) || path("/", "").is_err());
    }

    #[test]
    fn bytes_that_are_no_text_arrive_as_they_are() {
        let command = Command::of_path(&Uri::from_static("/set/k"), &[0, 255, 10]).unwrap();
        assert_eq!(command.0[2], [0, 255, 10]);
    }

    #[test]
    fn what_a_shared_connection_cannot_serve_is_refused() {
        for name in UNAVAILABLE {
            let refusal = Command::of_json(&json!([name.to_lowercase(), "x"])).unwrap_err();
            assert_eq!(refusal.1, format!("ERR Command is not available: '{name}'"));
        }
        assert!(UNAVAILABLE.is_sorted());
        assert!(Command::of_json(&json!(["XREAD", "block", 0, "STREAMS", "s", "$"])).is_err());
        assert!(Command::of_json(&json!(["XREAD", "STREAMS", "s", "0"])).is_ok());
    }

    #[test]
    fn the_flag_that_only_upstash_knows_is_taken_out_of_scripts() {
        for (script, sent) in [
            ("#!lua flags=allow-key-locking\nreturn 1", "#!lua\nreturn 1"),
            ("#!lua flags=allow-key-locking", "#!lua"),
            ("#!lua flags=no-writes,allow-key-locking\r\nreturn 1", "#!lua flags=no-writes\nreturn 1"),
            ("#!lua flags=no-writes\nreturn 1", "#!lua flags=no-writes\nreturn 1"),
            ("return 'x flags=allow-key-locking'", "return 'x flags=allow-key-locking'"),
            ("", ""),
        ] {
            assert_eq!(words(Command::of_json(&json!(["eval", script, 0]))), ["eval", sent, "0"]);
            assert_eq!(words(Command::of_json(&json!(["SCRIPT", "load", script]))), ["SCRIPT", "load", sent]);
        }
        let value = "#!lua flags=allow-key-locking";
        assert_eq!(words(Command::of_json(&json!(["SET", value, value]))), ["SET", value, value]);
    }

    #[test]
    fn a_token_may_stand_in_the_query() {
        assert_eq!(token_of(&Uri::from_static("/get/k?_token=a%2Bb")).as_deref(), Some("a+b"));
        assert_eq!(token_of(&Uri::from_static("/get/k?token=a")), None);
    }
}
