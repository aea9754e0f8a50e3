//! Events of API Gateway.

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequestTypeRequest as Payload1,
    ApiGatewayV2CustomAuthorizerV2Request as Payload2,
};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A call of the protected API.
#[derive(Debug)]
pub(crate) struct Call {
    /// Method.
    pub method: Method,
    /// Route that API Gateway chose: a path with `{names}`, or `$default`.
    pub route: String,
    /// Headers, cookies included.
    pub headers: HeaderMap,
    /// True if API Gateway may use the decision for later calls.
    pub may_be_cached: bool,
    /// Form of the response.
    pub form: Form,
}

/// Form of a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Payload 2.0: a boolean.
    Simple,
    /// Payload 1.0: an IAM policy over this ARN.
    Policy {
        /// `arn:aws:execute-api:region:account:api/stage/METHOD/path`.
        arn: String,
    },
}

/// Reason that an event is refused without a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// The event is not from a REQUEST authorizer.
    #[error(
        "the event is not from a REQUEST authorizer: {0}; make this function the Lambda authorizer of an API \
         Gateway API"
    )]
    Unknown(String),
    /// The event is from a TOKEN authorizer, which does not name the called route.
    #[error("the authorizer has the type TOKEN, which does not tell the route; set its type to REQUEST")]
    Token,
    /// API Gateway would cache decisions by caller without the route, so a caller who may read would be let
    /// in to write.
    #[error(
        "the authorizer has identity sources without the route: add $context.routeKey to them, or remove them all"
    )]
    RouteNotInIdentity,
}

impl Call {
    /// Parses an event.
    pub fn parse(event: Value) -> Result<Self, InvalidEvent> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        match (text("type"), text("version")) {
            (Some("TOKEN"), _) => Err(InvalidEvent::Token),
            (Some("REQUEST"), Some("2.0")) => Self::from_payload_2(read(event)?),
            // The event of a REST API has no version.
            (Some("REQUEST"), Some("1.0") | None) => Self::from_payload_1(read(event)?),
            (Some("REQUEST"), Some(other)) => {
                Err(InvalidEvent::Unknown(format!("its payload version is {other:?}")))
            }
            _ => Err(InvalidEvent::Unknown("its type is not REQUEST".to_owned())),
        }
    }

    fn from_payload_2(event: Payload2) -> Result<Self, InvalidEvent> {
        let key = given(event.route_key, "routeKey")?;
        let identity = event.identity_source.unwrap_or_default();
        if !identity.is_empty() && !identity.contains(&key) {
            return Err(InvalidEvent::RouteNotInIdentity);
        }
        let mut headers = event.headers;
        // Payload 2.0 moves the cookies out of the headers.
        for cookie in event.cookies {
            let value = HeaderValue::try_from(cookie);
            headers
                .append(header::COOKIE, value.map_err(|_| unknown("a cookie is not a valid header value"))?);
        }
        Ok(Self {
            method: event.request_context.http.method,
            route: key.split_once(' ').map_or(key.as_str(), |(_, path)| path).to_owned(),
            headers,
            // Without identity sources API Gateway has no key to cache a decision by.
            may_be_cached: !identity.is_empty(),
            form: Form::Simple,
        })
    }

    fn from_payload_1(event: Payload1) -> Result<Self, InvalidEvent> {
        let arn = given(event.method_arn, "methodArn")?;
        if !arn.starts_with("arn:") {
            return Err(unknown("its methodArn is not an ARN"));
        }
        let headers =
            if event.multi_value_headers.is_empty() { event.headers } else { event.multi_value_headers };
        Ok(Self {
            method: event.http_method.ok_or_else(|| unknown("it has no httpMethod"))?,
            route: given(event.resource, "resource")?,
            headers,
            // The event of a REST API does not tell.
            may_be_cached: true,
            form: Form::Policy { arn },
        })
    }
}

fn read<T: DeserializeOwned>(event: Value) -> Result<T, InvalidEvent> {
    serde_json::from_value(event).map_err(|error| {
        // Other messages quote the value, which may be a token.
        let text = Some(error.to_string()).filter(|text| text.starts_with("missing field"));
        unknown(
            text.as_deref().unwrap_or("one of its fields does not have the form that API Gateway documents"),
        )
    })
}

fn given(text: Option<String>, name: &str) -> Result<String, InvalidEvent> {
    text.filter(|text| !text.is_empty()).ok_or_else(|| unknown(&format!("it has no {name}")))
}

fn unknown(why: &str) -> InvalidEvent {
    InvalidEvent::Unknown(why.to_owned())
}
