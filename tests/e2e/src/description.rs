//! The operations of the checked-in description, so that a rule can be asked of every one.

use http::Method;
use latchkey_harness::{Request, Result};
use serde_json::Value;

use crate::Person;

/// An operation, with a path that names something.
#[derive(Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path as the description has it.
    pub template: String,
    /// The path, about somebody.
    pub path: String,
    /// The names of the members of its body, where it takes one.
    pub body: Option<Vec<String>>,
    /// Those that must be there.
    pub required: Vec<String>,
}

impl Operation {
    /// A request without a body.
    pub fn request(&self) -> Request {
        Request::new(self.method.clone(), &self.path)
    }

    /// A body in which every member that it knows has this value.
    pub fn with_each(&self, value: &str) -> Vec<u8> {
        let members = self.body.iter().flatten().map(|name| format!("\"{name}\":{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes()
    }

    /// A member of its body.
    pub fn member(&self) -> &str {
        self.body.iter().flatten().next().map(String::as_str).unwrap_or_default()
    }
}

/// Every operation, about this person. The role is one that no request changes by chance.
pub fn operations(about: &Person) -> Result<Vec<Operation>> {
    let document: Value = serde_json::from_str(include_str!("../../../functions/all/openapi.json"))?;
    let mut found = Vec::new();
    for (template, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, described) in methods.as_object().into_iter().flatten() {
            let path = template
                .replace("/users/{id}", &format!("/users/{}", about.id))
                .replace("/sessions/{id}", &format!("/sessions/{}", about.session))
                .replace("{name}", "admin")
                .replace("{provider}", "nobody");
            let schema = &described["requestBody"]["content"]["application/json"]["schema"];
            let text = schema.to_string();
            let name = text.split("#/components/schemas/").nth(1).and_then(|rest| rest.split('"').next());
            let named = name.map(|name| &document["components"]["schemas"][name]);
            let members = |schema: &Value| -> Vec<String> {
                schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
            };
            let required = named.and_then(|schema| schema["required"].as_array()).into_iter().flatten();
            found.push(Operation {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).map_err(http::Error::from)?,
                template: template.clone(),
                path,
                body: named.map(members),
                required: required.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            });
        }
    }
    Ok(found)
}
