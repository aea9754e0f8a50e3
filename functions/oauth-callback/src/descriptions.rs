//! The descriptions of the two routes by which a browser comes back.

use latchkey_http::{Description, ResponseDescription, bodiless};

pub const BY_REDIRECT: Description = Description {
    id: "finish_oauth",
    summary: "Come back from a provider",
    details: "Where a provider sends a browser after `start`. It goes on to `redirect_to`, signed in; or, \
              when something went wrong, with the code of the problem as `error` in the query. Where no \
              `redirect_to` was given, or the authorization request is not known, it shows a page that says what went wrong. \
              Where `Accept` does not name HTML, the answer is the problem. A state is good for one return, \
              also for one that fails. At most 10 a minute from one address.",
    responses: RESPONSES,
    problems: PROBLEMS,
};

pub const BY_FORM: Description = Description {
    id: "finish_oauth_by_form",
    summary: "Come back from a provider by a form",
    details: "The same, for providers whose page posts the answer, such as Apple.",
    responses: RESPONSES,
    problems: PROBLEMS,
};

const RESPONSES: &[ResponseDescription] =
    &[bodiless(303, "To `redirect_to`, perhaps with `error` in the query")];

const PROBLEMS: &[(u16, &str)] = &[
    (400, "`invalid_state`, `issuer_mismatch`, `invalid_code` or `code_refused`"),
    (
        401,
        "`session_ended`: linking needs the session that began it; `duplicate_cookie`: two cookies of one name",
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
    (429, "`rate_limited`: `Retry-After` says for how long"),
    (502, "`provider_failed`, `provider_refused` or `identity_refused`"),
    (504, "`provider_timeout`"),
];
