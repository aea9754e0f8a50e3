//! Runs the cases on a platform.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use crate::case::Case;
use crate::cases;
use crate::failure::{Failure, Result};
use crate::place::{Admin, Place, random};
use crate::platform::{Platform, Settings};
use crate::report::{CaseResult, Outcome, Report};
use crate::trial::Trial;

/// How to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many cases run at once.
    pub parallel: usize,
    /// Only cases whose name holds this.
    pub only: String,
}

impl Default for Plan {
    /// Every case, four at once.
    fn default() -> Self {
        Self { parallel: 4, only: String::new() }
    }
}

/// Starts the platform, once with limits that are out of the way and once with those by default, and runs every case of the
/// plan on it.
pub fn platform(platform: &dyn Platform, plan: &Plan) -> Result<Report> {
    let chosen = |cases: Vec<Case>| -> Vec<Case> {
        cases.into_iter().filter(|case| case.name().contains(&plan.only)).collect()
    };
    let (mut results, mut at_most) = (Vec::new(), None);
    let open = chosen(cases::open());
    if !open.is_empty() {
        results.extend(with_settings(platform, Settings::Open, plan.parallel, &open, &mut at_most)?);
    }
    let limited = chosen(cases::limited());
    if !platform.is_started() {
        let why = "the suite does not choose the limits here";
        results.extend(limited.iter().map(|case| skipped(case, why)));
    } else if !limited.is_empty() {
        // One after the other: they share the limits of one address.
        results.extend(with_settings(platform, Settings::Limited, 1, &limited, &mut at_most)?);
    }
    for result in &mut results {
        if let Some((_, why)) = platform.unable().iter().find(|(case, _)| *case == result.case) {
            result.outcome = without(&result.outcome, why);
        }
    }
    let known = platform.differences().iter();
    let differences = known.map(|(case, why)| ((*case).to_owned(), (*why).to_owned())).collect();
    Ok(Report { platform: platform.name().to_owned(), at_most, differences, results })
}

fn with_settings(
    platform: &dyn Platform,
    settings: Settings,
    parallel: usize,
    cases: &[Case],
    at_most: &mut Option<usize>,
) -> Result<Vec<CaseResult>> {
    let made = Admin {
        email: format!("root.{:016x}@example.com", random()),
        password: format!("violet harbour tundra {:016x}", random()),
    };
    let running = platform.start(settings, &made)?;
    *at_most = Some(running.at_most()).filter(|most| *most < usize::MAX);
    let admin = if platform.is_started() { Some(made) } else { platform.admin().cloned() };
    let place = Place::visit(&*running, admin)?;
    let results = run(cases, &place, parallel);
    running.keeps_to_its_stores()?;
    Ok(results)
}

/// Runs the cases, so many at once; the results in the order of the cases.
pub fn run(cases: &[Case], place: &Place, parallel: usize) -> Vec<CaseResult> {
    let queue = Mutex::new(cases.iter().enumerate());
    let results = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..parallel.max(1) {
            scope.spawn(|| {
                while let Some((number, case)) = next() {
                    let result = one(case, place);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn one(case: &Case, place: &Place) -> CaseResult {
    let trial = Trial::new(place);
    let outcome = match (case.run)(&trial) {
        Ok(()) => Outcome::Passed,
        Err(Failure::Skipped(why)) => Outcome::Skipped(why.to_owned()),
        Err(failure) => Outcome::Failed(failure.to_string()),
    };
    let (seen, again) = trial.into_seen();
    CaseResult { case: case.name().to_owned(), outcome, seen, again }
}

/// What a case comes to where the place is unable to ask it, for this reason.
fn without(outcome: &Outcome, why: &str) -> Outcome {
    match outcome {
        Outcome::Passed => Outcome::Failed(format!("it passes, and need not be left out: {why}")),
        Outcome::Failed(_) | Outcome::Skipped(_) => Outcome::Skipped(why.to_owned()),
    }
}

fn skipped(case: &Case, why: &str) -> CaseResult {
    let outcome = Outcome::Skipped(why.to_owned());
    CaseResult { case: case.name().to_owned(), outcome, seen: Vec::new(), again: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_place_is_unable_to_ask_is_left_out_until_it_passes() {
        let why = "the gateway answers by itself";
        let failed = Outcome::Failed("500 is not 400".to_owned());
        assert_eq!(without(&failed, why), Outcome::Skipped(why.to_owned()));
        assert!(matches!(without(&Outcome::Passed, why), Outcome::Failed(_)));
    }
}
