//! Descriptions of the two routes on which a browser returns from a provider.

use latchkey_http::{Description, ResponseDescription, bodiless};

pub const BY_REDIRECT: Description = Description {
    id: "finish_oauth",
    summary: "Return from a provider",
    details: "The provider sends the browser here after `start`. The browser continues to `redirect_to`, \
              signed in; after a failure, with the code of the problem as `error` in the query. Without a \
              `redirect_to`, or if the authorization request is unknown, a page shows the problem. If \
              `Accept` does not name HTML, the response is the problem itself. A state is valid for one \
              return, even if that return fails. At most 10 requests a minute from one address.",
    responses: RESPONSES,
    problems: PROBLEMS,
};

pub const BY_FORM: Description = Description {
    id: "finish_oauth_by_form",
    summary: "Return from a provider by a form",
    details: "The same, for providers whose page posts the authorization response, such as Apple.",
    responses: RESPONSES,
    problems: PROBLEMS,
};

const RESPONSES: &[ResponseDescription] =
    &[bodiless(303, "To `redirect_to`, with `error` in the query after a failure")];

const PROBLEMS: &[(u16, &str)] = &[
    (400, "`invalid_state`, `issuer_mismatch`, `invalid_code` or `code_refused`"),
    (
        401,
        "`session_ended`: linking needs the session that began it; `duplicate_cookie`: several cookies of one \
         name",
    ),
    (
        403,
        "`signin_cancelled`, `no_verified_email`, `account_disabled`, `other_account`, or \
         `navigation_required` for a prefetch",
    ),
    (404, "No provider by this name is configured"),
    (
        409,
        "`account_exists`: the e-mail address has an account; when linking, `identity_taken`, \
         `provider_linked` or `too_many_identities`",
    ),
    (429, "`rate_limited`: `Retry-After` gives the waiting time"),
    (502, "`provider_failed`, `provider_refused` or `identity_refused`"),
    (504, "`provider_timeout`"),
];
