//! The table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// A bare axum server's `GET`.
pub const HELLO: &str = "hello GET";
/// The same server, asked with the request of a permission check.
pub const HELLO_POST: &str = "hello POST, the check's request";
/// `POST /v1/permissions/check`, warm.
pub const CHECK: &str = "permission check";
/// The bare server's `GET` with the headers of the session's, asked by oha.
pub const HELLO_BY_OHA: &str = "hello GET, by oha";
/// `GET /v1/session`, asked by oha.
pub const SESSION_BY_OHA: &str = "session, by oha";
/// The bare server, asked by oha with the request of a permission check.
pub const HELLO_POST_BY_OHA: &str = "hello POST, by oha";
/// The permission check, asked by oha.
pub const CHECK_BY_OHA: &str = "permission check, by oha";
/// `GET /v1/session`.
pub const SESSION: &str = "session";
/// `GET /v1/authorize`.
pub const AUTHORIZE: &str = "authorize";
/// `POST /v1/token/refresh`.
pub const REFRESH: &str = "refresh";
/// argon2id alone.
pub const FLOOR: &str = "argon2id floor";
/// `POST /v1/signin`.
pub const SIGN_IN: &str = "sign-in";
/// `POST /v1/signup`.
pub const SIGN_UP: &str = "sign-up";
/// Decisions without HTTP.
pub const DECISIONS: &str = "permission decisions in process";

/// The lines in order: what each is compared with, and the least that the design asks of the ratio or, without one, of the
/// rate.
const LINES: [(&str, Option<&str>, Option<f64>); 15] = [
    (HELLO_BY_OHA, None, None),
    (SESSION_BY_OHA, Some(HELLO_BY_OHA), Some(0.92)),
    (HELLO_POST_BY_OHA, None, None),
    (CHECK_BY_OHA, Some(HELLO_POST_BY_OHA), Some(0.92)),
    (HELLO, None, None),
    (HELLO_POST, Some(HELLO), None),
    (CHECK, Some(HELLO), None),
    (CHECK, Some(HELLO_POST), None),
    (SESSION, Some(HELLO), None),
    (AUTHORIZE, Some(HELLO), None),
    (REFRESH, Some(HELLO), None),
    (FLOOR, None, None),
    (SIGN_IN, Some(FLOOR), Some(0.95)),
    (SIGN_UP, Some(FLOOR), Some(0.95)),
    (DECISIONS, None, Some(5e6)),
];

/// The lines that stand beside `name`.
pub fn compared_with(name: &str) -> impl Iterator<Item = &'static str> {
    LINES.into_iter().filter(move |(_, beside, _)| *beside == Some(name)).map(|(line, ..)| line)
}

const IDLE_MB: f64 = 20.0;
const START_MS: f64 = 100.0;

/// One measurement.
#[derive(Clone, Copy)]
pub struct Sample {
    /// How many a second.
    pub rate: f64,
    /// Which share of a core the server used meanwhile.
    pub cpu: Option<f64>,
}

