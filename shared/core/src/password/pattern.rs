//! Repetition, and runs along the keyboard or the alphabet.

/// Rows of keys, aligned so that a key stands below its neighbour to the upper left. Each layout is looked at by itself.
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
/// Rows of one keyboard in a layout: the next four are the same keys with shift, or in another script.
const ROWS: usize = 4;

/// The shortest run of equal steps, in characters.
const MIN_RUN: usize = 3;
/// The shortest run that alternates between two steps, such as `1q2w`.
const MIN_ALTERNATING_RUN: usize = 4;

/// A step from one character to the next.
type Step = Option<(i8, i8)>;

/// The characters of `text` that are left when each run of one and the same character counts as one.
pub(super) fn without_repeats(text: &[char]) -> usize {
    remaining(text, &[&|a, b| (a == b).then_some((0, 0))])
}

/// The characters of `text` that are left when each run counts as one: a character repeated, neighbours on the keyboard in one
/// direction or in a zigzag, the alphabet or the digits up or down. `text` is in lower case.
pub(super) fn without_runs(text: &[char]) -> usize {
    remaining(
        text,
        &[&|a, b| neighbours(0, a, b), &|a, b| neighbours(1, a, b), &|a, b| neighbours(2, a, b), &|a, b| {
            in_sequence(a, b)
        }],
    )
}

/// The shortest beginning of `text` of which the whole is a repetition, the last time maybe not to its end; `None` when it does
/// not come twice.
pub(super) fn unit(text: &[char]) -> Option<&[char]> {
    // The failure function of Knuth, Morris and Pratt: the longest proper beginning that is an end too.
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

fn remaining(text: &[char], views: &[&dyn Fn(char, char) -> Step]) -> usize {
    let mut rest = text;
    let mut count = 0_usize;
    while !rest.is_empty() {
        let longest = views.iter().map(|view| run(rest, view)).max().unwrap_or(1);
        rest = rest.get(longest.max(1)..).unwrap_or_default();
        count = count.saturating_add(1);
    }
    count
}

/// The length of the run at the beginning of `text`; 1 when there is none.
fn run(text: &[char], step: &dyn Fn(char, char) -> Step) -> usize {
    let steps = || text.iter().zip(text.iter().skip(1)).map(|(a, b)| step(*a, *b));
    let length = |period: usize| {
        let first: Vec<Step> = steps().take(period).collect();
        steps()
            .zip(first.iter().cycle())
            .take_while(|(step, expected)| step.is_some() && step == *expected)
            .count()
    };
    let (straight, alternating) = (length(1).saturating_add(1), length(2).saturating_add(1));
    let straight = if straight >= MIN_RUN { straight } else { 1 };
    let alternating = if alternating >= MIN_ALTERNATING_RUN { alternating } else { 1 };
    straight.max(alternating)
}

fn neighbours(layout: usize, a: char, b: char) -> Step {
    let (a, b) = (key(layout, a)?, key(layout, b)?);
    let step = (b.0.checked_sub(a.0)?, b.1.checked_sub(a.1)?);
    (step.0.abs() <= 1 && step.1.abs() <= 1).then_some(step)
}

/// Column and row.
fn key(layout: usize, character: char) -> Option<(i8, i8)> {
    if character == ' ' {
        return None;
    }
    let rows = LAYOUTS.get(layout)?;
    rows.iter().enumerate().find_map(|(row, keys)| {
        let column = keys.chars().position(|key| key == character)?;
        Some((i8::try_from(column).ok()?, i8::try_from(row % ROWS).ok()?))
    })
}

fn in_sequence(a: char, b: char) -> Step {
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
