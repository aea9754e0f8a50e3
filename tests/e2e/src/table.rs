//! Reports held against each other, as one table.

use std::fmt;

use crate::report::{CaseResult, Outcome, Report};

/// How many lines of a transcript a failure shows.
const SHOWN: usize = 3;
/// How many characters of a line it shows: what was asked and the answer's status and body.
const SHORT: usize = 160;

/// What one case came to on one platform, beside the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// It passed, and saw what the reference saw.
    Same,
    /// It passed, and is known to see something else there.
    Known(String),
    /// It was not asked, for this reason.
    Skipped(String),
    /// It is not there at all.
    Missing,
    /// It passed, and saw something else than the reference.
    Differs(String),
    /// It is said to see something else, and sees the same.
    Stale,
    /// It failed.
    Failed(String),
}

impl Cell {
    /// Whether it makes the whole a failure.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Missing | Self::Differs(_) | Self::Stale | Self::Failed(_))
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Same => "ok",
            Self::Known(_) => "ok (known)",
            Self::Skipped(_) => "-",
            Self::Missing => "MISSING",
            Self::Differs(_) => "DIFFERS",
            Self::Stale => "STALE",
            Self::Failed(_) => "FAILED",
        }
    }
}

/// Every case, and what it came to on every platform.
pub struct Table {
    platforms: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
    again: Vec<(String, u32)>,
    at_most: Vec<(String, usize)>,
}

impl Table {
    /// Of these reports. The first one that passed a case is its reference.
    pub fn new(reports: &[Report]) -> Self {
        let mut cases: Vec<&str> = Vec::new();
        for result in reports.iter().flat_map(|report| &report.results) {
            if !cases.contains(&result.case.as_str()) {
                cases.push(&result.case);
            }
        }
        let rows = cases.into_iter().map(|case| (case.to_owned(), row(case, reports))).collect();
        let again = |report: &Report| report.results.iter().map(|result| result.again).sum();
        Self {
            platforms: reports.iter().map(|report| report.platform.clone()).collect(),
            rows,
            again: reports.iter().map(|report| (report.platform.clone(), again(report))).collect(),
            at_most: reports
                .iter()
                .filter_map(|report| Some((report.platform.clone(), report.at_most?)))
                .collect(),
        }
    }

    /// How many cells make it a failure.
    pub fn failures(&self) -> usize {
        self.rows.iter().flat_map(|(_, cells)| cells).filter(|cell| cell.is_failure()).count()
    }

    /// The cells of one case, in the order of the reports.
    pub fn row(&self, case: &str) -> Option<&[Cell]> {
        self.rows.iter().find(|(name, _)| name == case).map(|(_, cells)| cells.as_slice())
    }
}

fn row(case: &str, reports: &[Report]) -> Vec<Cell> {
    let passed = |result: &&CaseResult| result.outcome == Outcome::Passed;
    let reference =
        reports.iter().find_map(|report| report.result(case).filter(passed).map(|result| (report, result)));
    reports.iter().map(|report| cell(case, report, reference)).collect()
}

fn cell(case: &str, report: &Report, reference: Option<(&Report, &CaseResult)>) -> Cell {
    let Some(result) = report.result(case) else { return Cell::Missing };
    match (&result.outcome, reference) {
        (Outcome::Failed(why), _) => Cell::Failed(format!("{why}\n{}", end(&result.seen))),
        (Outcome::Skipped(why), _) => Cell::Skipped(why.clone()),
        (Outcome::Passed, None) => Cell::Same,
        (Outcome::Passed, Some((first, _))) if std::ptr::eq(first, report) => Cell::Same,
        (Outcome::Passed, Some((first, expected))) => {
            let known = report.known_difference(case).or_else(|| first.known_difference(case));
            match (result.seen == expected.seen, known) {
                (true, None) => Cell::Same,
                (true, Some(_)) => Cell::Stale,
                (false, Some(why)) => Cell::Known(why.to_owned()),
                (false, None) => {
                    Cell::Differs(difference(&first.platform, expected, &report.platform, result))
                }
            }
        }
    }
}

