//! Rules of refresh tokens, explored exhaustively: every order of a few requests, lost responses and passing time.
//!
//! The model drives the family that the service stores, through the same steps as the service: read the session, decide, store
//! on condition that the session is unchanged, else start again. A specification, which knows only the order in which tokens
//! were issued and the time at which each was used, must agree with it at every step.
#![expect(clippy::print_stdout, reason = "a figure for people")]
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::time::Duration;

use latchkey_core::token::{LOST_RESPONSE_WINDOW, REUSE_WINDOW};
use stateright::{Checker, Model};

mod model;
mod state;

use model::{Presenters, RefreshModel};

/// Times of an exploration, in seconds. For most of them the window of two tabs ends two times later. The last time is the end
/// of the window of a lost response if that starts at the second time, and is past it if that starts at the first.
const MOMENTS: [u64; 5] = [0, 5, 10, 15, 86_405];

/// Returns the time from `from` to `to`.
fn passed(from: u8, to: u8) -> Duration {
    let at = |moment: u8| Duration::from_secs(*MOMENTS.get(usize::from(moment)).unwrap());
    at(to).saturating_sub(at(from))
}

fn check(model: RefreshModel) {
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{} states, {} of them different", checker.state_count(), checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn the_moments_stand_at_the_ends_of_the_windows() {
    assert_eq!(passed(0, 2), REUSE_WINDOW);
    assert_eq!(passed(1, 4), LOST_RESPONSE_WINDOW);
    assert!(passed(0, 3) > REUSE_WINDOW && passed(0, 4) > LOST_RESPONSE_WINDOW);
}

#[test]
fn an_honest_client_with_parallel_requests_and_lost_answers_stays_signed_in() {
    check(RefreshModel::new(Presenters::HonestClient, 2, 3, 4));
}

#[test]
fn an_honest_client_with_three_requests_at_once_stays_signed_in() {
    check(RefreshModel::new(Presenters::HonestClient, 3, 1, 4));
}

#[test]
fn a_family_in_anyones_hands_has_one_live_token_and_ends_at_the_first_reuse() {
    check(RefreshModel::new(Presenters::Anyone, 2, 3, 4));
}

#[test]
fn three_requests_at_once_still_give_one_live_token() {
    check(RefreshModel::new(Presenters::Anyone, 3, 1, 4));
}