/// All measurements by the name of their line.
#[derive(Default)]
pub struct Figures(BTreeMap<&'static str, Vec<Sample>>);

impl Figures {
    /// One more.
    pub fn add(&mut self, name: &'static str, sample: Sample) {
        self.0.entry(name).or_default().push(sample);
    }

    /// The one with the median rate.
    fn median(&self, name: &str) -> Option<Sample> {
        let mut samples = self.0.get(name)?.clone();
        samples.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        samples.get(samples.len() / 2).copied()
    }

    /// The median of what each round's rates are to each other: a machine may be slower in one round than in the next.
    fn ratio(&self, name: &str, beside: &str) -> Option<f64> {
        let pairs = self.0.get(name)?.iter().zip(self.0.get(beside)?);
        let mut ratios: Vec<f64> = pairs.map(|(one, other)| one.rate / other.rate).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }
}

/// What is measured of the process itself.
pub struct Process {
    /// To the first answer, in an empty folder.
    pub first_start: Duration,
    /// To the first answer, where there is a database.
    pub later_starts: Vec<Duration>,
    /// Resident memory before any load.
    pub idle_mb: Option<f64>,
    /// Resident memory after all of it.
    pub loaded_mb: Option<f64>,
    /// The size of the program.
    pub binary_bytes: u64,
}

/// What is printed.
pub struct Report {
    /// The lines.
    pub text: String,
    /// Those that miss their budget.
    pub missed: Vec<&'static str>,
}

/// The rates, with ratios and budgets.
pub fn rates(figures: &Figures) -> Report {
    let mut missed = Vec::new();
    let mut text = format!(
        "{:<33}{:>12}  {:>7}  {:>9}  {:<31}  {:>6}  {:>9}\n",
        "", "per second", "core", "us each", "beside", "ratio", "budget"
    );
    for (name, beside, least) in LINES {
        let Some(sample) = figures.median(name) else { continue };
        let ratio = beside.and_then(|beside| figures.ratio(name, beside));
        if beside.is_some() && ratio.is_none() {
            continue;
        }
        let rate_digits = usize::from(sample.rate < 1000.0);
        let core = sample.cpu.map(|cpu| format!("{:.0} %", cpu * 100.0));
        let each = sample.cpu.map(|cpu| format!("{:.2}", cpu * 1e6 / sample.rate));
        let budget = least.map(|least| {
            let holds = ratio.unwrap_or(sample.rate) >= least;
            missed.extend((!holds).then_some(name));
            format!(">= {least:<4} {}", verdict(holds))
        });
        let _ = writeln!(
            text,
            "{name:<33}{:>12.rate_digits$}  {:>7}  {:>9}  {:<31}  {:>6}  {}",
            sample.rate,
            core.unwrap_or_default(),
            each.unwrap_or_default(),
            beside.unwrap_or_default(),
            ratio.map(|ratio| format!("{ratio:.3}")).unwrap_or_default(),
            budget.unwrap_or_default(),
        );
    }
    Report { text, missed }
}

/// Memory, start and size.
pub fn process(process: &Process) -> Report {
    let mut missed = Vec::new();
    let mut starts = process.later_starts.clone();
    starts.sort_unstable();
    let start = starts.get(starts.len() / 2).copied().unwrap_or_default();
    let mut text = String::from("\n");
    let mut line = |name: &'static str, value: f64, unit: &str, most: Option<f64>| {
        let holds = most.is_none_or(|most| value <= most);
        missed.extend((!holds).then_some(name));
        let budget = most.map(|most| format!("<= {most} {}", verdict(holds))).unwrap_or_default();
        let _ = writeln!(text, "{name:<33}{value:>12.1} {unit:<3} {budget}");
    };
    if let Some(idle) = process.idle_mb {
        line("resident memory, idle", idle, "MB", Some(IDLE_MB));
    }
    if let Some(loaded) = process.loaded_mb {
        line("resident memory, after the load", loaded, "MB", None);
    }
    line("start to first answer", start.as_secs_f64() * 1e3, "ms", Some(START_MS));
    line("the same in an empty folder", process.first_start.as_secs_f64() * 1e3, "ms", Some(START_MS));
    // A program is far under the 2^32 bytes that an f64 is asked to hold here.
    let kib = u32::try_from(process.binary_bytes / 1024).unwrap_or(u32::MAX);
    line("size of the program", f64::from(kib) * 1024.0 / 1e6, "MB", None);
    Report { text, missed }
}

fn verdict(holds: bool) -> &'static str {
    if holds { "ok" } else { "OVER" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(sign_in: f64) -> Figures {
        let mut figures = Figures::default();
        for (name, rate) in [(FLOOR, 10.0), (SIGN_IN, sign_in)] {
            figures.add(name, Sample { rate, cpu: None });
        }
        figures
    }

    #[test]
    fn a_line_under_its_budget_is_missed_and_one_at_it_is_not() {
        assert_eq!(rates(&figures(9.4)).missed, [SIGN_IN]);
        assert!(rates(&figures(9.4)).text.contains("OVER"));
        assert!(rates(&figures(9.5)).missed.is_empty());
    }

    #[test]
    fn rates_are_compared_within_a_round() {
        let mut figures = figures(9.5);
        // A slow machine, and then a fast one.
        for (floor, sign_in) in [(5.0, 4.6), (20.0, 18.2)] {
            figures.add(FLOOR, Sample { rate: floor, cpu: None });
            figures.add(SIGN_IN, Sample { rate: sign_in, cpu: None });
        }
        assert!((figures.ratio(SIGN_IN, FLOOR).unwrap() - 0.92).abs() < 1e-9);
    }

    #[test]
    fn a_slow_start_is_missed() {
        let start = |millis| Process {
            first_start: Duration::from_millis(millis),
            later_starts: vec![Duration::from_millis(50)],
            idle_mb: Some(19.0),
            loaded_mb: Some(90.0),
            binary_bytes: 1 << 20,
        };
        assert!(process(&start(100)).missed.is_empty());
        assert_eq!(process(&start(101)).missed, ["the same in an empty folder"]);
    }
}
