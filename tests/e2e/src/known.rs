//! Known deviations of platforms that are no fault of Latchkey. A line that is out of date is a failure.

/// A deviation of a platform from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It passes, and sees something else: the platform has a golden transcript of its own.
    Differs,
    /// It fails, as the platform does not carry the requests to Latchkey as they are.
    Unable,
}

/// Platforms by the beginning of their names, the case, and the reason.
const LINES: &[(&str, &str, Known, &str)] = &[
    (
        "workers",
        "paths::what_a_url_parser_resolves_opens_nothing_more",
        Known::Differs,
        "wrangler dev reads the target as a URL: dot segments and backslashes are resolved before the Worker sees it",
    ),
    (
        "workerd",
        "paths::what_a_url_parser_resolves_opens_nothing_more",
        Known::Differs,
        "workerd resolves dot segments that are not encoded before the Worker sees them",
    ),
    (
        "lambda",
        "input::what_is_no_text",
        Known::Unable,
        "cargo lambda watch answers 500 to JSON that is no UTF-8: it writes the event as text before Latchkey sees it",
    ),
    (
        "lambda",
        "cookies::cookies_of_others_in_any_encoding_do_not_disturb",
        Known::Unable,
        "cargo lambda watch hands on no cookie header beyond ASCII; tests/lambda has the events of AWS",
    ),
    (
        "lambda",
        "csrf::two_origins_are_refused",
        Known::Unable,
        "cargo lambda watch hands on one of two headers of a name; tests/lambda has the events of AWS",
    ),
];

/// Returns the deviation of a platform in a case, with the beginning of its name and the reason.
pub fn known(platform: &str, case: &str) -> Option<(&'static str, Known, &'static str)> {
    let line = LINES.iter().find(|(family, name, ..)| platform.starts_with(family) && *name == case);
    line.map(|(family, _, known, why)| (*family, *known, *why))
}
