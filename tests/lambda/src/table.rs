use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

/// From the start of the process until it is ready for an event.
const READY_BUDGET: Duration = Duration::from_millis(15);

/// The figures of one function.
pub struct Row {
    pub name: Cow<'static, str>,
    pub route: &'static str,
    /// Of a binary of ours, in bytes.
    pub size: Option<u64>,
    pub size_budget: Option<u64>,
    pub ready: Duration,
    pub fastest: Duration,
    pub first: Duration,
    pub warm: Duration,
    pub peak: Option<u64>,
}

impl Row {
    /// Whether it is ours and within what the design allows; what is not ours has no budget.
    pub fn keeps_its_budgets(&self) -> bool {
        let Some((size, most)) = self.size.zip(self.size_budget) else { return true };
        size < most && self.ready <= READY_BUDGET
    }
}

/// A table in Markdown.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| function | called with | stripped | ready (fastest) | first event | warm event | peak memory | budgets |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let size = row.size.zip(row.size_budget);
        let size = size.map_or_else(
            || "-".to_owned(),
            |(size, most)| format!("{} of {}", megabytes(size), megabytes(most)),
        );
        let budgets = match (row.size_budget, row.keeps_its_budgets()) {
            (None, _) => "-",
            (_, true) => "kept",
            (_, false) => "MISSED",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {size} | {} ({}) | {} | {} | {} | {budgets} |",
            row.name,
            row.route,
            millis(row.ready),
            millis(row.fastest),
            millis(row.first),
            millis(row.warm),
            row.peak.map_or_else(|| "-".to_owned(), megabytes),
        );
    }
    text + "\nReady: from the start of the process to its first poll for an event; at most 15 ms. Medians."
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}
