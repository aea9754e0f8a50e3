//! Logs as lines of JSON, which Workers Logs parses and indexes.

use std::fmt;

use serde_json::{Map, Value};
use tracing::Event;
use tracing::field::{Field, Visit};

/// Returns an event as one line: `level`, `target`, `message` and its fields.
pub(crate) fn line(event: &Event<'_>) -> String {
    let metadata = event.metadata();
    let mut fields = Fields(Map::new());
    event.record(&mut fields);
    let mut all = fields.0;
    all.insert("level".to_owned(), metadata.level().as_str().to_ascii_lowercase().into());
    all.insert("target".to_owned(), metadata.target().into());
    Value::Object(all).to_string()
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
    use latchkey_core::log::{self, Filter};
    use tracing::level_filters::LevelFilter;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};
    use worker::web_sys::console;

    /// Sends the events that `variable` selects to the console. Does nothing if they go there already.
    pub(crate) fn begin(variable: Option<&str>) {
        let (filter, ignored) = Filter::read(variable);
        // An error means that there is already a subscriber.
        if tracing::subscriber::set_global_default(Console(filter)).is_ok() {
            log::tell_ignored("LATCHKEY_LOG", &ignored);
        }
    }

    /// Subscriber for events without spans, because no code here opens a span.
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
}
