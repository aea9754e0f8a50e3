//! What a function says of an operation itself.

use utoipa::ToSchema;
use utoipa::openapi::{Ref, RefOr, Schema};

/// Schemas by name.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// The description of an operation, as far as it does not follow from its route and from the signature of its handler.
pub struct Description {
    /// Names the operation in generated clients, such as `sign_in`.
    pub id: &'static str,
    /// A few words.
    pub summary: &'static str,
    /// The rest, in Markdown; may be empty.
    pub details: &'static str,
    /// The responses that are not problems.
    pub responses: &'static [ResponseDescription],
    /// The status and the codes of the problems that only this operation has, such as ``(409, "`email_taken`")``.
    pub problems: &'static [(u16, &'static str)],
}

/// The description of a response that is not a problem: [`json`], [`any_json`] or [`bodiless`].
#[cfg_attr(not(feature = "description"), expect(dead_code, reason = "nobody can ask for the description"))]
pub struct ResponseDescription {
    pub(crate) status: u16,
    pub(crate) text: &'static str,
    pub(crate) body: ResponseBody,
}

/// The body of a response.
#[cfg_attr(not(feature = "description"), expect(dead_code, reason = "nobody can ask for the description"))]
pub(crate) enum ResponseBody {
    None,
    /// JSON whose form a standard says.
    AnyJson,
    Json(fn(&mut Schemas) -> Ref),
}

/// A response with a `T` as its body.
pub const fn json<T: ToSchema>(status: u16, text: &'static str) -> ResponseDescription {
    ResponseDescription { status, text, body: ResponseBody::Json(reference::<T>) }
}

/// A response with a JSON body whose form a standard says.
pub const fn any_json(status: u16, text: &'static str) -> ResponseDescription {
    ResponseDescription { status, text, body: ResponseBody::AnyJson }
}

/// A response without a body.
pub const fn bodiless(status: u16, text: &'static str) -> ResponseDescription {
    ResponseDescription { status, text, body: ResponseBody::None }
}

/// Adds the schema of `T`, and those that it refers to, and refers to it.
pub(crate) fn reference<T: ToSchema>(schemas: &mut Schemas) -> Ref {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), T::schema()));
    Ref::from_schema_name(name)
}
