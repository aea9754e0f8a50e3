//! Log filter: one rule for every platform.
//!
//! The log of a library may contain whole requests and responses: the runtime of Lambda logs each event at `trace`, and the SDK
//! logs its requests to the table. No level and no variable enables those lines: targets that are not Latchkey's own are logged
//! only from [`OTHERS`] on, and Latchkey's own lines contain no secret at any level.

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// Finest level for targets other than Latchkey's.
pub const OTHERS: LevelFilter = LevelFilter::WARN;

/// Filter by the target of an event: the path of the module that it comes from.
#[derive(Debug, Clone)]
pub struct Filter {
    default: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

impl Filter {
    /// Parses the value of `LATCHKEY_LOG`: `LEVEL` and `TARGET=LEVEL`, separated by commas. Also returns the directives that it
    /// ignored: those of neither form, and those that ask for more than [`OTHERS`] of other targets. Targets without a
    /// directive are logged from `warn` on.
    ///
    /// The syntax is that of tracing-subscriber. This parser is much smaller, which matters in a Worker. It also does not read
    /// a misspelt level as the name of the only target to log.
    pub fn read(variable: Option<&str>) -> (Self, Vec<&str>) {
        let (mut filter, mut ignored) =
            (Self { default: LevelFilter::WARN, targets: Vec::new() }, Vec::new());
        for directive in
            variable.unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty())
        {
            let (target, level) = match directive.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, directive),
            };
            match (target, level.parse()) {
                // An empty level would mean `error`.
                (Some(""), _) | (_, Err(_)) => ignored.push(directive),
                _ if level.is_empty() => ignored.push(directive),
                (Some(target), Ok(level)) if level > OTHERS && !may_be_ours(target) => {
                    ignored.push(directive);
                }
                (Some(target), Ok(level)) => filter.targets.push((target.to_owned(), level)),
                (None, Ok(level)) => filter.default = level,
            }
        }
        (filter, ignored)
    }

    /// Returns true if an event is logged. The directive with the longest matching prefix of its target decides, and of equal
    /// ones the last. Targets that are not Latchkey's are never logged beyond [`OTHERS`].
    pub fn takes(&self, target: &str, level: Level) -> bool {
        if level > OTHERS && !is_ours(target) {
            return false;
        }
        let named = self.targets.iter().filter(|(start, _)| target.starts_with(start.as_str()));
        let most = named.max_by_key(|(start, _)| start.len()).map_or(self.default, |(_, level)| *level);
        level <= most
    }

    /// Returns the finest level that any target has.
    pub fn most(&self) -> LevelFilter {
        self.targets.iter().map(|(_, level)| *level).fold(self.default, Ord::max)
    }
}

/// Logs a warning about the directives of `variable` that [`Filter::read`] ignored. Call it once the log is set up.
pub fn tell_ignored(variable: &str, ignored: &[&str]) {
    if !ignored.is_empty() {
        tracing::warn!(
            ignored = ignored.join(","),
            "{variable} is a level (off, error, warn, info, debug, trace) or directives such as warn,latchkey_http=debug; \
             other targets than Latchkey's are logged at warn and error only"
        );
    }
}

/// Returns true if the target is a module of one of Latchkey's crates.
fn is_ours(target: &str) -> bool {
    target.strip_prefix("latchkey").is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
}

/// Returns true if a target of Latchkey can start with this text.
fn may_be_ours(start: &str) -> bool {
    is_ours(start) || "latchkey".starts_with(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

    /// Returns the filter and the directives that it ignored.
    fn read(text: &str) -> (Filter, Vec<&str>) {
        Filter::read(Some(text))
    }

    #[test]
    fn a_level_is_for_everything_of_ours() {
        for (text, taken, not) in [
            (" debug ", Level::DEBUG, Level::TRACE),
            ("WARN", Level::WARN, Level::INFO),
            ("", Level::WARN, Level::INFO),
            (" , ,", Level::WARN, Level::INFO),
        ] {
            let (filter, ignored) = read(text);
            assert!(filter.takes("latchkey_core", taken) && !filter.takes("latchkey_core", not), "{text}");
            assert!(ignored.is_empty(), "{ignored:?}");
        }
        assert!(!read("off").0.takes("latchkey_core", Level::ERROR));
        assert!(Filter::read(None).0.takes("latchkey_core", Level::WARN));
    }

    #[test]
    fn the_longest_target_decides_wherever_it_stands() {
        let (filter, ignored) =
            read("latchkey_core::limit=off, latchkey_core = debug,info,latchkey=error,worker=error");
        assert!(ignored.is_empty(), "{ignored:?}");
        for (target, most) in [
            ("latchkey_core::limit::limiter", LevelFilter::OFF),
            ("latchkey_core::token", LevelFilter::DEBUG),
            ("latchkey_http", LevelFilter::ERROR),
            ("worker::d1", LevelFilter::ERROR),
        ] {
            for level in LEVELS {
                assert_eq!(filter.takes(target, level), level <= most, "{target} {level}");
            }
        }
        assert_eq!(filter.most(), LevelFilter::DEBUG);
    }

    #[test]
    fn a_directive_that_is_not_understood_changes_nothing_and_is_returned() {
        let (filter, ignored) = read("loud,latchkey_http=,=debug,a=b=c,latchkey_http=debug");
        assert_eq!(ignored, ["loud", "latchkey_http=", "=debug", "a=b=c"]);
        assert!(filter.takes("latchkey_http::middleware", Level::DEBUG));
        assert!(filter.takes("latchkey_core", Level::WARN) && !filter.takes("latchkey_core", Level::INFO));
    }

    #[test]
    fn nothing_that_is_not_ours_is_logged_below_warn_whatever_is_asked_for() {
        for text in
            ["trace", "lambda_runtime=trace", "l=trace", "latchkey=trace,hyper=debug", "latchkeyed=trace"]
        {
            let (filter, _) = read(text);
            for target in
                ["lambda_runtime::requests", "aws_smithy_runtime", "hyper", "log", "latchkeyed", "l", ""]
            {
                for level in [Level::INFO, Level::DEBUG, Level::TRACE] {
                    assert!(!filter.takes(target, level), "{text}: {target} {level}");
                }
                assert!(filter.takes(target, Level::WARN), "{text}: {target}");
            }
        }
        assert_eq!(read("trace,lambda_runtime=trace,hyper=warn").1, ["lambda_runtime=trace"]);
    }

    proptest::proptest! {
        /// Compares with tracing-subscriber, because operators know its syntax.
        #[test]
        fn directives_about_ours_are_read_as_tracing_subscriber_reads_them(
            default in "error|warn|info|debug|trace|off",
            targets in proptest::collection::vec(("latchkey_[ab]{1,3}", "error|warn|info|debug|trace|off"), 0..4),
            target in "latchkey_[ab]{0,4}",
        ) {
            let named = targets.iter().map(|(target, level)| format!(",{target}={level}"));
            let text = default.clone() + &named.collect::<String>();
            let theirs: tracing_subscriber::filter::Targets = text.parse().unwrap();
            let (filter, ignored) = read(&text);
            proptest::prop_assert!(ignored.is_empty());
            for level in LEVELS {
                proptest::prop_assert_eq!(filter.takes(&target, level), theirs.would_enable(&target, &level));
            }
        }
    }
}
