//! Conversion of a schema (JSON Schema as in OpenAPI 3.1) to the shape that the reference shows.

use serde_json::Value;

use super::document::{Document, list, members, string};
use super::shape::{Field, Kind, Shape};
use super::text::Text;

/// Returns the shape of the values of `schema`.
pub(super) fn shape(document: Document<'_>, schema: &Value) -> Shape {
    Reader { document, above: Vec::new() }.shape(schema)
}

/// Returns the description of `schema`. A description beside a `$ref` is preferred to one behind it.
pub(super) fn about<'a>(document: Document<'a>, schema: &'a Value) -> &'a str {
    let options = ["oneOf", "anyOf"].into_iter().flat_map(|key| list(schema, key));
    let near: Vec<_> = std::iter::once(schema).chain(options).collect();
    let far = near.iter().map(|schema| document.resolve(schema));
    let mut texts = near.iter().copied().chain(far).map(|schema| string(schema, "description"));
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

/// Reader of schemas. It remembers the references around the current schema, so that a recursive type is
/// shown once.
#[derive(Clone)]
struct Reader<'a> {
    document: Document<'a>,
    above: Vec<String>,
}

impl Reader<'_> {
    fn shape(&self, schema: &Value) -> Shape {
        let mut shape = self.bare(schema);
        let example = list(schema, "examples").first().or_else(|| schema.get("example"));
        shape.example = example.cloned().or(shape.example);
        shape
    }

    fn bare(&self, schema: &Value) -> Shape {
        let reference = string(schema, "$ref");
        if !reference.is_empty() {
            return self.referred(reference);
        }
        for key in ["oneOf", "anyOf"] {
            if schema.get(key).is_some() {
                return self.one_of(list(schema, key));
            }
        }
        if schema.get("allOf").is_some() {
            return self.all_of(list(schema, "allOf"));
        }
        self.plain(schema)
    }

    fn referred(&self, reference: &str) -> Shape {
        let inside = self.above.iter().any(|above| above == reference);
        match self.document.follow(reference) {
            Some(_) if inside => Shape { kind: Kind::Object, ..Shape::default() },
            Some(schema) => {
                let mut reader = self.clone();
                reader.above.push(reference.to_owned());
                reader.shape(schema)
            }
            None => Shape::default(),
        }
    }

    /// Returns the shape of one of several schemas: the fields of all. If there is a choice, none is
    /// required.
    fn one_of(&self, schemas: &[Value]) -> Shape {
        let shapes: Vec<_> = schemas.iter().map(|schema| self.shape(schema)).collect();
        let objects = shapes.iter().filter(|shape| shape.kind != Kind::Null).count();
        let mut whole = Shape::default();
        let mut kinds = Vec::new();
        for shape in shapes {
            if !kinds.contains(&shape.kind) {
                kinds.push(shape.kind);
            }
            whole.values.extend(shape.values);
            whole.example = whole.example.or(shape.example);
            whole.fields.extend(shape.fields);
        }
        if objects > 1 {
            whole.fields.iter_mut().for_each(|field| field.required = false);
        }
        whole.kind = Kind::either(kinds);
        whole
    }

    /// Returns the shape of all of several schemas: one object with the fields of each.
    fn all_of(&self, schemas: &[Value]) -> Shape {
        let fields = schemas.iter().flat_map(|schema| self.shape(schema).fields).collect();
        Shape { kind: Kind::Object, fields: required_first(fields), ..Shape::default() }
    }

    fn plain(&self, schema: &Value) -> Shape {
        let mut shape = Shape::default();
        let types = schema.get("type");
        let names: Vec<&str> = match types.and_then(Value::as_array) {
            Some(several) => several.iter().filter_map(Value::as_str).collect(),
            None => types.and_then(Value::as_str).into_iter().collect(),
        };
        let kinds = names.into_iter().map(|name| self.named(name, schema, &mut shape)).collect();
        shape.kind = Kind::either(kinds);
        shape.values = list(schema, "enum").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        shape
    }

    /// Returns the kind of a type's name, and adds the content of such a value to `shape`.
    fn named(&self, name: &str, schema: &Value, shape: &mut Shape) -> Kind {
        match name {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "string" => Kind::String(schema.get("format").and_then(Value::as_str).map(str::to_owned)),
            "array" => {
                let item = self.inside(schema.get("items"), shape);
                // Derived descriptions put the example of a whole list beside its items.
                shape.example = item
                    .example
                    .map(|example| if example.is_array() { example } else { vec![example].into() });
                Kind::List(Box::new(item.kind))
            }
            "object" => {
                shape.fields.extend(self.fields(schema));
                match schema.get("additionalProperties").filter(|other| other.is_object()) {
                    Some(other) if shape.fields.is_empty() => {
                        Kind::Map(Box::new(self.inside(Some(other), shape).kind))
                    }
                    _ => Kind::Object,
                }
            }
            _ => Kind::Any,
        }
    }

    /// Reads the items of a list or a map. Their fields become the fields of the whole.
    fn inside(&self, schema: Option<&Value>, shape: &mut Shape) -> Shape {
        let mut inner = schema.map(|schema| self.shape(schema)).unwrap_or_default();
        shape.fields.append(&mut inner.fields);
        inner
    }

    fn fields(&self, schema: &Value) -> Vec<Field> {
        let required: Vec<_> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        // Required fields come in the order of `required`, which is the order of their declaration.
        let place = |name: &str| required.iter().position(|required| *required == name).unwrap_or(usize::MAX);
        let mut properties: Vec<_> = members(schema, "properties").collect();
        properties.sort_by_key(|(name, _)| place(name));
        let field = |(name, schema): (&str, &Value)| Field {
            name: name.to_owned(),
            required: required.contains(&name),
            shape: self.shape(schema),
            about: Text::new(about(self.document, schema)),
        };
        properties.into_iter().map(field).collect()
    }
}

