use std::sync::{Mutex, PoisonError};

use latchkey_core::port::StoreError;

/// Which method of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `Table::get`.
    Get,
    /// `Table::query`.
    Query,
    /// `Table::commit`.
    Commit,
    /// `Counters::hit`.
    Hit,
}

/// A way to fail, always with [`StoreError::Unavailable`]. As made, it hits every call from now on; the builder narrows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    applied: bool,
    on: Option<Call>,
    skip: usize,
    times: Option<usize>,
}

impl Fault {
    /// The call does not reach the store.
    pub fn unavailable() -> Self {
        Self { applied: false, on: None, skip: 0, times: None }
    }

    /// The store does what it was asked, and its answer is lost.
    pub fn answer_lost() -> Self {
        Self { applied: true, ..Self::unavailable() }
    }

    /// Only calls of this method; the others pass and are not counted.
    pub fn on(self, call: Call) -> Self {
        Self { on: Some(call), ..self }
    }

    /// Lets this many calls pass first.
    pub fn after(self, calls: usize) -> Self {
        Self { skip: calls, ..self }
    }

    /// Only this many calls.
    pub fn times(self, calls: usize) -> Self {
        Self { times: Some(calls), ..self }
    }

    /// Whether it hits this call, which it counts.
    fn hits(&mut self, call: Call) -> bool {
        if self.on.is_some_and(|only| only != call) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    FailsBefore,
    FailsAfter,
}

/// The faults that a wrapped port has been told of.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Adds a fault. A call is hit by the first one that applies to it, in the order in which they were added.
    pub fn add(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Takes all faults back.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn fate(&self, call: Call) -> Fate {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match faults.iter_mut().find_map(|fault| fault.hits(call).then_some(fault.applied)) {
            None => Fate::Passes,
            Some(false) => Fate::FailsBefore,
            Some(true) => Fate::FailsAfter,
        }
    }
}

pub(crate) fn unavailable() -> StoreError {
    StoreError::Unavailable("the test said so".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(faults: &Faults, calls: &[Call]) -> String {
        let letter = |call: &Call| match faults.fate(*call) {
            Fate::Passes => '.',
            Fate::FailsBefore => 'b',
            Fate::FailsAfter => 'a',
        };
        calls.iter().map(letter).collect()
    }

    #[test]
    fn a_fault_hits_the_calls_that_it_names() {
        let calls = [Call::Get, Call::Commit, Call::Commit, Call::Get, Call::Commit, Call::Commit];
        for (fault, fate) in [
            (Fault::unavailable(), "bbbbbb"),
            (Fault::unavailable().times(2), "bb...."),
            (Fault::answer_lost().after(4), "....aa"),
            (Fault::answer_lost().on(Call::Commit).after(1).times(2), "..a.a."),
            (Fault::unavailable().on(Call::Query), "......"),
        ] {
            let faults = Faults::default();
            faults.add(fault);
            assert_eq!(fates(&faults, &calls), fate);
        }
    }

    #[test]
    fn faults_follow_each_other_until_they_are_taken_back() {
        let faults = Faults::default();
        faults.add(Fault::unavailable().times(1));
        faults.add(Fault::answer_lost());
        assert_eq!(fates(&faults, &[Call::Hit; 3]), "baa");
        faults.clear();
        assert_eq!(fates(&faults, &[Call::Hit; 2]), "..");
    }
}
