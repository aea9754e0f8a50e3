use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Event, EventError, Shape, address, request};

/// An event as AWS sends it: the union of all shapes, with everything optional, so that an error can name the
/// missing member.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    pub(super) http_method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) raw_path: Option<String>,
    pub(super) raw_query_string: Option<String>,
    pub(super) query_string_parameters: Option<Single>,
    pub(super) multi_value_query_string_parameters: Option<Multi>,
    pub(super) cookies: Option<Vec<String>>,
    pub(super) headers: Option<Single>,
    pub(super) multi_value_headers: Option<Multi>,
    pub(super) request_context: Option<Context>,
    pub(super) body: Option<String>,
    pub(super) is_base64_encoded: Option<bool>,
}

/// Names with one value each. A load balancer writes null for a name without a value.
pub(super) type Single = HashMap<String, Option<String>>;
/// Names with any number of values.
pub(super) type Multi = HashMap<String, Option<Vec<String>>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context {
    pub(super) stage: Option<String>,
    http: Option<Http>,
    identity: Option<Identity>,
    elb: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: Option<String>,
    source_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
}

impl Sent {
    /// Determines the shape by members that only one shape has.
    pub(super) fn into_event(mut self) -> Result<Event, EventError> {
        let Some(context) = self.request_context.take() else { return Err(EventError::Unknown) };
        let Context { stage, http, identity, elb } = context;
        if let Some(Http { method, source_ip }) = http {
            let path = self.raw_path.take();
            let query = self.raw_query_string.take().filter(|query| !query.is_empty());
            let target = request::target(path.as_deref(), query.as_deref(), stage.as_deref());
            return request::build(self, method, target, address::Said::Platform(source_ip), Shape::V2);
        }
        if elb.is_some() {
            let shape = if self.multi_value_headers.is_some() { Shape::AlbMulti } else { Shape::AlbSingle };
            let query = request::joined_query(&self);
            let target = request::target(self.path.as_deref(), query.as_deref(), None);
            let method = self.http_method.take();
            return request::build(self, method, target, address::Said::LastForwarded, shape);
        }
        if self.http_method.is_none() {
            return Err(EventError::Unknown);
        }
        let query = request::encoded_query(&self);
        let target = request::target(self.path.as_deref(), query.as_deref(), stage.as_deref());
        let method = self.http_method.take();
        let source_ip = identity.and_then(|identity| identity.source_ip);
        request::build(self, method, target, address::Said::Platform(source_ip), Shape::V1)
    }
}
