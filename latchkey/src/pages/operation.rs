use serde_json::Value;

use super::access::Access;
use super::curl;
use super::document::{Document, list, members, string};
use super::fields::{Fields, Side};
use super::schema;
use super::shape::{Field, Shape};
use super::tags::slug;
use super::text::Text;

/// Media type of errors. They share one form, which the reference explains once.
const PROBLEM: &str = "application/problem+json";

/// An operation as the reference shows it.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// Anchor in the reference.
    pub(super) anchor: String,
    /// Method, in capitals.
    pub(super) method: String,
    /// Path, with `{names}` for its parameters.
    pub(super) path: String,
    /// Title in a few words.
    pub(super) summary: Text,
    /// Description.
    pub(super) about: Vec<Text>,
    /// Access rule.
    pub(super) access: Access,
    /// Parameters, by their place in the request.
    pub(super) parameters: Vec<Parameters>,
    /// Body of the request.
    pub(super) request: Option<Body>,
    /// Responses, by status.
    pub(super) responses: Vec<ResponseDoc>,
}

/// Parameters in one place of a request.
#[derive(Debug, Clone)]
pub(super) struct Parameters {
    /// `path`, `query`, `header` or `cookie`.
    pub(super) place: String,
    fields: Vec<Field>,
}

/// Body of a request or a response.
#[derive(Debug, Clone)]
pub(super) struct Body {
    /// Media type.
    pub(super) media_type: String,
    /// Description.
    pub(super) about: Text,
    /// Shape of the value.
    pub(super) shape: Shape,
    /// True if the body is always present.
    pub(super) required: bool,
}

/// A response.
#[derive(Debug, Clone)]
pub(super) struct ResponseDoc {
    /// Status, such as `201`, or `default`.
    pub(super) status: String,
    /// Condition of the response.
    pub(super) about: Text,
    /// Body.
    pub(super) body: Option<Body>,
}

impl Operation {
    /// Reads the operation that `item`, the entry of `path`, has under `method`.
    pub(super) fn read(
        document: Document<'_>,
        path: &str,
        item: &Value,
        method: &str,
        operation: &Value,
    ) -> Self {
        let name = format!("{} {path}", method.to_uppercase());
        let summary = Some(string(operation, "summary")).filter(|summary| !summary.is_empty());
        let parameters = list(item, "parameters").iter().chain(list(operation, "parameters"));
        let answers = members(operation, "responses");
        Self {
            anchor: slug(&name),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: Text::new(summary.unwrap_or(&name)),
            about: Text::paragraphs(string(operation, "description")),
            access: Access::read(operation),
            parameters: Parameters::read(document, parameters),
            request: operation.get("requestBody").and_then(|body| Body::read(document, body)),
            responses: answers.map(|(status, answer)| ResponseDoc::read(document, status, answer)).collect(),
        }
    }

    /// Returns the shell command that calls it at the server at `url`.
    pub(super) fn curl(&self, url: &str) -> String {
        curl::example(self, url)
    }

    /// Returns the names of the required query parameters.
    pub(super) fn required_query(&self) -> impl Iterator<Item = &str> {
        let query = self.parameters.iter().filter(|group| group.place == "query");
        query.flat_map(|group| &group.fields).filter(|field| field.required).map(|field| field.name.as_str())
    }

    /// Returns true if its success has no body.
    pub(super) fn is_silent(&self) -> bool {
        !self.responses.iter().any(|answer| answer.status.starts_with('2') && answer.body.is_some())
    }
}

impl Parameters {
    fn read<'a>(document: Document<'a>, parameters: impl Iterator<Item = &'a Value>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for parameter in parameters.map(|parameter| document.resolve(parameter)) {
            let field = Field {
                name: string(parameter, "name").to_owned(),
                required: parameter.get("required").and_then(Value::as_bool).unwrap_or_default(),
                shape: schema::shape(document, parameter.get("schema").unwrap_or(&Value::Null)),
                about: Text::new(string(parameter, "description")),
            };
            let place = string(parameter, "in");
            match groups.iter_mut().find(|group| group.place == place) {
                Some(group) => group.fields.push(field),
                None => groups.push(Self { place: place.to_owned(), fields: vec![field] }),
            }
        }
        groups
    }

    /// Returns the parameters as HTML.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.fields, Side::Request)
    }
}

impl Body {
    /// Reads the first media type of a request's or response's body.
    fn read<'a>(document: Document<'a>, carrier: &'a Value) -> Option<Self> {
        let carrier = document.resolve(carrier);
        let (media_type, form) = members(carrier, "content").next()?;
        let schema = form.get("schema").unwrap_or(&Value::Null);
        let shape = schema::shape(document, schema);
        let asked = carrier.get("required").and_then(Value::as_bool).unwrap_or_default();
        Some(Self {
            media_type: media_type.to_owned(),
            about: Text::new(schema::about(document, schema)),
            required: asked && !shape.kind.takes_null(),
            shape,
        })
    }

    /// Returns true for an error in the form that all errors share.
    pub(super) fn is_problem(&self) -> bool {
        self.media_type == PROBLEM
    }

    /// Returns the fields of a request's body as HTML.
    pub(super) fn asked(&self) -> Fields<'_> {
        Fields::new(&self.shape.fields, Side::Request)
    }

    /// Returns the fields of a response's body as HTML.
    pub(super) fn given(&self) -> Fields<'_> {
        Fields::new(&self.shape.fields, Side::Response)
    }
}

impl ResponseDoc {
    fn read<'a>(document: Document<'a>, status: &str, answer: &'a Value) -> Self {
        let answer = document.resolve(answer);
        Self {
            status: status.to_owned(),
            about: Text::new(string(answer, "description")),
            body: Body::read(document, answer),
        }
    }

    /// Returns the body unless it is an error in the shared form.
    pub(super) fn own_body(&self) -> Option<&Body> {
        self.body.as_ref().filter(|body| !body.is_problem())
    }

    /// Returns the class of the status: `success`, `caller` or `server`.
    pub(super) fn class(&self) -> &'static str {
        match self.status.chars().next() {
            Some('1'..='3') => "success",
            Some('4') => "caller",
            _ => "server",
        }
    }
}
