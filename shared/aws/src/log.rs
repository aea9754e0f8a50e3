use std::io;

use latchkey_core::log::{Filter, tell_ignored};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Variables for the log level. The first one that is set counts.
const VARIABLES: [&str; 2] = ["LATCHKEY_LOG", "AWS_LAMBDA_LOG_LEVEL"];

/// Logs one JSON object per line to standard output, which Lambda sends to its log group.
///
/// The level comes from `LATCHKEY_LOG` (such as `info` or `warn,latchkey_core=debug`), or else from
/// `AWS_LAMBDA_LOG_LEVEL`, which Lambda's logging settings provide, or else it is `warn`. These variables
/// only affect Latchkey's own lines ([`latchkey_core::log`]).
pub fn init(var: impl Fn(&str) -> Option<String>) {
    let (name, text) = chosen(var);
    let (filter, ignored) = Filter::read(text.as_deref());
    let most = filter.most();
    let filter =
        filter_fn(move |about| filter.takes(about.target(), *about.level())).with_max_level_hint(most);
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(io::stdout)
        // A line that cannot be written is lost. The layer would report it by a macro that panics if standard
        // error cannot be written either.
        .log_internal_errors(false);
    // An error means that the process already has a logger.
    if tracing_subscriber::registry().with(filter).with(format).try_init().is_ok() {
        tell_ignored(name, &ignored);
    }
}

/// Returns the variable that counts, and its value.
fn chosen(var: impl Fn(&str) -> Option<String>) -> (&'static str, Option<String>) {
    let found = VARIABLES.iter().find_map(|name| Some((*name, var(name)?)));
    found.map_or(("LATCHKEY_LOG", None), |(name, text)| match text.trim() {
        // Lambda has this level, but Latchkey does not.
        fatal if fatal.eq_ignore_ascii_case("fatal") => (name, Some("error".to_owned())),
        _ => (name, Some(text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vars: &[(&str, &str)]) -> (&'static str, Option<String>) {
        chosen(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn our_variable_comes_before_lambdas_own() {
        let both = [("LATCHKEY_LOG", "error"), ("AWS_LAMBDA_LOG_LEVEL", "DEBUG")];
        assert_eq!(of(&both), ("LATCHKEY_LOG", Some("error".to_owned())));
        assert_eq!(of(&both[1..]), ("AWS_LAMBDA_LOG_LEVEL", Some("DEBUG".to_owned())));
        assert_eq!(of(&[]), ("LATCHKEY_LOG", None));
    }

    #[test]
    fn the_highest_level_of_lambda_is_the_highest_of_ours() {
        assert_eq!(of(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")]).1.as_deref(), Some("error"));
    }
}
