//! Repetition, and runs along the keyboard or the alphabet.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Rows of keys, aligned so that a key stands below its neighbour to the upper left. Each layout is evaluated by itself.
const LAYOUTS: [&[&str]; 3] = [
    &[
        "`1234567890-=",
        " qwertyuiop[]\\",
        " asdfghjkl;'",
        " zxcvbnm,./",
        "~!@#$%^&*()_+",
        " QWERTYUIOP{}|",
        " ASDFGHJKL:\"",
        " ZXCVBNM<>?",
        " ",
        " йцукенгшщзхъ",
        " фывапролджэ",
        " ячсмитьбю.",
    ],
    &[" 1234567890ß", " qwertzuiopü+", " asdfghjklöä#", " yxcvbnm,.-"],
    &[" 1234567890", " azertyuiop", " qsdfghjklm", " wxcvbn,;:!"],
];
/// Number of rows of one keyboard in a layout. The next four rows are the same keys with shift, or in another script.
const ROWS: usize = 4;

/// Minimum length of a run of equal steps, in characters.
const MIN_RUN: usize = 3;
/// Minimum length of a run that alternates between two steps, such as `1q2w`.
const MIN_ALTERNATING_RUN: usize = 4;

/// Column and row of a key.
type Key = (i8, i8);
/// Step from one character to the next, if that is a neighbour.
type Step = Option<(i8, i8)>;

/// Keys of each layout, prepared for fast look-up.
static KEYS: LazyLock<[Keys; 3]> = LazyLock::new(|| LAYOUTS.map(Keys::of));

struct Keys {
    ascii: [Option<Key>; 128],
    others: BTreeMap<char, Key>,
}

impl Keys {
    fn of(rows: &[&str]) -> Self {
        let mut keys = Self { ascii: [None; 128], others: BTreeMap::new() };
        for (row, characters) in rows.iter().enumerate() {
            for (column, character) in characters.chars().enumerate().filter(|(_, c)| *c != ' ') {
                let (Ok(column), Ok(row)) = (i8::try_from(column), i8::try_from(row % ROWS)) else {
                    continue;
                };
                match keys.ascii.get_mut(place(character)) {
                    Some(key) => *key = Some((column, row)),
                    None => {
                        keys.others.insert(character, (column, row));
                    }
                }
            }
        }
        keys
    }

    fn find(&self, character: char) -> Option<Key> {
        match self.ascii.get(place(character)) {
            Some(key) => *key,
            None => self.others.get(&character).copied(),
        }
    }

    /// Returns the steps along `text`.
    fn steps(&self, text: &[char]) -> Vec<Step> {
        let keys: Vec<Option<Key>> = text.iter().map(|character| self.find(*character)).collect();
        let step = |(a, b): (&Option<Key>, &Option<Key>)| {
            let (a, b) = ((*a)?, (*b)?);
            let step = (b.0.checked_sub(a.0)?, b.1.checked_sub(a.1)?);
            (step.0.abs() <= 1 && step.1.abs() <= 1).then_some(step)
        };
        keys.iter().zip(keys.iter().skip(1)).map(step).collect()
    }
}

fn place(character: char) -> usize {
    usize::try_from(u32::from(character)).unwrap_or(usize::MAX)
}

/// Returns the number of characters of `text` if each run of one repeated character counts as one.
pub(super) fn without_repeats(text: &[char]) -> usize {
    remaining(text.len(), &[steps(text, |a, b| (a == b).then_some((0, 0)))])
}

/// Returns the number of characters of `text` if each run counts as one. Runs are a repeated character, neighbours on the
/// keyboard in one direction or in a zigzag, and the alphabet or the digits up or down. `text` must be in lower case.
pub(super) fn without_runs(text: &[char]) -> usize {
    let [first, second, third] = KEYS.each_ref().map(|keys| keys.steps(text));
    remaining(text.len(), &[first, second, third, steps(text, in_sequence)])
}

/// Returns the shortest prefix whose repetition gives the whole `text`; the last repetition may be incomplete. Returns `None`
/// if it does not occur at least twice.
pub(super) fn unit(text: &[char]) -> Option<&[char]> {
    // Failure function of Knuth, Morris and Pratt: the longest proper prefix that is also a suffix.
    let mut borders: Vec<usize> = Vec::with_capacity(text.len());
    for (at, character) in text.iter().enumerate() {
        let mut border = borders.last().copied().unwrap_or(0);
        while at > 0 && border > 0 && text.get(border) != Some(character) {
            border = borders.get(border.wrapping_sub(1)).copied().unwrap_or(0);
        }
        let longer = at > 0 && text.get(border) == Some(character);
        borders.push(border.saturating_add(usize::from(longer)));
    }
    let period = text.len().saturating_sub(borders.last().copied().unwrap_or(0));
    (period > 0 && period <= text.len() / 2).then(|| text.get(..period)).flatten()
}

