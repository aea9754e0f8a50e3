//! The answers that a route gives whatever its handler does: they follow from its method, from who may call it and from what it
//! takes, so that no function has to describe them.

use axum::http::Method;
use latchkey_core::session::Freshness;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation as Described, PathItem};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response};

use crate::{Access, Operation, ProblemBody, Query, csrf};

/// The media type of a problem, and the name of its schema.
const PROBLEM: (&str, &str) = ("application/problem+json", "ProblemBody");

/// Answers of one status: each code, and what it means where the name does not say so.
type Answers = (u16, &'static [(&'static str, &'static str)]);

const NO_QUERY: Answers =
    (400, &[("invalid_request", "a query parameter that is not known here, or is there twice")]);
const UNREADABLE: Answers = (400, &[("invalid_json", "")]);
const ADDRESS: Answers = (400, &[("address_unknown", "the platform does not say who the client is")]);
const NOBODY: Answers = (
    401,
    &[
        ("not_signed_in", ""),
        ("invalid_token", ""),
        ("session_ended", ""),
        ("duplicate_cookie", "two cookies of one name, and neither is used or removed"),
    ],
);
const DENIED: Answers = (403, &[("permission_denied", "")]);
const FORGED: Answers = (403, &[("cross_site_request", "from a page that is not in `LATCHKEY_ORIGINS`")]);
const PROXIED: Answers = (
    403,
    &[
        (
            "cross_site_request",
            "the request that the proxy forwards is from a page that is not in `LATCHKEY_ORIGINS`",
        ),
        ("method_not_forwarded", "the proxy does not send `X-Forwarded-Method`"),
        ("rate_limited", "only where the store is asked"),
    ],
);
const TOO_LARGE: Answers = (413, &[("body_too_large", "over 64 KiB")]);
const NO_JSON: Answers = (415, &[("unsupported_media_type", "the body is not `application/json`")]);
const WRONG_FORM: Answers =
    (422, &[("invalid_request", "a member is missing, not known here, or of the wrong form")]);
const LIMITED: Answers = (429, &[("rate_limited", "`Retry-After` says for how long")]);
const FAILED: Answers = (500, &[("internal", "a failure of ours")]);
const UNABLE: Answers =
    (503, &[("unavailable", "try again after `Retry-After`"), ("misconfigured", "on Cloudflare Workers")]);

/// Adds to the description of each of `operations` what it does not say itself.
pub(crate) fn complete(document: &mut OpenApi, operations: &[Operation]) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    schemas.entry(PROBLEM.1.to_owned()).or_insert_with(ProblemBody::schema);
    for operation in operations {
        let item = document.paths.paths.get_mut(operation.path);
        if let Some(described) = item.and_then(|item| of_method(item, &operation.method)) {
            for (status, codes) in answers(operation, described) {
                for (code, why) in codes {
                    add(described, status, code, why);
                }
            }
        }
    }
}

fn of_method<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Described> {
    match method.as_str() {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

fn answers(operation: &Operation, described: &Described) -> Vec<Answers> {
    let mut all = vec![FAILED, UNABLE];
    match operation.access {
        // A public route that is limited says so itself, with its limit. All of them count by address.
        Access::Public if described.responses.responses.contains_key("429") => all.push(ADDRESS),
        Access::Public => {}
        Access::SignedIn(Freshness::Recent) => all.extend([NOBODY, LIMITED]),
        // The audit log says where a change came from.
        Access::SignedIn(Freshness::Fresh) | Access::Holder => all.extend([NOBODY, LIMITED, ADDRESS]),
        Access::Permission(_) => all.extend([NOBODY, DENIED, LIMITED, ADDRESS]),
        Access::Proxied => all.extend([NOBODY, PROXIED]),
    }
    if !operation.method.is_safe() && !csrf::is_way_back(operation.path) {
        all.push(FORGED);
    }
    if operation.takes.query != Query::Anything {
        all.push(NO_QUERY);
    }
    // A route without a body refuses one with members.
    if described.request_body.is_some() || !(operation.takes.body || operation.method.is_safe()) {
        all.extend([UNREADABLE, TOO_LARGE, NO_JSON, WRONG_FORM]);
    }
    all
}

/// Adds a code, unless the function has said when it gives it.
fn add(described: &mut Described, status: u16, code: &str, why: &str) {
    let answers = &mut described.responses.responses;
    let answer = answers.entry(status.to_string()).or_insert_with(|| RefOr::T(Response::new("")));
    // No function of ours describes an answer by a reference.
    let RefOr::T(answer) = answer else { return };
    let name = format!("`{code}`");
    if !answer.description.contains(&name) {
        let separator = if answer.description.is_empty() { "" } else { "; " };
        let colon = if why.is_empty() { "" } else { ": " };
        answer.description = format!("{}{separator}{name}{colon}{why}", answer.description);
    }
    let (kind, schema) = PROBLEM;
    let body = || RefOr::T(Content::new(Some(Ref::from_schema_name(schema))));
    answer.content.entry(kind.to_owned()).or_insert_with(body);
}
