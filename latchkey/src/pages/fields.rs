use askama::Template;
use askama::filters::HtmlSafe;

use super::shape::Field;

/// Who writes the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The caller: what must be there is said.
    Request,
    /// The server: what may be missing is said.
    Response,
}

/// A list of fields as HTML, with what is inside them.
#[derive(Debug, Template)]
#[template(path = "fields.html")]
pub(super) struct Fields<'a> {
    fields: &'a [Field],
    side: Side,
}

/// It renders as HTML, with everything in it escaped.
impl HtmlSafe for Fields<'_> {}

impl<'a> Fields<'a> {
    /// The list of `fields`, as `side` writes them.
    pub(super) fn new(fields: &'a [Field], side: Side) -> Self {
        Self { fields, side }
    }

    /// The list of what is inside `field`.
    fn inside(&self, field: &'a Field) -> Self {
        Self::new(&field.shape.fields, self.side)
    }

    /// What to say about whether a field is there.
    fn presence(&self, field: &Field) -> &'static str {
        match (self.side, field.required) {
            (Side::Request, true) => "required",
            (Side::Response, true) => "",
            (_, false) => "optional",
        }
    }
}
