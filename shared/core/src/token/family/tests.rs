use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::token::testing::{NEW_SECRET, Seeded, noon, sealer, session, user};

/// Store of a session, and the tokens that its clients hold.
struct Session {
    sealer: Sealer,
    entropy: Seeded,
    family: RefreshFamily,
    tokens: Vec<RefreshToken>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The token with this index in the order of issue.
    Token(usize),
    Reused,
    Unknown,
}

impl Session {
    fn new() -> Self {
        let (sealer, entropy) = (sealer(&[NEW_SECRET]), Seeded::new(1));
        let first = RefreshToken::issue(user(), session(), &entropy, &sealer).unwrap();
        Self { family: RefreshFamily::new(&first), tokens: vec![first], sealer, entropy }
    }

    fn present(&mut self, token: usize, now: Timestamp) -> Outcome {
        let token = RefreshToken::parse(self.tokens[token].expose(), &self.sealer).unwrap();
        match self.family.present(&token, now).unwrap() {
            Presentation::Rotate(rotation) => {
                let (family, next) = rotation.mint(&self.entropy, &self.sealer).unwrap();
                // Through the store and back.
                self.family = serde_json::from_str(&serde_json::to_string(&family).unwrap()).unwrap();
                self.tokens.push(next);
                Outcome::Token(self.tokens.len() - 1)
            }
            Presentation::Again(live) => {
                Outcome::Token(self.tokens.iter().position(|token| token.expose() == live.expose()).unwrap())
            }
            Presentation::Reused => Outcome::Reused,
            Presentation::Unknown => Outcome::Unknown,
        }
    }
}

const DAY: i64 = 86_400;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(noon().as_secs() + secs)
}

#[test]
fn each_use_replaces_the_token() {
    let mut session = Session::new();
    for token in 0..3 {
        assert_eq!(session.present(token, at(0)), Outcome::Token(token + 1));
        assert_eq!(session.tokens[token + 1].generation() as usize, token + 1);
    }
}

#[test]
fn the_same_next_token_for_a_day_while_nobody_presented_it_and_then_reuse() {
    let mut session = Session::new();
    session.present(0, at(0));
    let stored = session.family.clone();
    for now in [at(0), at(10), at(11), at(3600), at(DAY), at(-3600)] {
        assert_eq!(session.present(0, now), Outcome::Token(1), "{now}");
    }
    assert_eq!(session.family, stored, "nothing is stored for a second presentation");
    assert_eq!(session.present(0, at(DAY) + Duration::from_millis(1)), Outcome::Reused);
    assert_eq!(
        session.present(1, at(DAY + 60)),
        Outcome::Token(2),
        "the next token is live until the caller revokes"
    );
}

#[test]
fn once_its_next_token_was_presented_a_used_token_has_ten_seconds_from_its_own_use() {
    let mut session = Session::new();
    session.present(0, at(0));
    session.present(1, at(8));
    assert_eq!(session.present(0, at(10)), Outcome::Token(2), "two tabs");
    assert_eq!(session.present(0, at(10) + Duration::from_millis(1)), Outcome::Reused);
    assert_eq!(session.present(1, at(3600)), Outcome::Token(2), "its own next token was never presented");
}

#[test]
fn a_used_token_gets_the_live_token_even_if_its_next_token_is_used() {
    let mut session = Session::new();
    session.present(0, at(0));
    session.present(1, at(4));
    session.present(2, at(8));
    assert_eq!(session.present(0, at(9)), Outcome::Token(3));
    assert_eq!(session.present(1, at(14)), Outcome::Token(3));
    assert_eq!(session.present(0, at(11)), Outcome::Reused);
}

#[test]
fn the_stored_family_stays_small() {
    let mut session = Session::new();
    for token in 0..20 {
        session.present(token, at(0));
    }
    assert_eq!(session.family.used.len(), MAX_USED);
    assert!(serde_json::to_string(&session.family).unwrap().len() < 4096);
    session.present(20, at(11));
    assert_eq!(session.family.used.len(), 1, "what is older than the window is forgotten");
}

#[test]
fn a_genuine_token_of_another_line_is_reuse_and_one_from_the_future_is_unknown() {
    let mut session = Session::new();
    session.present(0, at(0));
    session.present(1, at(1));
    let mut restored = Session::new();
    restored.tokens = session.tokens;
    assert_eq!(
        restored.present(1, at(2)),
        Outcome::Unknown,
        "the store was set back to before it was issued"
    );

    // A token of the same generation, from a lost branch of the same session.
    restored.tokens.truncate(1);
    restored.present(0, at(3));
    let other = Session { entropy: Seeded::new(9), ..Session::new() };
    let lost = other.tokens[0].next(&other.entropy, &other.sealer).unwrap();
    assert!(matches!(restored.family.present(&lost, at(3)), Ok(Presentation::Reused)));
}

#[test]
fn the_store_does_not_reveal_a_token() {
    let mut session = Session::new();
    session.present(0, at(0));
    let stored = serde_json::to_string(&session.family).unwrap();
    for token in &session.tokens {
        assert!(!stored.contains(&token.expose()[60..]), "{stored}");
    }
}

#[test]
fn a_changed_store_is_an_error_and_not_a_reuse() {
    let mut session = Session::new();
    session.present(0, at(0));
    session.family.used[0].next = serde_json::from_str("\"AAAA\"").unwrap();
    assert_eq!(session.family.present(&session.tokens[0], at(1)).unwrap_err(), UnreadableNextToken);
}

/// Reference implementation of the rules, over indexes in the order of issue instead of tokens.
#[derive(Default)]
struct Reference {
    /// Time of use of each token except the live one.
    used: Vec<i64>,
    /// First token that is still stored.
    remembered: usize,
}

impl Reference {
    fn present(&mut self, token: usize, now: i64) -> Outcome {
        let live = self.used.len();
        if token == live {
            while self.remembered < live && now - self.used[self.remembered] > 10_000 {
                self.remembered += 1;
            }
            self.used.push(now);
            self.remembered = self.remembered.max(self.used.len().saturating_sub(8));
            Outcome::Token(live + 1)
        } else if token >= self.remembered && now - self.used[token] <= window(token + 1 == live) {
            Outcome::Token(live)
        } else {
            Outcome::Reused
        }
    }
}

/// Returns the window in milliseconds, which is longer for the last used token.
fn window(is_last: bool) -> i64 {
    if is_last { 1000 * DAY } else { 10_000 }
}

proptest! {
    #[test]
    fn any_history_goes_as_in_the_reference(
        steps in proptest::collection::vec((any::<Index>(), prop_oneof![6 => -3_000..12_000i64, 1 => 43_000_000..87_000_000i64], any::<bool>()), 1..40)
    ) {
        let (mut session, mut reference, mut now) = (Session::new(), Reference::default(), 0);
        for (token, passed, newest) in steps {
            now += passed;
            let token = if newest { session.tokens.len() - 1 } else { token.index(session.tokens.len()) };
            let answer = session.present(token, Timestamp::from_millis(noon().as_millis() + now));
            prop_assert_eq!(answer, reference.present(token, now), "token {} at {} ms", token, now);
        }
    }
}