fn required_first(mut fields: Vec<Field>) -> Vec<Field> {
    fields.sort_by_key(|field| !field.required);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(schemas: &Value, schema: &Value) -> Shape {
        shape(Document::new(&json!({ "components": { "schemas": schemas } })), schema)
    }

    fn names(shape: &Shape) -> Vec<&str> {
        shape.fields.iter().map(|field| field.name.as_str()).collect()
    }

    #[test]
    fn required_fields_come_first_as_declared() {
        let schema = json!({
            "type": "object",
            "required": ["zeal", "email"],
            "properties": {
                "age": { "type": ["integer", "null"] },
                "email": { "type": "string", "format": "email", "examples": ["ada@example.com"] },
                "zeal": { "type": "boolean", "description": "Whether `it` burns." },
            },
        });
        let shape = read(&json!({}), &schema);
        assert_eq!(names(&shape), ["zeal", "email", "age"]);
        let [zeal, email, age] = &shape.fields[..] else { panic!("{shape:?}") };
        assert!(zeal.required && email.required && !age.required);
        assert_eq!(zeal.about, Text::new("Whether `it` burns."));
        assert_eq!(email.shape.kind.to_string(), "string (email)");
        assert_eq!(email.shape.example().as_deref(), Some("ada@example.com"));
        assert_eq!(age.shape.kind.to_string(), "integer or null");
    }

    #[test]
    fn references_lead_to_fields_wherever_they_stand() {
        let schemas = json!({ "Pet": {
            "type": "object", "description": "A pet.", "required": ["name"],
            "properties": { "name": { "type": "string" } },
        }});
        let pet = json!({ "$ref": "#/components/schemas/Pet" });
        for (schema, kind) in [
            (pet.clone(), "object"),
            (json!({ "oneOf": [pet, { "type": "null" }] }), "object or null"),
            (json!({ "anyOf": [{ "type": "null" }, pet] }), "null or object"),
            (json!({ "type": "array", "items": pet }), "list of object"),
            (json!({ "type": "object", "additionalProperties": pet }), "map of object"),
            (json!({ "allOf": [pet] }), "object"),
        ] {
            let shape = read(&schemas, &schema);
            assert_eq!((shape.kind.to_string().as_str(), names(&shape)), (kind, vec!["name"]), "{schema}");
            assert!(shape.fields[0].required, "{schema}");
        }
    }

    #[test]
    fn parts_of_a_whole_are_put_together() {
        let schemas = json!({ "Base": { "type": "object", "properties": { "note": { "type": "string" } } } });
        let extra =
            json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } });
        let shape = read(&schemas, &json!({ "allOf": [{ "$ref": "#/components/schemas/Base" }, extra] }));
        assert_eq!(names(&shape), ["id", "note"]);
    }

    #[test]
    fn of_two_objects_no_field_is_sure() {
        let object = |name: &str| json!({ "type": "object", "required": [name], "properties": { name: {} } });
        let shape = read(&json!({}), &json!({ "oneOf": [object("a"), object("b")] }));
        assert_eq!((shape.kind.to_string().as_str(), names(&shape)), ("object", vec!["a", "b"]));
        assert!(shape.fields.iter().all(|field| !field.required));
    }

    #[test]
    fn a_type_within_itself_ends() {
        let tree = json!({ "$ref": "#/components/schemas/Tree" });
        let schemas = json!({ "Tree": {
            "type": "object", "properties": { "left": tree, "right": tree },
        }});
        let shape = read(&schemas, &tree);
        assert_eq!(names(&shape), ["left", "right"]);
        assert!(shape.fields.iter().all(|field| field.shape.fields.is_empty()));
        assert_eq!(shape.fields[1].shape.kind, Kind::Object);
    }

    #[test]
    fn counted_values_and_examples_of_lists_are_kept() {
        let shape = read(&json!({}), &json!({ "type": "string", "enum": ["cookie", "bearer"] }));
        assert_eq!(shape.values, ["cookie", "bearer"]);
        for example in [json!("a:b"), json!(["a:b"])] {
            let items = json!({ "type": "array", "items": { "type": "string", "examples": [example] } });
            assert_eq!(read(&json!({}), &items).example().as_deref(), Some(r#"["a:b"]"#));
        }
    }

    #[test]
    fn the_nearest_description_counts() {
        let schemas = json!({ "Why": { "type": "object", "description": "In general." } });
        let document = json!({ "components": { "schemas": schemas } });
        let document = Document::new(&document);
        let why = json!({ "$ref": "#/components/schemas/Why" });
        let here = json!({ "$ref": "#/components/schemas/Why", "description": "Here." });
        assert_eq!(about(document, &why), "In general.");
        assert_eq!(about(document, &here), "Here.");
        for (option, text) in [(&here, "Here."), (&why, "In general.")] {
            assert_eq!(about(document, &json!({ "oneOf": [{ "type": "null" }, option] })), text);
        }
        assert_eq!(about(document, &json!({ "type": "string" })), "");
    }
}
