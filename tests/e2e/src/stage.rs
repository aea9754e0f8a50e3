//! A place of a platform on which cases run, and the cases as trials of libtest's shape.

use std::sync::{Arc, OnceLock, mpsc};

use latchkey_harness::platform::{Admin, Platform, Settings};
use latchkey_harness::{Failure, Result};
use libtest_mimic::{Completion, Failed, Trial as Test};

use crate::known::{Known, known};
use crate::place::random;
use crate::{Case, Place, Trial, cases, transcript};

/// A place that is started for the first case that needs it, and ends with the last.
pub struct Stage {
    platform: Arc<dyn Platform>,
    settings: Settings,
    place: OnceLock<std::result::Result<Place, String>>,
}

/// Every case on a platform, on two places of it: one with limits that no case reaches, and one with the limits by default, on
/// which the cases run one after the other, as they share the limits of one address.
pub fn trials(platform: &Arc<dyn Platform>) -> Vec<Test> {
    let open = Stage::new(platform, Settings::open());
    // The limits of a place that runs already are not ours to choose.
    let limited_cases = if platform.is_started() { cases::limited() } else { Vec::new() };
    let limited = Stage::new(platform, Settings::limited());
    let mut tests = vec![test(&open, "counts_in_its_store", |stage| {
        stage.place()?.running.counts_in_its_store()?;
        Ok(Completion::Completed)
    })];
    tests.extend(
        cases::open().into_iter().map(|case| test(&open, case.name(), move |stage| stage.run(&case))),
    );
    let mut last = None;
    for case in limited_cases {
        let (done, ran) = mpsc::channel::<()>();
        let before = last.replace(ran);
        tests.push(test(&limited, case.name(), move |stage| {
            // Its other end is dropped where the case before has run, or was left out.
            let _ = before.map(|before| before.recv());
            let outcome = stage.run(&case);
            drop(done);
            outcome
        }));
    }
    tests
}

fn test(
    stage: &Arc<Stage>,
    name: &str,
    run: impl FnOnce(&Stage) -> Result<Completion> + Send + 'static,
) -> Test {
    let (name, stage) = (format!("{}::{name}", stage.platform.name()), Arc::clone(stage));
    Test::ignorable_test(name, move || match run(&stage) {
        Ok(completion) => Ok(completion),
        Err(Failure::Skipped(why)) => Ok(Completion::ignored_with(why)),
        Err(failure) => Err(Failed::from(failure.to_string())),
    })
}

impl Stage {
    fn new(platform: &Arc<dyn Platform>, settings: Settings) -> Arc<Self> {
        let platform = Arc::clone(platform);
        Arc::new(Self { platform, settings, place: OnceLock::new() })
    }

    fn place(&self) -> Result<&Place> {
        let place = self.place.get_or_init(|| self.start().map_err(|failure| failure.to_string()));
        place
            .as_ref()
            .map_err(|why| Failure::Failed(format!("{} did not start: {why}", self.platform.name())))
    }

    fn start(&self) -> Result<Place> {
        let made = Admin {
            email: format!("root.{:016x}@example.com", random()),
            password: format!("violet harbour tundra {:016x}", random()),
        };
        let running = self.platform.start(&self.settings, &made)?;
        let admin = if self.platform.is_started() { Some(made) } else { self.platform.admin().cloned() };
        Place::visit(running, admin)
    }

    /// Runs a case, and compares what it saw with its golden transcript.
    fn run(&self, case: &Case) -> Result<Completion> {
        let known = known(self.platform.name(), case.name());
        let trial = Trial::new(self.place()?);
        let outcome = (case.run)(&trial);
        let seen = trial.into_seen();
        match (outcome, known) {
            (Err(Failure::Skipped(why)), _) | (Err(_), Some((_, Known::Unable, why))) => {
                return Ok(Completion::ignored_with(why));
            }
            (Err(failure), _) => return Err(format!("{failure}\n{}", transcript::end(&seen)).into()),
            (Ok(()), Some((_, Known::Unable, why))) => {
                return Err(format!("it passes; remove its line from known.rs: {why}").into());
            }
            (Ok(()), Some((family, Known::Differs, _))) => {
                transcript::compare(case.name(), Some(family), &seen)?;
            }
            (Ok(()), None) => transcript::compare(case.name(), None, &seen)?,
        }
        Ok(Completion::Completed)
    }
}