/// Returns the steps along `text` by `step`.
fn steps(text: &[char], step: impl Fn(char, char) -> Step) -> Vec<Step> {
    text.iter().zip(text.iter().skip(1)).map(|(a, b)| step(*a, *b)).collect()
}

/// Returns the number of characters of a text of `length` characters if each run in one of the `views` of its steps counts as
/// one.
fn remaining(length: usize, views: &[Vec<Step>]) -> usize {
    let (mut at, mut count) = (0_usize, 0_usize);
    while at < length {
        let longest = views.iter().map(|steps| run(steps.get(at..).unwrap_or_default())).max().unwrap_or(1);
        at = at.saturating_add(longest);
        count = count.saturating_add(1);
    }
    count
}

/// Returns the length in characters of the run at the start of `steps`; 1 if there is none.
fn run(steps: &[Step]) -> usize {
    let [Some(first), rest @ ..] = steps else { return 1 };
    let straight = rest.iter().take_while(|step| **step == Some(*first)).count().saturating_add(2);
    let alternating = match rest {
        [Some(_), rest @ ..] => {
            rest.iter().zip(steps).take_while(|(step, expected)| step == expected).count().saturating_add(3)
        }
        _ => 1,
    };
    let straight = if straight >= MIN_RUN { straight } else { 1 };
    let alternating = if alternating >= MIN_ALTERNATING_RUN { alternating } else { 1 };
    straight.max(alternating)
}

/// Returns the step between two characters that are equal, or neighbours in the alphabet or the digits.
fn in_sequence(a: char, b: char) -> Step {
    if a == b {
        return Some((0, 0));
    }
    if !a.is_alphanumeric() || !b.is_alphanumeric() {
        return None;
    }
    let difference = i64::from(u32::from(b)) - i64::from(u32::from(a));
    (difference.abs() <= 1).then(|| i8::try_from(difference).ok()).flatten().map(|by| (by, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn a_run_counts_as_one_character() {
        for (text, left) in [
            ("", 0),
            ("a", 1),
            ("aaaaaaaa", 1),
            ("☃☃☃☃", 1),
            ("qwertyuiop", 1),
            ("poiuytrewq", 1),
            ("qwertzuiop", 1),
            ("azertyuiop", 1),
            ("йцукенгш", 1),
            ("1qaz2wsx", 2),
            ("zaq12wsx", 2),
            ("1q2w3e4r5t", 1),
            ("qawsedrf", 1),
            ("!@#$%^&*", 1),
            ("abcdefgh1234", 2),
            ("zyxwvuts", 1),
            ("112233445566", 1),
            ("asdfjkl;", 2),
            ("123qweasd", 3),
            ("q7#kz!2m", 8),
            ("dressers", 8),
            ("seven green boats at noon", 25),
        ] {
            assert_eq!(without_runs(&chars(text)), left, "{text}");
        }
        assert_eq!(without_repeats(&chars("111122223333")), 3);
        assert_eq!(without_repeats(&chars("12345678")), 8);
    }

    #[test]
    fn the_unit_of_a_repetition_is_its_shortest_beginning() {
        for (text, expected) in [
            ("", None),
            ("a", None),
            ("ab", None),
            ("aa", Some("a")),
            ("1212121212", Some("12")),
            ("abcabca", Some("abc")),
            ("abcab", None),
            ("passwordpassword", Some("password")),
            ("passwordpasswort", None),
        ] {
            let text = chars(text);
            assert_eq!(unit(&text).map(|unit| unit.iter().collect::<String>()).as_deref(), expected);
        }
    }

    proptest! {
        #[test]
        fn the_unit_repeated_is_the_text(text in "[ab]{0,12}|[abc]{0,4}|\\PC{0,20}", times in 1..6_usize, cut in 0..4_usize) {
            let mut text = chars(&text.repeat(times));
            text.truncate(text.len().saturating_sub(cut));
            let brute = (1..=text.len() / 2).find(|period| text.iter().zip(text.iter().skip(*period)).all(|(a, b)| a == b));
            prop_assert_eq!(unit(&text).map(<[char]>::len), brute);
        }

        #[test]
        fn what_is_left_is_neither_nothing_nor_more(text in "\\PC{1,60}|[a-z0-9]{1,60}") {
            let text = chars(&text);
            let (runs, repeats) = (without_runs(&text), without_repeats(&text));
            prop_assert!(1 <= runs && runs <= repeats && repeats <= text.len());
        }
    }
}
