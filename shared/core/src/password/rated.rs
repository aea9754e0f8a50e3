//! How much of a password zxcvbn is given.
//!
//! zxcvbn looks up every part of a text, in every reading that digits and signs for letters allow. Both grow fast: 100 characters
//! with all those signs took it three quarters of a second, before anything was counted against a limit.

/// What the first characters are worth is worth enough.
const MAX_CHARS: usize = 100;
/// The most work, in parts times readings: some milliseconds. 100 characters without signs are 30,000.
const MAX_WORK: usize = 50_000;

/// The digits and signs that zxcvbn reads as a letter, for each letter that has some.
const SIGNS: [&str; 12] = ["4@", "8", "({[<", "3", "69", "1!|", "1|7", "0", "$5", "+7", "%", "2"];
/// Those that stand for more than one letter: each of them may be read as either, or not as this one.
const AMBIGUOUS: &str = "1|7";

/// The part of `text` to rate: all of it, or a beginning that takes a bounded time.
pub(super) fn rated(text: &str) -> &str {
    let ends: Vec<usize> = text.char_indices().map(|(at, c)| at + c.len_utf8()).take(MAX_CHARS).collect();
    let beginning = |end: usize| text.get(..end).unwrap_or_default();
    let affordable = ends.partition_point(|end| work(beginning(*end)) <= MAX_WORK);
    ends.get(..affordable).and_then(<[usize]>::last).map(|end| beginning(*end)).unwrap_or_default()
}

/// Grows with every character. The text and its reverse are readings too.
fn work(text: &str) -> usize {
    let length = text.chars().count();
    let ways = |sign: char| if AMBIGUOUS.contains(sign) { 2 } else { 1 };
    let ways_of_letter =
        |signs: &&str| signs.chars().filter(|sign| text.contains(*sign)).map(ways).sum::<usize>().max(1);
    length * length * (2 + SIGNS.iter().map(ways_of_letter).product::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_password_like_any_other_is_rated_whole() {
        let sentence = "correct horse battery staple, and two more words beside: violet harbour, tundra meadow, seven boats";
        assert_eq!(sentence.len(), 99);
        for whole in
            ["violet-anchor-81-meadow", "P4$$w0rd!", "Tr0ub4dor&3", "ключ夜明け前の七鍵", sentence, ""]
        {
            assert_eq!(rated(whole), whole);
        }
        let long = "ab ".repeat(80);
        assert_eq!(rated(&long), &long[..100]);
    }

    #[test]
    fn of_one_that_reads_in_many_ways_a_beginning_is() {
        let text = "4@8({[<3691!|70$5+%2".repeat(5);
        assert_eq!(rated(&text), "4@8({[<3691!");
    }

    proptest! {
        #[test]
        fn no_text_takes_long_and_none_is_cut_below_the_shortest_password(
            text in "[4@8(\\{\\[<3691!|70$5+%2]{0,120}|[a-z1|7!é夜]{0,120}|\\PC{0,120}"
        ) {
            let part = rated(&text);
            prop_assert!(text.starts_with(part));
            prop_assert!(work(part) <= MAX_WORK);
            prop_assert!(part.chars().count() >= text.chars().count().min(8));
        }
    }
}
