//! Inputs of a route, by the signature of its handler.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{Content, ObjectBuilder, Required, Type};
use utoipa::{IntoParams, ToSchema};

use crate::description::{Schemas, reference};
use crate::strict::{Query, Takes};
use crate::{
    BearerOnly, Body, Caller, ClientInfo, DeviceCookies, Params, PathParam, PathParams, Replaced, Segment,
    TokenHolders,
};

/// An argument of a handler. The defaults suit an argument that reads neither the path nor the query nor the
/// body.
pub trait Input {
    /// The query that it reads.
    const QUERY: Query = Query::Nothing;
    /// True if it reads the body.
    const BODY: bool = false;

    /// Adds the parts that it reads to the inputs of an operation.
    fn describe(_: &mut Inputs) {}
}

/// Inputs of an operation, for its description.
pub struct Inputs {
    /// The operation's method.
    pub method: Method,
    /// Names in the path that no argument has read yet.
    pub path: std::vec::IntoIter<&'static str>,
    /// Parameters of the path and the query.
    pub parameters: Vec<Parameter>,
    /// The body.
    pub body: Option<RequestBody>,
    /// Schemas that the parameters and the body refer to.
    pub schemas: Schemas,
    /// True if a cookie does not identify the caller.
    pub is_bearer_only: bool,
}

impl Inputs {
    /// Adds an optional query parameter.
    pub fn query(&mut self, name: &str, text: &str) {
        self.parameter(name, text, ParameterIn::Query, Required::False);
    }

    /// Adds the next path parameter.
    fn segment<T: Segment>(&mut self) {
        if let Some(name) = self.path.next() {
            self.parameter(name, T::DESCRIPTION, ParameterIn::Path, Required::True);
        }
    }

    fn parameter(&mut self, name: &str, text: &str, location: ParameterIn, required: Required) {
        let text_schema = ObjectBuilder::new().schema_type(Type::String);
        let parameter = ParameterBuilder::new()
            .name(name)
            .description(Some(text))
            .parameter_in(location)
            .required(required)
            .schema(Some(text_schema));
        self.parameters.push(parameter.build());
    }

    fn body<T: ToSchema>(&mut self, required: Option<Required>) {
        let schema = reference::<T>(&mut self.schemas);
        let content = Content::new(Some(schema));
        self.body =
            Some(RequestBodyBuilder::new().content("application/json", content).required(required).build());
    }
}

impl<T> Input for State<T> {}
impl Input for HeaderMap {}
impl Input for Caller {}
impl Input for TokenHolders {}
impl Input for ClientInfo {}
impl Input for Replaced {}
impl Input for DeviceCookies {}

impl Input for BearerOnly {
    fn describe(inputs: &mut Inputs) {
        inputs.is_bearer_only = true;
    }
}

impl<T: Segment> Input for PathParam<T> {
    fn describe(inputs: &mut Inputs) {
        inputs.segment::<T>();
    }
}

impl<A: Segment, B: Segment> Input for PathParams<A, B> {
    fn describe(inputs: &mut Inputs) {
        inputs.segment::<A>();
        inputs.segment::<B>();
    }
}

impl<T: IntoParams> Input for Params<T> {
    const QUERY: Query = Query::Params;

    fn describe(inputs: &mut Inputs) {
        inputs.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
    }
}

impl<T: ToSchema> Input for Body<T> {
    const BODY: bool = true;

    fn describe(inputs: &mut Inputs) {
        inputs.body::<T>(Some(Required::True));
    }
}

impl<T: ToSchema> Input for Option<Body<T>> {
    const BODY: bool = true;

    fn describe(inputs: &mut Inputs) {
        inputs.body::<T>(None);
    }
}

/// An input whose refusal the handler examines itself.
impl<T: Input, E> Input for Result<T, E> {
    const QUERY: Query = T::QUERY;
    const BODY: bool = T::BODY;

    fn describe(inputs: &mut Inputs) {
        T::describe(inputs);
    }
}

/// Arguments of a handler, as the type by which axum tells handlers apart.
pub trait Signature {
    /// Inputs of the route.
    const TAKES: Takes;

    /// Adds the parts that the arguments read to the inputs of an operation.
    fn describe(inputs: &mut Inputs);
}

macro_rules! signatures {
    () => {
        impl<M> Signature for (M,) {
            const TAKES: Takes = Takes::NOTHING;

            fn describe(_: &mut Inputs) {}
        }
    };
    ($first:ident $($rest:ident)*) => {
        impl<M, $first: Input, $($rest: Input),*> Signature for (M, $first, $($rest),*) {
            const TAKES: Takes = Takes { query: $first::QUERY, body: $first::BODY }
                $(.and(Takes { query: $rest::QUERY, body: $rest::BODY }))*;

            fn describe(inputs: &mut Inputs) {
                $first::describe(inputs);
                $($rest::describe(inputs);)*
            }
        }

        signatures!($($rest)*);
    };
}

// As many arguments as axum supports.
signatures!(A B C D E F G H I J K L N O P Q);
