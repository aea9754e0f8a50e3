use askama::Template;
use askama::filters::HtmlSafe;

use super::shape::Field;

/// Author of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The caller. Required fields are marked.
    Request,
    /// The server. Optional fields are marked.
    Response,
}

/// A list of fields as HTML, with their inner fields.
#[derive(Debug, Template)]
#[template(path = "fields.html")]
pub(super) struct Fields<'a> {
    fields: &'a [Field],
    side: Side,
}

/// It renders as HTML, with all texts escaped.
impl HtmlSafe for Fields<'_> {}

impl<'a> Fields<'a> {
    /// Returns the list of `fields` as `side` writes them.
    pub(super) fn new(fields: &'a [Field], side: Side) -> Self {
        Self { fields, side }
    }

    /// Returns the list of the fields inside `field`.
    fn inside(&self, field: &'a Field) -> Self {
        Self::new(&field.shape.fields, self.side)
    }

    /// Returns the mark for a required or optional field.
    fn presence(&self, field: &Field) -> &'static str {
        match (self.side, field.required) {
            (Side::Request, true) => "required",
            (Side::Response, true) => "",
            (_, false) => "optional",
        }
    }
}
