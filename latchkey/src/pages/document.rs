use serde_json::Value;

/// Maximum number of references in a chain.
const MAX_HOPS: usize = 8;

/// An OpenAPI 3.1 document for lookups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'a> {
    root: &'a Value,
}

impl<'a> Document<'a> {
    /// Creates a document from JSON.
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// Returns the outermost value.
    pub(super) fn root(self) -> &'a Value {
        self.root
    }

    /// Returns the value that a reference such as `#/components/schemas/UserBody` names.
    pub(super) fn follow(self, reference: &str) -> Option<&'a Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// Returns `value`, or the value that its `$ref` leads to.
    pub(super) fn resolve(self, value: &'a Value) -> &'a Value {
        let hop = |value: &&'a Value| self.follow(string(value, "$ref"));
        std::iter::successors(Some(value), hop).take(MAX_HOPS).last().unwrap_or(value)
    }
}

/// Returns the text under `key`, or an empty text.
pub(super) fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the list under `key`.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the members of the object under `key`.
pub(super) fn members<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    value
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_followed_to_their_end() {
        let root =
            json!({ "a": { "$ref": "#/b/c" }, "b": { "c": { "$ref": "#/d" } }, "d": { "type": "string" } });
        let document = Document::new(&root);
        assert_eq!(document.resolve(&root["a"]), &json!({ "type": "string" }));
        assert_eq!(document.resolve(&root["d"]), &json!({ "type": "string" }));
    }

    #[test]
    fn references_to_nothing_and_in_circles_end() {
        let root =
            json!({ "a": { "$ref": "#/b" }, "b": { "$ref": "#/a" }, "c": { "$ref": "elsewhere.json" } });
        let document = Document::new(&root);
        assert!(document.resolve(&root["a"]).get("$ref").is_some());
        assert_eq!(document.resolve(&root["c"]), &root["c"]);
    }
}
