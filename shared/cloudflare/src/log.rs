//! Logs as lines of JSON, which Workers Logs takes apart and indexes.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level};

/// An event as one line: `level`, `target`, `message`, and its fields.
pub(crate) fn line(event: &Event<'_>) -> String {
    let metadata = event.metadata();
    let mut fields = Fields(Map::new());
    event.record(&mut fields);
    let mut all = fields.0;
    all.insert("level".to_owned(), metadata.level().as_str().to_ascii_lowercase().into());
    all.insert("target".to_owned(), metadata.target().into());
    Value::Object(all).to_string()
}

/// What is logged, by where it comes from.
#[derive(Debug)]
pub(crate) struct Filter {
    default: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

impl Filter {
    /// What `LATCHKEY_LOG` says: `LEVEL` and `TARGET=LEVEL`, with commas between; and those of them that are neither. What
    /// none of them is about is logged from `warn` on.
    ///
    /// The syntax is that of tracing-subscriber. Ours, as a Worker would carry far more of it than these lines, and would
    /// take a misspelt level for the name of the one target to log.
    pub(crate) fn read(variable: Option<&str>) -> (Self, Vec<&str>) {
        let (mut filter, mut odd) = (Self { default: LevelFilter::WARN, targets: Vec::new() }, Vec::new());
        for directive in
            variable.unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty())
        {
            let (target, level) = match directive.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, directive),
            };
            match (target, level.parse()) {
                // No level at all would be `error`.
                (Some(""), _) | (_, Err(_)) => odd.push(directive),
                _ if level.is_empty() => odd.push(directive),
                (Some(target), Ok(level)) => filter.targets.push((target.to_owned(), level)),
                (None, Ok(level)) => filter.default = level,
            }
        }
        (filter, odd)
    }

    /// Whether an event is logged: the longest beginning of its target decides, and of equal ones the last.
    pub(crate) fn takes(&self, target: &str, level: Level) -> bool {
        let named = self.targets.iter().filter(|(start, _)| target.starts_with(start.as_str()));
        let most = named.max_by_key(|(start, _)| start.len()).map_or(self.default, |(_, level)| *level);
        level <= most
    }

    /// The most that it takes of anything.
    pub(crate) fn most(&self) -> LevelFilter {
        self.targets.iter().map(|(_, level)| *level).fold(self.default, Ord::max)
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use console::begin;

#[cfg(target_arch = "wasm32")]
mod console {
    use tracing::level_filters::LevelFilter;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};
    use worker::web_sys::console;

    use super::Filter;

    /// From now on, the events that `variable` asks for go to the console. Nothing happens when they do already.
    pub(crate) fn begin(variable: Option<&str>) {
        let (filter, odd) = Filter::read(variable);
        // An error says that there is a subscriber.
        if tracing::subscriber::set_global_default(Console(filter)).is_ok() && !odd.is_empty() {
            tracing::warn!(
                ignored = odd.join(","),
                "LATCHKEY_LOG is a level (off, error, warn, info, debug, trace) or directives such as warn,latchkey_http=debug"
            );
        }
    }

    /// Events without spans: nothing here opens one.
    struct Console(Filter);

    impl Subscriber for Console {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.is_event() && self.0.takes(metadata.target(), *metadata.level())
        }

        fn max_level_hint(&self) -> Option<LevelFilter> {
            Some(self.0.most())
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let line = super::line(event).into();
            match *event.metadata().level() {
                Level::ERROR => console::error_1(&line),
                Level::WARN => console::warn_1(&line),
                _ => console::log_1(&line),
            }
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Metadata, Subscriber};

    struct Keep(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Keep {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(line(event));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(Keep(Arc::clone(&lines)), || {
            tracing::warn!(why = %"a \"quoted\"\nline", failures = 3, "it failed");
        });
        let lines = lines.lock().unwrap();
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["level"], "warn");
        assert_eq!(value["message"], "it failed");
        assert_eq!(value["why"], "a \"quoted\"\nline");
        assert_eq!(value["failures"], 3);
    }

    /// The filter, and what it could not read.
    fn read(text: &str) -> (Filter, Vec<&str>) {
        Filter::read(Some(text))
    }

    #[test]
    fn a_level_is_for_everything() {
        for (text, taken, not) in [
            (" debug ", Level::DEBUG, Level::TRACE),
            ("WARN", Level::WARN, Level::INFO),
            ("", Level::WARN, Level::INFO),
            (" , ,", Level::WARN, Level::INFO),
        ] {
            let (filter, odd) = read(text);
            assert!(filter.takes("latchkey_core", taken) && !filter.takes("latchkey_core", not), "{text}");
            assert!(odd.is_empty(), "{odd:?}");
        }
        assert!(!read("off").0.takes("latchkey_core", Level::ERROR));
        assert!(Filter::read(None).0.takes("latchkey_core", Level::WARN));
    }

    #[test]
    fn the_longest_target_decides_wherever_it_stands() {
        let (filter, odd) = read("latchkey_core::limit=off, latchkey_core = debug,info,latchkey=error");
        assert!(odd.is_empty(), "{odd:?}");
        for (target, most) in [
            ("latchkey_core::limit::limiter", LevelFilter::OFF),
            ("latchkey_core::token", LevelFilter::DEBUG),
            ("latchkey_http", LevelFilter::ERROR),
            ("worker", LevelFilter::INFO),
        ] {
            for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                assert_eq!(filter.takes(target, level), level <= most, "{target} {level}");
            }
        }
        assert_eq!(filter.most(), LevelFilter::DEBUG);
    }

    #[test]
    fn what_is_not_understood_changes_nothing_and_is_told() {
        let (filter, odd) = read("loud,latchkey_http=,=debug,a=b=c,latchkey_http=debug");
        assert_eq!(odd, ["loud", "latchkey_http=", "=debug", "a=b=c"]);
        assert!(filter.takes("latchkey_http::edge", Level::DEBUG));
        assert!(filter.takes("latchkey_core", Level::WARN) && !filter.takes("latchkey_core", Level::INFO));
    }

    proptest::proptest! {
        /// As the local server and the functions on Lambda read the same.
        #[test]
        fn what_it_understands_it_reads_as_tracing_subscriber_does(
            default in "error|warn|info|debug|trace|off",
            targets in proptest::collection::vec(("[ab]{1,3}", "error|warn|info|debug|trace|off"), 0..4),
            target in "[ab]{0,4}",
        ) {
            let named = targets.iter().map(|(target, level)| format!(",{target}={level}"));
            let text = default.clone() + &named.collect::<String>();
            let theirs: tracing_subscriber::filter::Targets = text.parse().unwrap();
            let (filter, odd) = read(&text);
            proptest::prop_assert!(odd.is_empty());
            for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                proptest::prop_assert_eq!(filter.takes(&target, level), theirs.would_enable(&target, &level));
            }
        }
    }
}
