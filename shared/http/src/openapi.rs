//! OpenAPI description of a route. It joins what its function states with what follows from its method, its
//! path, its access rule and the signature of its handler, so that no function repeats that.

use axum::http::Method;
use latchkey_core::session::Freshness;
use utoipa::openapi::info::{Info, InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{HttpMethod, Operation as PathOperation, Paths};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use crate::description::{ResponseBody, ResponseDescription, Schemas, reference};
use crate::signature::Inputs;
use crate::{Access, Description, Operation, ProblemBody, Query, csrf};

/// Media type of a problem.
const PROBLEM: &str = "application/problem+json";

/// Names of the security schemes.
const COOKIE: &str = "cookie";
const BEARER: &str = "bearer";

/// Codes of one status, each with its meaning where the name does not tell it.
type Codes = (u16, &'static [(&'static str, &'static str)]);

const NO_QUERY: Codes = (400, &[("invalid_request", "an unknown or duplicate query parameter")]);
const UNREADABLE: Codes = (400, &[("invalid_json", "")]);
const ADDRESS: Codes = (400, &[("address_unknown", "the platform does not report the client's address")]);
const NOBODY: Codes = (
    401,
    &[
        ("not_signed_in", ""),
        ("invalid_token", ""),
        ("session_ended", ""),
        ("duplicate_cookie", "several cookies of one name; none is used or removed"),
    ],
);
const DENIED: Codes = (403, &[("permission_denied", "")]);
const FORGED: Codes = (403, &[("cross_site_request", "the page's origin is not in `LATCHKEY_ORIGINS`")]);
const PROXIED: Codes = (
    403,
    &[
        (
            "cross_site_request",
            "the forwarded request comes from a page whose origin is not in `LATCHKEY_ORIGINS`",
        ),
        ("method_not_forwarded", "the proxy does not send `X-Forwarded-Method`"),
        ("rate_limited", "only for checks that read the store"),
    ],
);
const TOO_LARGE: Codes = (413, &[("body_too_large", "the body is larger than 64 KiB")]);
const NO_JSON: Codes = (415, &[("unsupported_media_type", "the body is not `application/json`")]);
const WRONG_FORM: Codes = (422, &[("invalid_request", "a member is missing, unknown or malformed")]);
const LIMITED: Codes = (429, &[("rate_limited", "`Retry-After` gives the waiting time")]);
const FAILED: Codes = (500, &[("internal", "a failure of the service")]);
const UNABLE: Codes = (
    503,
    &[
        ("unavailable", "try again after `Retry-After`"),
        ("misconfigured", "a setting is wrong (Cloudflare Workers only)"),
    ],
);

/// Description of a route, to be completed by what follows from the route.
#[derive(Clone, Copy)]
pub(crate) struct Described {
    pub tag: &'static str,
    pub own: &'static Description,
    pub inputs: fn(&mut Inputs),
}

/// Returns the OpenAPI document of these routes.
pub(crate) fn document<'a>(routes: impl Iterator<Item = (&'a Operation, &'a Described)>) -> OpenApi {
    let (mut paths, mut schemas) = (Paths::new(), Schemas::new());
    let problem = reference::<ProblemBody<'_>>(&mut schemas);
    for (operation, described) in routes {
        if let Some(method) = openapi_method(&operation.method) {
            let item = described.complete(operation, &mut schemas, &problem);
            paths.add_path_operation(operation.path, vec![method], item);
        }
    }
    let mut components = Components::new();
    components.schemas.extend(schemas);
    add_schemes(&mut components);
    let mut document = OpenApi::new(info(), paths);
    document.components = Some(components);
    document
}

fn info() -> Info {
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        .identifier(Some(env!("CARGO_PKG_LICENSE")))
        .build();
    InfoBuilder::new()
        .title("Latchkey")
        .description(Some("Sign-in for people who run no servers."))
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(license))
        .build()
}

/// Adds the security schemes.
fn add_schemes(components: &mut Components) {
    let cookie = ApiKeyValue::with_description(
        "__Host-latchkey-access",
        "The access token in a browser. On http://localhost:8787 its name is `latchkey-8787-access`.",
    );
    components.add_security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token of a client that asked for `\"transport\": \"bearer\"`."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
}

/// Returns the security schemes that a route with this access accepts.
fn security(access: Access, is_bearer_only: bool) -> Option<Vec<SecurityRequirement>> {
    let by = |scheme| SecurityRequirement::new(scheme, Vec::<String>::new());
    match access {
        Access::Public => None,
        _ if is_bearer_only => Some(vec![by(BEARER)]),
        _ => Some(vec![by(COOKIE), by(BEARER)]),
    }
}

