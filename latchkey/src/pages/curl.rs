//! Examples for a shell. Words with a `$` are variables that the reader sets.

use serde_json::Value;

use super::operation::{Body, Operation};
use super::shape::{Field, Kind, Shape};

/// A password that the rules accept.
const PASSWORD: &str = "quiet-lamp-river-42";
/// Maximum length of a body whose fields are on one line, in characters.
const ONE_LINE: usize = 48;

/// Returns the command that calls `operation` of the server at `url`.
pub(super) fn example(operation: &Operation, url: &str) -> String {
    let mut command = "curl".to_owned();
    if operation.is_silent() {
        // The response has no body to print, so the status is shown.
        command.push_str(" -i");
    }
    if operation.method != "GET" {
        command.push_str(" -X ");
        command.push_str(&operation.method);
    }
    let mut lines = vec![format!("{command} {}", address(operation, url))];
    if operation.access.is_guarded() {
        lines.push("-H \"authorization: Bearer $ACCESS_TOKEN\"".to_owned());
    }
    if let Some(body) = &operation.request {
        lines.push(format!("-H {}", quoted(&format!("content-type: {}", body.media_type))));
        lines.push(format!("-d '{}'", data(body)));
    }
    lines.join(" \\\n  ")
}

fn address(operation: &Operation, url: &str) -> String {
    let segments = operation.path.split('/').map(|segment| {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        name.map_or_else(|| segment.to_owned(), variable)
    });
    let query: Vec<_> = operation.required_query().map(|name| format!("{name}={}", variable(name))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let address = format!("{url}{}{mark}{}", segments.collect::<Vec<_>>().join("/"), query.join("&"));
    if address.contains(['$', '?', '&']) { format!("\"{address}\"") } else { address }
}

/// Returns the body between single quotes.
fn data(body: &Body) -> String {
    let fields: Vec<_> = body.shape.fields.iter().filter(|field| is_shown(field)).map(member).collect();
    if body.shape.fields.is_empty() {
        escaped(&sample(&body.shape).to_string())
    } else if fields.iter().map(|field| field.chars().count()).sum::<usize>() <= ONE_LINE {
        format!("{{{}}}", fields.join(", "))
    } else {
        format!("{{\n    {}\n  }}", fields.join(",\n    "))
    }
}

/// Returns true for a field that is required or has an example. The transport is shown too: a shell stores no
/// cookies, so the example asks for tokens.
fn is_shown(field: &Field) -> bool {
    field.required || field.shape.example.is_some() || is_transport(field)
}

fn is_transport(field: &Field) -> bool {
    field.name == "transport" && field.shape.values.iter().any(|value| value == "bearer")
}

fn member(field: &Field) -> String {
    let name = escaped(&Value::from(field.name.as_str()).to_string());
    let unknown = field.shape.example.is_none() && field.shape.values.is_empty();
    let value = match &field.shape.kind {
        _ if is_transport(field) => "\"bearer\"".to_owned(),
        // The variable is outside of the single quotes, where a shell does not replace variables.
        Kind::String(format) if unknown && format.as_deref() != Some("password") => {
            format!("\"'\"{}\"'\"", variable(&field.name))
        }
        _ => escaped(&sample(&field.shape).to_string()),
    };
    format!("{name}: {value}")
}

fn sample(shape: &Shape) -> Value {
    if let Some(example) = &shape.example {
        return example.clone();
    }
    if let Some(value) = shape.values.first() {
        return value.as_str().into();
    }
    sample_of(&shape.kind, &shape.fields)
}

fn sample_of(kind: &Kind, fields: &[Field]) -> Value {
    match kind {
        Kind::Any | Kind::Null => Value::Null,
        Kind::Boolean => true.into(),
        Kind::Integer | Kind::Number => 1.into(),
        Kind::String(Some(format)) if format == "password" => PASSWORD.into(),
        Kind::String(_) => "text".into(),
        Kind::Object => {
            let shown = fields.iter().filter(|field| is_shown(field));
            shown.map(|field| (field.name.clone(), sample(&field.shape))).collect()
        }
        Kind::Map(kind) => [("name".to_owned(), sample_of(kind, fields))].into_iter().collect(),
        Kind::List(kind) => vec![sample_of(kind, fields)].into(),
        Kind::Either(kinds) => kinds.first().map(|kind| sample_of(kind, fields)).unwrap_or_default(),
    }
}

/// Returns `$REFRESH_TOKEN` for `refresh_token`.
fn variable(name: &str) -> String {
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    std::iter::once('$').chain(letters).collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", escaped(text))
}

/// Returns a text escaped for single quotes.
fn escaped(text: &str) -> String {
    text.replace('\'', r"'\''")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::document::Document;
    use super::*;

    /// Returns the example for an operation in a minimal document.
    fn example_of(method: &str, path: &str, operation: &Value) -> String {
        let root = json!({});
        let operation = Operation::read(Document::new(&root), path, &json!({}), method, operation);
        example(&operation, "http://localhost:8787")
    }

    fn with_body(schema: &Value) -> String {
        let operation = json!({
            "requestBody": { "content": { "application/json": { "schema": schema } } },
            "responses": { "200": { "content": { "application/json": {} } } },
        });
        let command = example_of("post", "/v1/x", &operation);
        command.split_once("-d ").unwrap().1.to_owned()
    }

    #[test]
    fn a_silent_guarded_call_shows_its_status_and_takes_its_names_from_the_shell() {
        let operation = json!({
            "security": [{ "bearer": [] }],
            "parameters": [
                { "name": "dry-run", "in": "query", "required": true, "schema": { "type": "boolean" } },
                { "name": "why", "in": "query", "required": false },
            ],
            "responses": { "204": { "description": "Gone" } },
        });
        assert_eq!(
            example_of("delete", "/v1/users/{id}", &operation),
            "curl -i -X DELETE \"http://localhost:8787/v1/users/$ID?dry-run=$DRY_RUN\" \\\n  \
             -H \"authorization: Bearer $ACCESS_TOKEN\""
        );
    }

    #[test]
    fn a_plain_read_is_plain() {
        let operation = json!({ "responses": { "200": { "content": { "application/json": {} } } } });
        assert_eq!(example_of("get", "/health", &operation), "curl http://localhost:8787/health");
    }

    #[test]
    fn a_body_shows_what_must_be_there_and_what_has_an_example() {
        let schema = json!({
            "type": "object",
            "required": ["token", "count"],
            "properties": {
                "token": { "type": "string" },
                "count": { "type": "integer" },
                "note": { "type": "string", "examples": ["it's"] },
                "more": { "type": "string" },
            },
        });
        assert_eq!(with_body(&schema), r#"'{"token": "'"$TOKEN"'", "count": 1, "note": "it'\''s"}'"#);
    }

    #[test]
    fn a_shell_asks_for_tokens() {
        let transport = json!({ "type": "string", "enum": ["cookie", "bearer"] });
        let schema = json!({ "type": "object", "properties": { "transport": transport } });
        assert_eq!(with_body(&schema), r#"'{"transport": "bearer"}'"#);
    }

    #[test]
    fn a_long_body_has_a_line_for_each_field() {
        let long = json!({ "type": "string", "examples": ["a value that is long enough to fill a line"] });
        let schema = json!({ "type": "object", "properties": { "a": long, "b": long } });
        let body = with_body(&schema);
        assert_eq!(body.lines().count(), 4, "{body}");
        assert!(serde_json::from_str::<Value>(body.trim_matches('\'')).is_ok(), "{body}");
    }

    #[test]
    fn a_body_that_is_no_object_is_shown_too() {
        assert_eq!(with_body(&json!({ "type": "array", "items": { "type": "integer" } })), "'[1]'");
    }
}
