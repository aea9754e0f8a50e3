//! What the signature of a handler says of its route: the parts of a request that it reads.

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

/// An argument of a handler. Those that read neither the query nor the body nor the path leave it at that.
pub trait Input {
    /// The query that it reads.
    const QUERY: Query = Query::Nothing;
    /// Whether it reads the body.
    const BODY: bool = false;

    /// Adds what it reads to the inputs of an operation.
    fn describe(_: &mut Inputs) {}
}

/// The inputs of an operation, for its description.
pub struct Inputs {
    /// The operation's method.
    pub method: Method,
    /// The names in the path that no argument has read yet.
    pub path: std::vec::IntoIter<&'static str>,
    /// The parameters of path and query.
    pub parameters: Vec<Parameter>,
    /// The body.
    pub body: Option<RequestBody>,
    /// The schemas that they refer to.
    pub schemas: Schemas,
    /// Whether a cookie does not tell who calls.
    pub is_bearer_only: bool,
}

impl Inputs {
    /// Adds a parameter of the query that may be left out.
    pub fn query(&mut self, name: &str, text: &str) {
        self.parameter(name, text, ParameterIn::Query, Required::False);
    }

    /// Adds the next parameter of the path.
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

/// An input whose refusal the handler looks at itself.
impl<T: Input, E> Input for Result<T, E> {
    const QUERY: Query = T::QUERY;
    const BODY: bool = T::BODY;

    fn describe(inputs: &mut Inputs) {
        T::describe(inputs);
    }
}

/// The arguments of a handler, as the type that axum tells handlers apart by.
pub trait Signature {
    /// The inputs of its route.
    const TAKES: Takes;

    /// Adds what its arguments read to the inputs of an operation.
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

// As many as axum takes.
signatures!(A B C D E F G H I J K L N O P Q);
