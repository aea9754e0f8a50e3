use askama::Template;
use serde_json::Value;

use super::access::Access;
use super::document::{Document, list, members, string};
use super::fields::{Fields, Side};
use super::operation::Operation;
use super::shape::Kind;
use super::tags;
use super::text::Text;

/// Members of a path item that are operations, in their order on the page.
const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// Content of the reference.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// URL of the server.
    pub(super) url: String,
    /// Name of the described service.
    pub(super) title: String,
    /// Version of the service.
    pub(super) version: String,
    /// Description of the service.
    pub(super) about: Vec<Text>,
    /// Ways in which a caller authenticates.
    pub(super) schemes: Vec<Scheme>,
    /// Operations by tag.
    pub(super) groups: Vec<Group>,
}

/// The operations of one tag.
#[derive(Debug, Clone)]
pub(super) struct Group {
    tag: String,
    /// Anchor in the reference.
    pub(super) anchor: String,
    /// Title.
    pub(super) title: String,
    /// Operations by path and method.
    pub(super) operations: Vec<Operation>,
}

/// A way in which a caller authenticates.
#[derive(Debug, Clone)]
pub(super) struct Scheme {
    /// Header that carries the credentials.
    pub(super) header: String,
    /// Description.
    pub(super) about: Text,
}

impl Reference {
    /// Reads the description of the server at `url`.
    pub(super) fn read(document: Document<'_>, url: &str) -> Self {
        let info = document.root().get("info").unwrap_or(&Value::Null);
        let components = document.root().get("components").unwrap_or(&Value::Null);
        Self {
            url: url.to_owned(),
            title: string(info, "title").to_owned(),
            version: string(info, "version").to_owned(),
            about: Text::paragraphs(string(info, "description")),
            schemes: members(components, "securitySchemes")
                .filter_map(|(_, scheme)| Scheme::read(scheme))
                .collect(),
            groups: groups(document),
        }
    }

    /// Returns every operation.
    pub(super) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.groups.iter().flat_map(|group| &group.operations)
    }

    /// Returns the form that all errors share, if there are any.
    fn problem(&self) -> Option<Fields<'_>> {
        let mut bodies = self
            .operations()
            .flat_map(|operation| &operation.responses)
            .filter_map(|answer| answer.body.as_ref());
        bodies.find(|body| body.is_problem()).map(|body| Fields::new(&body.shape.fields, Side::Response))
    }
}

fn groups(document: Document<'_>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, item) in members(document.root(), "paths") {
        for (method, operation) in METHODS.iter().filter_map(|method| Some((*method, item.get(method)?))) {
            let read = Operation::read(document, path, item, method, operation);
            let tag = list(operation, "tags").first().and_then(Value::as_str).unwrap_or("other");
            match groups.iter_mut().find(|group| group.tag == tag) {
                Some(group) => group.operations.push(read),
                None => groups.push(Group::new(tag, read)),
            }
        }
    }
    groups.sort_by_key(|group| tags::place(&group.tag));
    groups
}

impl Group {
    fn new(tag: &str, first: Operation) -> Self {
        Self {
            anchor: format!("about-{}", tags::slug(tag)),
            title: tags::title(tag),
            operations: vec![first],
            tag: tag.to_owned(),
        }
    }
}

impl Scheme {
    fn read(scheme: &Value) -> Option<Self> {
        let header = match (string(scheme, "type"), string(scheme, "in")) {
            ("apiKey", "cookie") => format!("Cookie: {}=…", string(scheme, "name")),
            ("apiKey", "header") => format!("{}: …", string(scheme, "name")),
            ("http", _) if string(scheme, "scheme").eq_ignore_ascii_case("bearer") => {
                "Authorization: Bearer …".to_owned()
            }
            _ => return None,
        };
        Some(Self { header, about: Text::new(string(scheme, "description")) })
    }
}

/// The reference as a page.
#[derive(Template)]
#[template(path = "reference.html")]
pub(super) struct ReferencePage<'a> {
    reference: &'a Reference,
    problem: Option<Fields<'a>>,
}

impl<'a> ReferencePage<'a> {
    /// Returns the page of `reference`.
    pub(super) fn new(reference: &'a Reference) -> Self {
        Self { reference, problem: reference.problem() }
    }
}
