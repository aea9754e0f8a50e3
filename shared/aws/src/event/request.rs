use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use latchkey_http::PeerAddress;
use url::form_urlencoded::Serializer;

use super::address::Said;
use super::sent::{Multi, Sent, Single};
use super::{Event, EventError, Shape};

/// Placeholder for a target that is not a valid URI. The middleware has no route for it.
const UNSPEAKABLE: &str = "/%";

/// Returns the path and query of a request, without the stage name that the platform may have added in front.
/// Nothing else changes: the middleware sees the client's own spelling, and refuses a non-canonical one.
pub(super) fn target(path: Option<&str>, query: Option<&str>, stage: Option<&str>) -> PathAndQuery {
    let path = path.unwrap_or_default();
    let inner = stage
        .filter(|stage| *stage != "$default" && !stage.is_empty())
        .and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .unwrap_or(path);
    let inner = if inner.is_empty() { "/" } else { inner };
    let text = query.map_or_else(|| inner.to_owned(), |query| format!("{inner}?{query}"));
    // An invalid query must not be dropped, because the request would mean something else.
    let target: Option<PathAndQuery> = text.parse().ok();
    target
        .filter(|target| inner.starts_with('/') && target.path() == inner && target.query() == query)
        .unwrap_or(PathAndQuery::from_static(UNSPEAKABLE))
}

/// Returns the query of a load balancer's event, whose names and values are as the client wrote them.
pub(super) fn joined_query(sent: &Sent) -> Option<String> {
    let pairs =
        pairs(sent.multi_value_query_string_parameters.as_ref(), sent.query_string_parameters.as_ref())?;
    Some(pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

/// Returns the query of a REST API's event, whose names and values are decoded.
pub(super) fn encoded_query(sent: &Sent) -> Option<String> {
    let pairs =
        pairs(sent.multi_value_query_string_parameters.as_ref(), sent.query_string_parameters.as_ref())?;
    Some(Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// Returns the parameters, if there are any. If both forms are present, they are equal.
fn pairs<'a>(multi: Option<&'a Multi>, single: Option<&'a Single>) -> Option<Vec<(&'a str, &'a str)>> {
    let pairs: Vec<_> = match (multi, single) {
        (Some(multi), _) if !multi.is_empty() => multi
            .iter()
            .flat_map(|(name, values)| values.iter().flatten().map(|value| (name.as_str(), value.as_str())))
            .collect(),
        (_, Some(single)) => {
            single.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default())).collect()
        }
        _ => return None,
    };
    (!pairs.is_empty()).then_some(pairs)
}

/// Builds the request from the common parts of all shapes and the shape's own parts.
pub(super) fn build(
    sent: Sent,
    method: Option<String>,
    target: PathAndQuery,
    said: Said,
    shape: Shape,
) -> Result<Event, EventError> {
    let method = method.ok_or(EventError::Malformed("method"))?;
    let mut headers = headers(sent.multi_value_headers, sent.headers)?;
    if let Some(cookies) = sent.cookies.filter(|cookies| !cookies.is_empty()) {
        let cookies =
            HeaderValue::try_from(cookies.join("; ")).map_err(|_| EventError::Malformed("cookie"))?;
        headers.insert(header::COOKIE, cookies);
    }
    let peer = said.take(&mut headers);
    let mut request = Request::new(body(sent.body, sent.is_base64_encoded.unwrap_or(false))?);
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| EventError::Malformed("method"))?;
    *request.uri_mut() = Uri::from(target);
    *request.headers_mut() = headers;
    if let Some(peer) = peer {
        request.extensions_mut().insert(PeerAddress(peer));
    }
    Ok(Event { request, shape })
}