/// The last lines that a case saw before it failed.
fn end(seen: &[String]) -> String {
    let from = seen.len().saturating_sub(SHOWN);
    let short = |line: &String| line.chars().take(SHORT).collect::<String>();
    seen.iter().skip(from).map(|line| format!("    saw {}", short(line))).collect::<Vec<_>>().join("\n")
}

/// The first lines that are not the same, each with what the other lacks.
fn difference(here: &str, expected: &CaseResult, there: &str, seen: &CaseResult) -> String {
    let most = expected.seen.len().max(seen.seen.len());
    let line =
        |result: &CaseResult, n: usize| result.seen.get(n).map_or("nothing", String::as_str).to_owned();
    (0..most)
        .map(|n| (line(expected, n), line(seen, n)))
        .filter(|(one, other)| one != other)
        .take(SHOWN)
        .map(|(one, other)| {
            format!("    {here}: {}\n    {there}: {}", apart(&one, &other), apart(&other, &one))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// What was asked, and the parts of the line that another line has not.
fn apart(line: &str, other: &str) -> String {
    let parts = |line: &str| -> Vec<String> {
        line.split([';', '|']).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    };
    let theirs = parts(other);
    let (asked, rest) =
        parts(line).split_first().map_or((String::new(), Vec::new()), |(a, b)| (a.clone(), b.to_vec()));
    let own: Vec<_> = rest.into_iter().filter(|part| !theirs.contains(part)).collect();
    format!("{asked} | {}", if own.is_empty() { "nothing more".to_owned() } else { own.join("; ") })
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.rows.iter().map(|(case, _)| case.len()).max().unwrap_or_default();
        let width = |platform: &str| platform.len().max("ok (known)".len());
        write!(f, "{:name$}", "")?;
        for platform in &self.platforms {
            write!(f, "  {platform:<width$}", width = width(platform))?;
        }
        writeln!(f)?;
        for (case, cells) in &self.rows {
            write!(f, "{case:name$}")?;
            for (cell, platform) in cells.iter().zip(&self.platforms) {
                write!(f, "  {:<width$}", cell.word(), width = width(platform))?;
            }
            writeln!(f)?;
        }
        self.details(f)
    }
}

impl Table {
    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, cells) in &self.rows {
            for (cell, platform) in cells.iter().zip(&self.platforms) {
                let said = match cell {
                    Cell::Same => continue,
                    Cell::Missing => ": it did not run".to_owned(),
                    Cell::Stale => ": the known difference is none any more".to_owned(),
                    Cell::Known(why) | Cell::Skipped(why) => format!(": {why}"),
                    Cell::Differs(what) => format!(" differs:\n{what}"),
                    Cell::Failed(why) => format!(" failed: {why}"),
                };
                writeln!(f, "\n{case} on {platform}{said}")?;
            }
        }
        for (platform, again) in self.again.iter().filter(|(_, again)| *again > 0) {
            writeln!(f, "\n{platform}: {again} requests were answered 503 with Retry-After, and sent again")?;
        }
        for (platform, most) in &self.at_most {
            writeln!(f, "\n{platform}: at most {most} requests of a case were under way at one moment")?;
        }
        let cells = self.rows.len() * self.platforms.len();
        writeln!(f, "\n{} cases, {cells} cells, {} failures", self.rows.len(), self.failures())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(platform: &str, results: &[(&str, Outcome, &[&str])], differences: &[(&str, &str)]) -> Report {
        let result = |(case, outcome, seen): &(&str, Outcome, &[&str])| CaseResult {
            case: (*case).to_owned(),
            outcome: outcome.clone(),
            seen: seen.iter().map(|line| (*line).to_owned()).collect(),
            again: 0,
        };
        Report {
            platform: platform.to_owned(),
            at_most: None,
            differences: differences.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            results: results.iter().map(result).collect(),
        }
    }

    fn words(table: &Table, case: &str) -> Vec<&'static str> {
        table.row(case).unwrap().iter().map(Cell::word).collect()
    }

    #[test]
    fn what_is_seen_alike_is_no_failure() {
        let results = [("a", Outcome::Passed, ["201"].as_slice())];
        let table = Table::new(&[report("local", &results, &[]), report("lambda", &results, &[])]);
        assert_eq!((words(&table, "a"), table.failures()), (vec!["ok", "ok"], 0));
    }

    #[test]
    fn how_many_were_under_way_at_once_is_told_where_it_is_bounded() {
        let local = report("local", &[("a", Outcome::Passed, &[])], &[]);
        let lambda = Report { platform: "lambda".to_owned(), at_most: Some(20), ..local.clone() };
        let text = Table::new(&[local, lambda]).to_string();
        assert!(text.contains("\nlambda: at most 20 requests of a case"), "{text}");
        assert!(!text.contains("local: at most"), "{text}");
    }

    #[test]
    fn what_passes_in_another_way_is_a_failure_that_shows_both() {
        let local =
            report("local", &[("a", Outcome::Passed, &["x | 201", "y | 200 | b | no-store; vary"])], &[]);
        let lambda = report("lambda", &[("a", Outcome::Passed, &["x | 201", "y | 201 | b | vary"])], &[]);
        let table = Table::new(&[local, lambda]);
        assert_eq!((words(&table, "a"), table.failures()), (vec!["ok", "DIFFERS"], 1));
        let text = table.to_string();
        assert!(text.contains("local: y | 200; no-store\n") && text.contains("lambda: y | 201\n"), "{text}");
        assert!(!text.contains("local: x"), "what is the same is not shown: {text}");
    }

    #[test]
    fn a_transcript_that_goes_on_is_another() {
        let short = report("local", &[("a", Outcome::Passed, &["201"])], &[]);
        let long = report("lambda", &[("a", Outcome::Passed, &["201", "200"])], &[]);
        assert_eq!(Table::new(&[short.clone(), long.clone()]).failures(), 1);
        assert_eq!(Table::new(&[long, short]).failures(), 1);
    }

    #[test]
    fn a_known_difference_is_none_to_fail_for_until_it_is_gone() {
        let local = report("local", &[("a", Outcome::Passed, &["404"])], &[]);
        let known = [("a", "the gateway resolves dots")];
        let other = report("workers", &[("a", Outcome::Passed, &["200"])], &known);
        let table = Table::new(&[local.clone(), other]);
        assert_eq!((words(&table, "a"), table.failures()), (vec!["ok", "ok (known)"], 0));
        assert!(table.to_string().contains("the gateway resolves dots"));
        let gone = report("workers", &[("a", Outcome::Passed, &["404"])], &known);
        let table = Table::new(&[local.clone(), gone]);
        assert_eq!((words(&table, "a"), table.failures()), (vec!["ok", "STALE"], 1));
        let failed = report("workers", &[("a", Outcome::Failed("no".to_owned()), &["200"])], &known);
        assert_eq!(
            words(&Table::new(&[local, failed]), "a"),
            ["ok", "FAILED"],
            "known is not allowed to fail"
        );
    }

    #[test]
    fn failed_and_missing_cases_fail_and_skipped_ones_do_not() {
        let why = Outcome::Failed("401 is not 200".to_owned());
        let skip = Outcome::Skipped("no administrator".to_owned());
        let local =
            report("local", &[("a", why, &["x 401"]), ("b", Outcome::Passed, &[]), ("c", skip, &[])], &[]);
        let lambda =
            report("lambda", &[("a", Outcome::Passed, &["x 200"]), ("c", Outcome::Passed, &[])], &[]);
        let table = Table::new(&[local, lambda]);
        assert_eq!(words(&table, "a"), ["FAILED", "ok"]);
        assert_eq!(words(&table, "b"), ["ok", "MISSING"]);
        assert_eq!(words(&table, "c"), ["-", "ok"]);
        assert_eq!(table.failures(), 2);
        let text = table.to_string();
        assert!(text.contains("401 is not 200") && text.contains("saw x 401"), "{text}");
    }

    #[test]
    fn a_report_is_the_same_after_it_was_a_file() {
        let written = report("local", &[("a", Outcome::Skipped("why".to_owned()), &["1"])], &[("a", "b")]);
        let read: Report = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
        assert_eq!(read, written);
    }
}
