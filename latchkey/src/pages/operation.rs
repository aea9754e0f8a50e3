use serde_json::Value;

use super::access::Access;
use super::curl;
use super::document::{Document, list, members, string};
use super::fields::{Fields, Side};
use super::schema;
use super::shape::{Field, Shape};
use super::tags::slug;
use super::text::Text;

/// Errors have one form, which the reference explains once.
const PROBLEM: &str = "application/problem+json";

/// One operation as the reference shows it.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// Names its place in the reference.
    pub(super) anchor: String,
    /// The method, in capitals.
    pub(super) method: String,
    /// The path, with `{names}` for what varies.
    pub(super) path: String,
    /// What it does, in a few words.
    pub(super) summary: Text,
    /// More about it.
    pub(super) about: Vec<Text>,
    /// Who may call it.
    pub(super) access: Access,
    /// Its parameters, by where they go.
    pub(super) parameters: Vec<Parameters>,
    /// The body that it takes.
    pub(super) request: Option<Body>,
    /// Its answers, by status.
    pub(super) responses: Vec<ResponseDoc>,
}

/// Parameters that go to one place of a request.
#[derive(Debug, Clone)]
pub(super) struct Parameters {
    /// `path`, `query`, `header` or `cookie`.
    pub(super) place: String,
    fields: Vec<Field>,
}

/// What a request or a response carries.
#[derive(Debug, Clone)]
pub(super) struct Body {
    /// Its media type.
    pub(super) media_type: String,
    /// What it is.
    pub(super) about: Text,
    /// What its value looks like.
    pub(super) shape: Shape,
    /// Whether there always is one.
    pub(super) required: bool,
}

/// One response.
#[derive(Debug, Clone)]
pub(super) struct ResponseDoc {
    /// The status, such as `201`, or `default`.
    pub(super) status: String,
    /// When it is given.
    pub(super) about: Text,
    /// What it carries.
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

    /// How to call it from a shell, of the server at `url`.
    pub(super) fn curl(&self, url: &str) -> String {
        curl::example(self, url)
    }

    /// The parameters that the address carries after its path, where it must.
    pub(super) fn required_query(&self) -> impl Iterator<Item = &str> {
        let query = self.parameters.iter().filter(|group| group.place == "query");
        query.flat_map(|group| &group.fields).filter(|field| field.required).map(|field| field.name.as_str())
    }

    /// Whether it succeeds without a word.
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

    /// The parameters, as HTML.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.fields, Side::Request)
    }
}

impl Body {
    /// Reads the first form that the body of a request or a response has.
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

    /// Whether it is an error in the form that all errors have.
    pub(super) fn is_problem(&self) -> bool {
        self.media_type == PROBLEM
    }

    /// The fields of a request's body, as HTML.
    pub(super) fn asked(&self) -> Fields<'_> {
        Fields::new(&self.shape.fields, Side::Request)
    }

    /// The fields of a response's body, as HTML.
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

    /// Its body, if that is more than the form of all errors.
    pub(super) fn own_body(&self) -> Option<&Body> {
        self.body.as_ref().filter(|body| !body.is_problem())
    }

    /// Whose turn it is: `success`, `caller` or `server`.
    pub(super) fn class(&self) -> &'static str {
        match self.status.chars().next() {
            Some('1'..='3') => "success",
            Some('4') => "caller",
            _ => "server",
        }
    }
}