/// Returns every value of every header. If both forms are present, the multi-value form counts.
fn headers(multi: Option<Multi>, single: Option<Single>) -> Result<HeaderMap, EventError> {
    let mut headers = HeaderMap::new();
    let pairs = multi
        .into_iter()
        .flatten()
        .flat_map(|(name, values)| values.into_iter().flatten().map(move |value| (name.clone(), value)));
    for (name, value) in pairs {
        append(&mut headers, &name, value)?;
    }
    let single = single.into_iter().flatten().filter_map(|(name, value)| Some((name, value?)));
    // Names may have any case.
    let known: Vec<HeaderName> = headers.keys().cloned().collect();
    for (name, value) in single {
        if !known.iter().any(|known| known.as_str().eq_ignore_ascii_case(&name)) {
            append(&mut headers, &name, value)?;
        }
    }
    Ok(headers)
}

/// Adds a header. An invalid header is an error rather than dropped, because a limit or a guard may depend on
/// it.
fn append(headers: &mut HeaderMap, name: &str, value: String) -> Result<(), EventError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| EventError::Malformed("header"))?;
    let value = HeaderValue::try_from(value).map_err(|_| EventError::Malformed("header"))?;
    headers.append(name, value);
    Ok(())
}

fn body(text: Option<String>, is_base64: bool) -> Result<Body, EventError> {
    match text {
        None => Ok(Body::empty()),
        Some(text) if is_base64 => {
            BASE64_STANDARD.decode(text).map(Body::from).map_err(|_| EventError::Malformed("base64 body"))
        }
        Some(text) => Ok(Body::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(path: &str, stage: Option<&str>) -> String {
        target(Some(path), None, stage).to_string()
    }

    #[test]
    fn a_stage_in_front_goes_and_nothing_else() {
        for (given, stage, expected) in [
            ("/prod/v1/signup", Some("prod"), "/v1/signup"),
            ("/v1/signup", Some("prod"), "/v1/signup"),
            ("/v1/signup", Some("$default"), "/v1/signup"),
            ("/v1/signup", None, "/v1/signup"),
            ("/production/v1/signup", Some("prod"), "/production/v1/signup"),
            ("/prod", Some("prod"), "/"),
            ("/prod/prod/x", Some("prod"), "/prod/x"),
            ("/v1/prod/signup", Some("prod"), "/v1/prod/signup"),
            ("/v1/signup", Some(""), "/v1/signup"),
        ] {
            assert_eq!(path(given, stage), expected, "{given} {stage:?}");
        }
    }

    #[test]
    fn the_clients_spelling_stays() {
        for given in
            ["//v1/signup", "/v1/./signup", "/v1/x/../signup", "/v1/%73ignup", "/V1/signup", "/v1/signup/"]
        {
            assert_eq!(path(given, None), given);
            assert_eq!(path(&format!("/prod{given}"), Some("prod")), given);
        }
    }

    #[test]
    fn what_no_uri_can_spell_is_nowhere() {
        for given in
            ["v1/signup", "*", "/v1/sign up", "/v1/\u{7f}", "/v1/signup?x=1", "/v1/signup#x", "http://x/v1"]
        {
            assert_eq!(path(given, None), UNSPEAKABLE, "{given:?}");
        }
        assert_eq!(target(Some("/v1/authorize"), Some("permission=a b"), None), UNSPEAKABLE);
        assert_eq!(target(Some("/v1/authorize"), Some("permission=a#b"), None), UNSPEAKABLE);
        assert_eq!(target(Some("/v1/authorize"), Some("a=1&a=2"), None), "/v1/authorize?a=1&a=2");
    }

    proptest! {
        #[test]
        fn no_path_is_tidied_up(given in "/?[a-z./%?# \\\\\\PC]{0,30}", query in proptest::option::of("\\PC{0,20}")) {
            let made = target(Some(&given), query.as_deref(), None);
            prop_assert!(made.path() == UNSPEAKABLE || made.path() == given || (given.is_empty() && made.path() == "/"));
            prop_assert!(made.path() == UNSPEAKABLE || made.query() == query.as_deref());
        }
    }
}
