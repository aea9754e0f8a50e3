//! The metric of failed sign-ins counts the lines that failed sign-ins log.
//!
//! A program of its own: where tests run beside it, `tracing` may take a line for unwanted before this one asks for it.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a template that is not as these tests read it fails them"
)]

#[expect(dead_code, reason = "the other tests of the template use the rest")]
mod template;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use latchkey_testkit::TestRequest;
use latchkey_tests::support::{PASSWORD, app, credentials, sign_up};
use serde_json::Value;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::template::template;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn json(&self) -> Vec<Value> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("a line is JSON")).collect()
    }
}

/// `(field, value)` of a filter such as `{ $.field = "value" }`.
fn filter(template: &Value) -> (String, String) {
    let pattern = &template["Resources"]["FailedSigninsCount"]["Properties"]["FilterPattern"];
    let pattern = pattern.as_str().expect("a pattern").trim_matches(['{', '}', ' ']);
    let (field, value) = pattern.split_once(" = ").expect("a comparison");
    (field.strip_prefix("$.").expect("a field").to_owned(), value.trim_matches('"').to_owned())
}

// One thread, as the subscriber is that of this thread only.
#[tokio::test]
async fn failed_signins_are_counted_and_nobody_is_named() {
    let template = template();
    let level = template["Parameters"]["LogLevel"]["Default"].as_str().expect("a level").to_owned();
    let wanted = &template["Globals"]["Function"]["Environment"]["Variables"]["LATCHKEY_LOG"]["Fn::Sub"];
    let wanted: Targets = wanted
        .as_str()
        .expect("a filter")
        .replace("${LogLevel}", &level)
        .parse()
        .expect("a filter of targets");
    let lines = Lines::default();
    // As the Lambda entry logs.
    let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(lines.clone());
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(wanted).with(format));
    let app = app();
    sign_up(&app, "ada@example.com").await;
    for (email, password) in [
        ("ada@example.com", "not the password"),
        ("nobody@example.com", PASSWORD),
        ("ada@example.com", PASSWORD),
    ] {
        app.send(TestRequest::post("/v1/signin", &credentials(email, password))).await;
    }
    let (field, value) = filter(&template);
    let logged = lines.json();
    let counted: Vec<_> = logged.iter().filter(|line| line[&field] == value.as_str()).collect();
    assert_eq!(counted.len(), 2, "{logged:?}");
    for line in counted {
        assert!(!line.to_string().contains("example.com") && !line.to_string().contains("198.51"), "{line}");
    }
}
