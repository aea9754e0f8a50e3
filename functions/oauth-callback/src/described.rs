//! The description of the two routes that one handler serves: utoipa reads it off functions.
#![expect(dead_code, reason = "they are descriptions, and nobody calls them")]

use latchkey_http::ProblemBody;
use utoipa::IntoResponses;

/// What both answer.
#[derive(IntoResponses)]
enum Answers {
    #[response(status = 303, description = "To `redirect_to`, perhaps with `error` in the query")]
    Onward,
    #[response(
        status = 400,
        description = "`invalid_state`, `issuer_mismatch`, `invalid_code` or `code_refused`",
        content_type = "application/problem+json"
    )]
    Invalid(ProblemBody<'static>),
    #[response(
        status = 401,
        description = "`session_ended`: linking needs the session that began it; `duplicate_cookie`: two cookies of one name",
        content_type = "application/problem+json"
    )]
    Nobody(ProblemBody<'static>),
    #[response(
        status = 403,
        description = "`signin_cancelled`, `no_verified_email`, `account_disabled`, `other_account`, or `navigation_required` for a prefetch",
        content_type = "application/problem+json"
    )]
    Refused(ProblemBody<'static>),
    #[response(
        status = 404,
        description = "No provider by this name is configured",
        content_type = "application/problem+json"
    )]
    Unknown(ProblemBody<'static>),
    #[response(
        status = 409,
        description = "`account_exists`: the e-mail address has an account; when linking, `identity_taken`, `provider_linked` or `too_many_identities`",
        content_type = "application/problem+json"
    )]
    Taken(ProblemBody<'static>),
    #[response(
        status = 429,
        description = "`rate_limited`: `Retry-After` says for how long",
        content_type = "application/problem+json"
    )]
    Limited(ProblemBody<'static>),
    #[response(
        status = 502,
        description = "`provider_failed`, `provider_refused` or `identity_refused`",
        content_type = "application/problem+json"
    )]
    ProviderFailed(ProblemBody<'static>),
    #[response(status = 504, description = "`provider_timeout`", content_type = "application/problem+json")]
    ProviderSlow(ProblemBody<'static>),
}

/// Come back from a provider
///
/// Where a provider sends a browser after `start`. It goes on to `redirect_to`, signed in; or, when something went wrong, with the
/// code of the problem as `error` in the query. Where no `redirect_to` was given, or the flow is not known, it shows a page that
/// says what went wrong. Where `Accept` does not name HTML, the answer is the problem. A state is good for one return, also for
/// one that fails. At most 10 a minute from one address.
#[utoipa::path(
    get, path = "/v1/oauth/{provider}/callback", operation_id = "finish_oauth", tag = "oauth",
    params(
        ("provider" = String, Path, description = "Such as `google`"),
        ("state" = Option<String>, Query, description = "Names the flow, together with its cookie"),
        ("code" = Option<String>, Query, description = "The provider's code"),
        ("error" = Option<String>, Query, description = "The provider's error, in place of a code"),
        ("iss" = Option<String>, Query, description = "The provider's issuer (RFC 9207)"),
    ),
    responses(Answers),
)]
pub fn by_redirect() {}

/// Come back from a provider by a form
///
/// The same, for providers whose page posts the answer, such as Apple.
#[utoipa::path(
    post, path = "/v1/oauth/{provider}/callback", operation_id = "finish_oauth_by_form", tag = "oauth",
    params(("provider" = String, Path, description = "Such as `apple`")),
    responses(Answers),
)]
pub fn by_form() {}
