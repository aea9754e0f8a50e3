//! Description of an operation, as its function states it.

use utoipa::ToSchema;
use utoipa::openapi::{Ref, RefOr, Schema};

/// Schemas by name.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// Description of an operation, except for what follows from its route and from the signature of its handler.
pub struct Description {
    /// Name of the operation in generated clients, such as `sign_in`.
    pub id: &'static str,
    /// Title in a few words.
    pub summary: &'static str,
    /// Further text in Markdown; may be empty.
    pub details: &'static str,
    /// Responses that are not problems.
    pub responses: &'static [ResponseDescription],
    /// Status and codes of the problems that only this operation has, such as ``(409, "`email_taken`")``.
    pub problems: &'static [(u16, &'static str)],
}

/// Description of a response that is not a problem, made by [`json`], [`any_json`] or [`bodiless`].
#[cfg_attr(not(feature = "description"), expect(dead_code, reason = "nobody can ask for the description"))]
pub struct ResponseDescription {
    pub(crate) status: u16,
    pub(crate) text: &'static str,
    pub(crate) body: ResponseBody,
}

/// Body of a response.
#[cfg_attr(not(feature = "description"), expect(dead_code, reason = "nobody can ask for the description"))]
pub(crate) enum ResponseBody {
    None,
    /// JSON in a form that a standard defines.
    AnyJson,
    Json(fn(&mut Schemas) -> Ref),
}

/// Describes a response with a `T` as its body.
pub const fn json<T: ToSchema>(status: u16, text: &'static str) -> ResponseDescription {
    ResponseDescription { status, text, body: ResponseBody::Json(reference::<T>) }
}

/// Describes a response with a JSON body in a form that a standard defines.
pub const fn any_json(status: u16, text: &'static str) -> ResponseDescription {
    ResponseDescription { status, text, body: ResponseBody::AnyJson }
}

/// Describes a response without a body.
pub const fn bodiless(status: u16, text: &'static str) -> ResponseDescription {
    ResponseDescription { status, text, body: ResponseBody::None }
}

/// Adds the schema of `T` and all schemas that it refers to, and returns a reference to it.
pub(crate) fn reference<T: ToSchema>(schemas: &mut Schemas) -> Ref {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), T::schema()));
    Ref::from_schema_name(name)
}
