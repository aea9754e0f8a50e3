use std::io;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs one JSON object a line to standard output, which Lambda takes to its log group.
///
/// What is logged says `LATCHKEY_LOG` (such as `info` or `warn,latchkey_core=debug`), else the level that Lambda's own logging
/// settings give in `AWS_LAMBDA_LOG_LEVEL`, else `warn`.
pub fn init(var: impl Fn(&str) -> Option<String>) {
    let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(io::stdout);
    // An error means that the process logs already.
    let _ = tracing_subscriber::registry().with(filter(var)).with(format).try_init();
}

fn filter(var: impl Fn(&str) -> Option<String>) -> Targets {
    let read = |name| Targets::from_str(var(name)?.trim()).ok();
    read("LATCHKEY_LOG")
        .or_else(|| read("AWS_LAMBDA_LOG_LEVEL"))
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vars: &[(&str, &str)]) -> Targets {
        filter(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn our_variable_comes_before_lambdas_own() {
        let both = [("LATCHKEY_LOG", "error"), ("AWS_LAMBDA_LOG_LEVEL", "DEBUG")];
        assert!(!of(&both).would_enable("latchkey_core", &tracing::Level::WARN));
        assert!(of(&both[1..]).would_enable("latchkey_core", &tracing::Level::DEBUG));
    }

    #[test]
    fn without_a_word_or_with_nonsense_it_warns() {
        for vars in [&[][..], &[("LATCHKEY_LOG", "a=b=c")][..]] {
            assert!(of(vars).would_enable("latchkey_core", &tracing::Level::WARN));
            assert!(!of(vars).would_enable("latchkey_core", &tracing::Level::INFO));
        }
    }
}