fn openapi_method(method: &Method) -> Option<HttpMethod> {
    match *method {
        Method::GET => Some(HttpMethod::Get),
        Method::POST => Some(HttpMethod::Post),
        Method::PUT => Some(HttpMethod::Put),
        Method::PATCH => Some(HttpMethod::Patch),
        Method::DELETE => Some(HttpMethod::Delete),
        _ => None,
    }
}

/// Returns the names in a path.
fn names(path: &'static str) -> Vec<&'static str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect()
}

impl Described {
    fn complete(self, operation: &Operation, schemas: &mut Schemas, problem: &Ref) -> PathOperation {
        let mut inputs = Inputs {
            method: operation.method.clone(),
            path: names(operation.path).into_iter(),
            parameters: Vec::new(),
            body: None,
            schemas: Vec::new(),
            is_bearer_only: false,
        };
        (self.inputs)(&mut inputs);
        schemas.extend(inputs.schemas);
        let Description { id, summary, details, responses, problems } = *self.own;
        let mut described = PathOperation::new();
        described.operation_id = Some(id.to_owned());
        described.tags = Some(vec![self.tag.to_owned()]);
        described.summary = Some(summary.to_owned());
        described.description = Some(details.to_owned()).filter(|details| !details.is_empty());
        let parameters: Vec<_> = inputs.parameters.into_iter().map(RefOr::T).collect();
        described.parameters = Some(parameters).filter(|parameters| !parameters.is_empty());
        described.request_body = inputs.body.map(RefOr::T);
        described.security = security(operation.access, inputs.is_bearer_only);
        let all = &mut described.responses.responses;
        for response in responses {
            all.insert(response.status.to_string(), RefOr::T(response.openapi(schemas)));
        }
        for (status, text) in problems {
            let response =
                ResponseBuilder::new().description(*text).content(PROBLEM, problem_content(problem));
            all.insert(status.to_string(), RefOr::T(response.build()));
        }
        for (status, codes) in codes(operation, &described) {
            for (code, why) in codes {
                add(&mut described, status, code, why, problem);
            }
        }
        described
    }
}

impl ResponseDescription {
    fn openapi(&self, schemas: &mut Schemas) -> Response {
        let response = ResponseBuilder::new().description(self.text);
        let content = match self.body {
            ResponseBody::None => return response.build(),
            ResponseBody::AnyJson => Content::default(),
            ResponseBody::Json(reference) => Content::new(Some(reference(schemas))),
        };
        response.content("application/json", content).build()
    }
}

fn problem_content(problem: &Ref) -> Content {
    Content::new(Some(problem.clone()))
}

fn codes(operation: &Operation, described: &PathOperation) -> Vec<Codes> {
    let mut all = vec![FAILED, UNABLE];
    match operation.access {
        // The description of a limited public route states the limit itself. All of them count by address.
        Access::Public if described.responses.responses.contains_key("429") => all.push(ADDRESS),
        Access::Public => {}
        Access::SignedIn(Freshness::Recent) => all.extend([NOBODY, LIMITED]),
        // The audit log records the client address of a change.
        Access::SignedIn(Freshness::Fresh) | Access::TokenHolder => all.extend([NOBODY, LIMITED, ADDRESS]),
        Access::Permission(_) => all.extend([NOBODY, DENIED, LIMITED, ADDRESS]),
        Access::Proxied => all.extend([NOBODY, PROXIED]),
    }
    if !operation.method.is_safe() && !csrf::is_way_back(operation.path) {
        all.push(FORGED);
    }
    if operation.takes.query != Query::Anything {
        all.push(NO_QUERY);
    }
    // A route without a body refuses a body with members.
    if described.request_body.is_some() || !(operation.takes.body || operation.method.is_safe()) {
        all.extend([UNREADABLE, TOO_LARGE, NO_JSON, WRONG_FORM]);
    }
    all
}

/// Adds a code, unless the function describes it itself.
fn add(described: &mut PathOperation, status: u16, code: &str, why: &str, problem: &Ref) {
    let responses = &mut described.responses.responses;
    let response = responses.entry(status.to_string()).or_insert_with(|| RefOr::T(Response::new("")));
    // No response is described by a reference.
    let RefOr::T(response) = response else { return };
    let name = format!("`{code}`");
    if !response.description.contains(&name) {
        let separator = if response.description.is_empty() { "" } else { "; " };
        let colon = if why.is_empty() { "" } else { ": " };
        response.description = format!("{}{separator}{name}{colon}{why}", response.description);
    }
    response.content.entry(PROBLEM.to_owned()).or_insert_with(|| RefOr::T(problem_content(problem)));
}
